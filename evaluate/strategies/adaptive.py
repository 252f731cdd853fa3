"""Adaptive sampling: more samples where the first ones disagree, as a deployment can do that knows no difficulty."""

from __future__ import annotations

import numpy as np

from journey.evaluate.test_time import votes
from journey.evaluate.test_time.contract import Strategy, in_catalog
from journey.evaluate.test_time.outcomes import NO_CLASS, Array, PolicyResult, SampleMatrix, doubling
from journey.sampling.requests import StrategySettings


@in_catalog
class Adaptive(Strategy):
    """Two samples, and the majority of k where these two give different answers (or none)."""

    name, draw = "adaptive", "samples"
    settings = ("k",)

    def places(self, settings: StrategySettings) -> list[int]:
        """2, 4, ... k samples."""
        return [k for k in doubling(settings.k) if k > 1] or [2]

    def apply(self, matrix: SampleMatrix, k: int, settings: StrategySettings) -> PolicyResult:
        """The exact mean over all orders of the samples; the others are paid for only where they are drawn."""
        scores = np.array([votes.adaptive(*problem, k)[0] for problem in matrix.votes()])
        flops = None if matrix.flops is None else self._cost(matrix.flops, matrix, k)
        return PolicyResult(scores, self._cost(matrix.tokens, matrix, k), self._cost(matrix.seconds, matrix, k), flops)

    def _cost(self, values: Array, matrix: SampleMatrix, k: int) -> Array:
        """Two samples, and k - 2 of the others after each pair that disagrees; the mean over all pairs."""
        n = matrix.samples
        first, second = np.triu_indices(n, 1)
        same = (matrix.classes[:, first] == matrix.classes[:, second]) & (matrix.classes[:, first] != NO_CLASS)
        pair = values[:, first] + values[:, second]
        others = (values.sum(axis=1, keepdims=True) - pair) * ((k - 2) / (n - 2) if n > 2 else 0.0)
        return (pair + np.where(same, 0.0, others)).mean(axis=1)
