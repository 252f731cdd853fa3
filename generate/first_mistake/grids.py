"""First mistakes in filled grids: every digit that is written against the one completion, which the question settles.

Before the first wrong digit all that stands in the grid is right, so nothing that is taken back later can matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from journey.answers.grading import grade
from journey.answers.steps import reasoning_end
from journey.generate.grids.space import LETTERS, Grid, filled, size_of, solve, why_not
from journey.schema import FirstMistake, Problem, Reachable

_PROSE = re.compile(r"\br(?P<row>[1-9])c(?P<column>[1-9]) = (?P<digit>[1-9])(?!\d)")
_BRIEF = {
    4: re.compile(r"(?<![a-z])(?P<cell>[a-p]) = (?P<digit>[1-9])(?!\d)"),
    9: re.compile(r"(?<![a-z])(?P<row>[a-i]) (?P<column>[1-9]) = (?P<digit>[1-9])(?!\d)"),
}
_START = re.compile(r"(?<=[.!?]) +|\n+")
_BOX = re.compile(r"\\boxed")
_DIGIT = re.compile(r"[0-9]")


def placements(text: str, size: int) -> Iterator[tuple[tuple[int, int], int, int]]:
    """The digits written before the box, as (span from its sentence's start, cell, digit), in order."""
    end = reasoning_end(text)
    bank = _PROSE if _PROSE.search(text, 0, end) else _BRIEF[size]
    for match in bank.finditer(text, 0, end):
        starts = [found.end() for found in _START.finditer(text, 0, match.start())]
        cell = _cell(match.groupdict(), size)
        if cell is not None:
            yield (starts[-1] if starts else 0, match.end()), cell, int(match["digit"])


def _cell(named: dict[str, str], size: int) -> int | None:
    """The cell that a match names; None for one outside of the grid."""
    if "cell" in named:
        return LETTERS.index(named["cell"])
    row = LETTERS.index(named["row"]) if named["row"].isalpha() else int(named["row"]) - 1
    column = int(named["column"]) - 1
    return row * size + column if row < size and column < size else None


def first_mistake(problem: Problem, text: str) -> FirstMistake:
    """The first digit that is not the completion's, or a wrong answer after right digits; `kind` says what is wrong.

    A digit: `filled cell` where another one stands already, `row clash`, `column clash` or `box clash` by the first unit that
    has it already, else `wrong guess`, since it fitted. An answer: `cell left out` where its first wrong digit is in a cell
    that was never filled, else `wrong answer`.
    """
    grid: Grid = tuple(problem.facts["grid"])
    solution = solve(grid)
    if solution is None:
        return FirstMistake()
    for span, cell, digit in placements(text, size_of(grid)):
        after = filled(grid, cell, digit)
        if digit != solution[cell]:
            kind = kind_of(grid, cell, digit)
            return FirstMistake(kind, span, "checked:question", True, Reachable(after, 0), False)
        grid = after
    graded = grade(problem, text)
    if graded.outcome == "correct" or not _BOX.search(text):
        return FirstMistake(before=True)
    kind = "cell left out" if _left_out(grid, solution, graded.answer or "") else "wrong answer"
    return FirstMistake(kind, (reasoning_end(text), len(text)), "checked:question", True)


def kind_of(grid: Grid, cell: int, digit: int) -> str:
    """What is wrong with a digit that is not the completion's, as `first_mistake` names it."""
    if grid[cell]:
        return "filled cell"
    unit = next((unit for unit, digits in why_not(grid, cell).items() if digit in digits), None)
    return f"{unit} clash" if unit else "wrong guess"


def _left_out(grid: Grid, solution: Grid, answer: str) -> bool:
    """Whether the first wrong digit of a whole answer is in a cell that `grid`, what was written, has empty."""
    digits = [int(digit) for digit in _DIGIT.findall(answer)]
    if len(digits) != len(grid):
        return False
    return next((not grid[cell] for cell, digit in enumerate(digits) if digit != solution[cell]), False)
