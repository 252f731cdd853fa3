"""`journey evaluate`: asks every arm and the untuned base the same questions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from journey.cli.flags.given import GivenFlags, settings_flags
from journey.cli.shared import AsJson, DryRun, Like, Out, next_, print_json, show_plan, show_scores
from journey.errors import PartialError, UsageError


@settings_flags("evaluate")
def evaluate(
    folder: Annotated[Path, typer.Argument(help="A folder that `journey finetune` wrote, or adapters' Hub id.")],
    out: Out,
    given: GivenFlags,
    like: Like = None,
    harness: Annotated[
        str | None, typer.Option(metavar="lm-eval", help="EleutherAI's harness scores the adapters instead.")
    ] = None,
    tasks: Annotated[
        str | None, typer.Option(metavar="NAME,...", help="The harness's own tasks, beside our --benchmarks.")
    ] = None,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Ask every arm and the untuned base the same held-out problems; score, compare, report.

    Example: journey evaluate data/runs/arms --benchmarks countdown@1 --strategy greedy,majority --out data/runs/e
    """
    from journey.config import EvaluateSettings
    from journey.evaluate import run as stage
    from journey.publish.transfer.restore import local_folder

    settings = given.build(EvaluateSettings, like)
    folder = local_folder(folder, "finetune")
    if harness or tasks:
        own = [task.strip() for task in (tasks or "").split(",") if task.strip()]
        _recheck(folder, settings, harness, own, out, as_json, dry_run)
        return
    if settings.aa:
        from journey import pipeline

        folder = pipeline.with_more_seeds(folder, settings, out, dry_run=dry_run)
    if dry_run:
        show_plan("evaluate", stage.plan(folder, settings), as_json)
        return
    evaluated = stage.evaluate(folder, settings, out)
    show_scores(evaluated, as_json, folder)
    next_("journey", "show", evaluated)
    _say_diverged(folder)


def _say_diverged(finetuned: Path) -> None:
    """Raises PartialError naming the runs that were left out because their weights are of no use."""
    from journey.evaluate.planning.runs import diverged
    from journey.formats.folders import open_finished

    lost = diverged(open_finished(finetuned, "finetune"))
    if lost:
        said = "; ".join(f"{name} counts as failed: {why}" for name, why in lost.items())
        raise PartialError(f"{said}\n  the other runs are evaluated; train it again with a smaller --lr")


def _recheck(
    folder: Path, settings: Any, name: str | None, tasks: list[str], out: Path, as_json: bool, dry_run: bool
) -> None:
    """`evaluate --harness lm-eval`: scores as the harness gives them."""
    from journey.cli.printing import terminal
    from journey.evaluate import harness

    if name != harness.NAME:
        raise UsageError(f"--harness is {name or 'not given'}", f"--harness {harness.NAME} is the one that there is")
    if dry_run:
        show_plan("evaluate", harness.plan(folder, settings, tasks), as_json)
        return
    results = harness.read(harness.recheck(folder, settings, tasks, out))
    if as_json:
        print_json(results)
        return
    terminal.show_facts({f"{s.task}, {s.run}": harness.said(s) for s in results.scores})
    next_(*(("cat", out / "tasks" / "README.md") if (out / "tasks").is_dir() else ("ls", out)))
