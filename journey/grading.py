"""Grading: one model output to one problem, judged by the answer checker or by the problem's own family.

grade(problem, "try 15 * 3 = 45 ... yes . \\\\boxed{ ( 15 * 3 ) - 12 }")   -> Grade("correct", "( 15 * 3 ) - 12", "box")
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from journey import answers
from journey.answers import Outcome
from journey.catalog import FAMILIES
from journey.schema import Problem

GradeOutcome = Literal["correct", "wrong", "no_answer", "undecided"]
OUTCOMES: tuple[GradeOutcome, ...] = get_args(GradeOutcome)
_WORDS: dict[Outcome, GradeOutcome] = {
    Outcome.SAME: "correct",
    Outcome.DIFFERENT: "wrong",
    Outcome.UNDECIDED: "undecided",
}


class Grade(NamedTuple):
    """How an output was judged: the outcome, the answer taken from it, and where that was found or why it fails."""

    outcome: GradeOutcome
    answer: str | None
    why: str


def grade(problem: Problem, text: str, finish: Literal["stop", "length"] = "stop") -> Grade:
    """Take the final answer from an output and judge it as `problem.check` says.

    An output cut off at the cap of new tokens (`finish="length"`) has an answer only if it closed a box: a number in
    an unfinished sentence is none. Raises UnknownName if `problem.check` names no family.
    """
    found = answers.extract(text)
    if found.answer is None:
        return Grade("no_answer", None, found.why)
    if finish == "length" and found.why != "box":
        return Grade("no_answer", None, "cut off before a box")
    if problem.check == "value":
        return Grade(_WORDS[answers.compare(problem.answer, found.answer)], found.answer, found.why)
    outcome, why = FAMILIES.get(problem.check)().check(problem, found.answer)
    return Grade(_WORDS[outcome], found.answer, why or found.why)
