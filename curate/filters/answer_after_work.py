"""Keep a pair only if the answer comes last, once, and after some work."""

from __future__ import annotations

import re
from collections.abc import Iterator

from journey.curate.item import HALVES, Drop, Half, Item
from journey.curate.rules import FILTERS

_WORK = ("step", "mistake", "consequence", "correction")
_BOX = "\\boxed"


@FILTERS.add(
    "answer_after_work",
    reads=("problem", "traces"),
    per="pair",
    after=("shortcut_clean",),
    reasons=("answers_differ", "not_one_last_answer", "no_work", "not_one_box", "box_before_answer", "answer_in_plan"),
)
def answer_after_work(item: Item) -> Iterator[Drop]:
    """One box, in the last segment, after at least one step, and not given away before the first."""
    first, second = item.pair.shortcut, item.pair.journey
    if (first.answer, first.answer_brief) != (second.answer, second.answer_brief):
        yield Drop("answers_differ", second.answer, first.answer)
    for half in HALVES:
        yield from _half(item, half)


def _half(item: Item, half: Half) -> Iterator[Drop]:
    trace = item.trace(half)
    roles = [segment.role for segment in trace.segments]
    if roles.count("answer") != 1 or roles[-1] != "answer":
        yield Drop("not_one_last_answer", " ".join(roles[-2:]), half=half)
        return
    *before, last = trace.segments
    if not any(role in _WORK for role in roles):
        yield Drop("no_work", len(before), 1, half=half)
    if last.text.count(_BOX) != 1 or last.brief.count(_BOX) > 1:
        yield Drop("not_one_box", last.text, 1, last.node, half)
    for segment in before:
        if _BOX in segment.text or _BOX in segment.brief:
            yield Drop("box_before_answer", segment.text, node=segment.node, half=half)
    for segment in before:
        if segment.role in _WORK:
            break
        if _says(segment.text, trace.answer) and not _says(item.pair.problem.question, trace.answer):
            yield Drop("answer_in_plan", segment.text, trace.answer, segment.node, half)


def _says(text: str, answer: str) -> bool:
    """Whether a text has the answer in it as a word or number of its own."""
    return answer in text and re.search(rf"(?<![\w.]){re.escape(answer)}(?!\w|\.\d)", text) is not None
