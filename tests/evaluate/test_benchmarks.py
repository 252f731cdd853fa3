"""Benchmarks one by one: joins by id, answers in several parts, the tasks of reasoning-gym."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from journey.answers.grading import grade
from journey.catalog import BENCHMARKS
from journey.errors import UsageError
from journey.questions import load_questions
from journey.schema import Problem
from journey_testing.questions import OLYMPIADBENCH, contract


def test_samples_are_joined_by_id_not_by_place(tmp_path: Path) -> None:
    rows = [{"problem": f"What is {n} + {n}?", "answer": str(2 * n)} for n in range(20)]
    ids = []
    for order in (rows, random.Random(1).sample(rows, 20)):
        file = tmp_path / "rows.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in order))
        ids.append({q.id: q.problem.answer for q in load_questions(f"sums={file}")[0]})
    assert ids[0] == ids[1] and list(ids[0]) != list(ids[1])


class TestCountdownChoices:
    """Harder by a measure that belongs to no arm: how rarely a guess of the first step is right."""

    @staticmethod
    def first_steps(numbers: list[int]) -> list[tuple[int, int]]:
        """(result, number left) of every legal first step that changes something, counted in no particular order."""
        found = set()
        for left in numbers:
            a, b = sorted((number for number in _without(numbers, left)), reverse=True)
            found |= {(value, left) for value in (a * b, a + b, a - b) if 0 < value <= 99 and value not in (a, b)}
        return sorted(found)

    @staticmethod
    def hits(step: tuple[int, int], target: int) -> bool:
        a, b = max(step), min(step)
        return target in (a * b, a + b, a - b)

    def test_one_first_step_of_eight_or_nine_leads_on(self) -> None:
        questions, _ = load_questions("countdown-choices", limit=60)
        for question in questions:
            facts = question.problem.facts
            steps = self.first_steps(facts["numbers"])
            assert len(steps) in (8, 9) and sum(self.hits(step, facts["target"]) for step in steps) == 1
            assert question.problem.level == 1 and not question.problem.held_out

    def test_the_order_of_the_numbers_plays_no_part(self) -> None:
        holds = BENCHMARKS.get("countdown-choices")
        for question in load_questions("countdown@1", limit=60)[0]:
            steps = self.first_steps(question.problem.facts["numbers"])
            right = sum(self.hits(step, question.problem.facts["target"]) for step in steps)
            assert holds(question.problem) == (len(steps) >= 8 and right == 1)


def _without(numbers: list[int], one: int) -> list[int]:
    rest = list(numbers)
    rest.remove(one)
    return rest


class TestOlympiadBench:
    @pytest.fixture
    def problems(self, tmp_path: Path) -> list[Problem]:
        file = tmp_path / "rows.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in OLYMPIADBENCH))
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


def test_a_file_under_a_known_name_is_that_set_only_if_its_rows_are(
    tmp_path: Path, real_data: Callable[[str], Path]
) -> None:
    whole = real_data("gsm8k_test.jsonl")
    assert load_questions(f"gsm8k={whole}", limit=3)[1].source.startswith("openai/gsm8k, from")
    lines = whole.read_text(encoding="utf-8").splitlines()
    changed = lines[0].replace("16 eggs", "17 eggs")
    for name, content in {"some": lines[:24], "other": [changed, *lines[1:]]}.items():
        (tmp_path / f"{name}.jsonl").write_text("\n".join(content), encoding="utf-8")
        facts = load_questions(f"gsm8k={tmp_path / name}.jsonl")[1]
        assert facts.source.startswith(f"{name}.jsonl, a file of") and facts.revision is None and not facts.summary
