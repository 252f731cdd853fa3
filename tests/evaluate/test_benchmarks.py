"""The contract of every benchmark: unique ids, gold graded right, a constant answer graded wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from journey.answers import Outcome, compare
from journey.catalog import BENCHMARKS, FAMILIES
from journey.grading import grade
from journey.questions import load_questions
from journey.schema import Problem, Question

MADE_HERE = [entry.name for entry in BENCHMARKS.entries() if "family" in entry.facts]
PUBLISHED = [entry.name for entry in BENCHMARKS.entries() if "family" not in entry.facts]
FILES = {"gsm8k": ("gsm8k_test.jsonl", 1319), "math500": ("math500.jsonl", 500), "svamp": ("svamp.jsonl", 1000)}


def gold(problem: Problem) -> str:
    """An answer that must be graded right."""
    return problem.answer if problem.check == "value" else FAMILIES.get(problem.check)().gold(problem)


def share(questions: list[Question], answer: Callable[[Problem], str]) -> float:
    outcomes = [grade(q.problem, f"so \\boxed{{{answer(q.problem)}}}").outcome for q in questions]
    return outcomes.count("correct") / len(outcomes)


@pytest.mark.parametrize("name", MADE_HERE)
def test_made_here(name: str) -> None:
    questions, facts = load_questions(name, limit=40)
    assert facts.name == name and {q.benchmark for q in questions} == {name}
    assert len({q.id for q in questions}) == 40 and all(q.id == q.problem.id for q in questions)
    assert {q.problem.check for q in questions} == {facts.check}
    assert share(questions, gold) == 1
    assert share(questions, lambda problem: "12345") < 0.03


@pytest.mark.parametrize("name", [name for name in MADE_HERE if name.startswith("countdown")])
def test_the_bare_target_scores_nothing(name: str) -> None:
    assert share(load_questions(name, limit=40)[0], lambda problem: problem.answer) == 0


@pytest.mark.parametrize("name", PUBLISHED)
def test_published(name: str, real_data: Callable[[str], Path]) -> None:
    file, rows = FILES[name]
    questions, _ = load_questions(f"{name}={real_data(file)}")
    assert len(questions) == rows == len({q.id for q in questions})
    assert all(compare(q.problem.answer, q.problem.answer) is Outcome.SAME for q in questions)
    assert share(questions, gold) == 1
    assert share(questions, lambda problem: "12345") < 0.005


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_facts(name: str) -> None:
    facts = BENCHMARKS.entry(name).facts
    assert {"source", "split", "fields", "rows", "licence", "revision"} <= set(facts)
    assert facts["rows"] <= FILES[name][1]


def test_every_level_of_every_family_is_a_benchmark() -> None:
    levels = {f"{entry.name}@{level}" for entry in FAMILIES.entries() for level in entry.facts["levels"]}
    assert levels <= set(BENCHMARKS.names())
