"""The command line: every verb documented, bad input is one message with exit code 2, results on stdout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from journey.cli.app import app

VERBS = (
    "demo run sweep check problems sample generate curate finetune evaluate "
    "report claims publish export show list grade doctor"
).split()


def journey(*args: str, cwd: Path, columns: int = 100) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "COLUMNS": str(columns), "PYTHONSAFEPATH": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-P", "-m", "journey", *args]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=env, timeout=120, check=False)


def test_every_verb_has_a_purpose_an_example_and_json() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert list(commands) == VERBS
    for name, command in commands.items():
        first, *rest = (command.help or "").strip().split("\n")
        assert 10 < len(first) < 110, name
        assert f"journey {name}" in "\n".join(rest), name
        assert "--json" in {option for p in command.params for option in p.opts}, name
        assert all(p.help for p in command.params if p.param_type_name == "option"), name


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    done = journey(
        "generate", "--family", "countdown", "--method", "search", "--pairs", "5", "--out", "g", "--json", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["pairs"] == 5
    assert "next: journey curate" in done.stderr
    return folder


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ("evaluate g --benchmarks countdown@1 --map prompt --out x", "--map 'prompt' is not NAME=FIELD"),
        ("evaluate g --benchmarks countdown@1 --harness helm --out x", "--harness lm-eval is the one that there is"),
        ("evaluate g --tasks gsm8k --out x", "--harness is not given"),
        ("generate --family countdwn --pairs 3 --out x", "did you mean countdown?"),
        ("generate --family countdown@9 --pairs 3 --out x", "known: countdown@1"),
        ("generate --family countdown --pairs 0 --out x", "pairs = 0"),
        ("generate --family countdown --pairs -3 --out x", "pairs = -3"),
        ("generate --family countdown --method serch --pairs 3 --out x", "did you mean search or"),
        ("generate --family countdown --out x", "add --pairs N"),
        ("generate --pairs 3 --out x", "--family NAME or --problems FILE"),
        ("generate --family countdown --method search --pairs 6 --out g", "config.pairs: 5 there, 6 now"),
        ("generate --problems nofile.jsonl --method slips --out x", "nofile.jsonl"),
        ("check nofile.csv", "no file nofile.csv"),
        ("problems words --out words.csv", "words is JSON lines, and words.csv is named as another kind"),
        ("problems first-grade --out mine.jsonl", "--out mine.csv"),
        ("problems first-grade --split test --out mine.csv", "unknown split of first-grade 'test': known: train"),
        ("check g --map questin=q", "--map names an unknown field 'questin'"),
        ("generate --family countdown --pairs 5 --set search.width=x --out x", "width"),
        ("generate --family countdown --pairs 5 --set searc.width=3 --out x", "did you mean search?"),
        ("run gsm9k", "did you mean gsm8k?"),
        ("run quickstart --set finetune.epoch=3", "did you mean finetune.epochs"),
        ("sweep quickstart --over finetune.rank=4 --out x", "axis finetune.rank has one value"),
        ("sweep quickstrt --over finetune.rank=4,8", "did you mean quickstart?"),
        ("claims g", "g holds no claims"),
        ("run quickstart --set base=pockt", "did you mean pocket"),
        ("run quickstart --set finetune.arms=[jurney]", "did you mean journey"),
        ("report g", "written by `journey generate`"),
        ("show nowhere", "journey generate"),
        ("list familiess", "did you mean families"),
        ("curate nowhere --out x", "not a finished folder"),
        ("curate g --base pockt --out x", "did you mean pocket"),
        ("finetune nowhere --out x", "not a finished folder"),
        ("finetune g --out x", "a curate folder is wanted"),
        ("finetune g --arms jurney --out x", ""),
        ("evaluate nowhere --benchmarks countdown --out x", "not a finished folder"),
        ("report nowhere", "nowhere"),
        ("report g --judge m@http://localhost:1/v1 --max-cost 1", "--price-in and --price-out"),
        ("evaluate g --benchmarks countdown@1 --max-cost 0 --out x", "max_cost = 0"),
        ("grade 18", "give GOLD and ANSWER"),
        ("grade 18 18 --file g/x", "not both"),
        ("grade --file nofile.jsonl", "nofile.jsonl"),
        ("grade 18 17 --second-grader nobody", "math-verify"),
    ],
)
def test_bad_input_is_one_clear_error(pairs: Path, args: str, expected: str) -> None:
    done = journey(*args.split(), cwd=pairs, columns=200)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr and expected in done.stderr
    assert not (pairs / "x").exists()
    assert (pairs / "g/manifest.json").is_file()


def test_show_fits_a_narrow_and_a_wide_terminal(pairs: Path) -> None:
    for columns in (60, 120):
        done = journey("show", "g", "-n", "2", cwd=pairs, columns=columns)
        assert done.returncode == 0, done.stderr
        assert "shortcut" in done.stdout and "\\boxed{" in done.stdout
        assert max(len(line) for line in done.stdout.splitlines()) <= columns


def test_dry_run_writes_nothing(pairs: Path) -> None:
    done = journey(
        "generate", "--family", "countdown", "--pairs", "50", "--out", "dry", "--dry-run", "--json", cwd=pairs
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
    assert not list(pairs.glob("dry*"))


def test_dry_run_of_a_recipe_says_what_could_be_seen(pairs: Path) -> None:
    done = journey("demo", "--out", "dry-demo", "--dry-run", "--json", cwd=pairs)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["to_run"] == ["generate", "curate", "finetune", "evaluate"]
    assert told["generate"]["pairs"] == 10400 and told["runs"] == 6
    assert told["costs"] == {
        "finetune": "--dry-run tells once curate is done",
        "evaluate": "--dry-run tells once finetune is done",
    }
    assert 3 < told["detectable_points"]["countdown@1"] < told["detectable_points"]["countdown-choices"] < 15
    assert not list(pairs.glob("dry-demo*"))


def test_lists_are_json_too(pairs: Path) -> None:
    done = journey("list", "recipes", "--json", cwd=pairs)
    assert {"quickstart", "gsm8k"} <= {row["name"] for row in json.loads(done.stdout)}


def test_a_setting_counts_whichever_way_it_is_given(tmp_path: Path) -> None:
    """Built-in < --set < a flag that was really given."""
    seeds = {}
    for name, more in {
        "plain": [],
        "set": ["--set", "seed=5"],
        "flag": ["--seed", "5"],
        "both": ["--set", "seed=4", "--seed", "5"],
    }.items():
        what = ["generate", "--family", "countdown@1", "--method", "search", "--pairs", "3", *more]
        done = journey(*what, "--out", name, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        manifest = json.loads((tmp_path / name / "manifest.json").read_bytes())
        seeds[name] = (manifest["seed"], manifest["config"]["seed"])
    assert seeds == {"plain": (0, 0), "set": (5, 5), "flag": (5, 5), "both": (5, 5)}
    pairs = {name: (tmp_path / name / "pairs" / "00000.jsonl").read_bytes() for name in seeds}
    assert pairs["set"] == pairs["flag"] == pairs["both"] != pairs["plain"]


WORDS = {
    "question": "Nadia sews 6 cushions on Monday and twice as many on Tuesday. How many cushions does she sew?",
    "answer": "18",
    "solution": "On Tuesday she sews 6 * 2 = <<6*2=12>>12 cushions.\nIn all she sews 6 + 12 = <<6+12=18>>18 cushions.",
}


def test_the_next_line_works_as_it_is_printed(pairs: Path, tmp_path: Path) -> None:
    """Prose that the embedded base cannot read is curated without a base: length is then counted in words, and said so."""
    (tmp_path / "words.jsonl").write_text(json.dumps(WORDS) + "\n")
    done = journey("generate", "--problems", "words.jsonl", "--method", "slips", "--out", "w", cwd=tmp_path)
    command = done.stderr.strip().splitlines()[-1]
    assert command == "next: journey curate w --out w-curated"
    done = journey(*command.split()[2:], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "lengths are counted in words (the longest row has" in done.stderr
    assert "next: journey finetune w-curated --base smollm2-135m" in done.stderr
    done = journey("finetune", "w-curated", "--out", "x", cwd=tmp_path)
    assert done.returncode == 2 and "no base to train" in done.stderr and "--base NAME" in done.stderr
    done = journey("curate", "w", "--max-tokens", "100", "--out", "y", cwd=tmp_path)
    assert done.returncode == 2 and "no base is given" in done.stderr
    done = journey("curate", "g", "--base", "pocket", "--out", "c", cwd=pairs)
    assert done.returncode == 0 and "next: journey finetune c --base pocket" in done.stderr


def test_without_a_base_only_a_limit_in_words_drops_pairs(tmp_path: Path) -> None:
    (tmp_path / "words.jsonl").write_text(json.dumps(WORDS) + "\n")
    journey("generate", "--problems", "words.jsonl", "--method", "slips", "--out", "w", cwd=tmp_path)
    done = journey("curate", "w", "--set", "length.max_words=16", "--out", "c", cwd=tmp_path)
    assert done.returncode == 2 and "length: too_long 1" in done.stderr
    done = journey("curate", "w", "--base", "pocket", "--set", "length.max_words=99", "--out", "d", cwd=tmp_path)
    assert done.returncode == 2 and "--max-tokens N" in done.stderr
