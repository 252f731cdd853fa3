"""`journey report`: writes the report again from the stored samples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from journey.cli.shared import AsJson, next_, note, print_json, show_scores
from journey.errors import UsageError


def report(
    folder: Annotated[Path, typer.Argument(help="A folder that `journey evaluate` (or `run`, `demo`, `sweep`) wrote.")],
    finetuned: Annotated[Path | None, typer.Option("--finetune", help="Its finetune folder, if not beside it.")] = None,
    judge: Annotated[str | None, typer.Option(help="A MODEL that counts the behaviours too, on some answers.")] = None,
    judge_answers: Annotated[int, typer.Option(help="How many answers the judge reads.", min=1)] = 200,
    price_in: Annotated[float, typer.Option(metavar="PRICE", help="Of a million tokens the judge reads.", min=0)] = 0,
    price_out: Annotated[float, typer.Option(metavar="PRICE", help="Of a million tokens it writes.", min=0)] = 0,
    max_cost: Annotated[
        float | None, typer.Option(metavar="COST", help="Stop before the judge has cost more; replies stay.", min=0)
    ] = None,
    in_flight: Annotated[
        int | None, typer.Option(metavar="N", help="Requests to the judge at once (default: 256 or 32).", min=1)
    ] = None,
    answer_seconds: Annotated[
        float | None, typer.Option(metavar="N", help="For one reply, all tries together (default: 600).", min=0.001)
    ] = None,
    second: Annotated[
        str | None, typer.Option("--second-grader", metavar="NAME", help="math-verify: list where it judges otherwise.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Rebuild the report from the stored samples; no model is needed.

    Example: journey report data/runs/demo/evaluate
    """
    from journey.cli.printing.sweeps import show_sweep
    from journey.evaluate.behaviour import judge as judging
    from journey.evaluate.behaviour import measure
    from journey.evaluate.report import build as stage
    from journey.evaluate.scoring import second_grader
    from journey.formats.folders import open_finished
    from journey.formats.manifest import MANIFEST
    from journey.formats.recipes.sweep import SweepPlan
    from journey.servers.use import ANSWER_SECONDS, ServerLimits

    if (folder / SweepPlan.FILE).is_file():
        from journey.evaluate.sweep import build as sweeps

        record = sweeps.build(folder)
        print_json(record.plain()) if as_json else show_sweep(record)
        next_("journey", "show", folder)
        return
    if not (folder / MANIFEST).is_file() and (folder / "evaluate" / MANIFEST).is_file():
        folder = folder / "evaluate"
    if max_cost is not None and not (price_in or price_out):
        raise UsageError("--max-cost needs prices", "give --price-in and --price-out, for a million tokens each")
    evaluated = open_finished(folder, "evaluate")
    limits = ServerLimits(in_flight, answer_seconds or ANSWER_SECONDS, price_in, price_out, max_cost)
    measure.build(evaluated, judging.judge(evaluated, judge, judge_answers, limits=limits) if judge else None)
    if second:
        grades = second_grader.build(evaluated, second)
        for one in grades.disagreements:
            note(
                f"{one.run} {one.benchmark} {one.question}: {one.outcome} ({one.why}), there {one.second} ({one.second_why})"
            )
    stage.build(evaluated, finetuned)
    show_scores(folder, as_json, finetuned)
    next_("journey", "show", folder)
