"""Generation from attempts: all methods or none of a problem, and one clear line for what cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from journey.cli.app import app
from journey.errors import JourneyError
from journey.formats.folders import open_finished
from journey_testing.attempts import sample_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_folder(tmp_path_factory.mktemp("attempts") / "a")


def test_every_problem_gives_a_pair_of_each_kind_or_none(folder: Path, tmp_path: Path) -> None:
    for workers in ("1", "2"):
        out = tmp_path / workers
        command = f"generate --attempts {folder} --method own,injected,profiled --out {out} --workers {workers}"
        app(command.split(), standalone_mode=False)
    made = open_finished(tmp_path / "1", "generate")
    assert made.manifest.files == open_finished(tmp_path / "2", "generate").manifest.files
    by_problem: dict[str, list[str]] = {}
    for pair in made.pairs():
        by_problem.setdefault(pair.problem.id, []).append(pair.method)
    assert by_problem and all(methods == ["own", "injected", "profiled"] for methods in by_problem.values())
    assert made.counts.rejected is not None
    assert made.manifest.inputs == {"sample": open_finished(folder).sha256}


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("--method search", "method search reads no attempts"),
        ("", "no method is named that reads the attempts"),
        ("--method own --family countdown@1", "--attempts is given beside problems"),
        ("--method own --policy nobody", "nobody"),
        ("--method own,injected --set own.clean=0.5", "matched journeys have one setting for all"),
        ("--method own,injected --set own.located=checked,estimated", "injected.located = checked: matched journeys"),
        ("--method injected,own --set own.located=estimated", "own.located = estimated: matched journeys"),
        ("--method own --set injected.clean=0.5", "settings of method injected, which makes none"),
    ],
)
def test_bad_input_is_one_clear_line(more: str, says: str, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(JourneyError, match=says):
        app(f"generate --attempts {folder} --out {tmp_path / 'g'} {more}".split(), standalone_mode=False)
    assert not (tmp_path / "g").exists()


def test_attempts_of_several_policies_are_not_mixed(tmp_path: Path) -> None:
    both = sample_folder(tmp_path / "a", 4, ("one", "two"))
    with pytest.raises(JourneyError, match="attempts of several policies: one, two"):
        app(f"generate --attempts {both} --method own --out {tmp_path / 'g'}".split(), standalone_mode=False)
    app(
        f"generate --attempts {both} --policy two --method reject --out {tmp_path / 'g'}".split(), standalone_mode=False
    )
    assert open_finished(tmp_path / "g", "generate").manifest.config["policy"] == "two"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"keep": lambda a: a.outcome != "correct"}, "guesser was never right: no mistake of its own can be repaired"),
        ({"keep": lambda a: a.outcome == "correct"}, "guesser was never wrong: it has no mistakes of its own"),
        ({"problems": 1}, "holds attempts at 3 problems that are not in it"),
    ],
)
def test_what_no_journey_can_be_made_of_is_one_clear_line(more: dict[str, Any], says: str, tmp_path: Path) -> None:
    folder = sample_folder(tmp_path / "a", 4, **more)
    command = f"generate --attempts {folder} --method own,injected --out {tmp_path / 'g'}"
    with pytest.raises(JourneyError, match=says):
        app(command.split(), standalone_mode=False)
    assert not (tmp_path / "g").exists()


def test_right_attempts_alone_are_enough_for_reject(tmp_path: Path) -> None:
    folder = sample_folder(tmp_path / "a", 4, keep=lambda a: a.outcome == "correct")
    app(f"generate --attempts {folder} --method reject --out {tmp_path / 'g'}".split(), standalone_mode=False)
    assert all(not pair.mistakes for pair in open_finished(tmp_path / "g", "generate").pairs())


def test_the_shares_that_are_lost_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = sample_folder(tmp_path / "a", keep=lambda a: a.outcome == "correct" or a.problem[0] in "01234567")
    command = f"generate --attempts {folder} --method own,injected,profiled --out {tmp_path / 'g'}"
    app(command.split(), standalone_mode=False)
    said = " ".join(capsys.readouterr().err.split())
    made = open_finished(tmp_path / "g", "generate")
    kept, lost = sum(1 for _ in made.pairs()) // 3, made.counts.rejected
    assert f"{kept} of 12 problems ({kept / 12:.0%}) give pairs of every kind; lost:" in said
    assert (
        lost
        and set(lost) == {"never_wrong"}
        and all(f"{reason.replace('_', ' ')} {count} ({count / 12:.0%})" in said for reason, count in lost.items())
    )


def test_attempts_are_needed_by_name(tmp_path: Path) -> None:
    command = f"generate --family countdown@1 --method own --pairs 3 --out {tmp_path / 'g'}"
    with pytest.raises(JourneyError, match="method own reads attempts"):
        app(command.split(), standalone_mode=False)
