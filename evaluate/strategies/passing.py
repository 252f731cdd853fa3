"""pass@k: whether one of k samples is right. It looks at the gold answer, so it bounds what k samples could give."""

from __future__ import annotations

from journey.evaluate.test_time.contract import Strategy, in_catalog
from journey.evaluate.test_time.outcomes import PolicyResult, SampleMatrix, doubling, of_samples
from journey.evaluate.test_time.votes import passes
from journey.sampling.requests import StrategySettings


@in_catalog
class PassAtK(Strategy):
    """pass@k, unbiased: 1 - C(n-c, k) / C(n, k). An oracle, never in a verdict."""

    name, draw, oracle = "pass", "samples", True
    settings = ("k",)

    def places(self, settings: StrategySettings) -> list[int]:
        """1, 2, 4, ... k samples."""
        return doubling(settings.k)

    def apply(self, matrix: SampleMatrix, k: int, settings: StrategySettings) -> PolicyResult:
        """Chen et al. 2021 (arXiv 2107.03374), section 2.1."""
        right = matrix.points.sum(axis=1).astype(int).tolist()
        return of_samples(matrix, k, [passes(count, matrix.samples, k) for count in right])
