"""A base in a folder of this machine: label and hash in the manifest, the place in environment.json and nowhere else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from journey.cli.app import app
from journey.errors import UsageError
from journey.formats.folders import open_finished, read_manifest
from journey.formats.marks import Environment
from journey.models import places
from journey.publish import export
from journey_testing.sources import ROOT

OLD = ROOT / "tests/golden/v0_1"


def run(*words: str | Path, error: type[Exception] | None = None) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})
    if error is not None:
        assert isinstance(done.exception, error), done.exception
        return str(done.exception)
    assert done.exit_code == 0, f"{words}: {done.exception!r}"
    return done.stdout


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A base given by an absolute path."""
    return Path(shutil.copytree(OLD / "tiny-base", tmp_path / "models" / "own-base"))


def test_a_base_by_absolute_path_leaves_its_path_in_the_environment_alone(base: Path, tmp_path: Path) -> None:
    shutil.copytree(OLD / "generate", tmp_path / "generate")
    curated = tmp_path / "c"
    run("curate", tmp_path / "generate", "--base", base, "--out", curated)
    for path in curated.rglob("*"):
        told = path.is_file() and str(base).encode() in path.read_bytes()
        assert told == (path.name == Environment.FILE), path
    manifest = read_manifest(curated, "curate")
    assert manifest.config["base"] == "own-base" and len(manifest.inputs["base"]) == 64
    run("publish", curated, "--repo", "a/b", "--dry-run")
    assert json.loads(run("finetune", curated, "--dry-run", "--json", "--out", tmp_path / "f"))["base"]

    moved = base.rename(base.with_name("moved"))
    said = run("finetune", curated, "--dry-run", "--out", tmp_path / "f", error=UsageError)
    assert "own-base" in said and "--base PATH" in said
    run("curate", tmp_path / "generate", "--base", shutil.copytree(moved, tmp_path / "own-base"), "--out", curated)


def test_evaluate_takes_the_base_from_where_it_is_said_to_be_and_compares_the_weights(
    base: Path, tmp_path: Path
) -> None:
    opened = open_finished(OLD / "finetune-warm", "finetune")
    assert places.base_of(opened, str(base)).source == str(base)
    weights = base / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\1\2\3\4")
    with pytest.raises(UsageError, match="does not hold the weights"):
        places.base_of(opened, str(base))


def test_relative_folders_catalog_names_and_hub_ids_stay_as_they_are(base: Path) -> None:
    for name in ("pocket", "models/own-base", "ORG/NAME@main"):
        assert places.label(name) == name and places.place(name) is None
    assert places.label(str(base)) == "own-base" and places.place(str(base)) == str(base)


def test_export_looks_where_the_base_lay_and_asks_for_its_place(base: Path, tmp_path: Path) -> None:
    run_folder = OLD / "finetune-warm" / "journey-r1-s0"
    assert export.find(str(run_folder), str(base)).base.source == str(base)
    weights = base / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\1\2\3\4")
    with pytest.raises(UsageError, match="does not hold the weights"):
        export.find(str(run_folder), str(base))
