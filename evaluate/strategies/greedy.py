"""Greedy decoding: one answer a problem, the most likely token each time."""

from __future__ import annotations

from collections.abc import Sequence

from journey.evaluate.test_time.contract import Strategy, each, in_catalog
from journey.evaluate.test_time.outcomes import PolicyResult, SampleMatrix, of_column
from journey.formats.plan import DrawInfo
from journey.sampling.requests import PromptedQuestion, Request, Sampler, StrategySettings, Written


@in_catalog
class Greedy(Strategy):
    """One answer a problem, the most likely token each time."""

    name = draw = "greedy"

    def places(self, settings: StrategySettings) -> list[int]:
        """A single point, k = 1."""
        return [1]

    def policy(self, k: int) -> str:
        """The name alone: greedy has no setting."""
        return self.name

    def apply(self, matrix: SampleMatrix, k: int, settings: StrategySettings) -> PolicyResult:
        """Score and costs of the one answer to each problem, (problem,)."""
        return of_column(matrix, 0)

    def drawn(self, settings: StrategySettings) -> DrawInfo:
        """One greedy sample."""
        return DrawInfo(self.name, 1, 0.0)

    def write(
        self, sampler: Sampler, questions: Sequence[PromptedQuestion], settings: StrategySettings, first: Written
    ) -> Written:
        """One batch of greedy answers."""
        done = iter(sampler.write([Request(run, questions[index]) for run, index in each(sampler, questions)]))
        return [[[next(done)] for _ in questions] for _ in sampler.runs]
