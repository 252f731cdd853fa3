"""Checks of a calculation: the reasons that refute a wrong value from the numbers in front of the reader.

The inverse operation, divisibility, the last digit, parity, size and rough estimates, working in parts, a tenth of the
whole for a percentage. What is offered here is not yet tried on the wrong value; `slip_notices` keeps what refutes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from journey.answers.claims import evaluate
from journey.answers.equations import join
from journey.answers.prose_numbers import places, show
from journey.generate.slips.calculations import in_words
from journey.generate.slips.slip import Slip, bare, split, two
from journey.generate.slips.text import brief_number, brief_tokens
from journey.schema import Check

INVERSE = {"+": "-", "-": "+", "*": "/", "/": "*"}


@dataclass(frozen=True)
class Reason:
    """A check with the form of words for it (a key of the phrase bank), their slots, and the terse notation."""

    form: str
    check: Check
    slots: dict[str, str]
    brief: str


def reason(form: str, check: Check, brief: str, **slots: str) -> Reason:
    return Reason(form, check, slots, brief)


def arithmetic(slip: Slip) -> Iterator[Reason]:
    common = {"x": show(slip.value), "expr": in_words(slip.equation.tokens)}
    yield from _inverse(slip, common)
    yield from percentage(slip, common)
    parts = two(slip.equation)
    if parts:
        yield from size(slip, parts, common, "")
        if all(each.denominator == 1 and each >= 0 for each in (parts[0], parts[2])):
            whole = (int(parts[0]), parts[1], int(parts[2]))
            for rule in (_last_digit, _parity, _estimate, _in_parts):
                yield from rule(slip, whole, common)


def _inverse(slip: Slip, common: dict[str, str]) -> Iterator[Reason]:
    """x - b = a for a + b, and so on; also x / b is whole for a * b."""
    pieces = split(slip.equation.tokens)
    if pieces is None:
        return
    left, sign, right = pieces
    hidden = {slip.equation.tokens[each.token] for each in slip.equation.operands if each.shown is None}
    left, right = bare(left), bare(right)
    for kept, undone in ((left, right), (right, left)) if sign in "+*" else ((left, right),):
        part = join(undone) if len(undone) == 1 else f"({join(undone)})"
        want, by = evaluate(join(kept)), evaluate(join(undone))
        if by == 0 or (slip.equation.span and undone[0] in hidden and len(undone) == 1):
            continue  # a hundredth behind a percent sign is not there to be undone
        back = evaluate(f"({slip.value}) {INVERSE[sign]} ({by})")
        if sign == "*" and min(want, by) > 1 and want.denominator == by.denominator == slip.value.denominator == 1:
            rest = str(int(slip.value) % int(by))
            yield reason(
                "divide",
                Check("whole", f"x / {part}", "is", "whole"),
                f"wait {common['x']} / {brief_tokens(undone)} not whole .",
                b=show(by),
                rest=rest,
                **common,
            )
        if places(back) in (0, 1, 2) and places(want) in (0, 1, 2):
            alone = len(kept) == 1 or ")" in kept or (len(kept) == 2 and kept[0] == "-")
            note = "" if alone else f" (that is, {in_words(kept, part=True)})"
            by_hand = f"({in_words(undone, part=True)})" if len(undone) > 1 else bracketed(by)
            shown = f"{common['x']} {INVERSE[sign]} {by_hand}"
            yield reason(
                "inverse",
                Check("inverse", f"x {INVERSE[sign]} {part}", "=", join(kept)),
                f"check {brief_shown(shown)} = {brief_number(back)} not {brief_number(want)} .",
                back_expr=shown,
                back=show(back),
                want=show(want) + note,
                **common,
            )


def bracketed(value: Fraction) -> str:
    """A number as it is written after an operator: `5`, `(-5)`."""
    return f"({show(value)})" if value < 0 else show(value)


def brief_shown(shown: str) -> str:
    """A calculation from prose in terse notation."""
    return brief_tokens(tuple(shown.replace("(", "( ").replace(")", " )").split()))


def percentage(slip: Slip, common: dict[str, str]) -> Iterator[Reason]:
    """A share under 100% is less than the whole, and over 10% more than a tenth of it."""
    percent = Fraction(slip.about.get("percent", "0"))
    if not 10 < percent < 100 or "*" not in slip.equation.tokens or len(slip.equation.operands) > 3:
        return
    base = next((o.value for o in slip.equation.operands if o.value not in (percent, percent / 100, 100)), None)
    if base is None or base <= 0 or places(base / 10) not in (0, 1, 2):
        return
    slots = {**common, "base": show(base), "percent": show(percent), "tenth": show(base / 10)}
    brief = f"wait {common['x']}"
    yield reason("percent_high", Check("size", "x", "<", show(base)), f"{brief} > {show(base)} .", **slots)
    low = show(base / 10)
    yield reason("percent_low", Check("size", "x", ">", low), f"{brief} < {low} .", **slots)


def size(slip: Slip, parts: tuple[Fraction, str, Fraction], common: dict[str, str], prefix: str) -> Iterator[Reason]:
    """A sum is more than each part, a quotient less than what is divided, and so on."""
    a, sign, b = parts
    if min(a, b) <= 0 or (sign in "*/" and b <= 1) or (sign == "*" and a <= 1):
        return
    bound, relation = (max(a, b), ">") if sign in "+*" else (a, "<")
    name = {"+": "add", "-": "take", "*": "times", "/": "share"}[sign]
    brief = f"wait {brief_number(slip.value)} {'<' if relation == '>' else '>'} {brief_number(bound)} ."
    if slip.value == bound:
        brief = f"wait {brief_number(slip.value)} = {brief_number(bound)} ."
    slots = {**common, "bound": show(bound), "b": show(b), "a": show(a)}
    check = Check("size", "x", relation, show(bound))  # type: ignore[arg-type]
    yield reason(f"{prefix}size_{name}", check, brief, **slots)


def _last_digit(slip: Slip, parts: tuple[int, str, int], common: dict[str, str]) -> Iterator[Reason]:
    a, sign, b = parts
    if sign == "/" or slip.truth < 0 or slip.value < 0 or slip.value.denominator != 1 or max(a, b) < 10:
        return
    last, seen = str(int(slip.truth) % 10), str(int(slip.value) % 10)
    brief = f"wait end {last} not {seen} ."
    slots = {"da": str(a % 10), "db": str(b % 10), "last": last, "seen": seen, **common}
    slots |= {"a_last": _article(last), "a_seen": _article(seen)}
    yield reason("last_digit", Check("last_digit", "x", "ends in", last), brief, **slots)


def _article(digit: str) -> str:
    return f"an {digit}" if digit == "8" else f"a {digit}"


def _parity(slip: Slip, parts: tuple[int, str, int], common: dict[str, str]) -> Iterator[Reason]:
    a, sign, b = parts
    if sign == "/" or slip.value.denominator != 1 or slip.truth.denominator != 1:
        return
    odd = int(slip.truth) % 2 == 1
    right, seen = ("odd", "even") if odd else ("even", "odd")
    name = {"+": "sum", "-": "difference", "*": "product"}[sign]
    same = a % 2 == b % 2
    kind = ("even", "odd")[a % 2]
    if sign == "*" and not odd:
        even = a if a % 2 == 0 else b
        why = f"{even} is even, so any multiple of it is even"
    elif same:
        why = f"{a} and {b} are both {kind}, so their {name} is {right}"
    else:
        why = f"one of {a} and {b} is even and the other odd, so their {name} is {right}"
    brief = f"wait {common['x']} {seen} not {right} ."
    yield reason("parity", Check("parity", "x", "is", right), brief, why=why, seen=seen, right=right, **common)


def _estimate(slip: Slip, parts: tuple[int, str, int], common: dict[str, str]) -> Iterator[Reason]:
    """Bounds from rounding both numbers to their leading digits."""
    a, sign, b = parts
    if sign == "/" or max(a, b) < 12:
        return
    low_a, high_a = _rounded(a)
    low_b, high_b = _rounded(b)
    if sign == "-":
        low_b, high_b = high_b, low_b
    for first, second, relation, form in (
        (high_a, high_b, "<=", "estimate_high"),
        (low_a, low_b, ">=", "estimate_low"),
    ):
        if (first, second) == (a, b):
            continue
        rough = f"{first} {sign} {second}"
        bound = evaluate(rough)
        brief = f"wait {common['x']} {'>' if relation == '<=' else '<'} {rough} ."
        slots = {**common, "rough": rough, "bound": show(bound)}
        yield reason(form, Check("size", "x", relation, rough), brief, **slots)  # type: ignore[arg-type]


def _rounded(number: int) -> tuple[int, int]:
    if number < 12:
        return number, number
    unit = 10 ** (len(str(number)) - 1)
    if number < 100 or number // unit < 3:
        unit = max(unit // 10, 10) if number >= 100 else 10
    return number // unit * unit, -(-number // unit) * unit


def _in_parts(slip: Slip, parts: tuple[int, str, int], common: dict[str, str]) -> Iterator[Reason]:
    """40 * 6 and 8 * 6 for 48 * 6; tens first, then ones, for a sum or a difference."""
    a, sign, b = parts
    if sign == "*":
        large, small = max(a, b), min(a, b)
        if large <= 12 and small > 2:
            steps = f"{large} * {small - 1} = {large * (small - 1)} and one more {large} makes {large * small}"
            whole = f"{large} * {small - 1} + {large}"
        elif 12 < large < 1000 and large % 10 and 1 < small < 100:
            tens = large // 10 * 10
            steps = f"{tens} * {small} = {tens * small} and {large % 10} * {small} = {large % 10 * small}"
            steps += f", {large * small} together"
            whole = f"{tens} * {small} + {large % 10} * {small}"
        else:
            return
    elif sign in "+-" and 10 < b < 1000 and b % 10 and a > 10:
        tens, ones = b // 10 * 10, b % 10
        middle = a + tens if sign == "+" else a - tens
        steps = f"{a} {sign} {tens} = {middle}, and {middle} {sign} {ones} = {evaluate(f'{a} {sign} {b}')}"
        whole = f"{a} {sign} {tens} {sign} {ones}"
    else:
        return
    brief = f"check {whole} = {brief_number(slip.truth)} not {common['x']} ."
    yield reason("parts", Check("parts", "x", "=", whole), brief, steps=steps, **common)
