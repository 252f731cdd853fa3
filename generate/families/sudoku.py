"""Sudoku of 4 * 4 and 9 * 9 cells with one completion: forced digits, guesses, dead ends noticed, back.

The test bed of error injection (arXiv 2512.02389, 4 * 4) and of backtracking at equal compute (arXiv 2504.07052). Every
4 * 4 grid with one completion is solved by cells with one digit left alone (checked over all of them), so nothing would
ever be guessed there. The fixed solver therefore fills a 4 * 4 grid in reading order, guessing where several digits fit,
lowest first; in a 9 * 9 grid it fills cells with one digit left first and then guesses in the one with the fewest. It sees
at once when a cell has no digit left. `search.order=singles` looks for single digits first in a 4 * 4 grid too: its
journeys have no mistakes. How hard a problem is are the guesses of the fixed solver, whatever a method does.

An answer is the rows from top to bottom, digits only: `1234 3412 2143 4321`. In terse notation the cells of a 4 * 4 grid are
the letters a to p, digits words of their own, and every word is one that the embedded base's tokenizer has (`a = 1 ; ... ;
find a to p :`, `try d = 2 .`, `no g . dead end .`, `back to d .`); rows of a pair have 100 to 250 words. Cells of a 9 * 9
grid are a row letter and a column (`b 3 = 5`): the tokenizer knows those words too, but the base's 512 positions hold hardly
any such pair. It is for larger bases.

    journey generate --family sudoku@1 --method search --pairs 1000 --out data/runs/sudoku
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import count

from journey.answers.checker import Outcome
from journey.generate.first_mistake import grids
from journey.generate.grids.guesses import fill
from journey.generate.grids.making import full, with_holes
from journey.generate.grids.narrate import WHOLE, rows
from journey.generate.grids.space import Grid, GridSpace, Order, brief_cell, candidates, filled, size_of, solve
from journey.generate.protocols import FAMILIES
from journey.generate.search.tree import LimitReached
from journey.rng import rng_for
from journey.schema import FirstMistake, Problem, problem_id

_DRAWS = 10_000  # grids for one problem before giving up; some 2 to 30 are needed


@dataclass(frozen=True)
class SudokuLevel:
    """One level: the size, how many cells are empty, the fixed solver's order, and what it must have met on its way."""

    size: int
    empty: tuple[int, int]
    order: Order
    min_guesses: int = 0  # digits tried where several fitted
    min_failed: int = 0  # of these, refuted
    most: int = 10_000  # digits written in all


LEVELS = {
    1: SudokuLevel(4, (8, 9), "reading", min_guesses=1),
    2: SudokuLevel(4, (10, 12), "reading", min_failed=3),
    3: SudokuLevel(9, (49, 51), "singles", min_failed=1, most=120),
}
_SEPARATORS = re.compile(r"[\s,;/|&]+|\\\\|\\[,;! ]")


