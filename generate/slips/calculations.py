"""Steps of a solution with their calculations, and where each number of them stands in the text.

`Total: 3 * $5 = $<<3*5=15>>15.` gives the text without the mark, the calculation 3 * 5 = 15, and the spans in the text of
its operands, its operator and its result, so that each can be changed. What is an equation says
`journey.answers.equations`; here each becomes a node of the solution's graph, whose operands can be linked.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from journey.answers.equations import Equation, is_number, join, read_solution
from journey.answers.exact import decimal
from journey.answers.prose_numbers import Numeral

_LABEL = re.compile(r"[A-Za-z]{2,}[)\s]*$")  # `Total = 5 + 3 = 8`


@dataclass(frozen=True)
class Operand:
    """A number of a calculation: `token` is its place there, `shown` its numeral in the step's text (None: in words).

    `sources` are the (quantity id, expression over it) pairs it could come from: one is a link, two are ambiguous.
    """

    token: int
    value: Fraction
    shown: int | None
    sources: tuple[tuple[str, str], ...] = ()

    @property
    def link(self) -> str | None:
        """The id of the one quantity it comes from."""
        return self.sources[0][0] if len(self.sources) == 1 else None


def _first_within(span: tuple[int, int], numerals: Sequence[Numeral]) -> int | None:
    """The place of a number among the text's numerals. Its span may begin with a sign apart from the digits (`= + 78`)."""
    return next((place for place, numeral in enumerate(numerals) if span[0] <= numeral.start < span[1]), None)


@dataclass(frozen=True)
class Calculation:
    """One equation of a step as a node of the graph. `signs` gives the span of each operator that is written out.

    `result` is the numeral of its value, `span` the text from its first number to its last; None where it has none.
    """

    id: str
    tokens: tuple[str, ...]
    value: Fraction
    operands: tuple[Operand, ...]
    signs: Mapping[int, tuple[int, int]]
    result: int | None
    span: tuple[int, int] | None

    @classmethod
    def of(cls, equation: Equation, numerals: Sequence[Numeral]) -> Calculation:
        """The calculation of an equation among the text's numerals; its id and links are still open."""
        numbers = {position: span for position, span in equation.spans.items() if is_number(equation.tokens[position])}
        operands = tuple(
            Operand(
                position,
                decimal(token.rstrip(".")),
                _first_within(numbers[position], numerals) if position in numbers else None,
            )
            for position, token in enumerate(equation.tokens)
            if is_number(token)
        )
        signs = {position: span for position, span in equation.spans.items() if position not in numbers}
        span = (min(numbers.values())[0], max(end for _, end in numbers.values())) if numbers else None
        result = _first_within(equation.result, numerals) if equation.result else None
        return cls("", equation.tokens, equation.claimed, operands, signs, result, span)

    def linked_as(self, name: str, operands: tuple[Operand, ...]) -> Calculation:
        """The same calculation with its id and links. (`dataclasses.replace` takes five times as long, and every solution has many.)"""
        return Calculation(name, self.tokens, self.value, operands, self.signs, self.result, self.span)

    @cached_property
    def expression(self) -> str:
        """The calculation over literals, e.g. `48 / 2`."""
        return join(self.tokens)

    @cached_property
    def linked(self) -> str:
        """The calculation over quantity ids where the link is clear."""
        tokens = list(self.tokens)
        for operand in self.operands:
            if operand.link:
                tokens[operand.token] = operand.sources[0][1]
        return join(tokens)


@dataclass(frozen=True)
class SolutionStep:
    """A part of the solution with a calculation, usually a sentence; `text` is `raw` without the annotations.

    `joint` is the white space before it.
    `opaque`: it holds an equals sign that could not be read, so nothing may be changed in it.
    """

    raw: str
    text: str
    joint: str
    numerals: tuple[Numeral, ...]
    equations: tuple[Calculation, ...]
    opaque: bool


def in_words(tokens: Sequence[str], *, part: bool = False) -> str:
    """A calculation for prose: as `join`, with `140 * .01` said as `140%` where more belongs to it or it is a `part` of one.

    On its own it is a hundredth of something, as in `100000 * .01`.
    """
    if len(tokens) == 3 and not part:
        return join(tokens)
    return re.sub(r"(?<![\d.])(\d+(?:\.\d+)?) \* 0?\.01(?!\d)", r"\1%", join(tokens))


def read_step(joint: str, raw: str, letters: Collection[str] = ()) -> SolutionStep:
    """A step with its calculations; their ids and links are still open. `letters` may name what a step is about (`c = 12 + 5 =
    17`). Raises Unreadable.
    """
    text, numerals, equations, unread = read_solution(raw)
    opaque = any(not _LABEL.search(text, 0, start) and text[:start].strip() not in letters for start in unread)
    opaque = opaque or any(number.glued and not text[number.end + 1 : number.end + 2].isalpha() for number in numerals)
    calculations = tuple(Calculation.of(equation, numerals) for equation in equations)
    return SolutionStep(raw, text, joint, numerals, calculations, opaque)
