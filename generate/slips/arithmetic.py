"""Slips of the arithmetic: a wrong value for a right calculation (the claim is the false equation).

Digits, carries, signs, the times table and place values: the kinds that error studies of school arithmetic name. Only where
the calculation is hard enough for one: nobody writes 10 * 2 = 2.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

from journey.answers.claims import evaluate
from journey.answers.equations import is_number, join
from journey.answers.prose_numbers import places
from journey.generate.slips.annotated import Annotated
from journey.generate.slips.calculations import Calculation
from journey.generate.slips.slip import CONFUSED, SIGNS, Proposal, Refused, Slip, scaled, two
from journey.schema import Arith

EASY_PRODUCT = 23  # of two digits; 4 * 6 is the first one that people get wrong


def is_easy(tokens: Sequence[str]) -> bool:
    """Whether nobody would get this calculation wrong: ones and tens, doubles and fives, sums that carry nothing.

    A calculation of more than two numbers is easy if each of its steps is, done from left to right.
    """
    numbers, signs = [Fraction(token) for token in tokens if is_number(token)], set(tokens) & set(SIGNS)
    alike = signs <= set("+-") or signs <= set("*/")
    if len(numbers) < 2 or not alike or len(tokens) != 2 * len(numbers) - 1:
        return False
    value = numbers[0]
    for sign, number in zip(tokens[1::2], numbers[1:], strict=True):
        if not _easy_step(value, sign, number):
            return False
        value = evaluate(f"({value}) {sign} ({number})")
    return True


def _easy_step(a: Fraction, sign: str, b: Fraction) -> bool:
    if sign == "/":
        return b == 0 or _easy_product(a / b, b)
    if sign == "*":
        return _easy_product(a, b)
    decimals = [places(each) for each in (a, b)]
    if min(a, b) < 0 or None in decimals:
        return False
    unit = 10 ** max(each or 0 for each in decimals)
    one, other = int(a * unit), int(b * unit)
    while one % 10 == other % 10 == 0 and max(one, other):
        one, other = one // 10, other // 10
    if max(one, other) < 20 and min(one, other) < 10:
        return True
    columns = [10**column for column in range(len(str(min(one, other))))]
    if sign == "+":
        carries = any(one % (10 * unit) + other % (10 * unit) >= 10 * unit for unit in columns)
    else:
        carries = one < other or any(one % (10 * unit) < other % (10 * unit) for unit in columns)
    return not carries and (min(one, other) < 10 or one % 10 == 0 or other % 10 == 0)


def _easy_product(a: Fraction, b: Fraction) -> bool:
    if places(a) is None or places(b) is None:
        return False
    one, other = sorted(int(scaled(each)[0].strip("0") or "0") for each in (a, b))
    if one <= 1:
        return True
    if other < 10:
        return one * other <= EASY_PRODUCT or one == 5
    return one == 2 and (other < 100 or all(digit < "5" for digit in str(other)))


def _near(equation: Calculation, value: Fraction) -> bool:
    """Whether a value is at most a third off: further away it meets the eye at once."""
    return 3 * abs(value - equation.value) <= abs(equation.value)


def _in_bounds(equation: Calculation, value: Fraction) -> bool:
    """Whether a value is no less than the factors of a product, and no more than what is divided."""
    parts = two(equation)
    if parts is None or min(parts[0], parts[2]) <= 1:
        return True
    return value >= max(parts[0], parts[2]) if parts[1] == "*" else value <= parts[0]


Believable = Callable[[Calculation, Fraction], bool]


def _values(
    values: Callable[[Calculation, random.Random], Iterator[Fraction]], believable: Believable | None = _near
) -> Callable[[str], Proposal]:
    def named(kind: str) -> Proposal:
        def propose(graph: Annotated, step: int, equation: Calculation, rng: random.Random) -> Iterator[Slip]:
            if len(equation.operands) < 2:
                raise Refused("no_calculation")
            if believable and is_easy(equation.tokens):
                raise Refused("too_easy")
            candidates = list(dict.fromkeys(values(equation, rng)))
            candidates = [each for each in candidates if believable is None or believable(equation, each)]
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
    open_digits = len(digits) - _tens(equation)  # nobody writes 60 * 90 = 5409
    for index, digit in enumerate(digits[:open_digits]):
        for other in CONFUSED.get(digit, "48"):
            yield Fraction(int(digits[:index] + other + digits[index + 1 :]), 10**count)
    for index in range(open_digits - 1):
        swapped = digits[:index] + digits[index + 1] + digits[index] + digits[index + 2 :]
        if swapped != digits and swapped[0] != "0":
            yield Fraction(int(swapped), 10**count)


def _tens(equation: Calculation) -> int:
    """How many zeros a product ends in because its factors do."""
    parts = two(equation)
    if not parts or parts[1] != "*" or any(part.denominator != 1 or part < 1 for part in (parts[0], parts[2])):
        return 0
    return sum(len(str(part)) - len(str(part).rstrip("0")) for part in (int(parts[0]), int(parts[2])))


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
    parts = two(equation)
    if parts and (parts[1] == "*" or any(part % 10 == 0 for part in (parts[0], parts[2]))):
        return  # a product is missed by one of its factors; tens are not counted
    if equation.value.denominator == 1 and abs(equation.value) > 3:
        yield from (equation.value + 1, equation.value - 1)


def _table(equation: Calculation, rng: random.Random) -> Iterator[Fraction]:
    parts = two(equation)
    if not parts or any(part.denominator != 1 or part < 2 for part in (parts[0], parts[2])):
        return
    a, sign, b = parts
    if sign == "*" and max(a, b) <= 12:
        yield from (a * (b + 1), a * (b - 1), (a + 1) * b, (a - 1) * b)
    elif sign == "*" and min(a, b) <= 9 and max(a, b) <= 999:
        small, large = min(a, b), max(a, b)
        for column in range(len(str(large))):
            if int(large) // 10**column % 10 * small > EASY_PRODUCT:
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
    "sign": _values(_sign, believable=None)("sign"),
    "off_by_one": _values(_off_by_one)("off_by_one"),
    "table": _values(_table)("table"),
    "place": _values(_place, _in_bounds)("place"),
}
