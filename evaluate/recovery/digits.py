"""The recovery probe on grids: a wrong digit in a cell in place of a false equation; the compact notation alone.

In prose a sentence says why a digit fits, so another digit in it would be seen by its words; such prefixes are not made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

from journey.catalog import FAMILIES
from journey.evaluate.behaviour.sentences import marked
from journey.formats.behaviour import RecoveryPrefix
from journey.schema import Problem
from journey.views import Rendered

_PLACED = re.compile(r"(?:(?<=^)|(?<= ))(?:try )?(?P<cell>[a-p]) = (?P<digit>[1-9]) \.")
_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")


class PlacedDigit(NamedTuple):
    """A digit as a text writes it: its cell's letter, the digit, where the sentence starts, the digit stands, and it ends."""

    cell: str
    digit: int
    start: int
    at: int
    end: int


def is_grid(problem: Problem) -> bool:
    """Whether a problem asks for the digits of a grid of 4 by 4 cells."""
    return len(problem.facts.get("grid", ())) == 16


def placed(text: str) -> Iterator[PlacedDigit]:
    """The digits that a text in compact notation writes before its box."""
    box = _BOX.search(text)
    for found in _PLACED.finditer(text, 0, box.start() if box else len(text)):
        yield PlacedDigit(found["cell"], int(found["digit"]), found.start(), found.start("digit"), found.end())


def truth_of(problem: Problem) -> dict[str, int]:
    """The digit of every cell, by the exact solver."""
    family: Any = FAMILIES.get(problem.source)()
    digits = [each for each in family.gold(problem) if each.isdigit()]
    return {chr(ord("a") + cell): int(digit) for cell, digit in enumerate(digits)}


def inject(question: str, problem: Problem, shown: Rendered, rng: Random, writer: str) -> RecoveryPrefix | None:
    """A wrong digit in one step of the right text; None where it has none in compact notation."""
    steps = {span.start for span in shown.spans if span.role == "step"}
    candidates = [each for each in placed(shown.text) if each.start in steps]
    if not candidates:
        return None
    chosen = candidates[rng.randrange(len(candidates))]
    false = rng.choice([digit for digit in range(1, 5) if digit != chosen.digit])
    return _prefix(question, writer, None, shown.text, chosen, false, chosen.digit)


def first_wrong(question: str, problem: Problem, text: str, writer: str, run: str) -> RecoveryPrefix | str:
    """The prefix of a model's answer, up to the first digit that is not the completion's; or why there is none."""
    truth = truth_of(problem)
    written: set[str] = set()
    for each in placed(text):
        if each.digit != truth[each.cell]:
            again = each.cell in written or problem.facts["grid"][ord(each.cell) - ord("a")]
            if again:
                return "a first mistake without a clean twin"
            return _prefix(question, writer, run, text, each, each.digit, truth[each.cell])
        written.add(each.cell)
    return "no false step"


def _prefix(
    question: str, writer: str, run: str | None, text: str, each: PlacedDigit, false: int, truth: int
) -> RecoveryPrefix:
    wrong, clean = (f"{text[: each.at]}{digit} ." for digit in (false, truth))
    return RecoveryPrefix(question, writer, run, wrong, clean, each.cell, each.cell, str(false), str(truth))


def after(prefix: RecoveryPrefix, whole: str, cut: int, value: int) -> tuple[bool, bool, bool, bool]:
    """(doubted, the true digit later, the same one again, another one) of the cell whose digit ends at character `cut`.

    A digit is doubted where the very next sentence doubts or goes back, or a later one before the box goes back to its cell.
    """
    boxes = list(_BOX.finditer(whole, cut))
    before = whole[: boxes[-1].start()] if boxes else whole
    marks = [mark for mark in marked(before) if mark.start >= cut and mark.kind in ("notice", "backtrack")]
    next_one = bool(marks) and not before[cut : marks[0].start].strip()
    back = re.compile(rf"\bback to {prefix.calculation} \.")
    doubted = next_one or any(back.search(before, mark.start, mark.end) for mark in marks)
    later = [each.digit for each in placed(whole) if each.start >= cut and each.cell == prefix.calculation]
    truth = int(prefix.truth)
    return doubted, truth in later, value in later, any(digit != value for digit in later)
