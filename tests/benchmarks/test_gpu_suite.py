"""The GPU suite runs to its end without a GPU too, with tiny shapes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = Path(__file__).resolve().parents[2] / "benchmarks" / "gpu_suite.py"


@pytest.mark.slow
def test_every_part_of_the_suite_on_a_cpu(tmp_path: Path) -> None:
    """In one process; what is exact on a CPU comes out exact."""
    out = tmp_path / "gpu.json"
    words = [sys.executable, "-P", str(SUITE), "--small", "--minutes", "60", "--out", str(out)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=3600, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert "failed" not in out.read_text() and found["weights"].startswith("random")
    parts = found["parts"]
    assert list(parts) == ["parity", "drills", "memory", "profile", "training", "sampling", "pipeline"]
    exact = parts["parity"]["float32"]
    assert exact["same_bytes_twice"] and exact["stack"] < 1e-3 and exact["trl"] < 1e-3
    assert parts["drills"]["killed_same_bytes"] and parts["drills"]["memory_ran_out"] < 1e-3
    assert 2 <= parts["drills"]["resumed_at_step"] <= 12
    assert parts["training"]["tiny"]["2"].keys() == {"stacked", "trl", "peft"}
    assert parts["pipeline"]["arms"] == ["base", "journey", "shortcut@examples", "shortcut@tokens"]
    assert parts["sampling"]["8"].keys() == {"stacked", "generate", "peft_mixed"}


def test_a_part_that_fails_is_recorded_and_the_suite_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    words = [sys.executable, "-P", str(SUITE), "--small", "--minutes", "0", "--parts", "memory,pipeline"]
    done = subprocess.run([*words, "--out", str(out)], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    parts = json.loads(out.read_text())["parts"]
    assert all(parts[name]["failed"].startswith("TimeoutError") for name in ("memory", "pipeline"))
