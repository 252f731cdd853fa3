"""Majority of k samples by answer class (self-consistency, Wang et al. 2023, arXiv 2203.11171)."""

from __future__ import annotations

from journey.evaluate.test_time import votes
from journey.evaluate.test_time.contract import Strategy, in_catalog
from journey.evaluate.test_time.outcomes import PolicyResult, SampleMatrix, doubling, of_samples
from journey.sampling.requests import StrategySettings


@in_catalog
class Majority(Strategy):
    """The answer that most of k samples give, equal answers counted together; ties are broken at random."""

    name, draw = "majority", "samples"
    settings = ("k",)

    def places(self, settings: StrategySettings) -> list[int]:
        """1, 2, 4, ... k samples."""
        return doubling(settings.k)

    def apply(self, matrix: SampleMatrix, k: int, settings: StrategySettings) -> PolicyResult:
        """The exact mean over all subsets of k samples."""
        return of_samples(matrix, k, [votes.majority(*problem, k) for problem in matrix.votes()])
