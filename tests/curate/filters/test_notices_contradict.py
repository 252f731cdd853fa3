"""notices_contradict: mistakes that nobody notices, and checks that do not tell the claim from the truth."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from journey.curate.item import Item
from journey.schema import Check
from journey_testing.curation import EveryReason, Sound, trace, tree


def check(sound: Sound, left: str, relation: Any, other: str) -> Item:
    """The slips item, whose mistakes are seen through by this check."""
    item, new = sound["slips"], Check("test", left, relation, other)
    return tree(item, nodes=tuple(replace(each, check=new) if each.check else each for each in item.tree.nodes))


def unchecked(sound: Sound) -> Item:
    return tree(sound["slips"], nodes=tuple(replace(each, check=None) for each in sound["slips"].tree.nodes))


class TestReasons(EveryReason):
    filter = "notices_contradict"
    damages = {
        "never_noticed": lambda sound: trace(
            sound["slips"], "journey", lambda old: [each for each in old if each.role != "notice"]
        ),
        "no_check": unchecked,
        "check_undecided": lambda sound: check(sound, "1 / 0", "=", "x"),
        "check_passes_claim": lambda sound: check(sound, "x", "=", "x"),
        "check_fails_truth": lambda sound: check(sound, "x", "<", "x"),
    }
