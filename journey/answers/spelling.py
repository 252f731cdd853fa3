"""Numbers spelled digit by digit, as the terse notation of some families has them: `4 7 * 6 = 2 8 2`."""

from __future__ import annotations

import re
from collections.abc import Callable

from journey.schema import Problem

_NUMBER = re.compile(r"(?<![\w.])\d{2,}(?![\w.]|\.\d)", re.ASCII)
_DIGITS = re.compile(r"(?<![\w.])\d(?: \d)+(?![\w.])", re.ASCII)


def spelled(text: str) -> str:
    """Every whole number of two digits or more as its digits, a blank between them."""
    return _NUMBER.sub(lambda match: " ".join(match[0]), text)


def spelling(problem: Problem) -> Callable[[str], str]:
    """How a problem's terse notation writes its numbers: spelled where its facts say so, else as they are."""
    return spelled if problem.facts.get("spelled") else str


def joined(text: str) -> str:
    """Single digits side by side as one number."""
    return _DIGITS.sub(lambda match: match[0].replace(" ", ""), text)


def unspelled(text: str) -> str:
    """Single digits side by side as one number, at the place of the first one; the text keeps its length."""
    return _DIGITS.sub(lambda match: match[0].replace(" ", "").ljust(len(match[0])), text)


def as_read(problem: Problem, text: str) -> str:
    """An answer as readers of equations take it: spelled numbers joined where the problem's facts say so, every place as it was."""
    return unspelled(text) if problem.facts.get("spelled") else text
