"""Countdown with many choices: harder by how rarely a guess is right, in whatever order steps are tried."""

from __future__ import annotations

from journey.catalog import BENCHMARKS, FAMILIES
from journey.schema import Problem

LEAST = 8  # first steps; of nine at most, and six at the median


@BENCHMARKS.add("countdown-choices", family="countdown", level=1, licence="Apache-2.0", dev="countdown@1")
def countdown_choices(problem: Problem) -> bool:
    """Countdown with 3 numbers where one first step of eight or nine leads to the target."""
    space = FAMILIES.get("countdown")().space(problem)
    after = [move[-1] for move in space.moves(space.start)]
    return not problem.held_out and len(after) >= LEAST and sum(map(space.solvable, after)) == 1
