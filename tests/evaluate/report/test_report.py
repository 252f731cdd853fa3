"""`build`: what it writes, that it needs nothing else, and how it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from journey.errors import PartialError, UsageError
from journey.evaluate import report
from journey.formats.files import dump_json

Make = Callable[..., Path]


def test_writes_both_files_and_nothing_else(make: Make) -> None:
    folder = make(problems=5)
    before = {path for path in folder.rglob("*") if path.is_file()}
    made = report.build(folder)
    assert made == [folder / "report.html", folder / "report.md"]
    assert {path for path in folder.rglob("*") if path.is_file()} - before == set(made)


def test_same_bytes_every_time(make: Make, tmp_path: Path) -> None:
    folder = make(problems=30)
    first = [path.read_bytes() for path in report.build(folder)]
    moved = folder.rename(tmp_path / "elsewhere")
    assert [path.read_bytes() for path in report.build(moved)] == first


def test_a_plan_changed_after_scoring_is_told(make: Make) -> None:
    folder = make(problems=3)
    assert b"its hash has changed" not in report.build(folder)[1].read_bytes()
    (folder / "plan.json").write_bytes((folder / "plan.json").read_bytes() + b"\n")
    assert all(b"its hash has changed" in path.read_bytes() for path in report.build(folder))


def test_not_an_evaluation_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"plan\.json is missing.*\n.*journey evaluate"):
        report.build(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\x00\xff", r"scores\.json: "), (b"[]", "Expected `object`"), (b'{"plan_sha256": 3}', r"plan_sha256")],
)
def test_scores_that_cannot_be_read(make: Make, content: bytes, message: str) -> None:
    folder = make(problems=2)
    (folder / "scores.json").write_bytes(content)
    with pytest.raises(UsageError, match=message):
        report.build(folder)
    assert not (folder / "report.html").exists()


def test_scores_of_another_version(make: Make) -> None:
    folder = make(problems=2)
    scores = json.loads((folder / "scores.json").read_bytes())
    (folder / "scores.json").write_bytes(dump_json({**scores, "version": 99}))
    with pytest.raises(UsageError, match="version 99, this program reads versions up to 2"):
        report.build(folder)


def test_a_broken_sample_line_is_named(make: Make) -> None:
    folder = make(problems=3)
    path = folder / "samples" / "journey-s0" / "countdown@1" / "greedy" / "00000.jsonl"
    path.write_bytes(path.read_bytes() + b"{broken\n")
    with pytest.raises(PartialError, match="line 4"):
        report.build(folder)
