"""A whole run goes up: base, dataset, evaluation, adapters, each naming the commits of those before it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from journey.publish.run import publish
from journey.publish.settings import PublishSettings

REPO = "tester/three-numbers"


@pytest.fixture
def run_folder(generated: Path, curated: Path, finetuned: Path, evaluated: Path, tmp_path: Path) -> Path:
    """The stages as `journey run` lays them out."""
    folder = tmp_path / "run"
    folder.mkdir()
    stages = {"generate": generated, "curate": curated, "finetune": finetuned, "evaluate": evaluated}
    for name, made in stages.items():
        (folder / name).symlink_to(made)
    return folder


def test_whole_run(hub: Any, run_folder: Path) -> None:
    done = {line["piece"]: line for line in publish(str(run_folder), PublishSettings(repo=REPO), everything=True)}
    assert {piece: (line["kind"], line["repo"]) for piece, line in done.items()} == {
        "base": ("model", f"{REPO}-base"),
        "dataset": ("dataset", REPO),
        "evaluation": ("dataset", f"{REPO}-evaluation"),
        "adapters": ("model", REPO),
    }
    adapters = hub.repos["models", REPO].at("v1").files
    config = json.loads(adapters["journey-s0/adapter_config.json"][0])
    assert config["base_model_name_or_path"] == f"{REPO}-base"
    assert config["revision"] == done["base"]["commit"]
    card = adapters["README.md"][0].decode()
    for piece in ("base", "dataset", "evaluation"):
        assert done[piece]["commit"] in card, piece
    print(card)
    print(hub.repos["datasets", f"{REPO}-evaluation"].at("v1").files["README.md"][0].decode())
    again = publish(str(run_folder), PublishSettings(repo=REPO), everything=True)
    assert [line["changed"] for line in again] == [False] * 4
    assert {line["commit"] for line in again} == {line["commit"] for line in done.values()}
