"""Keep a journey only if its mistakes are mistakes: each claim is refuted by recomputing it.

A mistake of imported traces, or one that a critic named, may state nothing that can be computed. Its `proof` says how it is known
to be one then, and `checked_only` drops what a data set's label or a rule's reading is all that is known of.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from journey.answers.claims import claim_is_false
from journey.config import off
from journey.curate.item import Drop, Item
from journey.curate.rules import FILTERS
from journey.schema import encode


@FILTERS.add(
    "mistakes_refuted",
    reads=("tree",),
    per="pair",
    after=("answer_correct",),
    reasons=("mistake_without_claim", "mistake_undecided", "mistake_is_true", "mistake_not_checked"),
    strict={"checked_only": True},
)
def mistakes_refuted(
    item: Item,
    *,
    checked_only: Annotated[
        bool,
        Field(description="drop labelled and unverified mistakes too (strict: on)", exclude_if=off),
    ] = False,
) -> Iterator[Drop]:
    """Every mistake's claim is false; one that cannot be decided is dropped under its own reason."""
    for node in item.tree.mistakes():
        if node.claim is None:
            otherwise = item.known_otherwise(node)
            if not otherwise or checked_only:
                yield Drop("mistake_not_checked" if otherwise else "mistake_without_claim", node.text, node=node.id)
            continue
        false = claim_is_false(node.claim, item.tree)
        if not false:
            reason = "mistake_undecided" if false is None else "mistake_is_true"
            yield Drop(reason, encode(node.claim).decode(), node=node.id)
