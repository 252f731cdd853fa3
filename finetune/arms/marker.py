"""The marker control: a shortcut with the journey's own re-checks, and one that passes for each notice; it has no mistake."""

from __future__ import annotations

from collections.abc import Sequence

from journey.answers.doubts import doubt
from journey.answers.spelling import spelling, unspelled
from journey.catalog import ARMS
from journey.finetune.rows.traces import Piece, gap, piece, reasoning, with_reasoning
from journey.finetune.runs import Arm, ArmContext
from journey.rng import rng_for
from journey.schema import Pair, Segment, Trace


@ARMS.add("marker", question="are the words of doubt enough, without a real mistake?", trains=True, revision=3)
def marker() -> Arm:
    """Train on the correct path with doubts and re-checks that find nothing wrong."""
    return Arm("marker", _traces)


def _traces(pairs: Sequence[Pair], reading: ArmContext) -> list[Trace]:
    return [with_reasoning(pair.shortcut, doubted(pair)) for pair in pairs]


def doubted(pair: Pair) -> list[Piece]:
    """The correct path with the journey's re-checks at their steps, and a doubt at as many others as the journey has notices."""
    rng, between = rng_for("marker", pair.pair_id), gap(pair)
    spelled, write = pair.problem.facts.get("spelled"), spelling(pair.problem)
    segments, own = reasoning(pair.shortcut), _own_checks(pair.journey)
    steps = [index for index, segment in enumerate(segments) if segment.role != "plan" and segment.node not in own]
    notices = sum(segment.role == "notice" for segment in pair.journey.segments)
    chosen = set(rng.sample(steps, min(len(steps), notices)))
    pieces: list[Piece] = []
    for index, segment in enumerate(segments):
        pieces.append(piece(segment))
        pieces += map(piece, own.get(segment.node, ()))
        if index in chosen:
            text, brief = doubt(unspelled(segment.brief) if spelled else segment.brief, rng)
            brief = write(brief)
            joint = between if rng.random() < 0.7 else " "
            pieces.append(("check", joint + text, brief, segment.node))
    return pieces


def _own_checks(journey: Trace) -> dict[int, list[Segment]]:
    """The re-checks of a journey by the node of the right step that they stand after."""
    found: dict[int, list[Segment]] = {}
    step = None
    for segment in journey.segments:
        if segment.role == "check" and step is not None:
            found.setdefault(step, []).append(segment)
        elif segment.role in ("step", "correction"):
            step = segment.node
    return found
