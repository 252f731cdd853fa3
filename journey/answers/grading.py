"""Grading: one model output to one problem, judged by the answer checker or by the problem's own family.

grade(problem, "try 15 * 3 = 45 ... yes . \\\\boxed{ ( 15 * 3 ) - 12 }")   -> Grade("correct", "( 15 * 3 ) - 12", "box")
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from journey.answers import checker, choices
from journey.answers.checker import Outcome
from journey.answers.spelling import unspelled
from journey.catalog import FAMILIES
from journey.errors import JourneyError
from journey.schema import Problem

GradeOutcome = Literal["correct", "wrong", "no_answer", "undecided"]
OUTCOMES: tuple[GradeOutcome, ...] = get_args(GradeOutcome)
WITHHELD, EMPTY = "withheld by the server", "empty answer"  # outcomes of their own among those without an answer
CHECKER_FAILED = "the checker failed"
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


def grade(problem: Problem, text: str, finish: Literal["stop", "length", "content_filter"] = "stop") -> Grade:
    """Take the final answer from an output and judge it as `problem.check` says.

    An output cut off at the cap of new tokens (`finish="length"`) has an answer only if it closed a box: a number in
    an unfinished sentence is none. One that the server withheld (`"content_filter"`) has none. Where the problem's facts
    name a `tolerance` (a number, absolute), numbers that differ by no more are the same, in a list one by one; where they
    name a `unit`, an answer may end in it; where they say `spelled`, single digits side by side are one number. Where the
    checker itself fails on an answer, that is undecided, and `why` begins with CHECKER_FAILED. Raises UnknownName if `problem.check` names no family.
    """
    if finish == "content_filter":
        return Grade("no_answer", None, WITHHELD)
    if not text.strip():
        return Grade("no_answer", None, EMPTY)
    extracted = checker.extract(text)
    if extracted.answer is None:
        return Grade("no_answer", None, extracted.why)
    if finish == "length" and extracted.why not in ("box", "answer tag"):
        return Grade("no_answer", None, "cut off before a box")
    try:
        return _judged(problem, extracted)
    except (JourneyError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - one answer must never end the grading of all the others
        return Grade("undecided", extracted.answer, f"{CHECKER_FAILED} ({type(error).__name__})")


def _judged(problem: Problem, extracted: checker.Extracted) -> Grade:
    """The grade of an answer that was found, by the rules of the problem."""
    assert extracted.answer is not None
    if problem.check == "value":
        return _by_value(problem, extracted.answer, extracted.why)
    if problem.check == "choice":
        outcome = choices.judge(problem.answer, problem.facts.get("options", ()), extracted.answer)
        return Grade(_WORDS[outcome], extracted.answer, extracted.why)
    outcome, why = FAMILIES.get(problem.check)().check(problem, extracted.answer)
    return Grade(_WORDS[outcome], extracted.answer, why or extracted.why)


def _by_value(problem: Problem, answer: str, why: str) -> Grade:
    bare = unspelled(answer) if problem.facts.get("spelled") else answer
    outcome = checker.judged(problem.answer, bare)
    unit = problem.facts.get("unit")
    if outcome is not Outcome.SAME and unit and (without := _without_unit(bare, str(unit))) is not None:
        bare = without
        outcome = checker.judged(problem.answer, bare)
    tolerance = problem.facts.get("tolerance")
    if outcome is Outcome.DIFFERENT and tolerance and _within(problem.answer, bare, str(tolerance)):
        return Grade("correct", answer, f"within {tolerance}")
    return Grade(_WORDS[outcome], answer, why)


def _without_unit(answer: str, unit: str) -> str | None:
    """An answer without the problem's own unit at its end, however it is set; None where it does not end in it."""
    text, wanted = (" ".join(choices.plain(one).split()) for one in (answer, unit))
    return text[: -len(wanted)].strip() or None if wanted and text.endswith(wanted) else None


def _within(gold: str, answer: str, tolerance: str) -> bool:
    """Whether two numbers, or the numbers of two lists in order of size, differ by no more than the problem allows."""
    allowed = checker.number(tolerance)
    right, given = (
        sorted(number for part in text.split(", ") if (number := checker.number(part)) is not None)
        for text in (gold, answer)
    )
    if allowed is None or not right or len(right) != len(gold.split(", ")) or len(given) != len(answer.split(", ")):
        return False
    return len(right) == len(given) and all(abs(a - b) <= allowed for a, b in zip(right, given, strict=True))
