"""Best of k by a reward model: a local sequence classifier, or a model behind an endpoint that is asked yes or no."""

from __future__ import annotations

import numpy as np

from journey.evaluate.test_time.contract import Strategy, in_catalog
from journey.evaluate.test_time.outcomes import NO_CLASS, PolicyResult, SampleMatrix, doubling, of_samples
from journey.evaluate.test_time.votes import best_of
from journey.sampling.requests import StrategySettings


@in_catalog
class BestOfReward(Strategy):
    """The sample of k with the highest reward (--set reward=FOLDER or NAME@http://HOST/v1)."""

    name, draw, reward = "best-of-reward", "samples", True
    settings = ("k", "reward")

    def places(self, settings: StrategySettings) -> list[int]:
        """1, 2, 4, ... k samples."""
        return doubling(settings.k)

    def apply(self, matrix: SampleMatrix, k: int, settings: StrategySettings) -> PolicyResult:
        """Samples without an answer are taken last."""
        if matrix.rewards is None:
            raise ValueError("these samples have no rewards")
        values = np.where(matrix.classes == NO_CLASS, -np.inf, matrix.rewards)
        return of_samples(matrix, k, [best_of(*both, k) for both in zip(matrix.points, values, strict=True)])
