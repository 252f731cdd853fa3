"""Journey learning: the whole trial and error, mistakes included in the loss, as published (arXiv 2410.18982)."""

from __future__ import annotations

from journey.catalog import ARMS
from journey.finetune.runs import Arm


@ARMS.add(
    "journey",
    question="does the whole trial and error teach more than the correct path?",
    trains=True,
    settings=("mistake_weight",),
)
def journey() -> Arm:
    """Train on the whole trial and error: wrong attempts, noticing, going back, the correction, the answer."""
    return Arm("journey", "journey", mistakes=True)
