"""A grid filled step by step: forced digits, guesses, dead ends. Which digit is tried next is fixed; no prose here."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Literal, NamedTuple

from journey.generate.grids.space import Grid, GridSpace, Order, filled, next_cell
from journey.generate.search.tree import LimitReached

How = Literal["forced", "guess", "last"]  # one digit fits; one of several; the one left when the others have failed


class Placement(NamedTuple):
    """A digit written into a cell, tried from the placement `parent` (-1: the start). `options` fitted the cell then."""

    parent: int
    cell: int
    digit: int
    how: How
    right: bool
    options: tuple[int, ...]


class DeadEnd(NamedTuple):
    """Placement `place`, a guess, is refuted: no digit is left for `cell`, or (`tried`) each of its digits has failed."""

    place: int
    cell: int
    tried: bool
    after: int  # the last placement before it was seen


@dataclass
class FilledGrid:
    """The search as it happened: placements, and in `events` the place of each (an int) with the dead ends between them."""

    start: Grid
    placements: list[Placement] = field(default_factory=list)
    events: list[int | DeadEnd] = field(default_factory=list)
    goal: int = -1

    def path(self) -> list[int]:
        """The placements from the start to the full grid."""
        path, at = [], self.goal
        while at >= 0:
            path.append(at)
            at = self.placements[at].parent
        return path[::-1]

    def grid(self, place: int) -> Grid:
        """The grid once a placement has been made; place -1 is the start."""
        grid = list(self.start)
        while place >= 0:
            grid[self.placements[place].cell] = self.placements[place].digit
            place = self.placements[place].parent
        return tuple(grid)

    @property
    def guesses(self) -> int:
        """How many times one of several digits was tried."""
        return sum(len(each.options) > 1 for each in self.placements)

    @property
    def failed(self) -> int:
        """How many of these were refuted."""
        return sum(isinstance(event, DeadEnd) for event in self.events)


def fill(space: GridSpace, order: Order | None = None, limit: int = 1_000_000) -> FilledGrid:
    """Fill a grid as the fixed solver does, depth first and lowest digit first. Raises LimitReached after `limit` digits."""
    filler = _Filler(space, order or space.order, limit)
    filler.go_on(space.start, -1)
    return filler.found


class _Filler:
    def __init__(self, space: GridSpace, order: Order, limit: int) -> None:
        self.order, self.limit, self.solution = order, limit, space.solution
        self.found = FilledGrid(space.start)

    def place(self, parent: int, cell: int, digit: int, how: How, options: list[int]) -> int:
        """Write one digit."""
        found = self.found
        at = len(found.placements)
        if at >= self.limit:
            raise LimitReached(f"{self.limit} moves")
        right = digit == self.solution[cell] and (parent < 0 or found.placements[parent].right)
        found.placements.append(Placement(parent, cell, digit, how, right, tuple(options)))
        found.events.append(at)
        return at

    def go_on(self, grid: Grid, at: int) -> tuple[int, bool] | None:
        """Fill from here; None when the grid is full, else the cell that shows that it cannot be, and whether its
        digits were tried."""
        while True:
            chosen = next_cell(grid, self.order)
            if chosen is None:
                self.found.goal = at
                return None
            cell, options = chosen
            if not options:
                return cell, False
            if len(options) > 1:
                return self.guess(grid, at, cell, options)
            at = self.place(at, cell, options[0], "forced", options)
            grid = filled(grid, cell, options[0])

    def guess(self, grid: Grid, at: int, cell: int, options: list[int]) -> tuple[int, bool] | None:
        """Try each digit of a cell, each to its end."""
        for digit in options:
            place = self.place(at, cell, digit, "last" if digit == options[-1] else "guess", options)
            dead = self.go_on(filled(grid, cell, digit), place)
            if dead is None:
                return None
            self.found.events.append(DeadEnd(place, *dead, len(self.found.placements) - 1))
        return cell, True


def wrong_guesses(found: FilledGrid) -> list[int]:
    """The refuted placements that leave the right path: its mistakes."""
    refuted = {event.place for event in found.events if isinstance(event, DeadEnd)}
    above = {found.placements[place].parent for place in found.path()}
    return [place for place in sorted(refuted) if found.placements[place].parent in above]


def with_branches(found: FilledGrid, branches: list[int], depth: int | None) -> FilledGrid:
    """The right path and these wrong guesses, each to `depth` digits; nothing else of the search is told."""
    keep = set(found.path())
    top = dict.fromkeys(branches, 1)
    for place, each in enumerate(found.placements):
        level = top.get(place) or (top[each.parent] + 1 if each.parent in top else 0)
        if level:
            top[place] = level
            if depth is None or level <= depth:
                keep.add(place)
    new = {old: at for at, old in enumerate(sorted(keep))} | {-1: -1}
    placements = []
    for old in sorted(keep):
        each = found.placements[old]
        told = {
            other.digit
            for place, other in enumerate(found.placements)
            if place in keep and place < old and (other.parent, other.cell) == (each.parent, each.cell)
        }
        rest = [digit for digit in each.options if digit not in told]
        how: How = "forced" if len(each.options) == 1 else "last" if len(rest) == 1 else "guess"
        placements.append(each._replace(parent=new[each.parent], how=how))
    events: list[int | DeadEnd] = []
    for event in found.events:
        if isinstance(event, int) and event in new:
            events.append(new[event])
        elif isinstance(event, DeadEnd) and event.place in new:
            after = max(at for at in new if at <= event.after)
            whole = event.after in new
            events.append(DeadEnd(new[event.place], event.cell if whole else -1, event.tried, new[after]))
    return FilledGrid(found.start, placements, events, new[found.goal])


def sampled(found: FilledGrid, trials: int, depth: int | None, rng: Random) -> FilledGrid:
    """At most `trials` digits at each cell of the right path: sampled wrong ones, then the right one."""
    at_cell: dict[int, list[int]] = {}
    for place in wrong_guesses(found):
        at_cell.setdefault(found.placements[place].parent, []).append(place)
    kept = [place for tries in at_cell.values() for place in rng.sample(tries, min(len(tries), trials - 1))]
    return with_branches(found, kept, depth)
