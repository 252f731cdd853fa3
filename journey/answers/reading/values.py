"""Values of terms: exact fractions where it can be, two precisions of mpmath elsewhere, within a budget of work."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

from journey.answers.exact import MAX_BITS, TooBig
from journey.answers.reading.terms import Term, num

DIGITS = (40, 70)  # decimal digits of the two precisions
MAX_MAGNITUDE = 20_000  # bits of a value that is no fraction
MAX_WORK = 300_000  # of one comparison: an operation on fractions is 1, one of mpmath 10, a function 50
Value = Any  # a Fraction, or a number of mpmath
Point = Mapping[str, Fraction]
_LOCAL = threading.local()


class NoValue(ValueError):
    """An expression has no value here: a pole, the root of something too big, a function that is not known."""


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
        return Valuation(point or {}, context or contexts()[1]).of(term)
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


class Valuation:
    """The values of terms where the letters are as in `point`, at the precision of `context`."""

    def __init__(self, point: Point, context: Any) -> None:
        self.point, self.context = point, context

    def of(self, term: Term) -> Value:
        """The value of a term. Raises NoValue, TooBig and what arithmetic raises."""
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
        if self.vanishes(bottom):
            raise NoValue("division by zero")
        both = isinstance(top, Fraction) and isinstance(bottom, Fraction)
        return top / bottom if both else self.real(top) / self.real(bottom)

    def vanishes(self, value: Value) -> bool:
        """Whether a value is nothing at this precision."""
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
        if self.vanishes(base):
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
        # At least so many bits, and fewer than twice as many; what is over the limit after all is refused by `of`.
        if abs(exponent) > MAX_BITS or (bits - 1) * abs(exponent) > MAX_BITS:
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
        if self.vanishes(value) or (base is not None and (self.vanishes(base) or base == 1)):
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
