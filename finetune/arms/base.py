"""The untuned base model: trains nothing, and is always evaluated."""

from __future__ import annotations

from journey.catalog import ARMS
from journey.finetune.runs import Arm


@ARMS.add("base", question="did fine-tuning help at all?", trains=False)
def base() -> Arm:
    """The untrained base; always evaluated, so naming it changes nothing."""
    return Arm("base", None)
