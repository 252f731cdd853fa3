"""Dev problems: of the dev split, never of the test problems that judge what was chosen on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from journey.catalog import BENCHMARKS
from journey.config import EvaluateSettings
from journey.errors import UnknownName
from journey.evaluate.planning.dev_questions import check_dev, dev_questions
from journey.formats.folders import FinetunedFolder, open_finished
from journey.questions import load_questions
from journey.schema import Question
from journey.splits import split_of

MADE_HERE = [entry.name for entry in BENCHMARKS.entries() if "family" in entry.facts]
COUNT = 60


@pytest.fixture(scope="module")
def finetuned_folder(finetuned: Path) -> FinetunedFolder:
    return open_finished(finetuned, "finetune")


def dev_of(name: str, finetuned: FinetunedFolder, **changes: Any) -> list[Question]:
    wanted = EvaluateSettings.model_validate({"benchmarks": [name], "dev_problems": COUNT, **changes})
    found = dev_questions(name, name.partition("=")[0], wanted, finetuned)
    assert found is not None
    questions, facts = found
    assert facts.name == f"{name.partition('=')[0]}.dev" and {q.benchmark for q in questions} == {facts.name}
    return questions


@pytest.mark.parametrize("name", MADE_HERE)
def test_a_familys_dev_problems_are_of_its_dev_split(name: str, finetuned_folder: FinetunedFolder) -> None:
    few = 6  # one grid of nine by nine in ten is of the dev split, and each takes a while to make
    questions = dev_of(name, finetuned_folder, dev_problems=few)
    assert len(questions) == few and {split_of(q.problem) for q in questions} == {"dev"}
    judged = {q.id for q in load_questions(name, split="test", limit=few)[0]}
    assert not judged & {q.id for q in questions}


def test_a_benchmark_named_for_dev_gives_its_dev_split_and_a_file_all_that_it_holds(
    finetuned_folder: FinetunedFolder, tmp_path: Path
) -> None:
    file = tmp_path / "own.jsonl"
    file.write_text('{"question": "What is 2 + 2?", "answer": "4"}\n')
    assert [q.problem.answer for q in dev_of("mine", finetuned_folder, dev={"mine": str(file)})] == ["4"]
    questions = dev_of("mine", finetuned_folder, dev={"mine": "arithmetic@1"})
    assert len(questions) == COUNT and {split_of(q.problem) for q in questions} == {"dev"}


def test_dev_problems_of_a_benchmark_that_is_not_asked_for_are_refused() -> None:
    with pytest.raises(UnknownName, match="did you mean gsm8k"):
        check_dev(EvaluateSettings(benchmarks=["gsm8k"], dev={"gsm8": "x.jsonl"}))
