"""What an answer's own text says of the answer last: does it call it wrong, and box it all the same?

Countdown answers judge every result they reach (too low, too high, a dead end, yes): the last judgement before the box counts.
Elsewhere the last doubt, return or check before the box counts, unless it was dealt with: something is computed after it, the
value in the box was never written before it while others were, or it puts that value itself in the place of another. Read by rules from the model's own words, without the gold answer and without a model.
"""

from __future__ import annotations

import re

from journey.answers.equations import equations
from journey.evaluate.behaviour import countdown
from journey.evaluate.behaviour.sentences import marked
from journey.schema import Problem

_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{|<answer>")
_DENIES = re.compile(
    r"\b(?:wrong|incorrect|mistaken?|errors?|impossible|fails?|dead end|too (?:big|small|high|low|large|much|little))\b"
    r"|\b(?:is|are|was|does|do|did|can|could|has|have) not\b|\b\w+n't\b|\bcannot\b|\u2260|\bnot (?:right|correct|it|equal|possible)\b",
    re.IGNORECASE,
)
_AFFIRMS = re.compile(
    r"\b(?:right|correct|fine|good|holds?|yes|stands?|fits?|same|works?|checks out|matches|confirmed|makes sense|as (?:it should|expected))\b"
    r"|\b(?:not|nothing|no) (?:wrong|amiss|mistakes?|errors?)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_SPARED = re.compile(
    r"\b(?:not|nothing|no|without|was it|is it|could \S+ be|did i make an?) (?:wrong|amiss|mistakes?|errors?)\b",
    re.IGNORECASE,
)


def calls_itself_wrong(text: str, problem: Problem) -> bool:
    """Whether the last judgement of an answer on itself, before its final box, is that it is wrong."""
    boxes = list(_BOX.finditer(text))
    before = text[: boxes[-1].start()] if boxes else text
    marks = marked(before)
    if problem.check == "countdown":
        claims = countdown.follow(before, problem, marks).claims
        return bool(claims) and claims[-1].kind != "hit"
    judging = [mark for mark in marks if mark.kind in ("notice", "backtrack", "check")]
    if not judging:
        return False
    last = judging[-1]
    words = before[last.start : last.end]
    if any(equation.start >= last.end for equation in equations(before)):
        return False
    boxed = _last_number(text[boxes[-1].end() :].partition("}")[0].partition("</")[0]) if boxes else None
    if boxed is not None and _replaced_by(boxed, before[: last.start], words, before[last.end :]):
        return False
    if _AFFIRMS.search(words) and not _DENIES.search(_SPARED.sub("", words)):
        return False
    return last.kind != "check" or _DENIES.search(_SPARED.sub("", words)) is not None


def _last_number(text: str) -> str | None:
    return next(reversed(_numbers(text)), None)


def _numbers(text: str) -> list[str]:
    return [number.replace(",", "") for number in _NUMBER.findall(text)]


def _replaced_by(boxed: str, earlier: str, doubt: str, later: str) -> bool:
    """Whether a doubt is of other values than the boxed one: that comes up after it, or is what the doubt itself puts right."""
    told, after = (_numbers(text) for text in (f"{earlier} {doubt}", later))
    if boxed not in told and (told or boxed in after):
        return True
    value = rf"(?<![\d.]){re.escape(boxed)}(?![\d.]*\d)"
    plain = doubt.replace(",", "")
    return (
        re.search(
            rf"{value}\D{{0,15}}\b(?:not|instead of|rather than) \W?\d"
            rf"|\b(?:should|must|has to) (?:be|have been) \D{{0,5}}{value}|\b(?:correct|right|true)\b\D{{0,20}}\b(?:is|be) \D{{0,5}}{value}",
            plain,
            re.IGNORECASE,
        )
        is not None
    )
