"""Sweeps in a terminal."""

from __future__ import annotations

from journey import console
from journey.formats.sweep import SweepFile


def show_sweep(record: SweepFile) -> None:
    """Print the tables of a sweep."""
    from journey.evaluate.sweep.terminal import SweepSummary

    console.out.print(SweepSummary(record))
