"""The build of report.html and report.md from what an evaluation folder has stored, at will and without a model.

The training behind it (budgets, curves, curation, some pairs and trees) is read from the folders that the evaluation goes
back to, while they are there, and kept in `training.json`.

journey report DIR
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from journey.evaluate.report import behaviour, costs, html, lineage, markdown, training, viewer
from journey.evaluate.report.content import Content, content
from journey.evaluate.report.summary.build import first_screen
from journey.evaluate.report.summary.commands import FoldersBehind
from journey.evaluate.report.summary.record import FirstScreen
from journey.evaluate.scoring import second_grader
from journey.formats.files import write_atomic
from journey.formats.folders import EvaluatedFolder
from journey.formats.plan import LooksBeside


def build(evaluated: EvaluatedFolder, finetuned: Path | None = None) -> list[Path]:
    """Write report.html and report.md into the folder and return their paths.

    `finetuned` is where the finetune folder lies if not beside this one. Raises PartialError naming the line where stored
    questions or samples cannot be read.
    """
    plan, scores = evaluated.plan, evaluated.scores
    view = lineage.training(evaluated, finetuned)
    report, first = told(evaluated, finetuned)
    spent = costs.costs(plan, scores)
    habits = behaviour.load(evaluated)
    behind = training.trained(view, plan.view, [run.arm for run in plan.runs])  # type: ignore[arg-type]
    pages = {
        "report.html": html.page(first, report, spent, habits, behind, viewer.embedded(evaluated)),
        "report.md": markdown.page(first, report, spent, habits, behind),
    }
    for name, data in pages.items():
        write_atomic(evaluated.path / name, data)
    return [evaluated.path / name for name in pages]


def told(evaluated: EvaluatedFolder, finetuned: Path | None = None) -> tuple[Content, FirstScreen]:
    """What every form of the report says of a folder, and the first screen of it; the terminal shows these two."""
    beside = evaluated.path / LooksBeside.FILE
    looks = LooksBeside.read(evaluated.path).looks if beside.is_file() else ()
    report = content(evaluated.plan, evaluated.scores, plan_sha256=evaluated.plan_sha256, beside=looks)
    if (second := second_grader.sentence(evaluated)) is not None:
        report = replace(report, caveats=(*report.caveats, second))
    view = lineage.kept(evaluated)
    folders = FoldersBehind(evaluated, *lineage.folders_behind(evaluated, finetuned))
    return report, first_screen(report, folders, view.audit if view else None)
