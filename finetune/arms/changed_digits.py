"""The changed-digits control: most numbers of a journey before the answer get other digits (as in arXiv 2502.07374)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from journey.answers.spelling import joined, spelling
from journey.catalog import ARMS
from journey.finetune.rows.traces import Piece, reasoning, with_reasoning
from journey.finetune.runs import Arm, ArmContext
from journey.rng import rng_for
from journey.schema import Pair, Trace

CHANGED = 0.7  # of the different numbers of a segment
_NUMBER = re.compile(r"(?<![\w.])(?:\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)(?!\w)", re.ASCII)


@ARMS.add(
    "changed-digits",
    question="do the numbers have to be right, or only the shape of the argument?",
    trains=True,
    settings=("mistake_weight",),
)
def changed_digits() -> Arm:
    """Train on the journey with other digits in seven of ten numbers before the answer."""
    return Arm("changed-digits", _traces, mistakes=True)


def _traces(pairs: Sequence[Pair], reading: ArmContext) -> list[Trace]:
    return [with_reasoning(pair.journey, changed(pair)) for pair in pairs]


def changed(pair: Pair) -> list[Piece]:
    """The pieces with the same number always changed alike within a segment, so that both notations say the same."""
    rng, pieces = rng_for("changed digits", pair.pair_id), list[Piece]()
    write = spelling(pair.problem)
    for segment in reasoning(pair.journey):
        brief = joined(segment.brief) if pair.problem.facts.get("spelled") else segment.brief
        numbers = dict.fromkeys(
            match[0].replace(",", "") for text in (segment.text, brief) for match in _NUMBER.finditer(text)
        )
        others = {number: _other(number, rng) if rng.random() < CHANGED else number for number in numbers}
        pieces.append((segment.role, _with(segment.text, others), write(_with(brief, others)), segment.node))
    return pieces


def _other(number: str, rng: Random) -> str:
    """A number of the same form with another digit at every place; one of several digits never begins with 0."""
    digits = []
    for index, digit in enumerate(number):
        first = index == 0 and len(number) > 1 and digit != "0" and number[1] != "."
        able = [each for each in "0123456789" if each != digit and not (first and each == "0")]
        digits.append(rng.choice(able) if digit.isdigit() else digit)
    return "".join(digits)


def _with(text: str, others: dict[str, str]) -> str:
    """The text with its numbers replaced; thousands commas stay where they were."""

    def replaced(match: re.Match[str]) -> str:
        digits = iter(others[match[0].replace(",", "")])
        return "".join(each if each == "," else next(digits) for each in match[0])

    return _NUMBER.sub(replaced, text)
