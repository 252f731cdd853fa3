"""Exact arithmetic out of text that a model wrote, without executing any of it.

A recursive-descent parser for numbers, + - * / ^, brackets and \\frac with limits on length, depth and size, so that it
can neither run code nor run long: `evaluate("1 4/5 + 0.2") == 2`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

MAX_CHARS = 1000
MAX_DEPTH = 40  # brackets within brackets
MAX_BITS = 14_000  # of a numerator or denominator: 4,215 digits, since Python writes no number of more than 4,300

_TOKEN = re.compile(
    r" *(?:(?P<number>\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d*)?|\d+(?:\.\d*)?|\.\d+)(?P<exponent>[eE][+-]?\d+)?"
    r"|(?P<sign>\\frac|\\cdot(?![A-Za-z])|\\times(?![A-Za-z])|\\div(?![A-Za-z])|[-+*/^(){}])) *",
    re.ASCII,
)
_OPERATORS = {"\\cdot": "*", "\\times": "*", "\\div": "/"}
_CLOSING = {"(": ")", "{": "}"}


class NotANumber(ValueError):
    """The text is no arithmetic."""


class TooBig(NotANumber):
    """The text is arithmetic, or may be, beyond the limits of this module."""


def decimal(text: str) -> Fraction:
    """A number in digits, with a point or without. Raises ValueError. Whole ones spare `Fraction` the reading, which is most of its time."""
    return Fraction(int(text)) if text.isdecimal() else Fraction(text)


def evaluate(text: str) -> Fraction:
    """The exact value of canonical arithmetic. Raises NotANumber, or TooBig where a limit of this module is met."""
    if len(text) > MAX_CHARS:
        raise TooBig("text")
    if "(" in text and "," in text:  # (1,200) is a pair of numbers
        raise NotANumber(text)
    return _Arithmetic(text).value()


class _Arithmetic:
    """Recursive descent: sum, product, sign, power, atom."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str, str]] = []  # (number, exponent, sign), two of them empty
        self.at = self.depth = 0
        position = 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise NotANumber(text)
            sign = match["sign"] or ""
            self.tokens.append((match["number"] or "", match["exponent"] or "", _OPERATORS.get(sign, sign)))
            position = match.end()

    def value(self) -> Fraction:
        result = self._sum()
        if self.at < len(self.tokens):
            raise NotANumber("text after the number")
        return result

    def _sign(self, ahead: int = 0) -> str:
        return self.tokens[self.at + ahead][2] if self.at + ahead < len(self.tokens) else ""

    def _integer(self, ahead: int) -> Fraction | None:
        """The plain integer some tokens ahead, if one stands there."""
        if self.at + ahead < len(self.tokens):
            digits, exponent, _ = self.tokens[self.at + ahead]
            if digits.isdecimal() and not exponent:
                return Fraction(int(digits))
        return None

    def _sum(self) -> Fraction:
        total = self._product()
        while (sign := self._sign()) in ("+", "-"):
            self.at += 1
            term = self._product()
            total = _bounded(total + term if sign == "+" else total - term)
        return total

    def _product(self) -> Fraction:
        total = self._signed()
        while (sign := self._sign()) in ("*", "/"):
            self.at += 1
            factor = self._signed()
            total = _bounded(total * factor) if sign == "*" else _divided(total, factor)
        return total

    def _signed(self) -> Fraction:
        negative = False
        while (sign := self._sign()) in ("+", "-"):
            self.at += 1
            negative ^= sign == "-"
        value = self._power()
        return -value if negative else value

    def _power(self) -> Fraction:
        base = self._atom()
        if self._sign() != "^":
            return base
        self.at += 1
        return _raised(base, self._nested(self._signed))

    def _atom(self) -> Fraction:
        if self.at >= len(self.tokens):
            raise NotANumber("text ends early")
        digits, exponent, sign = self.tokens[self.at]
        if digits:
            whole = self._integer(0)
            self.at += 1
            value = _bounded(Fraction(digits.replace(",", "")) if whole is None else whole)
            if whole is not None and (part := self._fraction_part()) is not None:
                if not 0 <= part < 1:
                    raise NotANumber("2 3/2 is no mixed number")
                return _bounded(value + part)
            return _raised(Fraction(10), Fraction(exponent[1:]), value) if exponent else value
        self.at += 1
        if sign == "\\frac":
            return _divided(self._group("{"), self._group("{"))
        self.at -= 1
        return self._group("({")

    def _fraction_part(self) -> Fraction | None:
        """The fraction of a mixed number, `1 4/5` or `1\\frac{4}{5}`, if the next tokens are one."""
        top, bottom = self._integer(0), self._integer(2)
        if top is not None and bottom is not None and self._sign(1) == "/":
            self.at += 3
            return _divided(top, bottom)
        if self._sign() == "\\frac":
            return self._atom()
        return None

    def _group(self, openings: str) -> Fraction:
        opening = self._sign()
        if not opening or opening not in openings:
            raise NotANumber("bracket expected")
        self.at += 1
        value = self._nested(self._sum)
        if self._sign() != _CLOSING[opening]:
            raise NotANumber("bracket not closed")
        self.at += 1
        return value

    def _nested(self, rule: Callable[[], Fraction]) -> Fraction:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooBig("depth")
        value = rule()
        self.depth -= 1
        return value


def _bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def _bounded(value: Fraction) -> Fraction:
    if _bits(value) > MAX_BITS:
        raise TooBig("value")
    return value


def _divided(top: Fraction, bottom: Fraction) -> Fraction:
    if bottom == 0:
        raise NotANumber("division by zero")
    return _bounded(top / bottom)


def _raised(base: Fraction, exponent: Fraction, factor: Fraction = Fraction(1)) -> Fraction:
    """factor * base ** exponent, refused before it is computed if it would be too big."""
    if exponent.denominator != 1 or (base == 0 and exponent <= 0):
        raise NotANumber("power")
    if abs(exponent) > MAX_BITS or (_bits(base) - 1) * abs(exponent) > MAX_BITS:  # at least so many bits
        raise TooBig("power")
    return _bounded(factor * base ** int(exponent))
