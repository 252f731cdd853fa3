"""Claims and checks: what a claim says, whether it is false, and whether a notice really contradicts it.

The rules need the records alone, so that every stage can recompute them. Numbers are exact (`Fraction`); a check that
cannot be decided is None or raises ValueError, and never counts as true.

    claim_is_false(node.claim, tree)                              # True, False, or None (undecided)
    notice_contradicts(claim_value(node.claim), truth, check)     # fails on the claim and passes on the truth
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from functools import lru_cache

from journey.answers import exact
from journey.catalog import FAMILIES
from journey.schema import Arith, Check, Claim, Follows, Quantity, QuantityClaim, Tree

_NAME = re.compile(r"[A-Za-z_]\w*")
_COMPARISONS: dict[str, Callable[[Fraction, Fraction], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def evaluate(expression: str, values: Mapping[str, Fraction] | None = None) -> Fraction:
    """The exact value of an expression of numbers, `+ - * / ( )` and the names in `values`.

    Raises ValueError for anything else, for a division by zero, and beyond the limits of `journey.answers.exact`.
    """
    return _value(_NAME.sub(lambda name: f"({_known(name.group(), values or {})})", expression))


@lru_cache(maxsize=16384)
def _value(expression: str) -> Fraction:
    return exact.evaluate(expression)


def _known(name: str, values: Mapping[str, Fraction]) -> Fraction:
    if name not in values:
        raise ValueError(f"unknown name {name!r}")
    return values[name]


def graph_values(
    quantities: Iterable[Quantity], overrides: Mapping[str, Fraction] | None = None
) -> dict[str, Fraction]:
    """Every quantity recomputed from the given ones; `overrides` replaces some (a wrong value that flows on).

    Raises ValueError for an unknown id, a cycle or an impossible expression.
    """
    known = {quantity.id: quantity for quantity in quantities}
    values: dict[str, Fraction] = dict(overrides or {})
    open_ids: set[str] = set()

    def solve(name: str) -> Fraction:
        if name in values:
            return values[name]
        if name not in known or name in open_ids:
            raise ValueError(f"quantity {name!r} is {'its own ancestor' if name in known else 'unknown'}")
        open_ids.add(name)
        quantity = known[name]
        if quantity.expression is None:
            values[name] = Fraction(quantity.value)
        else:
            needed = {each: solve(each) for each in names_in(quantity.expression)}
            values[name] = evaluate(quantity.expression, needed)
        return values[name]

    for name in known:
        solve(name)
    return values


def names_in(expression: str) -> tuple[str, ...]:
    """The quantity ids that an expression uses, in order, each once."""
    return tuple(dict.fromkeys(_NAME.findall(expression)))


def claim_value(claim: Claim) -> Fraction | None:
    """The number a claim states; None for a claim about reachability."""
    return Fraction(claim.value) if isinstance(claim, Arith | QuantityClaim) else None


def claim_is_false(claim: Claim, tree: Tree) -> bool | None:
    """True if the claim is refuted by evaluating, by the graph or by the exact solver; None if that is undecided."""
    try:
        if isinstance(claim, Arith):
            return evaluate(claim.expression) != Fraction(claim.value)
        if isinstance(claim, QuantityClaim):
            return graph_values(tree.quantities)[claim.id] != Fraction(claim.value)
        if isinstance(claim, Follows):
            return bool(missing(claim, tree))
    except (ValueError, KeyError, ZeroDivisionError):
        return None
    family = FAMILIES.get(tree.problem.source)()
    return not family.solvable(tree.problem, claim.state, claim.target)


def missing(claim: Follows, tree: Tree) -> list[str]:
    """The computed quantities that a quantity needs and that are not known. Raises KeyError for one of another graph."""
    expressions = {quantity.id: quantity.expression for quantity in tree.quantities}
    needed = names_in(expressions[claim.id] or "")
    return [name for name in needed if expressions[name] is not None and name not in claim.known]


def check_holds(check: Check, x: Fraction) -> bool:
    """Whether a check is true of x. Raises ValueError where it cannot be decided."""
    left = evaluate(check.left, {"x": x})
    if check.relation in _COMPARISONS:
        return _COMPARISONS[check.relation](left, evaluate(check.right, {"x": x}))
    whole = left.denominator == 1
    if check.relation == "ends in":
        return whole and str(abs(left.numerator)).endswith(check.right)
    if check.relation == "is" and check.right == "whole":
        return whole
    if check.relation == "is" and check.right in ("even", "odd"):
        return whole and left.numerator % 2 == (check.right == "odd")
    raise ValueError(f"cannot decide {check.relation!r} {check.right!r} of a number")


def notice_contradicts(value: Fraction, truth: Fraction, check: Check) -> bool:
    """Whether a notice's check fails on the claimed value and passes on the true one."""
    try:
        return not check_holds(check, value) and check_holds(check, truth)
    except ValueError:
        return False
