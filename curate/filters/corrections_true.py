"""Keep a pair only if what it says is right is right: steps and corrections recomputed, stated truths and quantities too."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from journey.answers.claims import claim_is_false, evaluate
from journey.answers.spelling import unspelled
from journey.answers.steps import decidable_equations
from journey.curate.item import HALVES, Drop, Item
from journey.curate.rules import FILTERS
from journey.schema import Node, Reachable

_REASONED = ("step", "correction", "check", "consequence")


@FILTERS.add(
    "corrections_true",
    reads=("tree",),
    per="pair",
    after=("moves_legal",),
    reasons=(
        "step_is_false",
        "step_undecided",
        "equation_false",
        "truth_differs",
        "quantity_differs",
        "target_out_of_reach",
        "target_not_reached",
    ),
)
def corrections_true(item: Item) -> Iterator[Drop]:
    """Steps and corrections are true; in a search, each right state can reach the target and the last one is it."""
    spells = item.pair.problem.facts.get("spelled")
    for node in item.tree.nodes:
        if node.claim is not None and node.verdict == "right":
            false = claim_is_false(node.claim, item.tree)
            if false is not False:
                yield Drop("step_is_false" if false else "step_undecided", node.text, node=node.id)
        if node.claim is not None and node.truth is not None:
            truth = item.true_value(node.claim)
            if truth is None or truth != _read(node.truth):
                yield Drop("truth_differs", node.truth, None if truth is None else str(truth), node.id)
        if node.role in _REASONED and node.id not in item.replay.states:
            text = unspelled(node.text) if spells else node.text
            yield from _prose(node) if item.imported else _equations(node, text)
    for quantity in item.tree.quantities:
        value = (item.values or {}).get(quantity.id)
        if value is None or value != _read(quantity.value):
            yield Drop("quantity_differs", f"{quantity.id} = {quantity.value}", None if value is None else str(value))
    if item.replay.states:
        yield from _states(item)


def _equations(node: Node, text: str) -> Iterator[Drop]:
    """Each `... = 12 + 5 = 17 .` of a node's terse notation holds; right reasoning from a wrong value does too."""
    for sentence in f"{text} ".split(" . "):
        *_, left, right = ["", *sentence.split(" = ")]
        if not left:
            continue
        try:
            true = evaluate(left) == evaluate(right)
        except ValueError:
            true = False
        if not true:
            yield Drop("equation_false", sentence, node=node.id)


def _prose(node: Node) -> Iterator[Drop]:
    """No equation of an imported step is false: its prose is read, since it has no terse notation."""
    for equation in decidable_equations(node.text):
        if not equation.true and node.role in ("step", "correction"):
            yield Drop("equation_false", f"{equation.left} = {equation.right}", str(equation.exact), node.id)


def _states(item: Item) -> Iterator[Drop]:
    states, _, target, right_end = item.replay
    assert target is not None
    for node in item.tree.nodes:
        if node.verdict != "right" or node.id not in states:
            continue
        if claim_is_false(Reachable(states[node.id], target), item.tree) is not False:
            yield Drop("target_out_of_reach", str(states[node.id]), target, node.id)
    for half in HALVES:
        steps = [segment.node for segment in item.trace(half).segments if segment.role != "answer"]
        end = states.get(steps[-1]) if steps else None
        if end != right_end:
            yield Drop("target_not_reached", str(end), target, steps[-1] if steps else None, half)


def _read(truth: str | bool) -> Fraction | bool | None:
    try:
        return truth if isinstance(truth, bool) else Fraction(truth)
    except ValueError:
        return None
