"""`journey show`, `journey export` of pairs, and plans of dry runs: for people and as data."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from datasets import load_dataset
from rich.console import Console
from typer.testing import CliRunner

from journey import console
from journey.cli.app import app
from journey.cli.printing import finding, terminal
from journey.errors import UsageError
from journey.finetune.session import kept_steps
from journey.finetune.training.protocol import CheckpointClock, seal
from journey_testing.sources import ROOT

OLD = ROOT / "tests/golden/v0_1"
PLACES = {  # what it shows, by what is given
    "generate": "shortcut",
    "curate": "shortcut",
    "generate/trees": "search, seed",
    "generate/trees/00000.jsonl": "step: ",
    "generate/pairs/00000.jsonl": "journey, mistakes",
    "curate/ledger.jsonl": "an empty file",
    "curate/funnel.json": "rules",
    "curate/manifest.json": "sha256",
    "finetune": "optimiser steps",
    "finetune/journey-s0": "supervised tokens",
    "finetune/journey-s0/trajectory.jsonl": "loss",
    "finetune/journey-s0/adapter_model.safetensors": "journey-s0",
    "evaluate": "Verdict",
    "evaluate/questions": "question",
    "evaluate/samples": "text",
    "published-dataset": "pairs",
    "published-adapters": "written by journey publish",
    "published-adapters/bundle/journey-s0": "LORA",
    "tiny-base": "model.safetensors",
    "problems.jsonl": "Nadia",
}


def run(*words: str | Path) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "100"})
    assert done.exit_code == 0, f"{words}: {done.exception!r}"
    return done.stdout


@pytest.mark.parametrize("place", PLACES)
def test_every_kind_of_folder_and_file_is_shown_as_text_page_and_data(place: str, tmp_path: Path) -> None:
    path = OLD / place
    assert PLACES[place] in run("show", path)
    run("show", path, "--html", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>") and PLACES[place].strip() in page and "src=" not in page
    assert json.loads(run("show", path, "--json"))


def test_roles_are_words_where_there_is_no_colour_and_colours_where_there_is() -> None:
    shown = finding.find(OLD / "generate", 1)
    plain, coloured = (
        Console(file=io.StringIO(), width=100, color_system=system, force_terminal=bool(system))
        for system in (None, "truecolor")
    )
    for to in (plain, coloured):
        terminal.show(shown, "think", to)
    texts = [to.file.getvalue() for to in (plain, coloured)]  # type: ignore[attr-defined]
    assert "(mistake)" in texts[0] and "(backtrack)" in texts[0] and "\x1b[" not in texts[0]
    assert "(mistake)" not in texts[1] and "\x1b[31m" in texts[1]


def test_what_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "nowhere", tmp_path / "empty"):
        with pytest.raises(UsageError):
            finding.find(path, 1)
    with pytest.raises(UsageError, match="no more records"):
        finding.find(OLD / "generate", 1, skip=10**6)


@pytest.mark.parametrize("config", ["journey", "shortcut", "pairs", "trees", "stepwise"])
def test_exported_pairs_open_with_load_dataset(config: str, tmp_path: Path) -> None:
    rows = {}
    for kind in ("parquet", "jsonl"):
        run("export", OLD / "curate", f"--{kind}", tmp_path / kind, "--config", config)
        opened = load_dataset(str(tmp_path / kind), cache_dir=str(tmp_path / "cache"))
        rows[kind] = [row["pair_id"] for row in opened["train"]]
    assert rows["parquet"] == rows["jsonl"] != []
    whole = load_dataset(
        str(OLD / "published-dataset/bundle"), config, split="train", cache_dir=str(tmp_path / "cache")
    )
    assert set(rows["parquet"]) <= set(whole["pair_id"]) or config == "stepwise"


def test_an_export_of_what_has_no_pairs_or_over_something_is_refused(tmp_path: Path) -> None:
    for words in (
        ["export", OLD / "finetune", "--parquet", tmp_path / "x"],
        ["export", OLD / "curate", "--jsonl", OLD],
    ):
        done = CliRunner().invoke(app, list(map(str, words)))
        assert isinstance(done.exception, UsageError)
    assert not list(tmp_path.iterdir())


PLANS = {
    "generate --family countdown@1 --pairs 3000": ("pairs", "time", "disk"),
    "curate {old}/generate": ("pairs of", "lengths measured for"),
    "finetune {old}/curate --base {old}/tiny-base": (
        "rows",
        "time",
        "memory",
        "disk",
        "a GPU's stack holds",
        *(f"runs on {card} GB" for card in (24, 48, 80, 141)),
        "chance of a verdict, 600 problems",
    ),
    "evaluate {old}/finetune --benchmarks countdown@1": (
        "answers",
        "smallest detectable effect",
        "chance of a verdict",
    ),
    "demo": ("pairs", "time", "disk", "smallest detectable effect, countdown@1", "better", "runs vary by 1"),
}


@pytest.mark.parametrize("command", PLANS)
def test_a_dry_run_is_a_plan_for_people_and_with_json_the_whole_one(command: str, tmp_path: Path) -> None:
    words = [*command.format(old=OLD).split(), "--out", tmp_path / "x", "--dry-run"]
    shown = run(*words)
    in_one_line = " ".join(shown.split())
    assert "{" not in shown and all(part in in_one_line for part in PLANS[command]), shown
    if not command.startswith("finetune"):  # which times a step of training for every plan
        assert json.loads(run(*words, "--json"))
    assert not list(tmp_path.iterdir())


def test_progress_never_counts_towards_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for terminal_ in (False, True):
        to = Console(file=io.StringIO(), force_terminal=terminal_, width=80)
        monkeypatch.setattr(console, "err", to)
        with console.progress("pairs", 0) as bar:
            bar.advance(2003)
        said = to.file.getvalue()  # type: ignore[attr-defined]
        assert "2003" in said and "2003/" not in said


def test_checkpoints_come_soon_where_they_cost_little_and_never_later_than_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr("journey.finetune.training.protocol.time.monotonic", lambda: now[0])
    clock = CheckpointClock(60)
    due = []
    for now[0] in (2.9, 3.0):
        due.append(clock.due())
    clock.written(0.1)
    for now[0] in (4.9, 5.1):
        due.append(clock.due())
    clock.written(30)
    for now[0] in (65.0, 65.2):
        due.append(clock.due())
    assert due == [False, True] * 3


def test_what_an_interrupted_training_keeps_is_said_in_steps(tmp_path: Path) -> None:
    assert kept_steps(tmp_path) == "no step of training is kept yet"
    for group, step in (("a", 3), ("a", 7), ("b", 5)):
        checkpoint = tmp_path / "checkpoints" / group / f"checkpoint-{step}"
        checkpoint.mkdir(parents=True)
        (checkpoint / "state.json").write_text("{}")
        seal(checkpoint)
    (tmp_path / "checkpoints/a/checkpoint-7/state.json").write_text("cut off")
    assert kept_steps(tmp_path) == "training goes on from step 3 to 5"
