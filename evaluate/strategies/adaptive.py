"""More samples where the first ones disagree: what a deployment can do without knowing which problems are hard."""

from __future__ import annotations

import numpy as np

from journey.evaluate.test_time import votes
from journey.evaluate.test_time.contract import Strategy, in_catalog
from journey.evaluate.test_time.outcomes import NO_CLASS, Applied, Array, Pool, doubling
from journey.sampling.requests import Numbers


@in_catalog
class Adaptive(Strategy):
    """Two samples, and the majority of k where these two give different answers (or none)."""

    name, draw = "adaptive", "samples"
    settings = ("k",)

    def places(self, numbers: Numbers) -> list[int]:
        """2, 4, ... k samples."""
        return [k for k in doubling(numbers.k) if k > 1] or [2]

    def apply(self, pool: Pool, k: int, numbers: Numbers) -> Applied:
        """The exact mean over all orders of the samples; the others are paid for only where they are drawn."""
        scores = np.array([votes.adaptive(*problem, k)[0] for problem in pool.votes()])
        flops = None if pool.flops is None else self._cost(pool.flops, pool, k)
        return Applied(scores, self._cost(pool.tokens, pool, k), self._cost(pool.seconds, pool, k), flops)

    def _cost(self, values: Array, pool: Pool, k: int) -> Array:
        """Two samples, and k - 2 of the others after each pair that disagrees; the mean over all pairs."""
        n = pool.samples
        first, second = np.triu_indices(n, 1)
        same = (pool.classes[:, first] == pool.classes[:, second]) & (pool.classes[:, first] != NO_CLASS)
        pair = values[:, first] + values[:, second]
        others = (values.sum(axis=1, keepdims=True) - pair) * ((k - 2) / (n - 2) if n > 2 else 0.0)
        return (pair + np.where(same, 0.0, others)).mean(axis=1)
