"""The GPU suite runs to its end without a GPU too, on the embedded base and with small numbers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SUITE = Path(__file__).resolve().parents[2] / "benchmarks" / "gpu_suite.py"


def test_parts_of_the_suite_on_a_cpu(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    words = ["--quick", "--only", "memory,sampling", "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-P", str(SUITE), *words], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert set(found["parts"]) == {"memory", "sampling"}
    assert found["skipped"].keys() == {"parity", "small", "large", "scaling"}
    memory, sampling = found["parts"]["memory"], found["parts"]["sampling"]
    assert "failed" not in memory and "failed" not in sampling, found
    peak = memory["measured"]["measured"][0]["peak_bytes"]
    assert 0.4 < memory["predicted_bytes"] / peak < 2.5
    assert sampling["answers_changed_one_at_a_time"].startswith("0 of ")
