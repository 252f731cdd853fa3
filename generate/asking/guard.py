"""The guard of rewrites: what a piece of a trace says must stay what it is, whatever the words.

Of every piece the numbers in their order, the equations with their values, the signs, how often it doubts and agrees are compared
with what they were; a notice has to doubt and a way back to go back, or stay word for word; no piece may speak of an answer that did
not before, and the answer itself is not rewritten at all. It is strict: a rewrite that says three times four for `3 * 4 = 12` loses an
equation. What it rejects is counted by the first reason.

    loss(segment, "Hmm, 3 * 14 is 42, not 45.")     # None, or a word: mistake_changed, notice_changed, number_changed, ...
"""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction

from journey.answers.equations import equations
from journey.answers.prose_numbers import number_words, numerals
from journey.schema import Role, Segment, Trace

_NAMED: tuple[Role, ...] = ("mistake", "notice", "correction")
_MARKUP = re.compile(r"[<>]|\\|\bthink>|```")
_ANSWER = re.compile(r"\banswers?\b", re.IGNORECASE)
_SIGN = re.compile(r"(?<=[\d)a-z]) ([-+*/\u00d7\u00f7\u2212]) (?=[\d(a-z$])")  # between what is calculated with
_ROOM, _TIMES = 120, 4  # characters that a rewrite may add, and times that it may be as long
_NO_NUMBER = re.compile(r"\bdouble-check\w*|\bsecond (?:look|time|thoughts?|reading)\b", re.IGNORECASE)
_NOT = r"(?:\bnot|n't|\bno|\bnever|\bnothing)\s+(?:\w+\s+)?"
_NOT_WRONG = re.compile(
    rf"{_NOT}(?:wrong|amiss|a mistake|an? error|incorrect|off|bad)\b|\bwithout (?:a )?mistakes?\b", re.IGNORECASE
)
_NOT_RIGHT = re.compile(rf"{_NOT}(?:right|correct|true|fine|good|so|hold\w*|work\w*|match\w*|fit\w*)\b", re.IGNORECASE)
_DOUBT = re.compile(
    r"\b(?:wait|hmm+|hm|hold on|no|nope|not|never|nothing|none|cannot|wrong|wrongly|mistakes?|mistaken|errors?|incorrect|slip|"
    r"slipped|fails?|failed|dead end|stuck|off|misses|missed|too (?:low|high|little|much|small|big|large|few|many)|short of|"
    r"falls short|overshoots?|below|above|over|under|less than|more than|out of reach|beyond|rules? (?:this|that|it) out|drop|"
    r"used up|sadly|impossible|nowhere|suspicious|doubt\w*|trust)\b|n't\b|\?",
    re.IGNORECASE,
)
_ASSENT = re.compile(
    r"\b(?:right|correct|correctly|true|fine|good|holds|stands|yes|checks out|fits|indeed|great|works|exactly|as wanted)\b",
    re.IGNORECASE,
)
_BACK = re.compile(
    r"\b(?:back|backs|again|undo|undoing|return|returning|retry|another|restart|start over|over|instead|leave|drop|redo|once more|"
    r"revisit|from the top|rethink|scratch|anew|else|aside|first|nearer|go|next|on|further|take)\b",
    re.IGNORECASE,
)
Numbers = list[tuple[Fraction | tuple[Fraction, ...], bool]]


def loss(segment: Segment, text: str) -> str | None:
    """What a rewrite of a piece loses or changes, in one word; None where it says the same."""
    before = segment.text
    if not text.strip():
        return f"{segment.role}_lost" if segment.role in _NAMED else "piece_lost"
    if _MARKUP.search(text):
        return "markup"
    if len(text) > _TIMES * len(before) + _ROOM:
        return "too_long"
    if text.split() == before.split():
        return None
    was, now = _equations(before), _equations(text)
    if any(not true for (_, _, true), _ in (now - was).items()):
        return "equation_false"
    changed = None
    if was != now or _SIGN.findall(before) != _SIGN.findall(text):
        changed = "equation_changed"
    elif _numbers(before) != _numbers(text):
        changed = "number_changed"
    elif len(_ANSWER.findall(text)) > len(_ANSWER.findall(before)):
        changed = "answer_added"
    elif not _same_stance(segment.role, before, text):
        changed = "doubt_changed"
    elif segment.role == "backtrack" and not _BACK.search(text):
        changed = "way_back_lost"
    return f"{segment.role}_changed" if changed and segment.role in _NAMED else changed


def trace_loss(trace: Trace, texts: list[str]) -> str | None:
    """The first loss of a rewritten trace; `texts` are those of all pieces but the answer."""
    for segment, text in zip(trace.segments[:-1], texts, strict=True):
        found = loss(segment, text)
        if found is not None:
            return found
    return None


def _equations(text: str) -> Counter[tuple[tuple[str, ...], Fraction, bool]]:
    """The equations of a text by calculation, value and whether they are true."""
    return Counter((each.tokens, each.claimed, each.true) for each in equations(text))


def _numbers(text: str) -> Numbers:
    """The numbers of a text in order, in digits and in words, each with whether it is a percentage."""
    plain = _NO_NUMBER.sub(lambda match: " " * len(match[0]), text)
    found: list[tuple[int, tuple[Fraction | tuple[Fraction, ...], bool]]] = [
        (each.start, (each.value, each.percent)) for each in numerals(plain)
    ]
    found += [(each.start, (each.values, False)) for each in number_words(plain)]
    return [number for _, number in sorted(found, key=lambda one: one[0])]


def _same_stance(role: Role, before: str, text: str) -> bool:
    """Whether a rewrite doubts and agrees as often as the piece did; a notice may doubt in other words, and has to doubt."""
    was, now = _stance(before), _stance(text)
    if role == "notice":
        return now[0] > 0 and was[1] == now[1]
    return was == now if role == "check" else was[0] == now[0]


def _stance(text: str) -> tuple[int, int]:
    """How often a text doubts and how often it agrees; `not wrong` agrees, and `not right` doubts."""
    without, agreements = _NOT_WRONG.subn(" ", text)
    without, doubts = _NOT_RIGHT.subn(" ", without)
    return doubts + len(_DOUBT.findall(without)), agreements + len(_ASSENT.findall(without))
