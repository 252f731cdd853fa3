"""The exact value of a number as models write it, with currency and unit left out: `number("\\\\dfrac12\\\\text{ cm}")` is 1/2."""

from __future__ import annotations

from fractions import Fraction

from journey.answers.exact import MAX_CHARS, TooBig
from journey.answers.reading.atoms import Doubts
from journey.answers.reading.objects import Measured
from journey.answers.reading.reader import read_answer
from journey.answers.reading.tokens import UnreadAnswer
from journey.answers.reading.values import NoValue, exact_value, start_work


def number(text: str) -> Fraction | None:
    """The exact value of an integer, decimal, fraction, mixed number, percentage or arithmetic expression, else None.

    A currency sign or unit is dropped, and 50% is 1/2. A numeral in another base, a number beyond the limits of
    `journey.answers.exact`, and what may be read in two ways, are None.
    """
    if len(text) > MAX_CHARS:
        return None
    doubts = Doubts()
    start_work()
    try:
        answer = read_answer(text, doubts)
        value = exact_value(answer.term) if isinstance(answer, Measured) and not doubts.met else None
    except (UnreadAnswer, TooBig, NoValue, RecursionError):
        return None
    if value is None or not isinstance(answer, Measured):
        return None
    return value / 100 if answer.unit is not None and answer.unit.is_percent else value
