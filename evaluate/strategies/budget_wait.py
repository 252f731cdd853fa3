"""Budget forcing, upwards: where the model would answer, the answer is taken away and "Wait" put there (s1, 2025).

Each view has its own word for it (`views.GO_ON`), the same for every arm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from journey import views
from journey.evaluate.test_time.contract import Axis, Strategy, each, go_on, in_catalog
from journey.evaluate.test_time.outcomes import PolicyResult, SampleMatrix, of_column
from journey.formats.plan import DrawInfo
from journey.sampling.requests import PromptedQuestion, Sampler, StrategySettings, Written


@in_catalog
class BudgetWait(Strategy):
    """Greedy, but n times the answer is taken away and "Wait" put in its place (arXiv 2501.19393)."""

    name = draw = "budget-wait"
    settings = ("waits",)
    axis: ClassVar[Axis] = "continuations"

    def places(self, settings: StrategySettings) -> list[int]:
        """0 to n continuations; 0 is greedy."""
        return list(range(settings.waits + 1))

    def apply(self, matrix: SampleMatrix, k: int, settings: StrategySettings) -> PolicyResult:
        """The answer after so many continuations; answers taken away are not in the text and not paid for."""
        return of_column(matrix, k)

    def drawn(self, settings: StrategySettings) -> DrawInfo:
        """Greedy and its continuations."""
        return DrawInfo(self.name, settings.waits + 1, 0.0)

    def write(
        self, sampler: Sampler, questions: Sequence[PromptedQuestion], settings: StrategySettings, first: Written
    ) -> Written:
        """Continuation after continuation, each in one batch; a text at the cap of new tokens stays as it is."""
        answers = [[list(texts) for texts in of_run] for of_run in first]
        for _ in range(settings.waits):
            prefixes = {}
            for run, index in each(sampler, questions):
                before = views.without_answer(answers[run][index][-1].text, sampler.view)
                prefixes[run, index] = sampler.ids(before + views.GO_ON[sampler.view])
            written = go_on(sampler, questions, prefixes, sampler.cap)
            for run, index in each(sampler, questions):
                last = answers[run][index][-1]
                text = written.get((run, index), last)
                answers[run][index].append(text if text is last else replace(text, seconds=text.seconds + last.seconds))
        return answers
