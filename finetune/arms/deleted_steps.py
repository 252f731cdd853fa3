"""The deleted-steps control: two in three of a journey's segments before the answer are left out (as in arXiv 2502.07374)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from journey.catalog import ARMS
from journey.finetune.rows.traces import Piece, piece, reasoning, with_reasoning
from journey.finetune.runs import Arm, ArmContext
from journey.rng import rng_for
from journey.schema import Pair, Trace

DELETED = Fraction(2, 3)


@ARMS.add(
    "deleted-steps",
    question="does each step have to be there, or is a part of them enough?",
    trains=True,
    settings=("mistake_weight",),
)
def deleted_steps() -> Arm:
    """Train on the journey with two in three of its segments before the answer left out."""
    return Arm("deleted-steps", _traces, mistakes=True)


def _traces(pairs: Sequence[Pair], reading: ArmContext) -> list[Trace]:
    return [with_reasoning(pair.journey, kept(pair)) for pair in pairs]


def kept(pair: Pair) -> list[Piece]:
    """The pieces that stay, in their order: drawn by the pair's id, one at least, and of two or more never all."""
    pieces = [piece(segment) for segment in reasoning(pair.journey)]
    if not pieces:
        return pieces
    left = max(1, round(len(pieces) * (1 - DELETED)))
    chosen = sorted(rng_for("deleted steps", pair.pair_id).sample(range(len(pieces)), left))
    (role, text, brief, node), *rest = [pieces[index] for index in chosen]
    return [(role, text.lstrip(), brief, node), *rest]
