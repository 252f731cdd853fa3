"""Budget forcing, downwards: thinking ends at a cap and the answer is asked for at once (s1, Muennighoff et al. 2025).

Each view has its own words for it (`views.ANSWER_NOW`), the same for every arm: the end of thinking and an open box.
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

ANSWER_TOKENS = 64  # for the answer itself, once it is asked for


@in_catalog
class BudgetCap(Strategy):
    """Greedy, but at a cap of tokens the thinking is ended and the answer asked for (arXiv 2501.19393)."""

    name = draw = "budget-cap"
    settings = ("caps",)
    axis: ClassVar[Axis] = "cap"

    def places(self, settings: StrategySettings) -> list[int]:
        """The caps in tokens, rising."""
        return list(settings.caps)

    def apply(self, matrix: SampleMatrix, k: int, settings: StrategySettings) -> PolicyResult:
        """The answer under this cap."""
        return of_column(matrix, settings.caps.index(k))

    def drawn(self, settings: StrategySettings) -> DrawInfo:
        """One text a cap."""
        return DrawInfo(self.name, len(settings.caps), 0.0, options={"caps": list(settings.caps)})

    def write(
        self, sampler: Sampler, questions: Sequence[PromptedQuestion], settings: StrategySettings, first: Written
    ) -> Written:
        """Greedy answers that end within a cap stay; the others are cut and asked, all of one cap in one batch."""
        answers: Written = [[[] for _ in questions] for _ in sampler.runs]
        for cap in settings.caps:
            cut: dict[tuple[int, int], tuple[int, ...]] = {}
            for run, index in each(sampler, questions):
                greedy = first[run][index][0]
                if greedy.tokens > cap or greedy.finish == "length":
                    now = self._now(sampler, greedy.ids[:cap])
                    cut |= {(run, index): (*greedy.ids[:cap], *now)} if now else {}
            asked_now = go_on(sampler, questions, cut, cap + ANSWER_TOKENS)
            for run, index in each(sampler, questions):
                greedy = first[run][index][0]
                text = asked_now.get((run, index), greedy)
                # What was written up to the cap took its share of the greedy answer's time.
                before = greedy.seconds * min(1.0, cap / max(1, greedy.tokens)) if text is not greedy else 0.0
                answers[run][index].append(replace(text, seconds=text.seconds + before))
        return answers

    def _now(self, sampler: Sampler, ids: Sequence[int]) -> tuple[int, ...]:
        """What asks for the answer after these tokens; nothing where a box is open already."""
        text, words = sampler.decode(ids), views.ANSWER_NOW[sampler.view]
        if "\\boxed{" in text:
            return ()
        closed = views.THINK_CLOSE.strip() in text
        return sampler.ids(f"\n\n{words.removeprefix(views.THINK_CLOSE)}" if closed else words)
