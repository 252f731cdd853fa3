"""Grading: outcomes by the answer checker and by a family's own checker."""

from __future__ import annotations

import pytest

from journey.answers.grading import OUTCOMES, Grade, grade
from journey.catalog import FAMILIES
from journey.errors import UnknownName
from journey.schema import Problem

EIGHTEEN = Problem(id="p", question="How many?", answer="18", source="test")
COUNTDOWN = FAMILIES.get("countdown")().build((15, 12, 3), 33)


@pytest.mark.parametrize(
    ("text", "outcome", "answer"),
    [
        ("so \\boxed{18}", "correct", "18"),
        ("so \\boxed{36/2}", "correct", "36/2"),
        ("<think>\n\\boxed{17}? no\n</think>\n\n\\boxed{18}", "correct", "18"),
        ("so \\boxed{17}", "wrong", "17"),
        ("first \\boxed{18}, no: \\boxed{17}", "wrong", "17"),
        ("<think>\nso \\boxed{18}", "no_answer", None),
        ("it is 18, I think", "no_answer", None),
        ("so \\boxed{18", "no_answer", None),
        ("", "no_answer", None),
        ("so \\boxed{50\\%}", "wrong", "50\\%"),
    ],
)
def test_value(text: str, outcome: str, answer: str | None) -> None:
    assert grade(EIGHTEEN, text)[:2] == (outcome, answer)


def test_undecided_is_its_own_outcome() -> None:
    half = Problem(id="p", question="How much?", answer="0.5", source="test")
    assert grade(half, "\\boxed{50\\%}").outcome == "undecided"


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("try 15 * 3 = 45 left 45 12 . 45 - 12 = 33 yes . \\boxed{ ( 15 * 3 ) - 12 }", "correct"),
        ("\\boxed{ 33 }", "wrong"),
        ("\\boxed{ 15 + 15 + 3 }", "wrong"),
        ("\\boxed{ 15 + 12 + 3 }", "wrong"),
        ("\\boxed{ ( 15 * 3 ) - 12", "no_answer"),
        ("15 * 3 = 45 . 45 - 12 = 33 yes", "no_answer"),
    ],
)
def test_family_checker(text: str, outcome: str) -> None:
    assert grade(COUNTDOWN, text).outcome == outcome


def test_a_wrong_expression_says_why() -> None:
    assert "uses [33]" in grade(COUNTDOWN, "\\boxed{ 33 }").why


@pytest.mark.parametrize(
    ("text", "outcome"),
    [("The answer is 18", "no_answer"), ("#### 18", "no_answer"), ("so \\boxed{18} and further", "correct")],
)
def test_a_truncated_answer_needs_a_closed_box(text: str, outcome: str) -> None:
    assert grade(EIGHTEEN, text, "length").outcome == outcome
    assert grade(EIGHTEEN, text, "stop").outcome == "correct"


def test_unknown_checker() -> None:
    other = Problem(id="p", question="?", answer="1", source="test", check="countdwon")
    with pytest.raises(UnknownName, match="did you mean countdown"):
        grade(other, "\\boxed{1}")


def test_a_grade_unpacks() -> None:
    outcome, answer, why = grade(EIGHTEEN, "\\boxed{18}")
    assert Grade(outcome, answer, why) == ("correct", "18", "box")
    assert set(OUTCOMES) == {"correct", "wrong", "no_answer", "undecided"}


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("6.28", "correct"),
        ("6.2831", "correct"),
        ("6.29", "correct"),
        ("6.2901", "wrong"),
        ("2\\pi", "wrong"),
        ("x", "wrong"),
    ],
)
def test_a_tolerance_that_the_problem_states(answer: str, outcome: str) -> None:
    problem = Problem("1", "q", "6.28", "olympiadbench", facts={"tolerance": "1e-2"})
    assert grade(problem, f"\\boxed{{{answer}}}").outcome == outcome
    assert grade(Problem("1", "q", "6.28", "x"), "\\boxed{6.2831}").outcome == "wrong"
