"""Steps of an answer: sentences, each with at least one equation, and where they stand in the text.

A step ends where a sentence or a line does, in prose and in terse notation (`try 31 * 3 = 93 left 93 49 .`); a sentence
without an equation belongs to the next step. What holds the final box, and what follows it, is no step.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache

from journey.answers.equations import Equation, equations

Span = tuple[int, int]
_END = re.compile(r"(?<=[.!?])\s+|\s*\n\s*")
_THINKING = re.compile(r"\s*<think>\s*|\s*</think>\s*")


def reasoning_end(text: str) -> int:
    """Where the sentence with the last box begins; the end of the text without one."""
    box = text.rfind("\\boxed")
    if box < 0:
        return len(text.rstrip())
    start = 0
    for match in _END.finditer(text, 0, box):
        start = match.end()
    return start


def steps(text: str) -> list[Span]:
    """Characters `[start, end)` of the steps, in order; a tail without an equation belongs to the last one."""
    return [span for span, _ in steps_with_equations(text)]


def steps_with_equations(text: str) -> list[tuple[Span, list[Equation]]]:
    """Each step with its equations, true and false ones."""
    return [(span, list(found)) for span, found in _steps(text)]


@lru_cache(maxsize=64)
def _steps(text: str) -> tuple[tuple[Span, tuple[Equation, ...]], ...]:
    """Read once for all that ask of one answer: its spans, its mistakes."""
    end = reasoning_end(text)
    body = _THINKING.sub(lambda match: "\n" * len(match[0]), text[:end])
    ends = [match.start() for match in _END.finditer(body)] + [len(body.rstrip())]
    found: list[tuple[Span, tuple[Equation, ...]]] = []
    by_end: dict[int, list[Equation]] = {}
    for equation in equations(body):
        place = bisect_right(ends, equation.start)
        by_end.setdefault(ends[min(place, len(ends) - 1)], []).append(equation)
    start = 0
    for stop in sorted(by_end):
        first = start + len(body[start:stop]) - len(body[start:stop].lstrip())
        found.append(((first, stop), tuple(by_end[stop])))
        start = stop
    return tuple(found)


# 7 * 3 = 1 mod 10, 101 + 1 = 110 in base 2, 12_{7} + 6 = 21_{7}
_OTHER_ARITHMETIC = re.compile(r"\s*\(?\s*(?:\\?p?mod\b|\\bmod\b|(?:in )?base\b|_\{?\d)", re.IGNORECASE)


@lru_cache(maxsize=1024)
def decidable_equations(text: str) -> tuple[Equation, ...]:
    """The equations of anybody's prose that are true or false; arithmetic to another base or modulus is not judged.

    Remembered, since a segment is asked several times: for its role, for its verdict, and when it is counted.
    """
    return tuple(each for each in equations(text) if not _OTHER_ARITHMETIC.match(text, each.end))
