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
    reasons=("move_unreadable", "number_not_there", "equation_false", "claim_of_other_state"),
)
def moves_legal(item: Item) -> Iterator[Drop]:
    """Every move of a search uses numbers that are there, and its equation is true."""
    states, drops = item.replay
    yield from drops
    target = item.pair.problem.facts.get("target")
    for node in item.tree.nodes:
        if not isinstance(node.claim, Reachable) or node.id not in states:
            continue
        if node.claim.target != target or tuple(sorted(node.claim.state, reverse=True)) != states[node.id]:
            yield Drop("claim_of_other_state", str(node.claim.state), str(states[node.id]), node.id)
