"""Fresh problems: checked against what was trained on, refused where that cannot be done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from journey.config import EvaluateSettings
from journey.errors import UsageError
from journey.evaluate.planning.questions import ask, trained_on
from journey.formats.folders import FinetunedFolder, open_finished
from journey_testing.folders import write_folder


def settings(**changes: object) -> EvaluateSettings:
    return EvaluateSettings.model_validate({"benchmarks": ["arithmetic@1"], "limit": 10, **changes})


def finetuned(folder: Path, problems: Sequence[str] | None) -> FinetunedFolder:
    files = {} if problems is None else {"problems.txt": "".join(f"{name}\n" for name in problems).encode()}
    return open_finished(write_folder(folder, "finetune", files), "finetune")


def test_without_fresh_nothing_is_read(tmp_path: Path) -> None:
    assert trained_on(finetuned(tmp_path / "f", None), settings()) == frozenset()


def test_fresh_problems_leave_out_what_was_trained_on(tmp_path: Path) -> None:
    wanted = settings(fresh=3)
    first, _ = ask("arithmetic@1", wanted, 10, frozenset())
    seen = trained_on(finetuned(tmp_path / "f", [q.id for q in first[:4]]), wanted)
    again, facts = ask("arithmetic@1", wanted, 10, seen)
    assert len(seen) == 4 and not seen & {q.id for q in again}
    assert [q.id for q in again[:6]] == [q.id for q in first[4:]]
    assert facts.revision == "made here, fresh seed 3"


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be checked against the training data"):
        trained_on(finetuned(tmp_path / "one", None), settings(fresh=1))
    with pytest.raises(UsageError, match="none of the benchmarks is made here"):
        trained_on(finetuned(tmp_path / "f", None), settings(fresh=1, benchmarks=["gsm8k", "org/set"]))


def test_fields_are_mapped(tmp_path: Path) -> None:
    file = tmp_path / "m.jsonl"
    file.write_text('{"q": "2 + 2?", "a": 4}\n')
    asked, _ = ask(f"m={file}", settings(map={"question": "q", "answer": "a"}), None, frozenset())
    assert asked[0].problem.answer == "4"
