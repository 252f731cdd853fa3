"""answer_after_work: answers that differ, come too early, more than once, or after no work."""

from __future__ import annotations

from msgspec.structs import replace

from journey.curate.item import Item
from journey_testing.curation import EveryReason, Sound, pair, segment, trace


def told_in_plan(sound: Sound) -> Item:
    answer = sound["search"].pair.journey.answer
    return segment(sound["search"], "journey", "plan", text=f"It will be {answer}, I think.")


class TestReasons(EveryReason):
    filter = "answer_after_work"
    damages = {
        "answers_differ": lambda sound: pair(
            sound["search"], shortcut=replace(sound["search"].pair.shortcut, answer="7")
        ),
        "not_one_last_answer": lambda sound: trace(sound["search"], "journey", lambda old: old[::-1]),
        "no_work": lambda sound: trace(
            sound["search"], "shortcut", lambda old: [each for each in old if each.role == "answer"]
        ),
        "not_one_box": lambda sound: segment(sound["search"], "journey", "answer", text="\\boxed{1} or \\boxed{2}"),
        "box_before_answer": lambda sound: segment(sound["search"], "shortcut", "plan", text="I guess \\boxed{1}."),
        "answer_in_plan": told_in_plan,
    }
