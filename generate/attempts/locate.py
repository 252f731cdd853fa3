"""The locator: the first mistake of an answer, by the family's own solver where it has one, else by the problem's graph."""

from __future__ import annotations

from functools import cache

from journey.answers.grading import GradeOutcome
from journey.catalog import FAMILIES
from journey.generate.first_mistake import quantities
from journey.generate.protocols import LocatingFamily
from journey.schema import FirstMistake, Problem

LOCATOR = 2  # raised whenever the same answer may be located otherwise
NO_FIRST_MISTAKE = FirstMistake()


def locate(problem: Problem, text: str, outcome: GradeOutcome) -> FirstMistake:
    """The first mistake that any check finds. Answers that are right can hold one too; undecided ones are not judged."""
    if outcome == "undecided":
        return NO_FIRST_MISTAKE
    family = FAMILIES.get(problem.source) if problem.source in FAMILIES.names() else None
    if family is not None and _locates(family):
        return family().first_mistake(problem, text)
    return quantities.first_mistake(problem, text, outcome == "correct")


@cache
def _locates(family: type) -> bool:
    """Whether a family has a solver for it; remembered, since a protocol with methods is slow to ask for."""
    return issubclass(family, LocatingFamily)


def how_located(mistake: FirstMistake) -> str:
    """One word for how much is known: checked first, checked, estimated, unlocated."""
    if mistake.proof is None:
        return "unlocated"
    if mistake.proof == "estimated":
        return "estimated"
    return "checked first" if mistake.before else "checked"
