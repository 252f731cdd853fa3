"""The answer-only control: the final answer without any step."""

from __future__ import annotations

from collections.abc import Sequence

from journey.catalog import ARMS
from journey.finetune.rows.traces import with_reasoning
from journey.finetune.runs import Arm, ArmContext
from journey.schema import Pair, Trace


@ARMS.add("answer-only", question="do written steps help at all?", trains=True)
def answer_only() -> Arm:
    """Train on the boxed answer alone."""
    return Arm("answer-only", _answers)


def _answers(pairs: Sequence[Pair], reading: ArmContext) -> list[Trace]:
    return [with_reasoning(pair.shortcut, ()) for pair in pairs]
