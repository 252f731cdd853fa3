"""Countdown with targets that no training problem has, at the level of the quickstart."""

from __future__ import annotations

from journey.catalog import BENCHMARKS
from journey.schema import Problem


@BENCHMARKS.add("countdown-targets", family="countdown", level=1, licence="Apache-2.0", dev="countdown@1")
def countdown_targets(problem: Problem) -> bool:
    """Countdown with 3 numbers and targets that no training problem has."""
    return problem.held_out
