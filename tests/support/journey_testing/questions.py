"""The contract of a set of questions: what every benchmark keeps, wherever its rows come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from journey.answers.checker import Outcome, compare
from journey.answers.grading import grade
from journey.catalog import FAMILIES
from journey.schema import Problem, Question

# Rows as that set has them; the problems are made up.
OLYMPIADBENCH: list[dict[str, Any]] = [
    {"id": 1, "question": "Find all pairs.", "final_answer": ["$(1,8,19), (2,7,13), (4,5,7)$"], "error": None},
    {"id": 2, "question": "Find all reals.", "final_answer": ["$\\frac{1}{2}$", "$-3$"], "is_multiple_answer": True},
    {"id": 3, "question": "For which $n$?", "final_answer": ["$n=2$ and $n=3$"], "error": ""},
    {"id": 4, "question": "Estimate it.", "final_answer": ["$6.28$"], "error": "1e-2", "unit": None},
]  # fmt: skip


def gold(problem: Problem) -> str:
    """An answer that must be graded right."""
    return problem.answer if problem.check == "value" else FAMILIES.get(problem.check)().gold(problem)


def share(questions: list[Question], answer: Callable[[Problem], str]) -> float:
    outcomes = [grade(q.problem, f"so \\boxed{{{answer(q.problem)}}}").outcome for q in questions]
    return outcomes.count("correct") / len(outcomes)


def contract(questions: list[Question], constant: float) -> None:
    """Ids are unique and the problem's own, gold against itself is right, a constant is not."""
    assert len({q.id for q in questions}) == len(questions) and all(q.id == q.problem.id for q in questions)
    if questions[0].problem.check == "value":
        assert all(compare(q.problem.answer, q.problem.answer) is Outcome.SAME for q in questions)
    assert share(questions, gold) == 1
    assert share(questions, lambda problem: "12345") <= constant
