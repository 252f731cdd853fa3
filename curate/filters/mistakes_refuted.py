"""Keep a journey only if its mistakes are mistakes: each claim is refuted by recomputing it."""

from __future__ import annotations

from collections.abc import Iterator

from journey.answers.claims import claim_is_false
from journey.curate.item import Drop, Item
from journey.curate.rules import FILTERS
from journey.schema import encode


@FILTERS.add(
    "mistakes_refuted",
    reads=("tree",),
    per="pair",
    after=("answer_correct",),
    reasons=("mistake_without_claim", "mistake_undecided", "mistake_is_true"),
)
def mistakes_refuted(item: Item) -> Iterator[Drop]:
    """Every mistake's claim is false; one that cannot be decided is dropped under its own reason."""
    for node in item.tree.mistakes():
        if item.known_otherwise(node):
            continue
        if node.claim is None:
            yield Drop("mistake_without_claim", node.text, node=node.id)
            continue
        false = claim_is_false(node.claim, item.tree)
        if not false:
            reason = "mistake_undecided" if false is None else "mistake_is_true"
            yield Drop(reason, encode(node.claim).decode(), node=node.id)
