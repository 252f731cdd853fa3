"""Random samples for the laws and hashes of the test-time strategies."""

from __future__ import annotations

from typing import Any

import numpy as np

from journey.evaluate.test_time.contract import STRATEGIES, Strategy
from journey.evaluate.test_time.outcomes import SampleMatrix
from journey.sampling.requests import StrategySettings

NUMBERS = StrategySettings(k=4, samples=8, temperature=0.7, top_p=0.95, rounds=2, waits=2, caps=(10, 40))


def matrix(strategy: Strategy, problems: int = 60) -> SampleMatrix:
    """Random samples as the strategy reads them; class 0 is right."""
    rng = np.random.default_rng(0)
    shape = (problems, STRATEGIES.get(strategy.draw)().drawn(NUMBERS).samples)
    classes = rng.integers(-1, 4, shape)
    more: dict[str, Any] = {"logprobs": -rng.random(shape) * 40, "rewards": rng.random(shape)}
    more["called_wrong"] = np.random.default_rng(1).random(shape) < 0.4
    costs = [rng.integers(5, 50, shape).astype(float) for _ in range(3)]
    return SampleMatrix((classes == 0).astype(float), classes, costs[0], costs[1], costs[2], **more)
