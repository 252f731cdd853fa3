"""More seeds of one arm for `--aa`: trained only where there are too few, from the data that the runs came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from journey import pipeline
from journey.config import EvaluateSettings, FinetuneSettings
from journey.formats.manifest import manifest_hash
from journey.store import Folder
from journey_testing.folders import run_file


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, FinetuneSettings, Path]]:
    called: list[tuple[Path, FinetuneSettings, Path]] = []

    def finetune(source: Path, settings: FinetuneSettings, out: Path) -> Path:
        called.append((source, settings, out))
        return out

    monkeypatch.setattr("journey.finetune.run.finetune", finetune)
    return called


def make(folder: Path, seeds: int, curated: bool = True) -> Path:
    with Folder.open(folder / "curate", "curate", {}) as made:
        made.finish({})
    inputs = {"curate": manifest_hash(folder / "curate") if curated else "elsewhere"}
    config = FinetuneSettings(arms=["shortcut@tokens", "journey"], seeds=seeds, rank=8).model_dump(exclude={"workers"})
    with Folder.open(folder / "runs", "finetune", config, inputs=inputs) as made:
        for arm in ("shortcut@tokens", "journey"):
            for seed in range(seeds):
                name = f"{arm.replace('@', '-')}-s{seed}"
                run_file(name, arm, seed, view="compact").write(made, f"{name}/run.json")
                made.write(f"{name}/adapter_model.safetensors", save({"a": np.zeros(1, dtype=np.float32)}))
        made.finish({})
    return folder / "runs"


def settings(**changes: Any) -> EvaluateSettings:
    return EvaluateSettings(aa=True, benchmarks=["countdown@1"], **changes)


def test_the_journey_is_trained_alone(tmp_path: Path, trained: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    runs, out = make(tmp_path, 2), tmp_path / "aa"
    assert pipeline.with_more_seeds(runs, settings(), out) == tmp_path / "aa-finetune"
    ((source, chosen, _),) = trained
    assert source == tmp_path / "curate" and (chosen.arms, chosen.seeds, chosen.rank) == (["journey"], 4, 8)
    assert "journey has 2 seeds: 4 are trained for --aa" in capsys.readouterr().err


def test_another_arm_needs_those_that_its_budget_refers_to(tmp_path: Path, trained: list[Any]) -> None:
    pipeline.with_more_seeds(make(tmp_path, 1), settings(aa_arm="shortcut@tokens"), tmp_path / "aa")
    assert trained[0][1].arms == ["shortcut@tokens", "journey"]


@pytest.mark.parametrize(("seeds", "curated", "more"), [(4, True, {}), (2, False, {}), (2, True, {"aa_arm": "other"})])
def test_what_is_there_must_do(seeds: int, curated: bool, more: Any, tmp_path: Path, trained: list[Any]) -> None:
    runs = make(tmp_path, seeds, curated)
    assert pipeline.with_more_seeds(runs, settings(**more), tmp_path / "aa") == runs and not trained


def test_a_dry_run_trains_nothing(tmp_path: Path, trained: list[Any]) -> None:
    runs = make(tmp_path, 2)
    assert pipeline.with_more_seeds(runs, settings(), tmp_path / "aa", dry_run=True) == runs and not trained
