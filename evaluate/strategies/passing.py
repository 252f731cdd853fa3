"""pass@k: whether one of k samples is right. It looks at the gold answer, so it bounds what k samples could give."""

from __future__ import annotations

from journey.evaluate.test_time.contract import Strategy, in_catalog
from journey.evaluate.test_time.outcomes import Applied, Pool, doubling, of_samples
from journey.evaluate.test_time.votes import passes
from journey.sampling.requests import Numbers


@in_catalog
class Pass(Strategy):
    """pass@k, unbiased: 1 - C(n-c, k) / C(n, k). An oracle, never in a verdict."""

    name, draw, oracle = "pass", "samples", True
    settings = ("k",)

    def places(self, numbers: Numbers) -> list[int]:
        """1, 2, 4, ... k samples."""
        return doubling(numbers.k)

    def apply(self, pool: Pool, k: int, numbers: Numbers) -> Applied:
        """Chen et al. 2021 (arXiv 2107.03374), section 2.1."""
        right = pool.points.sum(axis=1).astype(int).tolist()
        return of_samples(pool, k, [passes(count, pool.samples, k) for count in right])
