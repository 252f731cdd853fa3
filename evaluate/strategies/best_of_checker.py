"""Best of k by the problem's own checker, which reads the question and the answer alone; every arm gets it."""

from __future__ import annotations

from journey.evaluate.test_time.contract import Strategy, in_catalog
from journey.evaluate.test_time.outcomes import PolicyResult, SampleMatrix, doubling, of_samples
from journey.evaluate.test_time.votes import passes
from journey.sampling.requests import StrategySettings


@in_catalog
class BestOfChecker(Strategy):
    """The first of k samples that the problem's own checker accepts, where a problem has one."""

    name, draw, checker = "best-of-checker", "samples", True
    settings = ("k",)

    def places(self, settings: StrategySettings) -> list[int]:
        """1, 2, 4, ... k samples."""
        return doubling(settings.k)

    def apply(self, matrix: SampleMatrix, k: int, settings: StrategySettings) -> PolicyResult:
        """What the checker accepts is right, so it finds one wherever k samples hold one."""
        right = matrix.points.sum(axis=1).astype(int).tolist()
        return of_samples(matrix, k, [passes(count, matrix.samples, k) for count in right])
