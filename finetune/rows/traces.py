"""Derived traces: made from those of a pair, for arms that train on neither as it is."""

from __future__ import annotations

from collections.abc import Iterable

from journey.schema import Pair, Role, Segment, Trace
from journey.views import lay_out

Piece = tuple[Role, str, str, int]  # as `lay_out` takes them: role, prose, brief, node


def reasoning(trace: Trace) -> tuple[Segment, ...]:
    """The segments before the answer."""
    return trace.segments[:-1]


def piece(segment: Segment) -> Piece:
    """A segment as `lay_out` takes it."""
    return segment.role, segment.text, segment.brief, segment.node


def with_reasoning(trace: Trace, pieces: Iterable[Piece]) -> Trace:
    """The trace with other pieces before the same answer."""
    return Trace(lay_out([*pieces, piece(trace.segments[-1])]), trace.answer, trace.answer_brief)


def gap(pair: Pair) -> str:
    """What stands between two paragraphs of the pair's prose."""
    wide = any(segment.text.startswith("\n\n") for trace in (pair.shortcut, pair.journey) for segment in trace.segments)
    return "\n\n" if wide else "\n"
