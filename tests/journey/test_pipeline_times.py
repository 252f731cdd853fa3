"""How long a run will take: every stage is timed by its own dry run, once its input is there."""

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
        (("generate", "curate"), {**LATER, "finetune": 90.0}),
        (("generate", "curate", "finetune"), {"evaluate": 40.0}),
        (pipeline.STAGES, {}),
    ],
)
def test_stages_are_timed_once_their_input_is_there(
    finished: tuple[str, ...], told: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def training(curated: Path, settings: object) -> dict[str, float]:
        asked.append(curated)
        return {"hours": 0.025}

    def answering(finetuned: Path, settings: object) -> dict[str, float]:
        asked.append(finetuned)
        return {"seconds_at_most": 40.0}

    monkeypatch.setattr("journey.finetune.run.plan", training)
    monkeypatch.setattr("journey.evaluate.dry_run.plan", answering)
    for stage in finished:
        with Folder.open(tmp_path / stage, stage, {}) as made:
            made.finish({})
    settings = pipeline.resolve(pipeline.read_recipe("quickstart"), {})
    assert pipeline._stage_seconds(settings, tmp_path, list(finished)) == told
    assert asked == ([tmp_path / finished[-1]] if set(told.values()) & {90.0, 40.0} else [])
