"""Views: the text of a trace, rendered from its segments, and the prompt that goes before it.

    think     <think> ... </think> then the answer with \\boxed{}     (reasoning models, chat templates)
    plain     the same prose without the tags
    compact   the terse notation of the same segments                (tiny bases, counting tokens)

Every view ends in one `\\boxed{}` with the same answer for both traces of a pair. Prompts are the same for all arms.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from journey.schema import Problem, Role, Segment, Trace

View = Literal["think", "plain", "compact"]
VIEWS: tuple[View, ...] = ("think", "plain", "compact")
INSTRUCTION = "Please reason step by step, and put your final answer within \\boxed{}."
THINK_OPEN, THINK_CLOSE = "<think>\n", "\n</think>\n\n"


@dataclass(frozen=True)
class Span:
    """Characters `[start, end)` of the rendered text that show one segment."""

    role: Role
    node: int
    start: int
    end: int


@dataclass(frozen=True)
class Rendered:
    """The text of a trace in one view, and where each segment lies in it."""

    text: str
    spans: tuple[Span, ...]


def prompt(problem: Problem, view: View) -> str:
    """What the model is asked: the brief question in the compact view, else the question and the usual instruction."""
    if view == "compact":
        return problem.brief
    return f"{problem.question}\n\n{INSTRUCTION}"


def render(trace: Trace, view: View) -> Rendered:
    """The completion: all segments before the answer, then the answer segment, which holds the box."""
    compact = view == "compact"
    text, closing = (THINK_OPEN, THINK_CLOSE) if view == "think" else ("", " " if compact else "\n\n")
    spans = []
    for segment in trace.segments:
        if segment.role == "answer":
            text += closing if text else ""
        elif compact and text and segment.brief:
            text += " "
        piece = segment.brief if compact else segment.text
        spans.append(Span(segment.role, segment.node, len(text), len(text) + len(piece)))
        text += piece
    return Rendered(text, tuple(spans))


def lay_out(pieces: Iterable[tuple[Role, str, str, int]]) -> tuple[Segment, ...]:
    """Segments from (role, prose, brief, node), with their spans in the think view.

    Prose carries its own spacing in front: every piece but the first and the answer starts with a blank or a line
    break, and none ends in one.
    """
    segments, at = [], len(THINK_OPEN)
    for role, text, brief, node in pieces:
        if role == "answer":
            at += len(THINK_CLOSE)
        end = at + len(text)
        segments.append(Segment(role, text, brief, node, at, end))
        at = end
    return tuple(segments)
