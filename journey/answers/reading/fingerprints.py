"""Fingerprints of answers: equal answers share one, so that only answers that share one need to be compared.

A fingerprint is made of values at fixed points, cut to nine decimals at a place where no simple number lies.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from fractions import Fraction
from functools import lru_cache
from typing import Any

from journey.answers.exact import MAX_CHARS, TooBig
from journey.answers.reading import regions
from journey.answers.reading.agreement import points
from journey.answers.reading.atoms import Doubts
from journey.answers.reading.objects import (
    Answer,
    BasedNumeral,
    Bracketed,
    Collection,
    Grid,
    Inequality,
    LetterChoice,
    Measured,
    NamedAnswer,
    Proportion,
    Prose,
    Region,
    ZeroSet,
)
from journey.answers.reading.reader import read_answer
from journey.answers.reading.real_sets import as_region
from journey.answers.reading.terms import Term, letters, num, signs
from journey.answers.reading.tokens import UnreadAnswer, normal
from journey.answers.reading.values import NoValue, contexts, start_work, value_of

_CUT = Fraction(6180339887, 10**10)  # where values are cut: no value with few digits lies near


@lru_cache(maxsize=8192)
def fingerprints(text: str) -> frozenset[Hashable]:
    """The fingerprints of a text; two texts that the checker finds the same share at least one."""
    if len(text) > MAX_CHARS:
        return frozenset((("text", text),))
    spelled: Hashable = ("text", "".join(normal(text).split()))
    doubts = Doubts()
    start_work()
    try:
        marks = set(_of(read_answer(text, doubts)))
        for name in doubts.met:
            marks |= set(_of(read_answer(text, Doubts(frozenset((name,))))))
    except (UnreadAnswer, TooBig):
        return frozenset((spelled,))
    return frozenset((*marks, spelled))


@lru_cache(maxsize=8192)
def units_in(text: str) -> str:
    """The units of an answer in one spelling; "" where it has none or is not read."""
    if len(text) > MAX_CHARS or text.isdecimal():
        return ""
    start_work()
    try:
        return " ".join(dict.fromkeys(_units(read_answer(text))))
    except (UnreadAnswer, TooBig):
        return ""


def _units(answer: Answer) -> Iterator[str]:
    if isinstance(answer, Measured) and answer.unit is not None:
        yield f"{answer.unit.powers}{answer.unit.size}{answer.unit.things}"
    elif isinstance(answer, BasedNumeral):
        yield f"base {answer.base}"
    elif isinstance(answer, Proportion):
        if answer.half:
            yield answer.half
    elif isinstance(answer, NamedAnswer):
        yield from _units(answer.value)
    elif isinstance(answer, Collection | Bracketed):
        for item in answer.items:
            yield from _units(item)


def _of(answer: Answer) -> Iterator[Hashable]:
    if isinstance(answer, Measured):
        both = signs(answer.term)
        yield _value(answer.term) if len(both) == 1 else ("parts", frozenset(map(_value, both)))
    elif isinstance(answer, NamedAnswer):
        yield from _of(answer.value)
        if answer.term is not None:
            yield _zeros(answer.term)
    elif isinstance(answer, Collection | Bracketed):
        yield ("parts", frozenset(next(iter(_of(item)), None) for item in answer.items))
        if len(answer.items) == 1:
            yield from _of(answer.items[0])
        if (region := as_region(answer)) is not None:
            yield from _of(region)
    elif isinstance(answer, Grid):
        yield ("parts", frozenset(_value(cell) for row in answer.rows for cell in row))
    elif isinstance(answer, Region):
        yield ("region", answer.numbers.inside, tuple(map(_value, answer.numbers.borders)))
        if answer.numbers == regions.NOTHING:
            yield ("region", "nothing")
    elif isinstance(answer, BasedNumeral):
        yield ("based", answer.digits)
        if answer.digits.lstrip("-").isdigit():
            yield _value(num(int(answer.digits)))
    elif isinstance(answer, Proportion):
        yield ("ratio", tuple(map(_value, answer.parts)))
    elif isinstance(answer, Prose):
        yield "prose"
    elif isinstance(answer, LetterChoice):
        yield ("letter", answer.letter)
        yield _value(Term("var", name=answer.letter))
    elif isinstance(answer, ZeroSet | Inequality):
        yield _zeros(answer.term)


def _value(term: Term) -> Hashable:
    """The value of a term at one point with positive whole letters."""
    if term.op == "inf":
        return ("infinite", int(term.value))
    for index in range(3):
        try:
            return ("value", index, *_cut(value_of(term, points(letters(term), "whole", index + 1)[index])))
        except (NoValue, TooBig):
            continue
    return "no value"


def _zeros(term: Term) -> Hashable:
    """The ratio of a term's values at two points, which no factor changes; the letters are part of it."""
    names = letters(term)
    first, second = points(names, "broken", 2)
    context = contexts()[1]
    try:
        one, other = (context.convert(_number(value_of(term, point))) for point in (first, second))
        return ("zeros", tuple(sorted(names)), *_cut(one / other))
    except (NoValue, TooBig, ZeroDivisionError):
        return ("zeros", tuple(sorted(names)))


def _number(value: Any) -> Any:
    return contexts()[1].mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else value


def _cut(value: Any) -> tuple[int, ...]:
    """The value in steps: nine digits behind the leading ones."""
    if isinstance(value, Fraction):
        return (math.floor(value * 10**9 + _CUT), 0)
    context = contexts()[1]
    shift = context.mpf(_CUT.numerator) / _CUT.denominator
    return tuple(int(context.floor(part * 10**9 + shift)) for part in (context.re(value), context.im(value)))
