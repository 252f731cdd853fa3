"""One mistake: what it claims, what is true, how the step that makes it is written - and when it cannot be made."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

from journey.answers.prose_numbers import places
from journey.generate.slips.annotated import Annotated
from journey.generate.slips.calculations import Calculation, Operand
from journey.schema import Claim

Edit = tuple[int, int, str]
Proposal = Callable[[Annotated, int, Calculation, random.Random], Iterator["Slip"]]
CONFUSED = {"0": "689", "1": "72", "2": "31", "3": "825", "4": "935", "5": "634", "6": "985", "7": "186", "8": "367"}
"""Digits that are taken for one another."""
SIGNS = ("+", "-", "*", "/")


class Refused(Exception):
    """This slip cannot be made here; `reason` is the word it is counted under."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Slip:
    """One mistake: `equation` of step `step` comes out as `value`. The correct path resumes at step `back`.

    `written` is the calculation as the wrong step shows it and `edits` change the text of that step; `pretend` holds
    quantities that the wrong step takes for something else; `about` is what the prose needs to name.
    """

    kind: str
    step: int
    back: int
    equation: Calculation
    claim: Claim
    value: Fraction
    written: tuple[str, ...]
    edits: tuple[Edit, ...] = ()
    pretend: dict[str, Fraction] = field(default_factory=dict)
    operand: Operand | None = None
    about: dict[str, str] = field(default_factory=dict)

    @property
    def truth(self) -> Fraction:
        """The exact value of the calculation that the slip gets wrong."""
        return self.equation.value


def split(tokens: tuple[str, ...]) -> tuple[tuple[str, ...], str, tuple[str, ...]] | None:
    """A calculation as (left, operator, right) of its last operation, or None if it is a single number."""
    tokens = bare(tokens)
    depth, best = 0, -1
    for index, token in enumerate(tokens):
        depth += (token == "(") - (token == ")")
        binary = index > 0 and tokens[index - 1] not in ("(", *SIGNS)
        if depth == 0 and token in SIGNS and binary and (token in "+-" or best < 0 or tokens[best] in "*/"):
            best = index
    return (tokens[:best], tokens[best], tokens[best + 1 :]) if best > 0 else None


def bare(tokens: tuple[str, ...]) -> tuple[str, ...]:
    """A calculation without brackets around the whole of it."""
    while tokens and tokens[0] == "(" and _closes(tokens) == len(tokens) - 1:
        tokens = tokens[1:-1]
    return tokens


def _closes(tokens: tuple[str, ...]) -> int:
    depth = 0
    for index, token in enumerate(tokens):
        depth += (token == "(") - (token == ")")
        if depth == 0:
            return index
    return len(tokens)


def two(equation: Calculation) -> tuple[Fraction, str, Fraction] | None:
    """(a, operator, b) of a calculation with exactly two plain numbers."""
    if len(equation.tokens) == 3 and len(equation.operands) == 2:
        return equation.operands[0].value, equation.tokens[1], equation.operands[1].value
    return None


def scaled(value: Fraction) -> tuple[str, int]:
    """The digits of a decimal and how many of them come after the point."""
    count = places(value) or 0
    return str(abs(value.numerator) * 10**count // value.denominator), count


def usable(slip: Slip, limit: int | None) -> None:
    """Raises Refused where the wrong value is right, cannot be written, or is out of all proportion.

    With a `limit` every number must be whole and at most that (so that the compact view has words for it).
    """
    if slip.value == slip.truth:
        raise Refused("same_value")
    if slip.value == 0 or abs(slip.value) == 1:
        raise Refused("value_not_writable")
    if _idle(slip.written) and not _idle(slip.equation.tokens):
        raise Refused("nothing_is_calculated")
    bound = max(2, places(slip.truth) or 0)
    writable(slip.value, bound, limit or max(10_000_000, 100 * abs(int(slip.truth))))
    if limit:
        for token in slip.written:
            if token[-1].isdigit():
                writable(Fraction(token), 0, limit)
        writable(slip.value, 0, limit)


def _idle(tokens: tuple[str, ...]) -> bool:
    """Whether a calculation multiplies or divides by 1 or adds 0, as nobody would by mistake."""
    pairs = set(pairwise(tokens))
    return bool(pairs & {("*", "1"), ("1", "*"), ("/", "1"), ("+", "0"), ("0", "+"), ("-", "0")})


def writable(value: Fraction, decimals: int, largest: int) -> None:
    """Raises Refused for a value with more decimals, or larger."""
    count = places(value)
    if count is None or count > decimals:
        raise Refused("value_not_writable")
    if abs(value) > largest:
        raise Refused("value_too_large")
