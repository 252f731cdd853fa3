"""Sweeps in a terminal."""

from __future__ import annotations

from journey import console
from journey.formats.recipes.sweep import SweepResults


def show_sweep(record: SweepResults) -> None:
    """Print the tables of a sweep."""
    from journey.evaluate.sweep.terminal import SweepSummary

    console.out.print(SweepSummary(record))
