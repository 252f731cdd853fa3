"""The runs that a repository of adapters is made of, and what is decided about it before it is built."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from journey import hub
from journey.errors import UsageError
from journey.publish.tables.licences import Duties
from journey.publish.transfer.bases import Base
from journey.store import read_manifest, sha256

ADAPTER = "adapter_model.safetensors"
WARMUP = "warmup"  # the folder of the arms' common start, a whole model, where that is not the base


@dataclass(frozen=True)
class Link:
    """Something published that a card refers to; the commit is None before it is published."""

    repo: str
    commit: str | None

    def __str__(self) -> str:
        return f"{self.repo}@{self.commit}" if self.commit else self.repo


def label(told: Mapping[str, Any]) -> str:
    """The arm of a run, with the values of the axes that vary: as the evaluation names it."""
    return f"{told['arm']} {told.get('axis') or ''}".strip()


@dataclass(frozen=True)
class Runs:
    """The trained runs of a finetune folder."""

    folder: Path
    manifest: dict[str, Any]
    told: dict[str, dict[str, Any]]  # run.json by run, of those with an adapter
    failed: dict[str, str]
    audit: dict[str, Any]

    @property
    def base(self) -> dict[str, Any]:
        """`base` of run.json, the same for all runs."""
        found: dict[str, Any] = next(iter(self.told.values()))["base"]
        asked = str(self.manifest["config"].get("base", ""))
        return {**found, "name": asked if hub.is_id(asked) and not Path(asked).exists() else found["name"]}

    @property
    def warmup(self) -> Path | None:
        """The model at which all runs began, or None where that is the base."""
        return self.folder / WARMUP if (self.folder / WARMUP / "model.safetensors").is_file() else None

    def label(self, run: str) -> str:
        """The arm of a run, with the values of the axes that vary."""
        return label(self.told[run])


def read(folder: Path) -> Runs:
    """The runs. Raises UsageError if there is no adapter, or one is not what the manifest says."""
    manifest = read_manifest(folder, "finetune")
    told, failed = {}, {}
    for path in sorted(folder.glob("*/run.json")):
        facts = json.loads(path.read_bytes())
        if (path.parent / ADAPTER).is_file():
            told[path.parent.name] = facts
        else:
            failed[path.parent.name] = str(facts.get("failed") or "it has no adapter")
    if not told:
        whole = sorted(path.parent.name for path in folder.glob("*/model.safetensors") if path.parent.name != WARMUP)
        hint = f"publish the models one by one: journey publish {folder / whole[0]} --repo USER/NAME" if whole else ""
        raise UsageError(f"{folder} holds no adapter", hint or "run `journey finetune` again")
    for run in told:
        name = f"{run}/{ADAPTER}"
        if manifest["files"].get(name, {}).get("sha256") != sha256(folder / name):
            raise UsageError(f"{folder / name} is not the file that was trained", "run `journey finetune` again")
    return Runs(folder, manifest, told, failed, json.loads((folder / "audit.json").read_bytes()))


@dataclass(frozen=True)
class Plan:
    """What a repository of adapters is to hold and to say."""

    runs: Runs
    base: Base  # of the runs
    start: Base  # what the adapters are laid on: the base, or the warm start made of it
    duties: Duties
    legal: Mapping[str, bytes]
    dataset: Link | None
    evaluation: Path | None  # the evaluation folder here
    evaluation_link: Link | None
    only: str | None = None  # the run, where every run has its own repository

    @property
    def names(self) -> list[str]:
        """The runs that go in."""
        return [self.only] if self.only else list(self.runs.told)
