"""Sudoku grids: cells, what each sees, candidates, and an exact solver. No prose and no chance here.

A grid is a tuple of size * size digits in reading order, 0 for an empty cell; a size is 4 (boxes of 2 * 2) or 9 (3 * 3).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Literal

Grid = tuple[int, ...]
Order = Literal["reading", "singles"]
UNITS = ("row", "column", "box")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class GridShape:
    """A size with the cells of each unit of a cell: `seen[cell]` has its row, column and box without the cell itself."""

    size: int
    box: int
    seen: tuple[tuple[tuple[int, ...], ...], ...]
    peers: tuple[tuple[int, ...], ...]

    @property
    def cells(self) -> range:
        """All cells in reading order."""
        return range(self.size * self.size)


@lru_cache
def shape(size: int) -> GridShape:
    """The shape of this size, 4 or 9."""
    box = {4: 2, 9: 3}[size]
    where = [(cell // size, cell % size, cell // size // box * box + cell % size // box) for cell in range(size * size)]
    seen = tuple(
        tuple(
            tuple(other for other in range(size * size) if other != cell and where[other][unit] == where[cell][unit])
            for unit in range(3)
        )
        for cell in range(size * size)
    )
    peers = tuple(tuple(sorted({other for unit in units for other in unit})) for units in seen)
    return GridShape(size, box, seen, peers)


def size_of(grid: Grid) -> int:
    """The size of a grid: 4 or 9."""
    return {16: 4, 81: 9}[len(grid)]


def filled(grid: Grid, cell: int, digit: int) -> Grid:
    """The grid with one more digit."""
    return (*grid[:cell], digit, *grid[cell + 1 :])


def candidates(grid: Grid, cell: int) -> list[int]:
    """The digits that nothing in the cell's row, column and box rules out, ascending."""
    size = size_of(grid)
    taken = {grid[other] for other in shape(size).peers[cell]}
    return [digit for digit in range(1, size + 1) if digit not in taken]


def why_not(grid: Grid, cell: int) -> dict[str, list[int]]:
    """The digits that a cell cannot have, each under the first unit that holds it: row, column, box."""
    found: dict[str, list[int]] = {}
    told: set[int] = set()
    for name, unit in zip(UNITS, shape(size_of(grid)).seen[cell], strict=True):
        new = sorted({grid[other] for other in unit} - told - {0})
        told |= set(new)
        if new:
            found[name] = new
    return found


def clashes(grid: Grid) -> bool:
    """Whether a digit stands twice in a row, column or box."""
    peers = shape(size_of(grid)).peers
    return any(digit and any(grid[other] == digit for other in peers[cell]) for cell, digit in enumerate(grid))


def next_cell(grid: Grid, order: Order) -> tuple[int, list[int]] | None:
    """The cell that is filled next and its candidates; None for a full grid.

    A cell without candidates comes before all others: it shows that the grid cannot be completed. `reading`: then the
    first empty cell. `singles`: then the first cell with one candidate, else the first with the fewest.
    """
    peers, size = shape(size_of(grid)).peers, size_of(grid)
    every, best = (1 << size + 1) - 2, None
    for cell, digit in enumerate(grid):
        if digit:
            continue
        left = every
        for other in peers[cell]:
            left &= ~(1 << grid[other])
        count = left.bit_count()
        if not count:
            return cell, []
        if best is None or (order == "singles" and count < best[2]):
            best = (cell, left, count)
    return None if best is None else (best[0], [digit for digit in range(1, size + 1) if best[1] >> digit & 1])


class _Solver:
    """Fills a grid by the cell with the fewest digits left, keeping what each row, column and box holds as bits."""

    def __init__(self, grid: Grid, rng: Random | None) -> None:
        self.size, self.rng = size_of(grid), rng
        self.shape = shape(self.size)
        self.grid = list(grid)
        self.rows, self.columns, self.boxes = ([0] * self.size for _ in range(3))
        self.empty = [cell for cell, digit in enumerate(grid) if not digit]
        for cell, digit in enumerate(grid):
            if digit:
                self._flip(cell, 1 << digit)

    def _flip(self, cell: int, bit: int) -> None:
        row, column = divmod(cell, self.size)
        self.rows[row] ^= bit
        self.columns[column] ^= bit
        self.boxes[row // self.shape.box * self.shape.box + column // self.shape.box] ^= bit

    def solutions(self) -> Iterator[Grid]:
        """Every completion. The grid must not clash."""
        if not self.empty:
            yield tuple(self.grid)
            return
        every, box, size = (1 << self.size + 1) - 2, self.shape.box, self.size
        best, at, fewest = 0, 0, size + 1
        for place, cell in enumerate(self.empty):
            row, column = divmod(cell, size)
            left = every & ~(self.rows[row] | self.columns[column] | self.boxes[row // box * box + column // box])
            count = left.bit_count()
            if count < fewest:
                best, at, fewest = left, place, count
                if count < 2:
                    break
        cell = self.empty[at]
        self.empty[at] = self.empty[-1]
        self.empty.pop()
        bits = [1 << digit for digit in range(1, size + 1) if best >> digit & 1]
        if self.rng is not None:
            self.rng.shuffle(bits)
        for bit in bits:
            self._flip(cell, bit)
            self.grid[cell] = bit.bit_length() - 1
            yield from self.solutions()
            self._flip(cell, bit)
        self.grid[cell] = 0
        self.empty.append(cell)
        self.empty[at], self.empty[-1] = self.empty[-1], self.empty[at]


def solutions(grid: Grid, rng: Random | None = None) -> Iterator[Grid]:
    """Every completion of a grid, exactly; none where it clashes. With `rng` in random order."""
    return iter(()) if clashes(grid) else _Solver(grid, rng).solutions()


@lru_cache(maxsize=4096)
def solve(grid: Grid) -> Grid | None:
    """The first completion, or None where there is none."""
    return next(solutions(grid), None)


@dataclass(frozen=True)
class GridSpace:
    """What the search walks: a grid with one completion, and the order in which its cells are filled."""

    start: Grid
    order: Order

    @property
    def size(self) -> int:
        """4 or 9."""
        return size_of(self.start)

    @property
    def solution(self) -> Grid:
        """The completion. Raises ValueError where there is none."""
        found = solve(self.start)
        if found is None:
            raise ValueError("the grid has no completion")
        return found


def brief_cell(cell: int, size: int) -> str:
    """A cell in terse notation: a letter in a 4 * 4 grid (`a` to `p`), row letter and column in a larger one (`b 3`)."""
    return LETTERS[cell] if size == 4 else f"{LETTERS[cell // size]} {cell % size + 1}"


def prose_cell(cell: int, size: int) -> str:
    """A cell in prose: `r2c3` is row 2, column 3."""
    return f"r{cell // size + 1}c{cell % size + 1}"
