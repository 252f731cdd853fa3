"""The two verbs as they are typed: exit codes, JSON, a narrow terminal, and a process killed in the middle."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from journey.cli.app import app

Shell = Callable[..., subprocess.CompletedProcess[str]]
REPO = "tester/journey-math"


@pytest.mark.parametrize("verb", ["publish", "export"])
def test_help_has_an_example_and_no_token(verb: str) -> None:
    done = CliRunner().invoke(app, [verb, "--help"], env={"COLUMNS": "60"})
    assert done.exit_code == 0 and "Example" in done.output and "--token" not in done.output


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["nowhere", "--repo", "math"], "no name on the Hub"),
        (["nowhere", "--repo", REPO, "--dry-run"], "is not a finished folder"),
        (["nowhere", "--repo", REPO, "--create-pr", "--tag", "v1"], "--create-pr and --tag"),
        (["nowhere", "--repo", REPO, "--create-pr", "--revision", "x"], "--create-pr and --revision"),
        (["nowhere", "--repo", REPO, "--gated", "maybe"], "gated"),
        (["nowhere", "--repo", REPO, "--source-license", "gsm8k"], "NAME=ID"),
        (["nowhere", "--repo", REPO, "--view", "poem"], "view"),
    ],
)
def test_bad_input_is_one_clear_error(arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["publish", *arguments])
    assert getattr(done.exception, "exit_code", None) == 2 and said in str(done.exception)


def test_export_without_a_place_is_one_clear_error(finetuned: Path) -> None:
    done = CliRunner().invoke(app, ["export", str(finetuned / "journey-s0")])
    assert getattr(done.exception, "exit_code", None) == 2 and "--merge DIR or --gguf FILE" in str(done.exception)


def test_dry_run_reads_well_in_a_narrow_terminal(curated: Path, tmp_path: Path) -> None:
    command = ["publish", str(curated), "--repo", REPO, "--dry-run", "--out", str(tmp_path / "o")]
    done = CliRunner().invoke(app, command, env={"COLUMNS": "60"})
    assert done.exit_code == 0, done.output
    assert re.search(r"dataset: dataset tester/journey-math, private,\s+apache-2.0", done.output)
    assert "journey/train-00000.parquet" in done.output
    told = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    assert told[0]["repo"] == REPO and told[0]["counts"]["rows"]["journey"]["train"] == 46


def test_the_command_publishes_and_says_what_next(hub: Any, shell: Shell, curated: Path, tmp_path: Path) -> None:
    command = ("-m", "journey", "publish", curated, "--repo", REPO, "--out", tmp_path / "o")
    done = shell(*command)
    assert f"datasets/{REPO}\n" in done.stdout and "tagged v1" in done.stdout
    assert f"next: journey finetune {REPO}@v1" in done.stderr
    assert "nothing changed, so no new commit" in shell(*command).stdout
    assert "hf_ww" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "changed, code, said",
    [
        ({"HF_TOKEN": ""}, 4, "no login to the Hub"),
        ({"HF_TOKEN": "hf_" + "z" * 34}, 4, "refuses the token"),
        ({"HF_ENDPOINT": "http://127.0.0.1:9"}, 5, "cannot be reached"),
    ],
)
def test_exit_codes(hub: Any, shell: Shell, curated: Path, changed: dict[str, str], code: int, said: str) -> None:
    done = shell("-m", "journey", "publish", curated, "--repo", REPO, ok=False, **changed)
    assert done.returncode == code and said in done.stderr and "Traceback" not in done.stderr
    assert not hub.repos


def puts(hub: Any) -> set[str]:
    """The large files that were sent."""
    return {path.rpartition("/")[2] for method, path, _ in list(hub.requests) if method == "PUT" and "/store/" in path}


def test_killed_in_the_upload_it_goes_on(hub: Any, curated: Path, tmp_path: Path, shell: Shell) -> None:
    """kill -9 after some large files arrived: no commit is there; the same command sends the rest and makes one."""
    original, few, hold = type(hub).answer, threading.Event(), threading.Event()

    def slow(self: Any, method: str, parts: Any, body: bytes, authorization: str) -> Any:
        given = original(self, method, parts, body, authorization)
        if method == "PUT" and len(self.objects) >= 4:
            few.set()
            hold.wait(30)
        return given

    command = [
        sys.executable,
        "-P",
        "-m",
        "journey",
        "publish",
        str(curated),
        "--repo",
        REPO,
        "--out",
        str(tmp_path / "o"),
    ]
    environment = {
        **os.environ, "HF_ENDPOINT": hub.url, "HF_TOKEN": "hf_" + "w" * 34, "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_DISABLE_XET": "1", "PYTHONSAFEPATH": "1",
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(hub), "answer", slow)
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        assert few.wait(60)
        process.send_signal(signal.SIGKILL)
        process.wait()
        hold.set()
        while few.is_set() and len(puts(hub)) < len(hub.objects):  # what was on its way when the process died
            time.sleep(0.1)
    repo = hub.repos["datasets", REPO]
    assert repo.private and not repo.log and not repo.tags
    arrived = set(hub.objects)
    hub.requests.clear()
    shell("-m", "journey", "publish", curated, "--repo", REPO, "--out", tmp_path / "o")
    assert len(repo.log) == 1 and puts(hub) and not puts(hub) & arrived
