"""Accuracy-cost curves: every arm, every strategy, every setting."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from journey.evaluate.planning.comparisons import strategy
from journey.evaluate.scoring.graded import GradedSamples, matrix
from journey.evaluate.statistics import paired
from journey.formats.scores import CurvePoint, ScoreCurve


def all_curves(book: GradedSamples) -> Iterator[ScoreCurve]:
    """One curve for each benchmark, strategy and arm; a strategy of one setting is a point."""
    for info in book.plan.benchmarks:
        for name in book.plan.strategies_on(info.name):
            one = strategy(name)
            for arm in book.arms_with(info.name, name):
                places = one.places(book.strategy_settings)
                points = tuple(_point(book, info.name, name, arm, k) for k in places)
                yield ScoreCurve(info.name, arm, name, one.axis, one.oracle, points)


def _point(book: GradedSamples, benchmark: str, name: str, arm: str, k: int) -> CurvePoint:
    each = [book.applied(run.run, benchmark, name, k) for run in book.runs_of(arm)]
    scores = np.clip(matrix([applied.scores for applied in each]), 0.0, 1.0)
    accuracy = paired.accuracy_interval(scores)
    flops = [applied.cost("flops") for applied in each]
    return CurvePoint(
        policy=strategy(name).policy(k),
        k=k,
        accuracy=accuracy.mean,
        low=accuracy.low,
        high=accuracy.high,
        tokens=float(np.mean([applied.tokens.mean() for applied in each])),
        flops=None if any(cost is None for cost in flops) else float(np.mean([c for c in flops if c is not None])),
        seconds=float(np.mean([applied.seconds.mean() for applied in each])),
    )
