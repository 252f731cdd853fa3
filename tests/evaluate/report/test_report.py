"""`build`: what it writes, that it needs nothing else, and how it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from journey.errors import PartialError, UsageError
from journey.evaluate.report import build
from journey.formats.folders import open_finished
from journey.formats.plan import EvaluationPlan
from journey_testing.folders import change, plan_and_scores

Make = Callable[..., Path]


def test_writes_both_files_and_nothing_else(make: Make) -> None:
    folder = make(problems=5)
    before = {path for path in folder.rglob("*") if path.is_file()}
    made = build.build(open_finished(folder, "evaluate"))
    assert made == [folder / "report.html", folder / "report.md"]
    assert {path for path in folder.rglob("*") if path.is_file()} - before == set(made)


def test_same_bytes_every_time(make: Make, tmp_path: Path) -> None:
    folder = make(problems=30)
    first = [path.read_bytes() for path in build.build(open_finished(folder, "evaluate"))]
    moved = folder.rename(tmp_path / "elsewhere")
    assert [path.read_bytes() for path in build.build(open_finished(moved, "evaluate"))] == first


def test_a_plan_changed_after_scoring_is_told(make: Make) -> None:
    folder = make(problems=3)
    assert b"its hash has changed" not in build.build(open_finished(folder, "evaluate"))[1].read_bytes()
    plan, _ = plan_and_scores(folder)
    change(folder, {EvaluationPlan.FILE: msgspec.structs.replace(plan, margin=0.1).encoded()})
    pages = build.build(open_finished(folder, "evaluate"))
    assert all(b"its hash has changed" in path.read_bytes() for path in pages)


def test_not_an_evaluation_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a finished folder"):
        open_finished(tmp_path, "evaluate")


@pytest.mark.parametrize("name", ["plan.json", "scores.json", "samples/journey-s0/countdown@1/greedy/00000.jsonl"])
def test_a_changed_byte_is_refused(make: Make, name: str) -> None:
    folder = make(problems=2)
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[:-2] + b" " + data[-1:])
    with pytest.raises(PartialError, match=re.escape(f"damaged or missing: {name}\n  rerun the command")):
        open_finished(folder, "evaluate")
    assert not (folder / "report.html").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\x00\xff", r"scores\.json: "), (b"[]", "Expected `object`"), (b'{"plan_sha256": 3}', r"plan_sha256")],
)
def test_scores_that_cannot_be_read(make: Make, content: bytes, message: str) -> None:
    folder = change(make(problems=2), {"scores.json": content})
    with pytest.raises(PartialError, match=message):
        build.build(open_finished(folder, "evaluate"))
    assert not (folder / "report.html").exists()


def test_scores_of_another_version(make: Make) -> None:
    folder = make(problems=2)
    _, scores = plan_and_scores(folder)
    change(folder, {"scores.json": msgspec.structs.replace(scores, version=99).encoded()})
    with pytest.raises(UsageError, match="version 99, this program reads version 1 and 2"):
        build.build(open_finished(folder, "evaluate"))


def test_a_broken_sample_line_is_named(make: Make) -> None:
    folder = make(problems=3)
    name = "samples/journey-s0/countdown@1/greedy/00000.jsonl"
    change(folder, {name: (folder / name).read_bytes() + b"{broken\n"})
    with pytest.raises(PartialError, match="line 4"):
        build.build(open_finished(folder, "evaluate"))
