"""The marker control: a shortcut with doubts and re-checks that find nothing; it has no mistake."""

from __future__ import annotations

from collections.abc import Sequence

from journey.catalog import ARMS
from journey.finetune.rows.doubts import doubt
from journey.finetune.rows.traces import Piece, gap, piece, reasoning, with_reasoning
from journey.finetune.runs import Arm, ArmContext
from journey.rng import rng_for
from journey.schema import Pair, Trace


@ARMS.add("marker", question="are the words of doubt enough, without a real mistake?", trains=True)
def marker() -> Arm:
    """Train on the correct path with doubts and re-checks that find nothing wrong."""
    return Arm("marker", _traces)


def _traces(pairs: Sequence[Pair], reading: ArmContext) -> list[Trace]:
    return [with_reasoning(pair.shortcut, doubted(pair)) for pair in pairs]


def doubted(pair: Pair) -> list[Piece]:
    """The correct path with a doubt after as many of its steps as the journey has notices, one at least."""
    rng, between = rng_for("marker", pair.pair_id), gap(pair)
    segments = reasoning(pair.shortcut)
    steps = [index for index, segment in enumerate(segments) if segment.role != "plan"]
    notices = sum(segment.role == "notice" for segment in pair.journey.segments)
    chosen = set(rng.sample(steps, min(len(steps), max(1, notices))))
    pieces: list[Piece] = []
    for index, segment in enumerate(segments):
        pieces.append(piece(segment))
        if index in chosen:
            text, brief = doubt(segment.brief, rng)
            joint = between if rng.random() < 0.7 else " "
            pieces.append(("check", joint + text, brief, segment.node))
    return pieces
