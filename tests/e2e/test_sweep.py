"""A real sweep on the embedded base, as small as it goes: two ranks, two seeds, one command; then its claims."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from journey.claims import shipped
from journey.cli.app import app
from journey.formats.folders import open_finished
from journey.formats.manifest import manifest_hash
from journey.formats.recipes.sweep import SweepResults

pytestmark = pytest.mark.slow
CLAIM = {
    "source": "a made-up paper",
    "published": "A rank of 16 gains.",
    "benchmark": "countdown@1",
    "agrees": ["second better"],
}
RECIPE: dict[str, Any] = {
    "name": "tiny",
    "benchmarks": ["countdown@1"],
    "generate": {"family": ["countdown@1"], "method": ["search"], "pairs": 60},
    "finetune": {
        "arms": ["shortcut@examples", "journey"],
        "seeds": 2,
        "lr": 6.0e-3,
        "warmup_steps": 1,
        "rows_per_step": 8,
        "max_steps": 1,
    },
    "evaluate": {"sizes": {"countdown@1": 20}, "max_new_tokens": 16, "batch": 20, "equal_tokens": False},
    "sweep": {"over": {"finetune.rank": [4, 16]}},
    "claims": [
        {"name": "rank", "first": "journey", "at": {"finetune.rank": 16}, "first_at": {"finetune.rank": 4}, **CLAIM},
        {"name": "arms", "first": "shortcut@examples", "at": {"finetune.rank": 16}, **CLAIM},
    ],
}  # fmt: skip


def journey(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_sweep_of_a_recipe_with_claims(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(json.dumps(RECIPE))
    out = tmp_path / "s"
    shown = journey("sweep", tmp_path / "tiny.yaml", "--out", out, "--workers", 1)
    assert "tiny over finetune.rank = 4, 16" in shown
    record = SweepResults.read(out)
    assert [point.folder for point in record.points] == ["rank-4", "rank-16"]
    for stage in ("generate", "curate"):
        assert manifest_hash(out / "rank-4" / stage) == manifest_hash(out / "rank-16" / stage)
        assert (out / "rank-16" / stage).is_symlink()
    assert {run.rank for run in open_finished(out / "rank-16" / "finetune", "finetune").runs.values()} == {16}
    before = (out / "sweep.json").read_bytes()
    journey("sweep", tmp_path / "tiny.yaml", "--out", out)  # nothing is left to do
    assert (out / "sweep.json").read_bytes() == before
    journey("claims", out, "--out", tmp_path / "tiny.json")
    found = shipped.read(tmp_path / "tiny.json")
    assert [(claim.first, claim.comparison.problems) for claim in found.claims] == [
        ("journey at rank 4", 20),
        ("shortcut@examples", 20),
    ]
    assert found.base == "pocket" and found.base_sha256
