"""The guard of rewrites: what a piece of a trace says must stay what it is, whatever the words.

Of every piece the equations with their values, the signs and the numbers in their order are compared with what they were. A number
that a rewrite adds has to be one of the piece or of the question, and in a mistake none that its correction gives. What doubts goes on
doubting, a way back goes back, a check that passes passes, a notice approves of nothing, and what is no doubt becomes none; no piece may
speak of an answer that did not before, and the answer itself is not rewritten at all. It reads words, not meaning: it rejects some good
rewrites, such as three times four for `3 * 4 = 12`. What it rejects is counted by the first reason.

    loss(segment, "Hmm, 3 * 14 is 42, not 45.")     # None, or a word: mistake_changed, notice_changed, number_changed, ...
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from fractions import Fraction
from typing import NamedTuple

from journey.answers.equations import equations
from journey.answers.prose_numbers import number_words, numerals
from journey.schema import Role, Segment, Trace

_NAMED: tuple[Role, ...] = ("mistake", "notice", "correction")
_MARKUP = re.compile(r"[<>]|\\|\bthink>|```")
_ANSWER = re.compile(r"\banswers?\b", re.IGNORECASE)
_SIGN = re.compile(r"(?<=[\d)a-z]) ([-+*/\u00d7\u00f7\u2212]) (?=[\d(a-z$])")  # between what is calculated with
_ROOM, _TIMES = 120, 4  # characters that a rewrite may add, and times that it may be as long
_NO_NUMBER = re.compile(r"\bdouble-check\w*|\bsecond (?:look|time|thoughts?|reading)\b", re.IGNORECASE)
_NOT = r"(?:\bnot|n't|\bno|\bnever|\bnothing)\s+"
_NOT_WRONG = re.compile(
    rf"{_NOT}(?:\w+\s+)?(?:wrong|amiss|a mistake|an? error|incorrect|off|bad)\b|\bwithout (?:a )?mistakes?\b",
    re.IGNORECASE,
)
_NOT_RIGHT = re.compile(
    rf"{_NOT}(?:\w+\s+){{0,3}}(?:right|correct|true|fine|good|so|hold\w*|work\w*|match\w*|fit\w*)\b", re.IGNORECASE
)
_DOUBT = re.compile(
    r"\b(?:wait|hmm+|hm|hold on|wrong|wrongly|mistakes?|mistaken|errors?|incorrect|slip|slipped|fails?|failed|dead end|stuck|"
    r"rules? (?:this|that|it) out|used up|sadly|impossible|suspicious|doubt\w*|trust|guess|perhaps|"
    r"probably|unsure)\b",
    re.IGNORECASE,
)
_DENIAL = re.compile(r"\b(?:no|nope|not|never|nothing|none|cannot|nowhere)\b|n't\b", re.IGNORECASE)
_HIGH = r"too (?:high|much|big|large|many)|overshoots?|above|over|more than|higher|larger|bigger|greater|beyond"
_LOW = r"too (?:low|little|small|few)|short of|falls short|below|under|less than|lower|smaller"
_SIDES = re.compile(rf"\b(?:({_HIGH})|({_LOW}))\b", re.IGNORECASE)
_MISSES = re.compile(  # said of a value it is a reason to doubt; in a step it is any word: left over, get off
    rf"\b(?:off|misses|missed|{_HIGH}|{_LOW}|out of reach|drop)\b", re.IGNORECASE
)
_CONTRAST = re.compile(
    r"\b(?:yet|but|however|though|although|while|whereas|rather|instead|ought|(?:should|would) (?:be|have|give|come|return|bring))\b",
    re.IGNORECASE,
)
_ASSENT = re.compile(
    r"\b(?:right|correct|correctly|true|fine|good|holds|stands|yes|yep|yeah|checks out|works out|fits|indeed|great|works|exactly|"
    r"as wanted|is well|is (?:okay|alright|all right)|adds up|confirms|keep|keeping)\b",
    re.IGNORECASE,
)
_ASKED = re.compile(r"[^.!?:;]*\?")  # is it right? agrees with nothing; and how many are left? doubts nothing
_WHICH = re.compile(r"\b(?:what|how|which|where|who|when)\b", re.IGNORECASE)
_OPENING = re.compile(r"\s*(?:okay|ok|right|yes|yeah|yep|all ?right|good|fine)[,.!]\s", re.IGNORECASE)
_BACK = re.compile(
    r"\b(?:back|backs|again|undo|undoing|undoes|return|returning|retry|another|restart|start over|over|instead|redo|redone|once more|"
    r"revisit|from the top|rethink|scratch|strike|forget|anew|else|aside|drop|leave|correct|fix|fixing|fixed|repair|skipped|missing|"
    r"out(?! of)|falls|withdraw\w*|discard\w*|reject\w*|cancel\w*)\b",
    re.IGNORECASE,
)
_ONWARD = re.compile(r"\b(?:first|nearer|go|goes|next|on|further|take|takes|out|left|still)\b", re.IGNORECASE)
Numbers = list[tuple[Fraction | tuple[Fraction, ...], bool]]


def loss(segment: Segment, text: str, question: str = "", corrected: Collection[Fraction] = ()) -> str | None:
    """What a rewrite of a piece loses or changes, in one word; None where it says the same.

    Numbers of the `question` may be told anew, in a mistake but for those that its correction gives (`corrected`).
    """
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
    known = _numbers(question)
    if segment.role in ("mistake", "consequence"):
        known = [number for number in known if number[0] not in corrected]
    changed = None
    if was != now or _SIGN.findall(before) != _SIGN.findall(text):
        changed = "equation_changed"
    elif not _same_numbers(_numbers(before), _numbers(text), known, in_order=segment.role not in ("plan", "step")):
        changed = "number_changed"
    elif len(_ANSWER.findall(text)) > len(_ANSWER.findall(before)):
        changed = "answer_added"
    elif segment.role == "backtrack" and not _goes_back(before, text):
        changed = "way_back_lost"
    elif not _same_stance(segment.role, before, text):
        changed = "doubt_changed"
    return f"{segment.role}_changed" if changed and segment.role in _NAMED else changed


def trace_loss(trace: Trace, texts: Sequence[str], question: str = "") -> str | None:
    """The first loss of a rewritten trace; `texts` are those of all pieces but the answer."""
    fixed = [each.text for each in trace.segments if each.role == "correction"]
    corrected = {equation.claimed for text in fixed for equation in equations(text)}
    for segment, text in zip(trace.segments[:-1], texts, strict=True):
        found = loss(segment, text, question, corrected)
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


def _same_numbers(was: Numbers, now: Numbers, known: Numbers, *, in_order: bool) -> bool:
    """Whether all numbers of a piece are there, and those beside them are its own or known."""
    waiting = iter(now)
    kept = all(number in waiting for number in was) if in_order else not Counter(was) - Counter(now)
    told = {(value, percent) for values, percent in [*was, *known] for value in _values(values)}
    return kept and all(any((value, percent) in told for value in _values(values)) for values, percent in now)


def _values(number: Fraction | tuple[Fraction, ...]) -> tuple[Fraction, ...]:
    return number if isinstance(number, tuple) else (number,)


class _Stance(NamedTuple):
    """How often a text doubts, denies, says that something misses or is against something else, and agrees."""

    doubts: int
    denials: int
    misses: int
    contrasts: int
    agreements: int

    @classmethod
    def of(cls, text: str) -> _Stance:
        """`not wrong` agrees, and `not right` doubts."""
        without, agreements = _NOT_WRONG.subn(" ", text)
        without, doubts = _NOT_RIGHT.subn(" ", without)
        doubts += sum(not _WHICH.search(asked) for asked in _ASKED.findall(text)) + len(_DOUBT.findall(without))
        denials, misses, contrasts = (len(words.findall(without)) for words in (_DENIAL, _MISSES, _CONTRAST))
        agreements += len(_ASSENT.findall(_ASKED.sub(" ", without)))
        return cls(doubts, denials, misses, contrasts, agreements)

    @property
    def against(self) -> int:
        """All that may speak against what was done."""
        return self.doubts + self.denials + self.misses


def _same_stance(role: Role, before: str, text: str) -> bool:
    """Whether a rewrite doubts where the piece did, and nowhere else, and comes to the same end."""
    was, now = _Stance.of(before), _Stance.of(text)
    if role == "notice":
        doubts = now.against > 0 if was.against else now.against + now.contrasts > 0 or not was.contrasts
        return doubts and now.agreements <= was.agreements
    if role == "check":
        return now.agreements > 0 or (not was.agreements and now.against <= was.against)
    if role == "backtrack":
        return _Stance.of(_OPENING.sub(" ", text, count=1)).agreements <= was.agreements
    if role == "plan":
        return now.denials <= was.denials
    if _sides(before) and _sides(text) and not _sides(before) & _sides(text):
        return False  # above is not below
    denied = _Stance.of(text[_clause(text) :]).denials
    return now.doubts <= was.doubts and denied <= was.denials + was.misses and (now.doubts > 0 or not was.doubts)


def _clause(text: str) -> int:
    """Where the clause with the first equation begins: before it, a `not` says nothing about the equation."""
    equal = text.find("=")
    return max((text.rfind(mark, 0, max(equal, 0)) for mark in (", ", ". ", "; ", ": ")), default=0) + 1


def _sides(text: str) -> set[bool]:
    """Whether a text says that something is higher, or lower, than something else."""
    return {bool(high) for high, _ in _SIDES.findall(text)}


def _goes_back(before: str, text: str) -> bool:
    """Whether a way back still goes back, or rejects what was done, or says that something is left, where it did."""
    if _BACK.search(text) or (_Stance.of(before).against and _Stance.of(text).against):
        return True
    return _BACK.search(before) is None and (_ONWARD.search(text) is not None or _Stance.of(text).against > 0)
