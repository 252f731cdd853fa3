"""Keep a search only if every move in it, wrong branches included, can be played and leaves the state it claims."""

from __future__ import annotations

from collections.abc import Iterator

from journey.curate.item import Drop, Item
from journey.curate.rules import FILTERS
from journey.schema import Reachable


@FILTERS.add(
    "moves_legal",
    reads=("tree",),
    per="pair",
    after=("mistakes_refuted",),
    reasons=("move_unreadable", "number_not_there", "equation_false", "move_not_allowed", "claim_of_other_state"),
)
def moves_legal(item: Item) -> Iterator[Drop]:
    """Every move of a search can be played where it is: its numbers are there and its equation true, or its digit fits."""
    states, drops, target, _ = item.replay
    yield from drops
    for node in item.tree.nodes:
        if not isinstance(node.claim, Reachable) or node.id not in states:
            continue
        if node.claim.target != target or _as_replayed(item, node.claim.state) != states[node.id]:
            yield Drop("claim_of_other_state", str(node.claim.state), str(states[node.id]), node.id)


def _as_replayed(item: Item, state: tuple[int, ...]) -> tuple[int, ...]:
    """A claim's state in the order of replayed ones: the order of numbers says nothing, that of cells does."""
    return tuple(sorted(state, reverse=True)) if "numbers" in item.pair.problem.facts else tuple(state)
