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
from journey.rng import rng_for
from journey.schema import Problem
from journey.splits import split_of

Grid = tuple[int, ...]  # sixteen digits in reading order, 0 for an empty cell
CELLS = range(16)
LETTERS = "abcdefghijklmnop"
EMPTY = (3, 12)  # empty cells of a solved problem; twelve is the most that leave one completion
_WHERE = [(cell // 4, cell % 4, cell // 8 * 2 + cell % 4 // 2) for cell in CELLS]  # row, column, box
SEEN = [
    [other for other in CELLS if any(a == b for a, b in zip(_WHERE[cell], _WHERE[other], strict=True))]
    for cell in CELLS
]  # what shares a row, a column or a box with a cell, itself included


def _full() -> list[Grid]:
    """All 288 full grids, in the order of a search that fills the cell with the fewest digits left."""
    found: list[Grid] = []
    grid, empty = [0] * len(CELLS), list(CELLS)

    def go_on() -> None:
        if not empty:
            found.append(tuple(grid))
            return
        left = [[digit for digit in (1, 2, 3, 4) if all(grid[k] != digit for k in SEEN[cell])] for cell in empty]
        place = min(range(len(empty)), key=lambda place: len(left[place]))
        cell = empty[place]
        empty[place] = empty[-1]
        empty.pop()
        for digit in left[place]:
            grid[cell] = digit
            go_on()
        grid[cell] = 0
        empty.append(cell)
        empty[place], empty[-1] = empty[-1], empty[place]

    go_on()
    return found


FULL = _full()
_FULL = np.array(FULL)  # (288, 16)


def _with_holes(full: Grid, empty: int, rng: Random) -> Grid | None:
    """The full grid with so many cells emptied and one completion; None where this order of emptying gives fewer."""
    shown, fitting = set(CELLS), np.array(full) == _FULL
    for cell in rng.sample(CELLS, len(CELLS)):
        if len(CELLS) - len(shown) == empty:
            break
        if fitting[:, sorted(shown - {cell})].all(axis=1).sum() == 1:
            shown.remove(cell)
    left = len(CELLS) - len(shown) == empty
    return tuple(digit if cell in shown else 0 for cell, digit in enumerate(full)) if left else None


def right_path(grid: Grid, full: Grid) -> str:
    """The empty cells in reading order with the digits of the completion `full`, `try` where several fit; the answer."""
    filled, said = list(grid), []
    for cell in CELLS:
        if not grid[cell]:
            fitting = {1, 2, 3, 4} - {filled[other] for other in SEEN[cell]}
            filled[cell] = full[cell]
            said.append(f"{'try ' if len(fitting) > 1 else ''}{LETTERS[cell]} = {full[cell]} .")
    return " ".join([*said, f"\\boxed{{ {' '.join(map(str, full))} }}"])


def _told(rng: Random, empty: tuple[int, int]) -> str:
    """A training problem with so many empty cells, and its right path."""
    while True:
        count = rng.randint(*empty)
        full = rng.choice(FULL)
        grid = _with_holes(full, count, rng)
        if grid is not None:
            problem: Problem = FAMILIES.get("sudoku")().build(grid)
            if split_of(problem) == "train":
                return f"{problem.brief} {right_path(grid, full)} {EOS}"


def solved(rng: Random) -> str:
    """A training problem with its right path and its answer."""
    return _told(rng, EMPTY)


def copied(rng: Random) -> str:
    """A full grid and its rows: nothing to find."""
    return _told(rng, (0, 0))


def any_order(rng: Random) -> str:
    """The cells of a full grid in random order, without a question."""
    full = rng.choice(FULL)
    return " ".join(f"{LETTERS[cell]} = {full[cell]} ;" for cell in rng.sample(CELLS, len(CELLS)))


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
