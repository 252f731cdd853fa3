"""Best of k by the model's own log-probability, per token (Wang et al. 2023, arXiv 2203.11171, section 3.1) or in all."""

from __future__ import annotations

import numpy as np

from journey.evaluate.test_time.contract import Strategy, in_catalog
from journey.evaluate.test_time.outcomes import NO_CLASS, Applied, Pool, doubling, of_samples
from journey.evaluate.test_time.votes import best_of
from journey.sampling.requests import Numbers


@in_catalog
class BestOfLogprob(Strategy):
    """The sample of k that the model itself thinks likeliest: mean log-probability of a token (or the sum)."""

    name, draw = "best-of-logprob", "samples"
    settings = ("k", "logprob")

    def places(self, numbers: Numbers) -> list[int]:
        """1, 2, 4, ... k samples."""
        return doubling(numbers.k)

    def apply(self, pool: Pool, k: int, numbers: Numbers) -> Applied:
        """Samples without an answer are taken last."""
        if pool.logprobs is None:
            raise ValueError("these samples have no log-probabilities")
        values = pool.logprobs / pool.tokens if numbers.logprob == "mean" else pool.logprobs
        values = np.where(pool.classes == NO_CLASS, -np.inf, values)
        return of_samples(pool, k, [best_of(*both, k) for both in zip(pool.points, values, strict=True)])
