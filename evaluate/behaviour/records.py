"""The marked places of one answer, and which kinds of marks count towards which habit."""

from __future__ import annotations

import msgspec

from journey.formats.behaviour import Habit, Kind

# What counts towards a habit. A notice re-tests what was written, so it is verification, as a check is.
MARKS_OF: dict[Habit, tuple[Kind, ...]] = {
    "backtracks": ("backtrack",),
    "verifies": ("check", "notice"),
    "subgoals": ("subgoal",),
    "works_backward": ("backward",),
}


class Mark(msgspec.Struct, frozen=True):
    """Characters `[start, end)` of an answer that show one kind of thing; marks are in order and never overlap."""

    kind: Kind
    start: int
    end: int
