"""sweep.json and the report of a sweep, from its plan and the finished evaluations of its points; no model is needed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from journey.errors import UsageError
from journey.evaluate.scoring.across import ScoredPair, ScoresBySeed, decide_across, scores_of
from journey.evaluate.scoring.decisions import key_of
from journey.evaluate.scoring.score import book_of
from journey.evaluate.sweep import report
from journey.formats.comparison import Declared
from journey.formats.files import sha256, write_atomic
from journey.formats.folders import EvaluatedFolder, open_finished
from journey.formats.manifest import MANIFEST
from journey.formats.plan import EvaluationPlan
from journey.formats.recipes.sweep import SweepCompared, SweepPair, SweepPlan, SweepResults, SweptPoint, in_words
from journey.formats.scores import Scores

Found = Mapping[tuple[str, str, str], ScoresBySeed]  # by (folder of a point, benchmark, arm)


def build(out: Path) -> SweepResults:
    """Compare the points, write sweep.json, report.html and report.md. Raises UsageError where a point is not finished."""
    plan = SweepPlan.read(out)
    evaluated = {point.folder: _evaluated(out / point.folder) for point in plan.points}
    _refuse_other_questions({name: one.plan for name, one in evaluated.items()})
    names = [info.name for info in next(iter(evaluated.values())).plan.benchmarks]
    record = SweepResults(
        recipe=plan.recipe,
        base=", ".join(dict.fromkeys(one.plan.base for one in evaluated.values())),
        axes=plan.axes,
        points=tuple(_swept(point.folder, point.values, evaluated[point.folder]) for point in plan.points),
        benchmarks=tuple(sorted(names, key=lambda name: name != plan.primary)),
        margin=plan.margin,
        compared=tuple(_compared(plan, evaluated)),
        plan_sha256=sha256(out / SweepPlan.FILE),
    )
    write_atomic(out / SweepResults.FILE, record.encoded())
    report.write(record, out)
    return record


def _evaluated(run: Path) -> EvaluatedFolder:
    if not (run / "evaluate" / MANIFEST).is_file():
        raise UsageError(f"the point {run} is not finished", "run the same `journey sweep` again; it goes on there")
    return open_finished(run / "evaluate", "evaluate")


def _refuse_other_questions(plans: Mapping[str, EvaluationPlan]) -> None:
    """Raises UsageError unless every point was asked the same questions."""
    asked = {name: {info.name: info.sha256 for info in plan.benchmarks} for name, plan in plans.items()}
    first = next(iter(asked))
    for name, hashes in asked.items():
        if hashes != asked[first]:
            raise UsageError(
                f"{name} was asked other problems than {first}, so they cannot be paired",
                "an axis must leave the benchmarks as they are",
            )


def _swept(folder: str, values: tuple[object, ...], one: EvaluatedFolder) -> SweptPoint:
    first = one.plan.strategies[0]
    arms = tuple(arm for arm in one.scores.arms if arm.strategy == first)
    return SweptPoint(folder, values, first, one.manifest.files[Scores.FILE].sha256, arms)


def _compared(plan: SweepPlan, evaluated: Mapping[str, EvaluatedFolder]) -> list[SweepCompared]:
    """Every declared pair that has a result; Holm covers the primary benchmark and the others apart."""
    found: dict[tuple[str, str, str], ScoresBySeed] = {}
    for folder, one in evaluated.items():  # one book at a time: they hold every answer
        book = book_of(one)
        for pair in plan.pairs:
            if folder in (pair.first, pair.second) and pair.arm in book.arms():
                key = folder, pair.benchmark, pair.arm
                found[key] = scores_of(book, pair.benchmark, one.plan.strategies[0], pair.arm)
    values = {point.folder: point.values for point in plan.points}
    seed = next(iter(evaluated.values())).plan.seed
    by_key: dict[tuple[str, str, str, str], SweepPair] = {}
    scored = []
    for pair in plan.pairs:
        first, second = (f"{pair.arm} at {in_words(plan.axes, values[folder])}" for folder in (pair.first, pair.second))
        at = evaluated[pair.second].plan.strategies[0]
        by_key[pair.benchmark, at, first, second] = pair
        sides = [found.get((folder, pair.benchmark, pair.arm), {}) for folder in (pair.first, pair.second)]
        declared, primary = Declared(pair.benchmark, first, second, at), pair.benchmark == plan.primary
        scored.append(ScoredPair(declared, sides[0], sides[1], primary))
    decided = decide_across(scored, plan.margin, seed)
    return [
        SweepCompared(by_key[key].axis, by_key[key].arm, one.compared, one.without)
        for one in decided
        for key in [key_of(one.compared)]
    ]
