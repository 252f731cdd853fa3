"""First mistakes of answers that compute quantities, worked by hand: what refutes them, and whether more is known before."""

from __future__ import annotations

import pytest

from journey.generate.attempts.locate import locate
from journey.schema import FirstMistake, Problem, problem_id

QUESTION = "Tom has 12 shells. He buys 5 bags of 4 shells and gives 7 shells away. How many shells does he have?"
SOLUTION = "The bags hold 5 * 4 = <<5*4=20>>20 shells.\nWith them he has 12 + 20 = <<12+20=32>>32.\nThen 32 - 7 = <<32-7=25>>25.\n#### 25"
PROBLEM = Problem(problem_id("t", "1"), QUESTION, "25", "t", solution=SOLUTION)
BARE = Problem(problem_id("t", "1"), QUESTION, "25", "t")


def found(text: str, problem: Problem = PROBLEM, outcome: str = "wrong") -> FirstMistake:
    return locate(problem, text, outcome)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "kind", "proof", "before"),
    [
        ("5 * 4 = 20.\n12 + 20 = 33.\n33 - 7 = 26. \\boxed{26}", "false equation", "checked:question", True),
        ("5 + 4 = 9.\n12 + 9 = 21.\n21 - 7 = 14. \\boxed{14}", "wrong operation", "checked:solution", True),
        ("5 * 4 = 20.\n12 + 20 = 32.\n32 - 5 = 27. \\boxed{27}", "wrong number", "checked:solution", True),
        ("7 - 5 = 2.\n12 + 20 = 33. \\boxed{33}", "false equation", "checked:question", False),
        ("3 * 3 = 9. \\boxed{9}", None, None, False),
    ],
)
def test_mistakes_in_problems_with_a_solution(text: str, kind: str | None, proof: str | None, before: bool) -> None:
    mistake = found(text)
    assert (mistake.kind, mistake.proof, mistake.before) == (kind, proof, before)


def test_without_annotations_only_false_equations_are_checked() -> None:
    assert found("5 * 4 = 20.\n12 + 20 = 33. \\boxed{33}", BARE).kind == "false equation"
    assert found("5 + 4 = 9. \\boxed{9}", BARE).kind is None


def test_another_right_way_is_no_mistake() -> None:
    """Operands of a right answer that the gold solution does not combine are undecided, never wrong."""
    mistake = found("12 - 7 = 5.\n5 * 4 = 20.\n5 + 20 = 25. \\boxed{25}", outcome="correct")
    assert (mistake.kind, mistake.before) == (None, False)


def test_undecided_answers_are_not_judged() -> None:
    assert found("5 * 4 = 21. \\boxed{x}", outcome="undecided") == FirstMistake()
