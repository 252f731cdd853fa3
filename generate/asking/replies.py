"""Replies of critics, judges and rewriters, read strictly: the whole reply has the form that was asked for, or it is none.

A reply that says more than the form allows is no reply, so that nothing in a trace that the model repeats is taken for its word.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Literal, get_args

Action = Literal["continue", "back", "reflect", "stop"]
ACTIONS: tuple[Action, ...] = get_args(Action)
LONGEST_REASON = 300  # characters
_THOUGHT = re.compile(r"\s*<think>.*?</think>", re.DOTALL)
_VERDICT = re.compile(rf"({'|'.join(ACTIONS)})[ \t]*:[ \t]*(\S[^\n]{{0,{LONGEST_REASON - 1}}})", re.IGNORECASE)
_RATINGS = {"right": 1.0, "unsure": 0.5, "wrong": 0.0}
_LINE = re.compile(r"<s(\d{1,4})>([^\n<>]*)</s(\d{1,4})>")
_MARKUP = re.compile(r"[<>]|\\boxed|\bthink>", re.IGNORECASE)


@dataclass(frozen=True)
class CriticVerdict:
    """What a critic says of a step, and why."""

    action: Action
    reason: str


def without_thoughts(reply: str) -> str:
    """What follows the thinking of a reply; all of it where the thinking does not end, which no form allows."""
    match = _THOUGHT.match(reply)
    return (reply[match.end() :] if match else reply).strip()


def read_verdict(reply: str) -> CriticVerdict | None:
    """`ACTION: reason` on one line and nothing else; None for any other reply, or a reason with markup or a box in it."""
    match = _VERDICT.fullmatch(without_thoughts(reply))
    if match is None or _MARKUP.search(match[2]):
        return None
    return CriticVerdict(match[1].lower(), " ".join(match[2].split()))  # type: ignore[arg-type]


def read_rating(reply: str) -> float | None:
    """`right`, `wrong` or `unsure` and nothing else; None for any other reply."""
    return _RATINGS.get(without_thoughts(reply).lower().rstrip("."))


def read_lines(reply: str, count: int) -> list[str] | None:
    """The lines `<s1>...</s1>` to `<sN>...</sN>`, each once and in order, and nothing else; None for any other reply."""
    lines = [line.strip() for line in without_thoughts(reply).splitlines() if line.strip()]
    if len(lines) != count:
        return None
    texts = []
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if match is None or match[1] != str(number) or match[3] != str(number):
            return None
        texts.append(html.unescape(match[2]).strip())
    return texts
