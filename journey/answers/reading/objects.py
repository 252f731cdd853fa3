"""The kinds of answers that can be read, as frozen records of their parts."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from journey.answers.reading.regions import RealSet
from journey.answers.reading.terms import Term
from journey.answers.reading.units import UnitOfMeasure


@dataclass(frozen=True)
class Measured:
    """An expression, with a unit or a scale word such as "thousand" behind it."""

    term: Term
    unit: UnitOfMeasure | None = None
    scaled: bool = False
    whole_number: str = ""  # its digits, where it is written as a plain integer


@dataclass(frozen=True)
class Prose:
    """Words."""

    text: str


@dataclass(frozen=True)
class LetterChoice:
    """The letter of a multiple choice, with the option itself where that is written too."""

    letter: str
    option: str = ""
    sure: bool = True  # in brackets or with its option; a bare letter may be a variable


@dataclass(frozen=True)
class Collection:
    """Several answers without an order. `number` is the number that the text may be instead (3,5 and 58, 500)."""

    items: tuple[Answer, ...]
    braces: bool = False
    number: Fraction | None = None


@dataclass(frozen=True)
class Bracketed:
    """A point, tuple or interval: its brackets and parts in order."""

    opening: str
    closing: str
    items: tuple[Answer, ...]


@dataclass(frozen=True)
class Region:
    """A set of real numbers, with the variable where one is written."""

    numbers: RealSet
    variable: str = ""


@dataclass(frozen=True)
class Grid:
    """A matrix or vector: rows of terms."""

    rows: tuple[tuple[Term, ...], ...]


@dataclass(frozen=True)
class ZeroSet:
    """An equation: where a term is zero."""

    term: Term


@dataclass(frozen=True)
class NamedAnswer:
    """A name and what it is said to be; `term` is name - value where the name is a variable."""

    name: str
    value: Answer
    argument: str = ""  # x of f(x)
    coordinates: tuple[str, ...] = ()
    term: Term | None = None


@dataclass(frozen=True)
class Inequality:
    """A relation in several letters, brought to `term < 0`, or `term <= 0`."""

    term: Term
    strict: bool


@dataclass(frozen=True)
class BasedNumeral:
    """Digits in a base other than ten."""

    digits: str
    base: int


@dataclass(frozen=True)
class Proportion:
    """Numbers with colons between: a ratio or a time, with the half of the day where that is written."""

    parts: tuple[Term, ...]
    half: str = ""


Answer = (
    Measured
    | Prose
    | LetterChoice
    | Collection
    | Bracketed
    | Region
    | Grid
    | ZeroSet
    | NamedAnswer
    | Inequality
    | BasedNumeral
    | Proportion
)
