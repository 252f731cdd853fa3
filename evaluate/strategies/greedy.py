"""Greedy decoding: one answer a problem, the most likely token each time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from journey.catalog import STRATEGIES

if TYPE_CHECKING:
    from journey.sampling import Completion, Decoder


@STRATEGIES.add("greedy")
def greedy(decoder: Decoder, prompts: Sequence[Sequence[int]]) -> list[Completion]:
    """One answer a problem, the most likely token each time."""
    return decoder.greedy(prompts)
