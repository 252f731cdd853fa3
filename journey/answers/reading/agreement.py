"""Whether two terms have the same value, for every value that their letters may have.

    agreement(left, right)      # ValueMatch.EQUAL, UNEQUAL or UNSURE

Two values are unequal only where both precisions see the same gap, and equal only where the gap vanishes as precision
grows; anything between is unsure. Letters are tried at positive whole numbers, positive fractions and mixed signs.
"""

from __future__ import annotations

from enum import Enum
from fractions import Fraction
from functools import lru_cache
from typing import Any

from journey.answers.exact import TooBig
from journey.answers.reading.terms import Term, letters, operations
from journey.answers.reading.values import NoValue, Point, Valuation, Value, contexts, exact_value, value_of
from journey.rng import rng_for

WHOLE, BROKEN, SIGNED = 8, 3, 5  # points at which letters are tried: positive whole, positive broken, any sign
_TRIALS = (("whole", WHOLE), ("broken", BROKEN), ("signed", SIGNED))
_POLYNOMIAL = {"num", "var", "const", "add", "mul", "div", "pow"}


class ValueMatch(Enum):
    """Whether two expressions have the same value."""

    EQUAL = "equal"
    UNEQUAL = "unequal"
    UNSURE = "unsure"


def same_value(left: Term, right: Term, point: Point | None = None) -> ValueMatch:
    """Whether two terms have one value at a point. Raises NoValue where one of them has none, and TooBig."""
    low, high = contexts()
    one, other = value_of(left, point, high), value_of(right, point, high)
    if isinstance(one, Fraction) and isinstance(other, Fraction):
        return ValueMatch.EQUAL if one == other else ValueMatch.UNEQUAL
    gap, size = _gap(high, one, other)
    rough, _ = _gap(low, value_of(left, point, low), value_of(right, point, low))
    if gap == 0 or gap < size * high.mpf(10) ** -50 or (gap < high.mpf(10) ** -50 and rough > gap * 10**10):
        return ValueMatch.EQUAL
    if gap > size * high.mpf(10) ** -25 and abs(gap - high.convert(rough)) < gap * high.mpf(10) ** -6:
        return ValueMatch.UNEQUAL
    return ValueMatch.UNSURE


def _gap(context: Any, one: Value, other: Value) -> tuple[Any, Any]:
    """How far apart two values are, and the larger of their sizes."""
    valuation = Valuation({}, context)
    one, other = valuation.real(one), valuation.real(other)
    return abs(one - other), max(abs(one), abs(other))


def is_real(term: Term, point: Point) -> bool:
    """Whether a term has a real value at a point."""
    try:
        value = value_of(term, point)
    except NoValue:
        return False
    if isinstance(value, Fraction):
        return True
    context = contexts()[1]
    return bool(abs(context.im(value)) < context.mpf(10) ** -40)


def points(names: frozenset[str], kind: str, count: int) -> list[dict[str, Fraction]]:
    """Values for letters, the same for every term: "whole" and "broken" ones are positive, "signed" ones have any sign."""
    return [{name: _letter_value(name, kind, index) for name in names} for index in range(count)]


@lru_cache(maxsize=65536)
def _letter_value(name: str, kind: str, index: int) -> Fraction:
    draw = rng_for("value of a letter", kind, name, index)
    if kind == "whole":
        return Fraction(2 * draw.randint(1, 5 if index < 4 else 30) + index % 2)  # even and odd in turn
    value = Fraction(draw.randint(1, 40), draw.choice((3, 7, 11, 13)))
    return value if kind == "broken" or draw.random() < 0.35 else -value


