"""Sequential revision: the model sees its own answer and tries again, a number of rounds (Snell et al. 2024, section 6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from journey.evaluate.test_time.contract import Axis, Strategy, each, in_catalog
from journey.evaluate.test_time.outcomes import NO_CLASS, PolicyResult, SampleMatrix, of_column
from journey.formats.plan import DrawInfo
from journey.sampling.requests import PromptedQuestion, Request, Sampler, StrategySettings, Written


@in_catalog
class Revision(Strategy):
    """The greedy answer, shown to the model with the problem to try again, n rounds; the last answer counts."""

    name = draw = "revision"
    settings = ("rounds",)
    axis: ClassVar[Axis] = "rounds"

    def places(self, settings: StrategySettings) -> list[int]:
        """0 to n rounds; 0 is greedy."""
        return list(range(settings.rounds + 1))

    def apply(self, matrix: SampleMatrix, k: int, settings: StrategySettings) -> PolicyResult:
        """The last round that gave an answer; every round is paid for."""
        answered = matrix.classes[:, : k + 1] != NO_CLASS
        last = np.where(answered.any(axis=1), k - np.argmax(answered[:, ::-1], axis=1), k)
        return of_column(matrix, k, matrix.points[np.arange(len(last)), last], add_up=True)

    def drawn(self, settings: StrategySettings) -> DrawInfo:
        """Greedy and its revisions."""
        return DrawInfo(self.name, settings.rounds + 1, 0.0)

    def write(
        self, sampler: Sampler, questions: Sequence[PromptedQuestion], settings: StrategySettings, first: Written
    ) -> Written:
        """Round after round, each in one batch."""
        rounds = [[list(texts) for texts in of_run] for of_run in first]
        for _ in range(settings.rounds):
            wanted = [
                Request(run, questions[index], prompt=sampler.again(questions[index], rounds[run][index][-1].text))
                for run, index in each(sampler, questions)
            ]
            for (run, index), text in zip(each(sampler, questions), sampler.write(wanted), strict=True):
                rounds[run][index].append(text)
        return rounds
