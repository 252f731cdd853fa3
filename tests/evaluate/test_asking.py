"""Fresh problems: checked against what was trained on, refused where that cannot be done."""

from __future__ import annotations

from pathlib import Path

import pytest

from journey.config import EvaluateSettings
from journey.errors import UsageError
from journey.evaluate.planning.questions import ask, trained_on


def settings(**changes: object) -> EvaluateSettings:
    return EvaluateSettings.model_validate({"benchmarks": ["arithmetic@1"], "limit": 10, **changes})


def test_without_fresh_nothing_is_read(tmp_path: Path) -> None:
    assert trained_on(tmp_path / "nowhere", settings()) == frozenset()


def test_fresh_problems_leave_out_what_was_trained_on(tmp_path: Path) -> None:
    wanted = settings(fresh=3)
    first, _ = ask("arithmetic@1", wanted, 10, frozenset())
    (tmp_path / "problems.txt").write_text("".join(f"{q.id}\n" for q in first[:4]))
    seen = trained_on(tmp_path, wanted)
    again, facts = ask("arithmetic@1", wanted, 10, seen)
    assert len(seen) == 4 and not seen & {q.id for q in again}
    assert [q.id for q in again[:6]] == [q.id for q in first[4:]]
    assert facts.revision == "made here, fresh seed 3"


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be checked against the training data"):
        trained_on(tmp_path, settings(fresh=1))
    with pytest.raises(UsageError, match="none of the benchmarks is made here"):
        trained_on(tmp_path, settings(fresh=1, benchmarks=["gsm8k", "org/set"]))


def test_fields_are_mapped(tmp_path: Path) -> None:
    file = tmp_path / "m.jsonl"
    file.write_text('{"q": "2 + 2?", "a": 4}\n')
    asked, _ = ask(f"m={file}", settings(map={"question": "q", "answer": "a"}), None, frozenset())
    assert asked[0].problem.answer == "4"
