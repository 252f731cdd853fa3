"""Keep a journey only if each mistake is noticed for a reason that fails on its claim and passes on the truth."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from journey.answers.claims import check_holds, claim_is_false, claim_value, missing
from journey.curate.item import Drop, Item
from journey.curate.rules import FILTERS
from journey.schema import Check, Follows, Node, Reachable


@FILTERS.add(
    "notices_contradict",
    reads=("tree", "traces"),
    per="pair",
    after=("corrections_true",),
    reasons=("never_noticed", "no_check", "check_undecided", "check_passes_claim", "check_fails_truth"),
)
def notices_contradict(item: Item) -> Iterator[Drop]:
    """Every mistake is noticed, and the notice's check tells the claim from the truth."""
    mistakes = {node.id: node for node in item.tree.mistakes()}
    checks = {node.id: node.check for node in mistakes.values()}
    for node in item.tree.nodes:  # a notice may be a node of its own, below its mistake
        if node.role == "notice" and node.parent in mistakes and node.check is not None:
            checks[node.parent] = node.check
    yield from (Drop("never_noticed", mistakes[k].text, node=k) for k in sorted(_unnoticed(item)) if k in mistakes)
    for node in mistakes.values():
        check = checks[node.id]
        if check is None and (item.imported or item.known_otherwise(node)):
            continue  # noticed in somebody's own words, which are not read for a reason
        if check is None or node.claim is None:
            yield Drop("no_check", node.text, node=node.id)
            continue
        on_claim, on_truth = _held(item, node, check)
        if on_claim is None or on_truth is None:
            yield Drop("check_undecided", check.kind, node=node.id)
        elif on_claim:
            yield Drop("check_passes_claim", check.kind, node=node.id)
        elif not on_truth:
            yield Drop("check_fails_truth", check.kind, node=node.id)


def _unnoticed(item: Item) -> set[int]:
    """Mistakes that the journey tells and never takes back."""
    mistakes: set[int] = set()
    for segment in item.pair.journey.segments:
        if segment.role == "mistake":
            mistakes.add(segment.node)
        elif segment.role == "notice":
            node = item.nodes.get(segment.node)
            mistakes -= {segment.node, node.parent if node and node.role == "notice" else None}
    return mistakes


def _held(item: Item, node: Node, check: Check) -> tuple[bool | None, bool | None]:
    """Whether the check holds of the claim and of the truth; None where that cannot be decided."""
    if isinstance(node.claim, Reachable):
        # The check says that the state solves the target; the truth is the state that the mistake was tried from.
        before = item.replay.states.get(-1 if node.parent is None else node.parent)
        if check.relation != "solves" or check.right != str(node.claim.target) or before is None:
            return None, None
        return _solves(item, node.claim), _solves(item, Reachable(before, node.claim.target))
    if isinstance(node.claim, Follows):
        # The check names a quantity that can be computed and one that the claimed quantity lacks.
        if check.relation != "follows":
            return None, None
        lacking = check.right in missing(node.claim, item.tree)
        return not lacking, not missing(Follows(check.left, node.claim.known), item.tree)
    value = claim_value(node.claim) if node.claim else None
    return _holds(check, value), _holds(check, item.true_value(node.claim) if node.claim else None)


def _solves(item: Item, claim: Reachable) -> bool | None:
    false = claim_is_false(claim, item.tree)
    return None if false is None else not false


def _holds(check: Check, x: Fraction | bool | None) -> bool | None:
    try:
        return None if x is None else check_holds(check, Fraction(x))
    except ValueError:
        return None
