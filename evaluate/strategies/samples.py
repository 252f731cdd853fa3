"""Random samples: what a single one is worth, and the draw that pass@k, majority and best-of-k share.

Each sample's chance is a stream of its own, named by seed, run, question and number: it does not depend on the batch, on
the order or on the number of workers.
"""

from __future__ import annotations

from collections.abc import Sequence

from journey.evaluate.test_time.contract import Strategy, each, in_catalog
from journey.evaluate.test_time.outcomes import PolicyResult, SampleMatrix, of_samples
from journey.formats.plan import DrawInfo
from journey.sampling.requests import PromptedQuestion, Request, Sampler, StrategySettings, Written


@in_catalog
class Samples(Strategy):
    """One answer drawn at a temperature: the mean over all samples (pass@1)."""

    name = draw = "samples"
    settings = ("samples", "temperature", "top_p")

    def places(self, settings: StrategySettings) -> list[int]:
        """One sample."""
        return [1]

    def apply(self, matrix: SampleMatrix, k: int, settings: StrategySettings) -> PolicyResult:
        """The mean over the samples."""
        return of_samples(matrix, 1, list(matrix.points.mean(axis=1)))

    def drawn(self, settings: StrategySettings) -> DrawInfo:
        """The samples from which k are taken."""
        return DrawInfo(self.name, settings.samples, settings.temperature, settings.top_p)

    def write(
        self, sampler: Sampler, questions: Sequence[PromptedQuestion], settings: StrategySettings, first: Written
    ) -> Written:
        """All samples of these questions in one batch."""
        count = range(settings.samples)
        wanted = [Request(run, questions[index], sample=n) for run, index in each(sampler, questions) for n in count]
        done = iter(sampler.write(wanted, settings.temperature, settings.top_p))
        return [[[next(done) for _ in count] for _ in questions] for _ in sampler.runs]
