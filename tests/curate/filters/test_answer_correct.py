"""answer_correct: wrong, missing and undecided answers, in either half and either notation."""

from __future__ import annotations

import pytest

from journey.curate.item import HALVES, Half, Item
from journey.curate.rules import Context
from journey_testing.curation import EveryReason, Sound, problem, reasons, segment


def boxed(item: Item, text: str) -> Item:
    return segment(item, "journey", "answer", text=f"It is \\boxed{{{text}}}.", brief=f"\\boxed{{ {text} }}")


class TestReasons(EveryReason):
    filter = "answer_correct"
    damages = {
        "answer_wrong": lambda sound: boxed(sound["search"], "1 + 1"),
        "answer_undecided": lambda sound: problem(boxed(sound["slips"], "50%"), answer="0.5"),
        "no_answer": lambda sound: segment(sound["search"], "shortcut", "answer", text="Done.", brief="so"),
    }


@pytest.mark.parametrize("changed", [{"text": "It is \\boxed{1 + 1}."}, {"brief": "\\boxed{ 1 + 1 }"}])
@pytest.mark.parametrize("half", HALVES)
def test_both_halves_and_notations_are_graded(
    half: Half, changed: dict[str, str], sound: Sound, context: Context
) -> None:
    wrong = segment(sound["search"], half, "answer", **changed)
    assert reasons("answer_correct", [wrong], context, {}) == {"answer_wrong"}
