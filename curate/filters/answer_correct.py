"""Keep a pair only if the final answer of both halves is graded right, in prose and in terse notation."""

from __future__ import annotations

from collections.abc import Iterator

from journey.answers.grading import Grade, grade
from journey.curate.item import HALVES, Drop, Item
from journey.curate.rules import FILTERS
from journey.views import View

_REASONS = {"wrong": "answer_wrong", "undecided": "answer_undecided", "no_answer": "no_answer"}


@FILTERS.add(
    "answer_correct",
    reads=("problem", "traces"),
    per="pair",
    after=("views_of_tree",),
    reasons=tuple(_REASONS.values()),
)
def answer_correct(item: Item) -> Iterator[Drop]:
    """The final answer is right in both halves."""
    terse = any(segment.brief for segment in item.pair.journey.segments)
    shown: tuple[View, ...] = ("think", "compact") if terse else ("think",)
    graded: dict[str, Grade] = {}  # both halves mostly end alike
    for half in HALVES:
        for view in shown:
            end = _end(item.text(half, view))
            if end not in graded:
                graded[end] = grade(item.pair.problem, end)
            result = graded[end]
            if result.outcome != "correct":
                yield Drop(_REASONS[result.outcome], result.answer, item.pair.problem.answer, half=half)
                break


def _end(text: str) -> str:
    """The part of a text that its answer is read from: from the last box, or the end of thinking if that is later."""
    return text[max(text.rfind("\\boxed"), text.rfind("</think>"), 0) :]
