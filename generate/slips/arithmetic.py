"""Slips of the arithmetic: a wrong value for a right calculation (the claim is the false equation).

Digits, carries, signs, the times table and place values: the kinds that error studies of school arithmetic name.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from fractions import Fraction

from journey.answers.claims import evaluate
from journey.answers.equations import join
from journey.generate.slips.annotated import Annotated
from journey.generate.slips.calculations import Calculation
from journey.generate.slips.slip import CONFUSED, SIGNS, Proposal, Refused, Slip, scaled, two
from journey.schema import Arith


def _values(values: Callable[[Calculation, random.Random], Iterator[Fraction]]) -> Callable[[str], Proposal]:
    def named(kind: str) -> Proposal:
        def propose(graph: Annotated, step: int, equation: Calculation, rng: random.Random) -> Iterator[Slip]:
            if len(equation.operands) < 2:
                raise Refused("no_calculation")
            candidates = list(dict.fromkeys(values(equation, rng)))
            rng.shuffle(candidates)
            for value in candidates:
                claim = Arith(equation.expression, str(value))
                yield Slip(kind, step, step, equation, claim, value, equation.tokens)

        return propose

    return named


def _digit(equation: Calculation, rng: random.Random) -> Iterator[Fraction]:
    digits, count = scaled(equation.value)
    if len(digits) < 2 or equation.value < 0:
        return
    for index, digit in enumerate(digits):
        for other in CONFUSED.get(digit, "48"):
            yield Fraction(int(digits[:index] + other + digits[index + 1 :]), 10**count)
    for index in range(len(digits) - 1):
        swapped = digits[:index] + digits[index + 1] + digits[index] + digits[index + 2 :]
        if swapped != digits and swapped[0] != "0":
            yield Fraction(int(swapped), 10**count)


def _carry(equation: Calculation, rng: random.Random) -> Iterator[Fraction]:
    parts = two(equation)
    if not parts or any(part.denominator != 1 or part < 0 for part in (parts[0], parts[2])):
        return
    a, sign, b = int(parts[0]), parts[1], int(parts[2])
    for column in range(max(len(str(a)), len(str(b)))):
        unit = 10 ** (column + 1)
        if sign == "+" and a % unit + b % unit >= unit and a + b - unit > max(a, b):
            yield equation.value - unit
        elif sign == "-" and a >= b and a % unit < b % unit and a - b + unit < a:
            yield equation.value + unit
        elif sign == "*" and min(a, b) < 10 <= max(a, b):
            digit = max(a, b) // 10**column % 10
            carried = digit * min(a, b) // 10
            if carried and max(a, b) >= unit:
                yield equation.value - carried * unit


def _sign(equation: Calculation, rng: random.Random) -> Iterator[Fraction]:
    if equation.value < 0:
        yield -equation.value
    tokens = equation.tokens
    terms = sum(token in "+-" for token in tokens[1:]) if "-" in tokens else 0
    for index, token in enumerate(tokens):
        if token in ("+", "-") and index and (terms > 1 or tokens[index - 1] in ("(", *SIGNS)):
            flipped = (*tokens[:index], "-" if token == "+" else "+", *tokens[index + 1 :])
            try:
                yield evaluate(join(flipped))
            except ValueError:
                continue


def _off_by_one(equation: Calculation, rng: random.Random) -> Iterator[Fraction]:
    if equation.value.denominator == 1 and abs(equation.value) > 3:
        yield from (equation.value + 1, equation.value - 1)


def _table(equation: Calculation, rng: random.Random) -> Iterator[Fraction]:
    parts = two(equation)
    if not parts or any(part.denominator != 1 or part < 2 for part in (parts[0], parts[2])):
        return
    a, sign, b = parts
    if sign == "*" and max(a, b) <= 12:
        yield from (value for value in (a * (b + 1), a * (b - 1), (a + 1) * b, (a - 1) * b) if value)
    elif sign == "*" and min(a, b) <= 9 and max(a, b) <= 999:
        small, large = min(a, b), max(a, b)
        for column in range(len(str(large))):
            if int(large) // 10**column % 10 > 1:
                yield from (equation.value + small * 10**column, equation.value - small * 10**column)
    elif sign == "/" and b <= 12 and 2 < equation.value <= 12:
        yield from (equation.value + 1, equation.value - 1)


def _place(equation: Calculation, rng: random.Random) -> Iterator[Fraction]:
    parts = two(equation)
    if parts and parts[1] in "*/" and any(part % 10 == 0 or part.denominator > 1 for part in (parts[0], parts[2])):
        yield from (equation.value * 10, equation.value / 10)


PROPOSALS: dict[str, Proposal] = {
    "digit": _values(_digit)("digit"),
    "carry": _values(_carry)("carry"),
    "sign": _values(_sign)("sign"),
    "off_by_one": _values(_off_by_one)("off_by_one"),
    "table": _values(_table)("table"),
    "place": _values(_place)("place"),
}
