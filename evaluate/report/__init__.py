"""The report on an evaluation folder: report.html and report.md, rebuilt at will from what is stored, without a model.

The training behind it (budgets, curves, curation, some pairs and trees) is read from the folders that the evaluation goes
back to, while they are there, and kept in `training.json`.

journey report DIR
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from journey.errors import UsageError
from journey.evaluate.report import behaviour, costs, html, lineage, markdown, training, viewer
from journey.evaluate.report.content import content
from journey.evaluate.results import RESULTS_VERSION, Plan, Scores
from journey.schema import decode
from journey.store import sha256, write_atomic

R = TypeVar("R", Plan, Scores)


def build(folder: Path, finetuned: Path | None = None) -> list[Path]:
    """Write report.html and report.md into the folder and return their paths.

    `finetuned` is where the finetune folder lies if not beside this one.

    Raises UsageError where plan.json or scores.json is missing or cannot be read, PartialError naming the line where
    stored questions or samples cannot.
    """
    folder = Path(folder)
    plan, scores = load(folder)
    told = content(plan, scores, plan_sha256=sha256(folder / "plan.json"))
    spent = costs.costs(plan, scores)
    habits = behaviour.load(folder, scores.plan_sha256)
    behind = training.trained(lineage.training(folder, finetuned), plan.view, [run.arm for run in plan.runs])  # type: ignore[arg-type]
    pages = {
        "report.html": html.page(told, spent, habits, behind, viewer.embedded(folder, plan)),
        "report.md": markdown.page(told, spent, habits, behind),
    }
    for name, data in pages.items():
        write_atomic(folder / name, data)
    return [folder / name for name in pages]


def load(folder: Path) -> tuple[Plan, Scores]:
    """The plan and the scores of an evaluation folder. Raises UsageError naming the file and what is wrong with it."""
    return _read(Path(folder) / "plan.json", Plan), _read(Path(folder) / "scores.json", Scores)


def _read(path: Path, kind: type[R]) -> R:
    if not path.is_file():
        raise UsageError(
            f"{path} is missing, so this is no finished evaluation", "give the folder that `journey evaluate` wrote"
        )
    try:
        record = decode(path.read_bytes(), kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}", "run `journey evaluate` again, it made this file") from None
    if not 1 <= record.version <= RESULTS_VERSION:  # later versions only added to earlier ones
        raise UsageError(
            f"{path} is of version {record.version}, this program reads versions up to {RESULTS_VERSION}",
            "rebuild the report with the version of journey that made it, or evaluate again",
        )
    return record
