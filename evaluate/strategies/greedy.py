"""Greedy decoding: one answer a problem, the most likely token each time."""

from __future__ import annotations

from collections.abc import Sequence

from journey.evaluate.test_time.contract import Strategy, each, in_catalog
from journey.evaluate.test_time.outcomes import Applied, Pool, of_column
from journey.formats.plan import DrawInfo
from journey.sampling.requests import Asked, Numbers, Request, Sampler, Written


@in_catalog
class Greedy(Strategy):
    """One answer a problem, the most likely token each time."""

    name = draw = "greedy"

    def places(self, numbers: Numbers) -> list[int]:
        """One answer."""
        return [1]

    def policy(self, k: int) -> str:
        """Its name."""
        return self.name

    def apply(self, pool: Pool, k: int, numbers: Numbers) -> Applied:
        """That answer."""
        return of_column(pool, 0)

    def drawn(self, numbers: Numbers) -> DrawInfo:
        """One greedy sample."""
        return DrawInfo(self.name, 1, 0.0)

    def write(self, sampler: Sampler, asked: Sequence[Asked], numbers: Numbers, first: Written) -> Written:
        """One batch of greedy answers."""
        done = iter(sampler.write([Request(run, asked[place]) for run, place in each(sampler, asked)]))
        return [[[next(done)] for _ in asked] for _ in sampler.runs]
