"""`journey finetune` of twelve runs on the embedded base, killed at random moments and run again: the same weights."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ARMS = "shortcut@examples,shortcut@tokens,journey,journey-masked,marker,dots"


def journey(*words: str) -> list[str]:
    return [sys.executable, "-P", "-m", "journey", *words]


def run(*words: str) -> None:
    done = subprocess.run(journey(*words), check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("killed")
    made = ("--family", "countdown@1", "--method", "search", "--pairs", "120", "--out", str(folder / "pairs"))
    run("generate", *made)
    run("curate", str(folder / "pairs"), "--out", str(folder / "curated"))
    return folder / "curated"


def command(curated: Path, out: Path) -> tuple[str, ...]:
    small = ("--set", "pairs=72", "--set", "lr=3e-3", "--rows-per-step", "24", "--rank", "4")
    small += ("--set", "checkpoint_seconds=0.2")
    return ("finetune", str(curated), "--base", "pocket", "--arms", ARMS, "--seeds", "2", *small, "--out", str(out))


def hashes(folder: Path) -> dict[str, str]:
    """Every file that the manifest lists."""
    listed = json.loads((folder / "manifest.json").read_text())["files"]
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in listed}


def kill_after(words: tuple[str, ...], out: Path, seconds: float) -> bool:
    """Start the command and SIGKILL it so many seconds after its workers began; False if it was through before."""
    scratch = out.with_name(out.name + ".partial") / ".scratch"
    process = subprocess.Popen(journey(*words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    workers: set[psutil.Process] = set()
    deadline = None
    try:
        while process.poll() is None and (deadline is None or time.monotonic() < deadline):
            workers |= set(psutil.Process(process.pid).children(recursive=True))
            if deadline is None and workers and scratch.is_dir():
                deadline = time.monotonic() + seconds
            time.sleep(0.01)
    finally:
        killed = process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    _, alive = psutil.wait_procs(list(workers), timeout=30)
    assert not alive, "workers outlived the killed parent"
    return killed


@pytest.mark.slow  # tests/finetune/test_stack.py kills one worker at chosen steps
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_stack_of_twelve_runs_killed_at_random_moments(curated: Path, tmp_path: Path) -> None:
    began = time.monotonic()
    run(*command(curated, tmp_path / "whole"))
    took = time.monotonic() - began
    wanted = hashes(tmp_path / "whole")
    assert sum(name.endswith("adapter_model.safetensors") for name in wanted) == 12
    chance = random.Random()
    moments = [took * chance.uniform(0.2, 0.7) for _ in range(3)]
    kills = [kill_after(command(curated, tmp_path / "killed"), tmp_path / "killed", moment) for moment in moments]
    assert any(kills), moments
    run(*command(curated, tmp_path / "killed"))
    assert hashes(tmp_path / "killed") == wanted, moments
