"""The search in a grid, for the method `search`: depth first, cells in the level's order or singles first."""

from __future__ import annotations

from random import Random

from journey.generate.grids.guesses import (
    FilledGrid,
    Placement,
    fill,
    sampled,
    with_branches,
    wrong_guesses,
)
from journey.generate.grids.narrate import all_the_same, answer_piece, narrate, prose, rows, text_of
from journey.generate.grids.space import Grid, GridSpace, filled, next_cell
from journey.generate.search.narrate import NarratedSearch, Piece
from journey.generate.search.settings import SearchSettings
from journey.generate.search.walks import TooFew
from journey.schema import Pair, Role, Trace
from journey.views import lay_out


class GridWalk:
    """Searches that fill a grid."""

    def __init__(self, space: GridSpace, settings: SearchSettings) -> None:
        self.space, self.settings = space, settings

    def refused(self) -> str:
        """A grid is searched depth first, and its digits have no distance to a target."""
        chosen = self.settings
        if chosen.strategy != "depth-first":
            return f"strategy={chosen.strategy} is for numbers; a grid is searched depth first"
        if chosen.order in ("sum", "multiply"):
            return f"order={chosen.order} is a distance between numbers; a grid has canonical or singles"
        return "exhaust tells last moves of two numbers, and a grid has none" if chosen.exhaust else ""

    def search(self, rng: Random) -> tuple[FilledGrid, int, bool]:
        """See `Walk.search`."""
        chosen = self.settings
        order = "singles" if chosen.order == "singles" else self.space.order
        found = told = fill(self.space, order, chosen.limit)
        if chosen.backtracks is not None:
            wrong = wrong_guesses(found)
            if len(wrong) < chosen.backtracks:
                raise TooFew(f"{len(wrong)} wrong guesses leave the right path, not {chosen.backtracks}")
            rng.shuffle(wrong)  # so that a larger number has all guesses of a smaller one
            told = with_branches(found, wrong[: chosen.backtracks], chosen.depth)
        elif chosen.trials != "all":
            told = sampled(found, chosen.trials, chosen.depth, rng)
        left_out = len(told.placements) < len(found.placements)
        return told, len(told.placements), left_out or chosen.trials != "all"

    def tell(self, found: FilledGrid, rng: Random) -> NarratedSearch:
        """See `Walk.tell`."""
        return narrate(found, rng)

    def unnoticed(self, pair: Pair, found: FilledGrid, rng: Random) -> Trace | None:
        """The first wrong guess and what follows from it; a cell that is left without a digit gets one all the same."""
        first = next((segment.node - 1 for segment in pair.journey.segments if segment.role == "mistake"), None)
        if first is None:
            return None
        written = ("step", "mistake", "consequence", "correction")
        told = {segment.node: segment for segment in pair.journey.segments if segment.role in written}
        way = [first]
        while found.placements[way[0]].parent >= 0:
            way.insert(0, found.placements[way[0]].parent)
        pieces: list[Piece] = [(s.role, s.text, s.brief, s.node) for s in pair.journey.segments[:1]]
        for place in way:
            segment = told[place + 1]
            role: Role = "mistake" if place == first else "step"
            pieces.append((role, segment.text, segment.brief, segment.node))
        grid = self._to_the_end(found.grid(first), pieces, rng)
        answer = answer_piece(grid, rng, pieces[-1][3])
        last = pair.journey.segments[-1]
        boxed = last.text.replace(pair.journey.answer, rows(grid)[0])
        return Trace(lay_out([*pieces, ("answer", boxed, answer[2], answer[3])]), *rows(grid))

    def _to_the_end(self, grid: Grid, pieces: list[Piece], rng: Random) -> Grid:
        """Fill what is left; each digit that nothing allows is a mistake of its own."""
        while (chosen := next_cell(grid, self.space.order)) is not None:
            cell, options = chosen
            role: Role = "consequence" if options else "mistake"
            digit = (options or self._least_seen(grid, cell))[0]
            each = Placement(
                -1, cell, digit, "forced" if len(options) == 1 else "guess", False, tuple(options or [digit])
            )
            text = prose(each, grid, rng, again=False) if options else all_the_same(each, self.space.size, rng)
            pieces.append((role, text, f"{text_of(each, self.space.size)} .", 0))
            grid = filled(grid, cell, digit)
        return grid

    def _least_seen(self, grid: Grid, cell: int) -> list[int]:
        """The digits of a cell without candidates: those that its row lacks first."""
        size = self.space.size
        row = grid[cell // size * size : cell // size * size + size]
        return sorted(range(1, size + 1), key=lambda digit: (digit in row, digit))
