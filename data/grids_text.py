"""What the embedded base `pocket-grids` is trained on: grids of 4 * 4 cells in the compact notation of `sudoku`.

Its solutions are right from the first digit to the last: single digits, and guesses that hold. No text shows a wrong
digit, a dead end or a way back. Every problem is one of the training split (`journey.splits`); grids without a question
are full ones, of which there are 288 in all.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np

from journey.catalog import FAMILIES
from journey.data.pocket_text import EOS
from journey.generate.grids.narrate import rows
from journey.generate.grids.space import Grid, brief_cell, filled, next_cell, solutions, solve
from journey.rng import rng_for
from journey.schema import Problem
from journey.splits import split_of

SIZE = 4
FULL = np.array(list(solutions((0,) * SIZE**2)))  # every full grid
EMPTY = (3, 12)  # empty cells of a solved problem; twelve is the most that leave one completion


def _with_holes(empty: int, rng: Random) -> Grid | None:
    """A grid with so many empty cells and one completion; None where this order of emptying gives fewer."""
    grid = list(FULL[rng.randrange(len(FULL))])
    fitting = FULL == grid  # (288, 16): which full grids have the digit of a cell
    shown = set(range(len(grid)))
    for cell in rng.sample(range(len(grid)), len(grid)):
        if len(shown) == len(grid) - empty:
            break
        if fitting[:, sorted(shown - {cell})].all(axis=1).sum() == 1:
            shown.remove(cell)
    return tuple(int(digit) if cell in shown else 0 for cell, digit in enumerate(grid)) if len(shown) == 16 - empty else None


def _asked(rng: Random, empty: tuple[int, int]) -> Problem:
    """A training problem with so many empty cells."""
    while True:
        grid = _with_holes(rng.randint(*empty), rng)
        if grid is not None:
            problem: Problem = FAMILIES.get("sudoku")().build(grid)
            if split_of(problem) == "train":
                return problem


def right_path(grid: Grid) -> str:
    """The cells in the fixed solver's order with the digits of the completion; `try` where several fitted."""
    solution = solve(grid)
    if solution is None:
        raise ValueError("the grid has no completion")
    said = []
    while (chosen := next_cell(grid, "reading")) is not None:
        cell, options = chosen
        step = f"{brief_cell(cell, SIZE)} = {solution[cell]} ."
        said.append(step if len(options) == 1 else f"try {step}")
        grid = filled(grid, cell, solution[cell])
    return " ".join([*said, f"\\boxed{{ {rows(solution)[1]} }}"])


def solved(rng: Random) -> str:
    """A training problem with its right path and its answer."""
    problem = _asked(rng, EMPTY)
    return f"{problem.brief} {right_path(tuple(problem.facts['grid']))} {EOS}"


def copied(rng: Random) -> str:
    """A full grid and its rows: nothing to find."""
    problem = _asked(rng, (0, 0))
    return f"{problem.brief} {right_path(tuple(problem.facts['grid']))} {EOS}"


def any_order(rng: Random) -> str:
    """The cells of a full grid in random order, without a question."""
    grid = FULL[rng.randrange(len(FULL))]
    return " ".join(f"{brief_cell(cell, SIZE)} = {grid[cell]} ;" for cell in rng.sample(range(len(grid)), len(grid)))


MIX: tuple[tuple[float, Callable[[Random], str]], ...] = (
    (0.70, solved),
    (0.10, copied),
    (0.20, any_order),
)


def piece(seed: int, index: int) -> str:
    """The fragment at this place of the seed's stream."""
    rng = rng_for("grids text", seed, index)
    place = rng.random()
    for share, make in MIX:
        place -= share
        if place < 0:
            return make(rng)
    return solved(rng)
