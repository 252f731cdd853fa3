"""One judgement in words: what was taken from the output, what both sides were read as, the outcome and the rule."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from journey.answers import checker
from journey.answers.exact import MAX_CHARS, TooBig
from journey.answers.reading.reader import read_answer
from journey.answers.reading.tokens import UnreadAnswer
from journey.answers.reading.values import start_work
from journey.answers.second import second_opinion
from journey.errors import PartialError, UsageError
from journey.formats.files import read_lines

_KINDS = {
    "Measured": "a number or expression",
    "Prose": "words",
    "LetterChoice": "a letter of a choice",
    "Collection": "several answers without an order",
    "Bracketed": "a point, tuple or interval",
    "Region": "a set of real numbers",
    "Grid": "a matrix or vector",
    "ZeroSet": "an equation",
    "NamedAnswer": "a name with its value",
    "Inequality": "an inequality",
    "BasedNumeral": "a numeral with its base",
    "Proportion": "a ratio or time",
}


def explained(gold: str, output: str, second: bool = False) -> dict[str, Any]:
    """How an answer, or the answer that an output ends in, is judged; with `second`, what math-verify says of it too."""
    taken = checker.extract(output)
    answer = output if taken.answer is None else taken.answer
    judged = checker.explain(gold, answer)
    row: dict[str, Any] = {
        "outcome": judged.outcome.value,
        "why": judged.why,
        "gold": gold,
        "answer": answer,
        "taken_from": taken.why if taken.answer is not None else "the whole text",
        "gold_read_as": kind_of(gold),
        "answer_read_as": kind_of(answer),
    }
    if second:
        other = second_opinion(gold, answer)
        row["second"] = f"{other.outcome.value}: {other.why}"
        row["agree"] = other.outcome is judged.outcome
    return row


def kind_of(text: str) -> str:
    """What a text is read as, in words, or why it is not read."""
    if len(text) > MAX_CHARS:
        return f"not read: longer than {MAX_CHARS} characters"
    try:
        start_work()
        found = read_answer(text)
    except (UnreadAnswer, TooBig) as error:
        return f"not read: {error}"
    unit = getattr(found, "unit", None)
    return _KINDS[type(found).__name__] + (" with a unit" if unit is not None else "")


class GivenAnswer(msgspec.Struct, frozen=True):
    """One line of a user's file."""

    gold: str | int | float
    answer: str | int | float


def pairs(path: Path) -> Iterator[tuple[str, str]]:
    """Gold and answer of every line of a file. Raises UsageError naming the line that is none."""
    shape = '{"gold": "1/2", "answer": "0.5"} on each line'
    try:
        for row in read_lines(path, GivenAnswer):
            yield str(row.gold), str(row.answer)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}", shape) from None
    except PartialError as error:
        raise UsageError(str(error).partition("\n")[0], shape) from None
