"""exact_duplicate: equal pairs, and trees of one problem beyond the limit."""

from __future__ import annotations

from journey.catalog import FILTERS
from journey.curate.item import Item
from journey.curate.rules import Context
from journey_testing.curation import EveryReason, Sound, pair, segment


class TestReasons(EveryReason):
    filter = "exact_duplicate"
    damages = {
        "duplicate": lambda sound: sound["search"],
        "duplicate_problem": lambda sound: segment(sound["search"], "journey", "plan", text="Hmm."),
    }
    options = {"duplicate_problem": {"per_problem": 1}}

    def before(self, sound: Sound) -> list[Item]:
        return [sound["search"]]


def test_the_limit_is_per_problem_and_method(sound: Sound, context: Context) -> None:
    """Trees of one problem by two methods are two conditions: neither uses up the other's places."""
    one = sound["search"]
    again = segment(one, "journey", "plan", text="Hmm.")
    judge = FILTERS.get("exact_duplicate")(context, per_problem=1)
    judged = [one, pair(one, method="another"), again, pair(again, method="another")]
    found = [[(drop.reason, drop.value, drop.threshold) for drop in judge(item)] for item in judged]
    assert found == [[], [], [("duplicate_problem", 2, 1)], [("duplicate_problem", 2, 1)]]
