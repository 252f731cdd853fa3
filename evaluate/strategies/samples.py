"""Samples by chance: what a single one is worth, and the draw that pass@k, majority and best-of-k share.

Each sample's chance is a stream of its own, named by seed, run, question and number: it does not depend on the batch, on
the order or on the number of workers.
"""

from __future__ import annotations

from collections.abc import Sequence

from journey.evaluate.test_time.contract import Strategy, each, in_catalog
from journey.evaluate.test_time.outcomes import Applied, Pool, of_samples
from journey.formats.plan import DrawInfo
from journey.sampling.requests import Asked, Numbers, Request, Sampler, Written


@in_catalog
class Samples(Strategy):
    """One answer drawn at a temperature: the mean over all samples (pass@1)."""

    name = draw = "samples"
    settings = ("samples", "temperature", "top_p")

    def places(self, numbers: Numbers) -> list[int]:
        """One sample."""
        return [1]

    def apply(self, pool: Pool, k: int, numbers: Numbers) -> Applied:
        """The mean over the samples."""
        return of_samples(pool, 1, list(pool.points.mean(axis=1)))

    def drawn(self, numbers: Numbers) -> DrawInfo:
        """The pool that k samples are taken from."""
        return DrawInfo(self.name, numbers.samples, numbers.temperature, numbers.top_p)

    def write(self, sampler: Sampler, asked: Sequence[Asked], numbers: Numbers, first: Written) -> Written:
        """All samples of these questions in one batch."""
        count = range(numbers.samples)
        wanted = [Request(run, asked[place], sample=n) for run, place in each(sampler, asked) for n in count]
        done = iter(sampler.write(wanted, numbers.temperature, numbers.top_p))
        return [[[next(done) for _ in count] for _ in asked] for _ in sampler.runs]
