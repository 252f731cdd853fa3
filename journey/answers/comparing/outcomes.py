"""What a comparison of two answers can find, and what a rule for one kind of answer is given to compare parts with."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from journey.answers.reading.objects import Answer


class Outcome(StrEnum):
    """What a comparison found. UNDECIDED is neither right nor wrong and is counted apart."""

    SAME = "same"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


class Judgement(NamedTuple):
    """An outcome and the rule behind it, in words."""

    outcome: Outcome
    why: str


class Comparer(Protocol):
    """Compares the parts of two answers, for the rules of kinds that have parts."""

    def judge(self, gold: Answer, answer: Answer) -> Judgement:
        """Compare two parts. Raises TooBig beyond the limits."""

    def texts(self, gold: str, answer: str) -> Judgement:
        """Compare two texts within the answers: undecided where one is not read."""


def same(why: str) -> Judgement:
    """Proven equal."""
    return Judgement(Outcome.SAME, why)


def different(why: str) -> Judgement:
    """Proven to differ."""
    return Judgement(Outcome.DIFFERENT, why)


def undecided(why: str) -> Judgement:
    """Neither is proven."""
    return Judgement(Outcome.UNDECIDED, why)


def together(found: Sequence[Judgement]) -> Judgement:
    """The parts together: one that differs decides, one that is not decided spoils."""
    for outcome in (Outcome.DIFFERENT, Outcome.UNDECIDED):
        for judgement in found:
            if judgement.outcome is outcome:
                return judgement
    return same("the same part by part")
