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


# What a text is made to go on with, in each view's own notation: towards its answer, or away from it. The embedded base
# has never met "wait" in use; in its notation one doubts by calling a branch a dead end.
ANSWER_NOW: dict[View, str] = {
    "think": f"{THINK_CLOSE}The answer is \\boxed{{",
    "plain": "\n\nThe answer is \\boxed{",
    "compact": " \\boxed{",
}
GO_ON: dict[View, str] = {"think": "\nWait", "plain": "\n\nWait", "compact": " dead end ."}
TRY_AGAIN = "Here is an attempt at this problem:\n\n{attempt}\n\nThe attempt may be wrong. Check it, and solve the problem again."


def without_answer(text: str, view: View) -> str:
    """What a text says before its final answer: before `</think>`, else before the line or word that opens the last box."""
    if view == "think" and THINK_CLOSE.strip() in text:
        return text.partition(THINK_CLOSE.strip())[0].rstrip()
    before, box, _ = text.rpartition("\\boxed{")
    if not box:
        return text.rstrip()
    return before.rstrip() if view == "compact" else before.rpartition("\n")[0].rstrip()


def again(problem: Problem, attempt: str, view: View) -> str:
    """The prompt of a revision: the problem with an earlier attempt at it. Compact: the attempt between two prompts."""
    if view == "compact":
        return f"{problem.brief} {attempt.strip()} {problem.brief}"
    attempt = attempt.replace(THINK_OPEN.strip(), "").replace(THINK_CLOSE.strip(), "").strip()
    return f"{problem.question}\n\n{TRY_AGAIN.format(attempt=attempt)} {INSTRUCTION}"


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
    segments, start = [], len(THINK_OPEN)
    for role, text, brief, node in pieces:
        if role == "answer":
            start += len(THINK_CLOSE)
        end = start + len(text)
        segments.append(Segment(role, text, brief, node, start, end))
        start = end
    return tuple(segments)
