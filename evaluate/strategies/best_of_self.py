"""Best of k by the answers' own words: many wrong answers call their own result wrong before they box it."""

from __future__ import annotations

from math import comb

import numpy as np

from journey.evaluate.test_time.contract import Strategy, in_catalog
from journey.evaluate.test_time.outcomes import NO_CLASS, Array, PolicyResult, SampleMatrix, doubling
from journey.evaluate.test_time.votes import best_of
from journey.sampling.requests import StrategySettings


@in_catalog
class BestOfSelf(Strategy):
    """The first of k samples that its own text does not call wrong; drawing stops there."""

    name, draw, own_words = "best-of-self", "samples", True
    settings = ("k",)

    def places(self, settings: StrategySettings) -> list[int]:
        """1, 2, 4, ... k samples."""
        return doubling(settings.k)

    def apply(self, matrix: SampleMatrix, k: int, settings: StrategySettings) -> PolicyResult:
        """The exact mean over all orders; where every one of k calls itself wrong, one of them that has an answer is taken."""
        if matrix.called_wrong is None:
            raise ValueError("the own words of these samples were not read")
        rejected = matrix.called_wrong | (matrix.classes == NO_CLASS)
        values = np.where(rejected, np.where(matrix.classes == NO_CLASS, 0.0, 1.0), 2.0)
        scores = np.clip([best_of(*both, k) for both in zip(matrix.points, values, strict=True)], 0.0, 1.0)
        tokens, seconds = (_paid(cost, rejected, k) for cost in (matrix.tokens, matrix.seconds))
        return PolicyResult(scores, tokens, seconds, None if matrix.flops is None else _paid(matrix.flops, rejected, k))


def _paid(values: Array, rejected: np.ndarray, k: int) -> Array:
    """Mean cost of drawing until one is accepted, at most k: (problem,)."""
    n = rejected.shape[1]
    counts = rejected.sum(axis=1)
    # (problem, k): the chance that the first 1, 2, ... k of a random order are all rejected
    chances = np.array([[comb(int(r), j) / comb(n, j) for j in range(1, k + 1)] for r in counts])
    refused = np.where(rejected, values, 0.0).sum(axis=1) / np.maximum(counts, 1)
    accepted = np.where(rejected, 0.0, values).sum(axis=1) / np.maximum(n - counts, 1)
    paid: Array = chances.sum(axis=1) * refused + (1 - chances[:, -1]) * accepted
    return paid
