"""The contract of every benchmark: unique ids, gold graded right, a constant answer graded wrong."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journey.answers.checker import Outcome, compare
from journey.answers.grading import grade
from journey.catalog import BENCHMARKS, FAMILIES
from journey.errors import UsageError
from journey.questions import load_questions
from journey.schema import Problem, Question

ENTRIES = BENCHMARKS.entries()
MADE_HERE = [entry.name for entry in ENTRIES if "family" in entry.facts]
PACKAGES = [entry.name for entry in ENTRIES if "package" in entry.facts]
PUBLISHED = [entry.name for entry in ENTRIES if entry.name not in {*MADE_HERE, *PACKAGES}]
FILES = {"gsm8k": ("gsm8k_test.jsonl", 1319), "math500": ("math500.jsonl", 500), "svamp": ("svamp.jsonl", 1000)}
# Rows in the fields of the copies that are not here; the problems are made up.
ROWS: dict[str, list[dict[str, Any]]] = {
    "aime24": [
        {"id": 60, "problem": "Find the sum of all $n$ with $n^2 = 16$ and $n > 0$.", "answer": "004", "url": "u"},
        {"id": 61, "problem": "How many primes are below $100$?", "answer": "025", "solution": "..."},
    ],
    "aime25": [
        {"problem": "Find $9 \\cdot 9$.", "answer": "81", "id": "0"},
        {"problem": "Find $7!/8$.", "answer": "630", "id": "1"},
    ],
    "amc23": [
        {"id": 0, "answer": "27.0", "url": "u", "question": "Cities $A$ and $B$ are $27$ miles apart. How far?"},
        {"id": 1, "answer": "-1.0", "url": "u", "question": "What is $1 - 2$?"},
    ],
    "minerva": [
        {"question": "At what wavelength, in nm, ...?", "answer": "4.7e3"},
        {"question": "Solve for $y(t)$.", "answer": "\\frac{1}{s+2}"},
    ],
    "olympiadbench": [
        {"id": 1, "question": "Find all pairs.", "final_answer": ["$(1,8,19), (2,7,13), (4,5,7)$"], "error": None},
        {"id": 2, "question": "Find all reals.", "final_answer": ["$\\frac{1}{2}$", "$-3$"], "is_multiple_answer": True},
        {"id": 3, "question": "For which $n$?", "final_answer": ["$n=2$ and $n=3$"], "error": ""},
        {"id": 4, "question": "Estimate it.", "final_answer": ["$6.28$"], "error": "1e-2", "unit": None},
    ],
}  # fmt: skip


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


@pytest.mark.parametrize("name", MADE_HERE)
def test_made_here(name: str) -> None:
    questions, facts = load_questions(name, limit=40)
    assert facts.name == name and {q.benchmark for q in questions} == {name}
    assert {q.problem.check for q in questions} == {facts.check}
    contract(questions, 0.03)


@pytest.mark.parametrize("name", [name for name in MADE_HERE if name.startswith("countdown")])
def test_the_bare_target_scores_nothing(name: str) -> None:
    assert share(load_questions(name, limit=40)[0], lambda problem: problem.answer) == 0


@pytest.mark.parametrize("name", sorted(FILES))
def test_published(name: str, real_data: Callable[[str], Path]) -> None:
    file, rows = FILES[name]
    questions, _ = load_questions(f"{name}={real_data(file)}")
    assert len(questions) == rows
    contract(questions, 0.005)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_published_row_formats(name: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS[name]), encoding="utf-8")
    questions, facts = load_questions(f"{name}={file}")
    assert len(questions) == len(ROWS[name]) and facts.licence == BENCHMARKS.entry(name).facts["licence"]
    contract(questions, 0)


def test_every_published_set_is_tested() -> None:
    assert set(PUBLISHED) == {*FILES, *ROWS}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_facts(name: str) -> None:
    facts = BENCHMARKS.entry(name).facts
    assert {"source", "split", "fields", "rows", "licence", "revision"} <= set(facts)
    assert facts["revision"] is None or len(facts["revision"]) == 40
    assert facts["rows"] <= FILES.get(name, ("", facts["rows"]))[1]


def test_samples_are_joined_by_id_not_by_place(tmp_path: Path) -> None:
    rows = [{"problem": f"What is {n} + {n}?", "answer": str(2 * n)} for n in range(20)]
    ids = []
    for order in (rows, random.Random(1).sample(rows, 20)):
        file = tmp_path / "rows.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in order))
        ids.append({q.id: q.problem.answer for q in load_questions(f"sums={file}")[0]})
    assert ids[0] == ids[1] and list(ids[0]) != list(ids[1])


def test_every_level_of_every_family_is_a_benchmark() -> None:
    levels = {f"{entry.name}@{level}" for entry in FAMILIES.entries() for level in entry.facts["levels"]}
    assert levels <= set(BENCHMARKS.names())


class TestOlympiadBench:
    @pytest.fixture
    def problems(self, tmp_path: Path) -> list[Problem]:
        file = tmp_path / "rows.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in ROWS["olympiadbench"]))
        return [q.problem for q in load_questions(f"olympiadbench={file}")[0]]

    @pytest.mark.parametrize(
        ("place", "answer", "outcome"),
        [
            (0, "(4,5,7), (1,8,19), (2,7,13)", "correct"),
            (0, "(1,8,19), (2,7,13)", "wrong"),  # one is missing
            (0, "(8,1,19), (2,7,13), (4,5,7)", "wrong"),  # a tuple has an order
            (1, "-3, 0.5", "correct"),
            (1, "\\{-3, \\frac{1}{2}\\}", "correct"),
            (1, "-3, 0.5, 7", "wrong"),
            (2, "3 and 2", "correct"),
            (3, "6.2831", "correct"),  # within the error that the row allows
            (3, "6.27", "correct"),
            (3, "6.26", "wrong"),
        ],
    )
    def test_several_answers_and_tolerance(
        self, problems: list[Problem], place: int, answer: str, outcome: str
    ) -> None:
        assert grade(problems[place], f"\\boxed{{{answer}}}").outcome == outcome


class TestReasoningGym:
    tasks = BENCHMARKS.entry("reasoning-gym").facts["tasks"]

    def test_only_tasks_that_one_value_answers(self) -> None:
        with pytest.raises(UsageError, match="no task that our checker can judge"):
            load_questions("reasoning-gym:countdown")

    def test_a_missing_package_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "reasoning_gym", None)
        monkeypatch.setitem(sys.modules, "reasoning_gym.factory", None)
        with pytest.raises(UsageError, match=r"(?s)not installed.*journey-learning\[reasoning-gym\]"):
            load_questions("reasoning-gym:chain_sum")

    @pytest.mark.slow
    @pytest.mark.parametrize("task", tasks)
    def test_contract(self, task: str) -> None:
        pytest.importorskip("reasoning_gym", reason="the extra [reasoning-gym] is not installed")
        questions, facts = load_questions(f"reasoning-gym:{task}", limit=30)
        assert (len(questions), facts.name, facts.licence) == (30, f"reasoning-gym-{task}", "Apache-2.0")
        contract(questions, 0)
        assert questions == load_questions(f"reasoning-gym:{task}", limit=30)[0]
        few = {q.id for q in load_questions(f"reasoning-gym:{task}", limit=10)[0]}
        fresh = load_questions(f"reasoning-gym:{task}", limit=10, fresh=1, seen={"none"})[0]
        assert not few & {q.id for q in fresh}

    def test_chain_sum(self) -> None:
        pytest.importorskip("reasoning_gym", reason="the extra [reasoning-gym] is not installed")
        questions, _ = load_questions("reasoning-gym:chain_sum", limit=20)
        contract(questions, 0)
        # The package draws problem i of seed s from s + i; hashed seeds share none.
        other, _ = load_questions("reasoning-gym:chain_sum", limit=20, seed=1)
        assert not {q.id for q in questions} & {q.id for q in other}
