"""moves_legal: moves that cannot be read or played, false equations, and claims about another state."""

from __future__ import annotations

from journey.curate.item import Item
from journey.schema import Reachable
from journey_testing.curation import EveryReason, Sound, mistake, node, right
from journey_testing.pairs import made


def wrong_sum(sound: Sound) -> Item:
    text = next(filter(right, sound["search"].tree.nodes)).text
    return node(sound["search"], right, text=f"{text.partition(' = ')[0]} = 999")


def grid() -> Item:
    one = made("sudoku", "search", 1)[0]
    return Item(one.pair, one.tree)


def clash(item: Item) -> str:
    """A digit for the first empty cell that its row has already."""
    given = item.pair.problem.facts["grid"]
    empty = next(cell for cell in range(16) if not given[cell] and any(given[cell // 4 * 4 : cell // 4 * 4 + 4]))
    return f"{'abcdefghijklmnop'[empty]} = {next(filter(None, given[empty // 4 * 4 :]))}"


class TestReasons(EveryReason):
    filter = "moves_legal"
    damages = {
        "move_unreadable": lambda sound: node(sound["search"], mistake, text="12 plus 3"),
        "number_not_there": lambda sound: node(sound["search"], mistake, text="998 + 1 = 999"),
        "equation_false": wrong_sum,
        "move_not_allowed": lambda sound: node(grid(), right, text=clash(grid())),
        "claim_of_other_state": lambda sound: node(sound["search"], mistake, claim=Reachable((999,), 10)),
    }
