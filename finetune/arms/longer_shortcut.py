"""Shortcut learning on further problems, so that the tokens of the journeys are spent on more correct paths."""

from __future__ import annotations

from journey.catalog import ARMS
from journey.finetune.runs import Arm


@ARMS.add("longer-shortcut", question="would the journeys' tokens be better spent on new problems?", trains=True)
def longer_shortcut() -> Arm:
    """Train on the correct path of the shared problems and of withheld ones, up to the journey's tokens (--pairs N)."""
    return Arm("longer-shortcut", "shortcut", withheld=True)
