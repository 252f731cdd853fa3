"""Best of k by the model's own log-probability, per token (Wang et al. 2023, arXiv 2203.11171, section 3.1) or in all."""

from __future__ import annotations

import numpy as np

from journey.evaluate.test_time.contract import Strategy, in_catalog
from journey.evaluate.test_time.outcomes import NO_CLASS, PolicyResult, SampleMatrix, doubling, of_samples
from journey.evaluate.test_time.votes import best_of
from journey.sampling.requests import StrategySettings


@in_catalog
class BestOfLogprob(Strategy):
    """The sample of k that the model itself thinks likeliest: mean log-probability of a token (or the sum)."""

    name, draw, logprobs = "best-of-logprob", "samples", True
    settings = ("k", "logprob")

    def places(self, settings: StrategySettings) -> list[int]:
        """1, 2, 4, ... k samples."""
        return doubling(settings.k)

    def apply(self, matrix: SampleMatrix, k: int, settings: StrategySettings) -> PolicyResult:
        """Samples without an answer are taken last."""
        if matrix.logprobs is None:
            raise ValueError("these samples have no log-probabilities")
        values = matrix.logprobs / matrix.tokens if settings.logprob == "mean" else matrix.logprobs
        values = np.where(matrix.classes == NO_CLASS, -np.inf, values)
        return of_samples(matrix, k, [best_of(*both, k) for both in zip(matrix.points, values, strict=True)])
