"""Parts of a model's text that the viewer colours, found by light rules: an equation that is false, a doubt, going back.

The rules read the text alone and are no judges: they miss what is said in other words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from typing import get_args

from journey.evaluate.behaviour.records import Kind, Mark
from journey.exact import NotANumber, evaluate

KINDS: tuple[Kind, ...] = get_args(Kind)


_EQUATION = re.compile(
    r"(?<![\w.*/+^=-])(-?[\d(][\d.,()+*/x\u00d7\u00f7 -]{1,60}?)\s*=\s*\$?(-?\d[\d,]*(?:\.\d+)?)(?![\d%/*+^:-]|\s*[*/+x^-])"
)
_CUT, _OPERATOR = set("+-*/^\u00d7\u00f7\u00b7"), re.compile("[-+*/x\u00d7\u00f7]")
_NOTICE = re.compile(
    r"\bdead end\b|\b(?:but )?(?:wait|hold on|hmm)\b[^.!?\n]{0,80}|\b(?:that|this)(?: is|'s|\u2019s)? (?:can(?:no|')t be|not (?:right|correct|possible)|wrong|incorrect|a mistake)\b"
    r"[^.!?\n]{0,60}|\bI (?:made|see) (?:a|the|my) (?:mistake|error|slip)\b|\bdoes(?: not|n't) (?:check|work|add up|match)\b[^.!?\n]{0,40}",
    re.IGNORECASE,
)
_BACK = re.compile(
    r"\bback (?:up )?to\b[^.;\n]{0,60}?(?=\s*(?:[.;\n]|$))|\b(?:go(?:ing)? back|start(?:ing)? (?:over|again)|back up|undo that|back one step)\b[^.;\n]{0,40}"
    r"|\blet (?:me|us) (?:try again|redo|re-?check|reconsider|write it again)\b",
    re.IGNORECASE,
)
_BOX = re.compile(r"\\boxed ?\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}")


def marks(text: str) -> list[Mark]:
    """The marks of a text in order, none overlapping another."""
    found = [Mark("answer", *match.span()) for match in _BOX.finditer(text)]
    for kind, rule in (("notice", _NOTICE), ("backtrack", _BACK)):
        found += [Mark(kind, *match.span()) for match in rule.finditer(text)]
    found += _equations(text, [mark.end for mark in found if mark.kind == "backtrack"])
    kept: list[Mark] = []
    for mark in sorted(found, key=lambda each: (each.start, -each.end)):
        if not kept or mark.start >= kept[-1].end:
            kept.append(mark)
    return kept


def _equations(text: str, returns: list[int]) -> Iterator[Mark]:
    """False equations, and the first true one after each return."""
    waiting = list(returns)
    for match in _EQUATION.finditer(text):
        before = text[: match.start()].rstrip()[-1:]
        if before in _CUT or not _OPERATOR.search(match[1], 1):
            continue  # the end of a longer term, as in 2a + 3 = -3
        left, right = _value(match[1]), _value(match[2])
        if left is None or right is None:
            continue
        if left != right:
            yield Mark("mistake", *match.span())
        elif waiting and waiting[0] <= match.start():
            yield Mark("correction", *match.span())
            waiting = [end for end in waiting if end > match.start()]


@lru_cache(maxsize=1 << 16)  # the same sums come back in answer after answer
def _value(text: str) -> Fraction | None:
    plain = text.replace("x", "*").replace("\u00d7", "*").replace("\u00f7", "/").replace(",", "").strip()
    try:
        return evaluate(plain)
    except NotANumber:
        return None
