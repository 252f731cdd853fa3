"""Grids with one completion: a random full grid, from which digits are taken in random order while it stays the only one."""

from __future__ import annotations

from itertools import islice
from random import Random

from journey.generate.grids.space import Grid, candidates, filled, solutions


def full(size: int, rng: Random) -> Grid:
    """A random full grid (every grid can come, not all equally often)."""
    return next(solutions((0,) * (size * size), rng))


def unique(grid: Grid) -> bool:
    """Whether a grid has exactly one completion."""
    return len(list(islice(solutions(grid), 2))) == 1


def with_holes(grid: Grid, empty: int, rng: Random) -> Grid | None:
    """The full grid with `empty` cells emptied and still one completion; None where this order of emptying gives fewer."""
    for cell in rng.sample(range(len(grid)), len(grid)):
        if not empty:
            break
        holed = filled(grid, cell, 0)
        # A cell with one candidate left can be emptied whatever the rest of the grid is.
        if len(candidates(holed, cell)) == 1 or unique(holed):
            grid, empty = holed, empty - 1
    return None if empty else grid
