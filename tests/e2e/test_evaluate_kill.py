"""The command `journey evaluate` killed while its workers sample: none of them outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from journey.config import CurateSettings, FinetuneSettings, GenerateSettings
from journey.curate.run import curate
from journey.finetune.run import finetune
from journey.generate.run import generate


@pytest.fixture(scope="module")
def finetuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    made = generate(GenerateSettings(family=["countdown@1"], method=["search"], pairs=40), folder / "g", workers=1)
    kept = curate(made, CurateSettings(base="pocket"), folder / "c")
    settings = FinetuneSettings(arms=["journey"], seeds=1, rank=2, rows_per_step=8, max_steps=1, workers=1)
    return finetune(kept, settings, folder / "f")


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("kind", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_workers_end_with_their_parent(finetuned: Path, tmp_path: Path, kind: signal.Signals) -> None:
    out = tmp_path / "e"
    command = [sys.executable, "-P", "-m", "journey", "evaluate", str(finetuned), "--benchmarks", "countdown@1"]
    command += ["--limit", "2000", "--workers", "2", "--max-new-tokens", "64", "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    marks = out.with_name("e.partial") / ".done"
    began = time.monotonic()
    while not list(marks.glob("samples--*.json")):
        assert process.poll() is None and time.monotonic() - began < 600
        time.sleep(0.02)
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 2
    process.send_signal(kind)
    process.wait()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive, "workers outlived their parent"
