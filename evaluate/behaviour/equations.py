"""The equations that an answer writes, and whether they are true: exact, and without running any of the text.

    list(equations("The candles cost $19 * 2 = $38."))   -> [Equation("19 * 2", Fraction(38), Fraction(38), span)]

Only arithmetic on numerals counts; what stands next to a letter or a power (`x^2 + 3 = 7`, `2m = 6`) is algebra and left out.
A value with fewer decimals than the exact one is true if it is the exact one rounded.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from journey.answers.exact import NotANumber, evaluate

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
_RUN = re.compile(rf"[-( ]*{_NUMBER}(?:[ =+*/()-]|{_NUMBER})*")
_WORDS = re.compile(
    r"\\(?:times|cdot)(?![A-Za-z])|\\div(?![A-Za-z])|\\left|\\right|\\[,;! ()\[\]]|[$\u20ac]|<<[^<>]*>>"
)
_SIGNS = str.maketrans({"\u00d7": "*", "\u00f7": "/", "\u2212": "-", "\u2013": "-", "\u00b7": "*", "\t": " "})
_LETTER_X = re.compile(r"(?<=[\d)])( *)[xX](?= *[\d(.])")
_SIMPLE = re.compile(r"(\d{1,9}) *([-+*]) *(\d{1,9})", re.ASCII)
_OPERATOR = re.compile(r"(?<=[\d)]) *[-+*/]")


class Equation(NamedTuple):
    """One equation as written: its left side, that side's exact value, the value claimed, and its characters."""

    left: str
    exact: Fraction
    claimed: Fraction
    start: int
    end: int
    true: bool

    @property
    def numbers(self) -> list[Fraction]:
        """The numerals of the left side, in order."""
        return [Fraction(found.replace(",", "")) for found in re.findall(_NUMBER, self.left)]


def plain(text: str) -> str:
    """The text with its signs as + - * / and currency and LaTeX spacing blanked, each character in its old place."""

    def same_length(found: re.Match[str]) -> str:
        sign = "*" if found[0] in ("\\times", "\\cdot") else "/" if found[0] == "\\div" else ""
        return sign.ljust(len(found[0]))

    text = _WORDS.sub(same_length, text).translate(_SIGNS)
    return _LETTER_X.sub(lambda found: f"{found[1]}*", text)


def equations(text: str) -> Iterator[Equation]:
    """Every equation of the text between two sides of which the left one calculates something."""
    text = plain(text)
    for run in _RUN.finditer(text):
        if "=" not in run[0]:
            continue
        sides = _sides(text, run)
        for (left, start, _), (right, _, end) in itertools.pairwise(sides):
            if left is None or right is None or not _OPERATOR.search(left):
                continue
            try:
                exact, claimed = _exact(left), _exact(right)
            except NotANumber:
                continue
            yield Equation(left, exact, claimed, start, end, _agree(exact, claimed, right))


def _exact(side: str) -> Fraction:
    """The value of a side: plain integers and one operation on two of them at once, the rest by the parser."""
    if side.isdecimal() and len(side) < 19:
        return Fraction(int(side))
    if found := _SIMPLE.fullmatch(side):
        a, b = int(found[1]), int(found[3])
        return Fraction(a + b if found[2] == "+" else a - b if found[2] == "-" else a * b)
    return evaluate(side)


def _sides(text: str, run: re.Match[str]) -> list[tuple[str | None, int, int]]:
    """The sides of a chain of equations with their spans; a side that goes on outside the run is None."""
    sides: list[tuple[str | None, int, int]] = []
    start = run.start()
    for piece in run[0].split("="):
        end = start + len(piece)
        stripped = piece.strip()
        first = start + len(piece) - len(piece.lstrip())
        # A full stop or a bracket that closes something outside is no part of the side.
        while stripped.count(")") > stripped.count("(") and stripped.endswith(")"):
            stripped = stripped[:-1].rstrip()
        while stripped.count("(") > stripped.count(")") and stripped.startswith("("):
            stripped, first = stripped[1:].lstrip(), first + 1
        sides.append((stripped or None, first, first + len(stripped)))
        start = end + 1
    if sides and _goes_on_before(text, run.start()):
        sides[0] = (None, *sides[0][1:])
    if sides and _goes_on_after(text, run.end()):
        sides[-1] = (None, *sides[-1][1:])
    return sides


def _goes_on_before(text: str, at: int) -> bool:
    """Whether what stands before a run belongs to its first side: an operator, a bracket, a letter without a blank."""
    before = text[:at]
    if before and not text[at].isspace() and (before[-1].isalnum() or before[-1] in "_.\\}"):
        return True
    last = before.rstrip()[-1:]
    return last in "+-*/^_<>\u221a\u2248~}%" and bool(last)


def _goes_on_after(text: str, at: int) -> bool:
    """Whether what stands after a run belongs to its last side: algebra, a power, a percent sign, a single letter."""
    after = text[at:]
    touching = not text[at - 1].isspace()
    if touching and after[:1] and (after[0] in "^%_\\{" or (after[0].isalpha() and not _unit(after))):
        return True
    rest = after.lstrip()
    return rest[:1] in tuple("^%*/+\u221a\\") or bool(re.match(r"[b-zB-HJ-Z](?![A-Za-z'])", rest))


def _unit(after: str) -> bool:
    """Whether letters right after a number look like a unit (`5km`), not a variable (`5x`)."""
    return bool(re.match(r"[A-Za-z]{2,}", after))


def _agree(exact: Fraction, claimed: Fraction, written: str) -> bool:
    if exact == claimed:
        return True
    decimals = len(written.rpartition(".")[2]) if "." in written else 0
    return decimals > 0 and abs(exact - claimed) <= Fraction(1, 2 * 10**decimals)