@FAMILIES.add(
    "sudoku",
    levels={
        1: "4 * 4, 8-9 empty cells, a guess or more",
        2: "4 * 4, 10-12 empty cells, three or more failed guesses",
        3: "9 * 9, 49-51 empty cells, one or more failed guesses",
    },
    methods=("search",),
    difficulty="digits that a fixed solver tries where several fit",
)
class Sudoku:
    """Fill a grid so that every row, column and box has each digit once; the checker reads the rows."""

    target = WHOLE

    def problem(self, seed: int, index: int, level: int = 1, attempt: int = 0) -> Problem:
        """The problem of this place in the seed's stream; another attempt is an independent draw."""
        rules = LEVELS[level]
        rng = rng_for("sudoku", seed, level, index, attempt)
        for _ in range(_DRAWS):
            grid = with_holes(full(rules.size, rng), rng.randint(*rules.empty), rng)
            if grid is not None and _fits(grid, rules):
                return self.build(grid, level=level)
        raise RuntimeError(f"sudoku@{level}: no grid in {_DRAWS} draws")

    def build(self, grid: Grid, *, level: int = 1) -> Problem:
        """The problem of a grid with one completion (0 for an empty cell)."""
        rules, solution = LEVELS[level], solve(grid)
        if solution is None:
            raise ValueError("the grid has no completion")
        size = rules.size
        shown = "\n".join(" ".join(str(d or ".") for d in grid[at : at + size]) for at in range(0, size * size, size))
        box = {4: "2 by 2", 9: "3 by 3"}[size]
        question = (
            f"Fill in the empty cells (dots) of this {size} by {size} grid so that every row, every column and every "
            f"{box} box has each of the digits 1 to {size} exactly once.\n\n{shown}\n\n"
            f"r2c3 means the cell in row 2 and column 3. Give the completed rows from top to bottom, digits only, "
            f"separated by blanks."
        )
        given = " ; ".join(f"{brief_cell(cell, size)} = {digit}" for cell, digit in enumerate(grid) if digit)
        first, last = brief_cell(0, size), brief_cell(size * size - 1, size)
        return Problem(
            id=problem_id("sudoku", *grid),
            question=question,
            answer=rows(solution)[0],
            source="sudoku",
            brief=f"{given} ; find {first} to {last} :",
            check="sudoku",
            level=level,
            licence="Apache-2.0",
            facts={"grid": list(grid), "spelled": True},
        )

    def check(self, problem: Problem, answer: str) -> tuple[Outcome, str]:
        """The digits of all rows in order, with nothing else but separators; they keep what is given, and no digit clashes."""
        given = problem.facts["grid"]
        plain = _SEPARATORS.sub("", answer)
        if not plain.isascii() or not plain.isdecimal():
            return Outcome.DIFFERENT, "not rows of digits"
        if len(plain) != len(given):
            return Outcome.DIFFERENT, f"has {len(plain)} digits, not {len(given)}"
        wrong = next((cell for cell, digit in zip(count(), plain) if given[cell] and int(digit) != given[cell]), None)
        if wrong is not None:
            return Outcome.DIFFERENT, f"has {plain[wrong]} where {given[wrong]} is given"
        right = solve(tuple(given)) == tuple(map(int, plain))
        return (Outcome.SAME, "") if right else (Outcome.DIFFERENT, "a row, column or box has a digit twice")

    def gold(self, problem: Problem) -> str:
        """The rows of the one completion, found by the exact solver."""
        solution = solve(tuple(problem.facts["grid"]))
        if solution is None:
            raise ValueError("the grid has no completion")
        return rows(solution)[0]

    def space(self, problem: Problem) -> GridSpace:
        """The grid that a search fills."""
        return GridSpace(tuple(problem.facts["grid"]), LEVELS[problem.level or 1].order)

    def difficulty(self, problem: Problem) -> float:
        """Digits that the fixed solver tries in cells where several fit."""
        return float(fill(self.space(problem)).guesses)

    def solvable(self, problem: Problem, state: Grid, target: int) -> bool:
        """Exact: whether the grid `state` keeps what is given and can be completed; `target` is 0."""
        given = problem.facts["grid"]
        kept = len(state) == len(given) and all(not g or g == s for g, s in zip(given, state, strict=True))
        return kept and solve(tuple(state)) is not None

    def start(self, problem: Problem) -> Grid:
        """The grid as it is given."""
        return tuple(problem.facts["grid"])

    def end(self, problem: Problem) -> Grid:
        """The one completion."""
        return self.space(problem).solution

    def played(self, problem: Problem, state: Grid, move: str) -> Grid | str:
        """The grid with one more digit; only an empty cell can get one, and only one that its units allow."""
        after = self.mistaken(problem, state, move)
        if isinstance(after, str):
            return after
        cell = next(cell for cell, digit in enumerate(after) if digit != state[cell])
        return after if after[cell] in candidates(state, cell) else "move_not_allowed"

    def mistaken(self, problem: Problem, state: Grid, move: str) -> Grid | str:
        """The grid with one more digit in an empty cell, also one that its units have already: what a mistake may write."""
        size = size_of(state)
        written = {
            f"{brief_cell(cell, size)} = {digit}": (cell, digit)
            for cell in range(size * size)
            for digit in range(1, size + 1)
        }
        if move not in written:
            return "move_unreadable"
        cell, digit = written[move]
        return "move_not_allowed" if state[cell] else filled(state, cell, digit)

    def first_mistake(self, problem: Problem, text: str) -> FirstMistake:
        """The first digit that is not the one of the completion, or a wrong answer."""
        return grids.first_mistake(problem, text)


def _fits(grid: Grid, rules: SudokuLevel) -> bool:
    try:
        found = fill(GridSpace(grid, rules.order), limit=rules.most)
    except LimitReached:
        return False
    return found.guesses >= rules.min_guesses and found.failed >= rules.min_failed
