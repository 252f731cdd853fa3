"""Expressions of an answer as trees, and their values: exact fractions where it can be, two precisions of mpmath elsewhere.

    agreement(left, right)      # ValueMatch.EQUAL, UNEQUAL or UNSURE, for every value that the letters may have

Two values are unequal only where both precisions see the same gap, and equal only where the gap vanishes as precision
grows; anything between is unsure. Letters are tried at positive whole numbers, positive fractions and mixed signs.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from functools import lru_cache
from typing import Any

from journey.answers.exact import MAX_BITS, TooBig
from journey.rng import rng_for

DIGITS = (40, 70)  # decimal digits of the two precisions
MAX_MAGNITUDE = 20_000  # bits of a value that is no fraction
WHOLE, BROKEN, SIGNED = 8, 3, 5  # points at which letters are tried: positive whole, positive broken, any sign
Value = Any  # a Fraction, or a number of mpmath
Point = Mapping[str, Fraction]


class ValueMatch(Enum):
    """Whether two expressions have the same value."""

    EQUAL = "equal"
    UNEQUAL = "unequal"
    UNSURE = "unsure"


class NoValue(ValueError):
    """An expression has no value here: a pole, the root of something too big, a function that is not known."""


@dataclass(frozen=True, slots=True)
class Term:
    """One operation on terms, or a leaf: a number (`value`), a letter or constant (`name`)."""

    op: str
    args: tuple[Term, ...] = ()
    value: Fraction = Fraction(0)
    name: str = ""


def num(value: Fraction | int) -> Term:
    """A number."""
    return Term("num", value=Fraction(value))


INFINITY, MINUS_INFINITY = Term("inf", value=Fraction(1)), Term("inf", value=Fraction(-1))


def negative(term: Term) -> Term:
    """The term with the other sign."""
    if term.op in ("num", "inf"):
        return Term(term.op, value=-term.value)
    return Term("mul", (num(-1), term))


def minus(left: Term, right: Term) -> Term:
    """left - right."""
    return Term("add", (left, negative(right)))


def letters(term: Term) -> frozenset[str]:
    """The letters that a term depends on."""
    if term.op == "var":
        return frozenset((term.name,))
    return frozenset().union(*(letters(arg) for arg in term.args)) if term.args else frozenset()


def operations(term: Term) -> Iterator[str]:
    """The operations and function names in a term."""
    yield term.op
    if term.op == "fun":
        yield term.name
    for arg in term.args:
        yield from operations(arg)


def mapped(term: Term, change: Callable[[Term], Term]) -> Term:
    """A term with every part changed, the innermost first."""
    return change(Term(term.op, tuple(mapped(arg, change) for arg in term.args), term.value, term.name))


def signs(term: Term) -> list[Term]:
    """Both values of a term with plus-minus signs (upper signs, lower signs), or the term alone."""
    if not {"pm", "mp"} & set(operations(term)):
        return [term]
    flips = {"pm": num(-1), "mp": num(1)}, {"pm": num(1), "mp": num(-1)}

    def chosen(lower: bool) -> Term:
        flip = flips[0] if lower else flips[1]
        return mapped(term, lambda t: Term("mul", (flip[t.op], t.args[0])) if t.op in flip else t)

    return [chosen(False), chosen(True)]


# --- values ----------------------------------------------------------------------------------------------------------

_LOCAL = threading.local()
MAX_WORK = 300_000  # of one comparison: an operation on fractions is 1, one of mpmath 10, a function 50


def start_work() -> None:
    """Begin a comparison with all of its work before it."""
    _LOCAL.work = 0


def _worked(cost: int) -> None:
    _LOCAL.work = getattr(_LOCAL, "work", 0) + cost
    if _LOCAL.work > MAX_WORK:
        raise TooBig("work")


def contexts() -> tuple[Any, Any]:
    """Two precisions of mpmath, one pair a thread, because a context holds its precision."""
    if not hasattr(_LOCAL, "pair"):
        import mpmath

        _LOCAL.pair = (mpmath.MPContext(), mpmath.MPContext())
        for context, digits in zip(_LOCAL.pair, DIGITS, strict=True):
            context.dps = digits
    pair: tuple[Any, Any] = _LOCAL.pair
    return pair


def value_of(term: Term, point: Point | None = None, context: Any = None) -> Value:
    """The value of a term where its letters are as in `point`: a Fraction where it is one exactly.

    Raises NoValue at a pole, and TooBig.
    """
    try:
        return _Valuation(point or {}, context or contexts()[1]).of(term)
    except (ZeroDivisionError, OverflowError, ValueError) as error:
        if isinstance(error, (NoValue, TooBig)):
            raise
        raise NoValue(str(error)) from None


def exact_value(term: Term, point: Point | None = None) -> Fraction | None:
    """The value where it is a fraction that needs no rounding, else None."""
    try:
        value = value_of(term, point)
    except (NoValue, TooBig):
        return None
    return value if isinstance(value, Fraction) else None


class _Valuation:
    def __init__(self, point: Point, context: Any) -> None:
        self.point, self.context = point, context

    def of(self, term: Term) -> Value:
        result = getattr(self, f"_{term.op}")(term)
        if isinstance(result, Fraction):
            bits = max(result.numerator.bit_length(), result.denominator.bit_length())
            if bits > MAX_BITS:
                raise TooBig("value")
            _worked(1 + bits // 128)
            return result
        _worked(50 if term.op in ("fun", "pow", "root") else 10)
        if not self.context.isfinite(result):
            raise NoValue("pole")
        if result and abs(self.context.mag(result)) > MAX_MAGNITUDE:
            raise TooBig("value")
        return result

    def real(self, value: Value) -> Value:
        """As a number of mpmath."""
        return self.context.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else value

    def _num(self, term: Term) -> Value:
        return term.value

    def _inf(self, term: Term) -> Value:
        raise NoValue("infinity")

    def _var(self, term: Term) -> Value:
        if term.name not in self.point:
            raise NoValue(f"unknown {term.name}")
        return self.point[term.name]

    def _const(self, term: Term) -> Value:
        return {"pi": +self.context.pi, "e": +self.context.e, "i": self.context.mpc(0, 1)}[term.name]

    def _add(self, term: Term) -> Value:
        total: Value = Fraction(0)
        for arg in term.args:
            value = self.of(arg)
            both = isinstance(total, Fraction) and isinstance(value, Fraction)
            total = total + value if both else self.real(total) + self.real(value)
        return total

    def _mul(self, term: Term) -> Value:
        total: Value = Fraction(1)
        for arg in term.args:
            value = self.of(arg)
            both = isinstance(total, Fraction) and isinstance(value, Fraction)
            total = total * value if both else self.real(total) * self.real(value)
            if both and max(total.numerator.bit_length(), total.denominator.bit_length()) > MAX_BITS:
                raise TooBig("value")
        return total

    def _div(self, term: Term) -> Value:
        top, bottom = self.of(term.args[0]), self.of(term.args[1])
        if self._vanishes(bottom):
            raise NoValue("division by zero")
        both = isinstance(top, Fraction) and isinstance(bottom, Fraction)
        return top / bottom if both else self.real(top) / self.real(bottom)

    def _vanishes(self, value: Value) -> bool:
        return not value or (not isinstance(value, Fraction) and abs(value) < self.context.mpf(10) ** -30)

    def _pow(self, term: Term) -> Value:
        base, exponent = self.of(term.args[0]), self.of(term.args[1])
        if isinstance(base, Fraction) and isinstance(exponent, Fraction):
            if exponent.denominator == 1:
                return self._whole_power(base, int(exponent))
            if base < 0 and exponent.denominator % 2:
                raise NoValue("an odd root of a negative number as a power")
            if base == 0:
                if exponent < 0:
                    raise NoValue("pole")
                return Fraction(0)
            root = _exact_root(base, exponent.denominator)
            if root is not None:
                return self._whole_power(root, exponent.numerator)
        if self._vanishes(base):
            raise NoValue("a power of nothing")
        if isinstance(exponent, Fraction) and exponent.denominator == 1:
            if abs(exponent) * (abs(self.context.mag(self.real(base))) + 1) > MAX_MAGNITUDE:
                raise TooBig("power")
            return self.real(base) ** int(exponent)
        base, exponent = self.real(base), self.real(exponent)
        if abs(exponent) * (abs(self.context.log(base)) + 1) > MAX_MAGNITUDE:
            raise TooBig("power")
        return self.context.power(base, exponent)

    @staticmethod
    def _whole_power(base: Fraction, exponent: int) -> Fraction:
        if base == 0 and exponent < 0:
            raise NoValue("pole")
        bits = max(base.numerator.bit_length(), base.denominator.bit_length())
        if abs(exponent) > MAX_BITS or (abs(base) != 1 and bits * abs(exponent) > MAX_BITS):
            raise TooBig("power")
        return base**exponent

    def _root(self, term: Term) -> Value:
        index, value = self.of(term.args[0]), self.of(term.args[1])
        if not isinstance(index, Fraction):
            return self.of(Term("pow", (term.args[1], Term("div", (num(1), term.args[0])))))
        if index.denominator != 1 or not 1 <= index <= 1000:
            raise NoValue("root")
        degree = int(index)
        if isinstance(value, Fraction):
            sign = -1 if value < 0 else 1
            if sign < 0 and degree % 2 == 0 and degree != 2:
                raise NoValue("an even root of a negative number")
            root = _exact_root(abs(value), degree)
            size: Value = root if root is not None else self.context.root(self.real(abs(value)), degree)
            if sign > 0:
                return size
            return -size if degree % 2 else self.context.mpc(0, 1) * self.real(size)
        if degree == 2:
            return self.context.sqrt(value)
        if self.context.im(value):
            raise NoValue("a root of a complex number")
        value = self.context.re(value)
        if value < 0 and degree % 2 == 0:
            raise NoValue("an even root of a negative number")
        size = self.context.root(abs(value), degree)
        return -size if value < 0 else size

    def _abs(self, term: Term) -> Value:
        return abs(self.of(term.args[0]))

    def _whole(self, term: Term) -> int | None:
        """The whole number that a value is, however it was computed."""
        value = self.of(term)
        if isinstance(value, Fraction):
            return int(value) if value.denominator == 1 else None
        nearest = self.context.nint(self.context.re(value))
        return int(nearest) if abs(value - nearest) < self.context.mpf(10) ** -30 else None

    def _floor(self, term: Term) -> Value:
        return self._rounded(term, math.floor, "floor")

    def _ceil(self, term: Term) -> Value:
        return self._rounded(term, math.ceil, "ceil")

    def _rounded(self, term: Term, exactly: Callable[[Fraction], int], name: str) -> Value:
        value = self.of(term.args[0])
        if isinstance(value, Fraction):
            return Fraction(exactly(value))
        if (whole := self._whole(term.args[0])) is not None:
            return Fraction(whole)
        if self.context.im(value):
            raise NoValue(name)
        return Fraction(int(getattr(self.context, name)(self.context.re(value))))

    def _fact(self, term: Term) -> Value:
        whole = self._whole(term.args[0])
        if whole is None or whole < 0:
            raise NoValue("factorial")
        if whole > 1500:
            raise TooBig("factorial")
        return Fraction(math.factorial(whole))

    def _binom(self, term: Term) -> Value:
        top, bottom = self._whole(term.args[0]), self._whole(term.args[1])
        if top is None or bottom is None or top < 0 or bottom < 0:
            raise NoValue("binomial")
        if min(bottom, abs(top - bottom)) > 1500 or top > 10**6:
            raise TooBig("binomial")
        return Fraction(math.comb(top, bottom))

    def _pm(self, term: Term) -> Value:
        raise NoValue("two values")

    _mp = _pm

    def _fun(self, term: Term) -> Value:
        values = [self.of(arg) for arg in term.args]
        if term.name in ("max", "min"):
            if not all(isinstance(value, Fraction) for value in values):
                raise NoValue(term.name)
            return max(values) if term.name == "max" else min(values)
        if term.name in ("gcd", "lcm"):
            if not all(isinstance(value, Fraction) and value.denominator == 1 for value in values):
                raise NoValue(term.name)
            return Fraction((math.gcd if term.name == "gcd" else math.lcm)(*map(int, values)))
        if term.name == "log":
            return self._logarithm(*values)
        argument = self.real(values[0])
        if term.name == "exp" and abs(argument) > MAX_MAGNITUDE:
            raise TooBig("exp")
        if term.name in _RECIPROCALS:
            below = getattr(self.context, _RECIPROCALS[term.name])(argument)
            above = self.context.cos(argument) if term.name == "cot" else 1
            if abs(below) < self.context.mpf(10) ** -30:
                raise NoValue("pole")
            return above / below
        if term.name == "tan" and abs(self.context.cos(argument)) < self.context.mpf(10) ** -30:
            raise NoValue("pole")
        if (function := _FUNCTIONS.get(term.name)) is None:
            raise NoValue(term.name)
        return getattr(self.context, function)(argument)

    def _logarithm(self, value: Value, base: Value | None = None) -> Value:
        if self._vanishes(value) or (base is not None and (self._vanishes(base) or base == 1)):
            raise NoValue("pole")
        if isinstance(value, Fraction) and isinstance(base, Fraction) and value > 0 and base > 1:
            count = round(math.log(value) / math.log(base)) if value.numerator.bit_length() < 900 else 0
            if abs(count) < 1000 and base**count == value:
                return Fraction(count)
        over = self.context.ln(self.real(value))
        return over if base is None else over / self.context.ln(self.real(base))


_RECIPROCALS = {"cot": "sin", "sec": "cos", "csc": "sin"}
_FUNCTIONS = {name: name for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp")}
_FUNCTIONS |= {"arcsin": "asin", "arccos": "acos", "arctan": "atan"}


@lru_cache(maxsize=4096)
def _exact_root(value: Fraction, degree: int) -> Fraction | None:
    """The root of a non-negative fraction where it is one, else None."""
    parts = [_whole_root(part, degree) for part in (value.numerator, value.denominator)]
    return None if None in parts else Fraction(*parts)  # type: ignore[arg-type]


def _whole_root(value: int, degree: int) -> int | None:
    if value in (0, 1) or degree == 1:
        return value
    if degree == 2:
        root = math.isqrt(value)
    elif value.bit_length() < degree:
        return None
    else:
        root = 1 << -(-value.bit_length() // degree)
        while (better := ((degree - 1) * root + value // root ** (degree - 1)) // degree) < root:
            root = better
    return root if root**degree == value else None


# --- agreement -------------------------------------------------------------------------------------------------------


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
    valuation = _Valuation({}, context)
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


_TRIALS = (("whole", WHOLE), ("broken", BROKEN), ("signed", SIGNED))


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
        valuation = _Valuation(point, contexts()[1])
        if valuation._vanishes(one) or valuation._vanishes(other):
            if valuation._vanishes(one) != valuation._vanishes(other):
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
                valuation = _Valuation({**others, unknown: x}, context)
                return valuation.real(valuation.of(term))

            for start in (context.mpc(1 + number, 1), context.mpc(-2, 3)):
                try:
                    zero = context.findroot(at, (start, start * 1.1, start + 0.3), solver="muller", maxsteps=60)
                    if abs(at(zero)) < context.mpf(10) ** -40 and abs(at(zero, right)) > context.mpf(10) ** -8:
                        return True
                except (ValueError, ZeroDivisionError, NoValue, TooBig, OverflowError):
                    continue
    return False


_POLYNOMIAL = {"num", "var", "const", "add", "mul", "div", "pow"}