def agreement(left: Term, right: Term) -> ValueMatch:
    """Whether two terms agree for all values of their letters. Raises TooBig.

    Unequal needs two positive whole values of the letters that tell them apart, or that no value of one is one of the
    other where they have no letters. Where a negative value tells them apart (|x| and x), nothing is sure.
    """
    names = letters(left) | letters(right)
    if not names:
        try:
            return same_value(left, right)
        except NoValue:
            return ValueMatch.UNSURE
    found = {kind: _tried(left, right, names, kind, count) for kind, count in _TRIALS}
    positive = found["whole"] + found["broken"]
    if found["whole"].count(ValueMatch.UNEQUAL) >= 2 or (
        len(found["whole"]) < 2 and found["broken"].count(ValueMatch.UNEQUAL) >= 2
    ):
        return ValueMatch.UNEQUAL
    if len(positive) < 3 or set(positive + found["signed"]) != {ValueMatch.EQUAL}:
        return ValueMatch.UNSURE
    return ValueMatch.EQUAL


def _tried(left: Term, right: Term, names: frozenset[str], kind: str, count: int) -> list[ValueMatch]:
    absolute = ("abs" in operations(left)) != ("abs" in operations(right))
    found = []
    for point in points(names, kind, count):
        if kind == "signed":
            real = is_real(left, point), is_real(right, point)
            if absolute and real[0] != real[1]:
                found.append(ValueMatch.UNSURE)
            if not all(real):
                continue
        try:
            found.append(same_value(left, right, point))
        except (NoValue, TooBig):
            continue
    return found


def proportional(left: Term, right: Term) -> Fraction | Any | None:
    """The constant that left is of right, for all values of their letters, or None where there is none."""
    names = letters(left) | letters(right)
    ratios: list[Value] = []
    for point in points(names, "broken", 3) + points(names, "signed", 4):
        try:
            one, other = value_of(left, point), value_of(right, point)
        except NoValue:
            continue
        valuation = Valuation(point, contexts()[1])
        if valuation.vanishes(one) or valuation.vanishes(other):
            if valuation.vanishes(one) != valuation.vanishes(other):
                return None
            continue
        exact = isinstance(one, Fraction) and isinstance(other, Fraction)
        ratios.append(one / other if exact else valuation.real(one) / valuation.real(other))
    if len(ratios) < 3:
        return None
    first = ratios[0]
    for ratio in ratios[1:]:
        if isinstance(ratio, Fraction) and isinstance(first, Fraction):
            if ratio != first:
                return None
        else:
            gap, size = _gap(contexts()[1], ratio, first)
            if gap > size * contexts()[1].mpf(10) ** -40:
                return None
    return first


def holds_apart(left: Term, left_strict: bool, right: Term, right_strict: bool) -> bool:
    """Whether positive values of the letters are found for which one of `term < 0` (`<= 0`) holds and the other does not."""
    for point in points(letters(left) | letters(right), "broken", 80):
        values = exact_value(left, point), exact_value(right, point)
        if values[0] is None or values[1] is None:
            return False
        if (values[0] < 0 or (values[0] == 0 and not left_strict)) != (
            values[1] < 0 or (values[1] == 0 and not right_strict)
        ):
            return True
    return False


def zeros_differ(left: Term, right: Term) -> bool:
    """Whether a zero of one term, complex ones too, is proven to be no zero of the other."""
    return _has_other_zero(left, right) or _has_other_zero(right, left)


def _has_other_zero(left: Term, right: Term) -> bool:
    context = contexts()[1]
    names = sorted(letters(left))
    if not {*operations(left), *operations(right)} <= _POLYNOMIAL:
        return False
    everything = letters(left) | letters(right)
    for unknown in names:
        for number, point in enumerate(points(everything, "broken", 2)):
            others = {name: value for name, value in point.items() if name != unknown}

            def at(x: Any, term: Term = left, others: Point = others, unknown: str = unknown) -> Any:
                valuation = Valuation({**others, unknown: x}, context)
                return valuation.real(valuation.of(term))

            for start in (context.mpc(1 + number, 1), context.mpc(-2, 3)):
                try:
                    zero = context.findroot(at, (start, start * 1.1, start + 0.3), solver="muller", maxsteps=60)
                    if abs(at(zero)) < context.mpf(10) ** -40 and abs(at(zero, right)) > context.mpf(10) ** -8:
                        return True
                except (ValueError, ZeroDivisionError, NoValue, TooBig, OverflowError):
                    continue
    return False
