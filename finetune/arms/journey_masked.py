"""Masked journey learning: mistakes are read but not learned, their loss weight is 0 (as in arXiv 2408.16293)."""

from __future__ import annotations

from journey.catalog import ARMS
from journey.finetune.runs import Arm


@ARMS.add(
    "journey-masked",
    question="is it better to see mistakes without learning to make them?",
    trains=True,
    settings=("mistake_weight",),
)
def journey_masked() -> Arm:
    """Train on the whole trial and error but for the mistakes themselves, which are only context."""
    return Arm("journey-masked", "journey", {"mistake": 0.0}, mistakes=True)
