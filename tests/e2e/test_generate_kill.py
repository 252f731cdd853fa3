"""The command `journey generate` killed at any moment and run again, and run with any number of workers: the same bytes."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

PAIRS = 5000


def command(out: Path, pairs: int, workers: int) -> list[str]:
    what = ["--family", "countdown@1", "--method", "search", "--pairs", str(pairs)]
    return [sys.executable, "-P", "-m", "journey", "generate", *what, "--workers", str(workers), "--out", str(out)]


def run(out: Path, pairs: int, workers: int) -> None:
    done = subprocess.run(command(out, pairs, workers), check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def hashes(folder: Path) -> dict[str, str]:
    """sha256 of the manifest and of every file that it lists."""
    listed = json.loads((folder / "manifest.json").read_text())["files"]
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ["manifest.json", *listed]}


def kill_when(out: Path, shards: int) -> int:
    """Start the command, SIGKILL it as soon as so many shards are whole; returns how many were."""
    process = subprocess.Popen(command(out, PAIRS, 2), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    marks = out.with_name(out.name + ".partial") / ".done"
    workers: set[psutil.Process] = set()
    try:
        while process.poll() is None and len(list(marks.glob("*[0-9].json"))) < shards:
            workers |= set(psutil.Process(process.pid).children(recursive=True))
            time.sleep(0.005)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    _, alive = psutil.wait_procs(list(workers), timeout=10)
    assert not alive, "workers outlived the killed parent"
    return len(list(marks.glob("*[0-9].json")))


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("whole") / "out"
    run(out, PAIRS, 1)
    return hashes(out)


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_killed_twice_and_run_again_gives_the_same_bytes(tmp_path, whole):
    out = tmp_path / "out"
    before = 0
    for shards in (1, 3):
        done = kill_when(out, shards)
        assert before <= done < PAIRS // 1000 and not out.exists()
        before = done
    assert before >= 3  # work was kept from one kill to the next
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out.partial" / "pairs").glob("*.jsonl")}
    run(out, PAIRS, 2)
    assert hashes(out) == whole
    assert not (tmp_path / "out.partial").exists() and not list(out.rglob("*.tmp-*"))
    again = {name: (out / "pairs" / name).stat().st_mtime_ns for name in kept}
    assert sum(again[name] == kept[name] for name in kept) >= before  # shards that were whole were not made again


def test_the_number_of_workers_does_not_matter(tmp_path):
    found = []
    for workers in (1, 3):
        out = tmp_path / f"out{workers}"
        run(out, 2001, workers)
        found.append(hashes(out))
    assert found[0] == found[1]
    assert len(found[0]) == 2 + 2 * 3  # the manifest, rejected.jsonl, three shards of pairs and of trees
