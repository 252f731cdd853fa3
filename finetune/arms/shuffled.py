"""The shuffled control: a journey's segments before the answer in random order, its words without its argument."""

from __future__ import annotations

from collections.abc import Sequence

from journey.catalog import ARMS
from journey.finetune.rows.traces import Piece, gap, piece, reasoning, with_reasoning
from journey.finetune.runs import Arm, ArmContext
from journey.rng import rng_for
from journey.schema import Pair, Trace


@ARMS.add(
    "shuffled",
    question="does the order of trial and error matter, or only what it contains?",
    trains=True,
    settings=("mistake_weight",),
)
def shuffled() -> Arm:
    """Train on the journey with everything before the answer in random order."""
    return Arm("shuffled", _traces, mistakes=True)


def _traces(pairs: Sequence[Pair], reading: ArmContext) -> list[Trace]:
    return [with_reasoning(pair.journey, reordered(pair)) for pair in pairs]


def reordered(pair: Pair) -> list[Piece]:
    """The pieces in an order drawn by the pair's id, another one than the journey's where there are two or more."""
    pieces = [piece(segment) for segment in reasoning(pair.journey)]
    if len(pieces) < 2:
        return pieces
    if not pieces[0][1][:1].isspace():  # only the first one may stand without a separator
        role, text, brief, node = pieces[0]
        pieces[0] = role, gap(pair) + text, brief, node
    rng, order = rng_for("shuffled", pair.pair_id), list(range(len(pieces)))
    while order == sorted(order):
        rng.shuffle(order)
    (role, text, brief, node), *rest = [pieces[index] for index in order]
    return [(role, text.lstrip(), brief, node), *rest]
