"""What a run will take: every stage is told by its own dry run, once its input is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from journey import pipeline
from journey.store import Folder

LATER = {"finetune": "--dry-run tells once curate is done", "evaluate": "--dry-run tells once finetune is done"}


@pytest.mark.parametrize(
    ("finished", "told"),
    [
        ((), LATER),
        (("generate", "curate"), {**LATER, "finetune": {"seconds": 90.0, "memory_bytes": 6e9}}),
        (("generate", "curate", "finetune"), {"evaluate": {"seconds": 40.0, "memory_bytes": 2e9}}),
        (pipeline.STAGES, {}),
    ],
)
def test_costs_are_told_once_their_input_is_there(
    finished: tuple[str, ...], told: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def training(curated: Path, settings: object) -> dict[str, float]:
        asked.append(curated)
        return {"hours": 0.025, "memory_bytes_per_group": 3e9, "workers": 2}

    def answering(finetuned: Path, settings: object) -> dict[str, float]:
        asked.append(finetuned)
        return {"seconds_at_most": 40.0, "memory_bytes_per_worker": 1e9, "workers": 2}

    monkeypatch.setattr("journey.finetune.run.plan", training)
    monkeypatch.setattr("journey.evaluate.dry_run.plan", answering)
    for stage in finished:
        with Folder.open(tmp_path / stage, stage, {}) as made:
            made.finish({})
    settings = pipeline.resolve(pipeline.read_recipe("quickstart"), {})
    assert pipeline._stage_costs(settings, tmp_path, list(finished)) == told
    assert asked == ([tmp_path / finished[-1]] if any(isinstance(one, dict) for one in told.values()) else [])
