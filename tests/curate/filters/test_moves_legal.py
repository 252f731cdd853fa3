"""moves_legal: moves that cannot be read or played, false equations, and claims about another state."""

from __future__ import annotations

from journey.curate.item import Item
from journey.schema import Reachable
from journey_testing.curation import EveryReason, Sound, mistake, node, right


def wrong_sum(sound: Sound) -> Item:
    text = next(filter(right, sound["search"].tree.nodes)).text
    return node(sound["search"], right, text=f"{text.partition(' = ')[0]} = 999")


class TestReasons(EveryReason):
    filter = "moves_legal"
    damages = {
        "move_unreadable": lambda sound: node(sound["search"], mistake, text="12 plus 3"),
        "number_not_there": lambda sound: node(sound["search"], mistake, text="998 + 1 = 999"),
        "equation_false": wrong_sum,
        "claim_of_other_state": lambda sound: node(sound["search"], mistake, claim=Reachable((999,), 10)),
    }
