"""Shortcut learning: the correct solution path alone."""

from __future__ import annotations

from journey.catalog import ARMS
from journey.finetune.runs import Arm


@ARMS.add("shortcut", question="what does the correct path alone teach?", trains=True)
def shortcut() -> Arm:
    """Train on the correct solution path alone."""
    return Arm("shortcut", "shortcut")
