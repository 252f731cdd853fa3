"""The runs that a repository of adapters is made of, and what is decided about it before it is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec

from journey import hub
from journey.errors import UsageError
from journey.formats.finetune import ADAPTER, WARMUP, BaseFacts, RunFile
from journey.formats.folders import EvaluatedFolder, FinetunedFolder
from journey.publish.tables.licences import Duties
from journey.publish.transfer.bases import Base


@dataclass(frozen=True)
class Link:
    """Something published that a card refers to; the commit is None before it is published."""

    repo: str
    commit: str | None

    def __str__(self) -> str:
        return f"{self.repo}@{self.commit}" if self.commit else self.repo


@dataclass(frozen=True)
class Runs:
    """The adapters of a finetune folder, as they are published."""

    folder: FinetunedFolder

    @cached_property
    def adapters(self) -> dict[str, RunFile]:
        """The runs that left an adapter, by name."""
        runs = self.folder.runs.items()
        return {name: run for name, run in runs if self.folder.has(f"{name}/{ADAPTER}")}

    @property
    def failed(self) -> dict[str, str]:
        """Why the others have none, by name."""
        runs = self.folder.runs.items()
        return {name: run.failed or "it has no adapter" for name, run in runs if name not in self.adapters}

    @property
    def base(self) -> BaseFacts:
        """The base of all runs, by its Hub id where the settings named it so."""
        base, name = next(iter(self.adapters.values())).base, self.folder.base_setting
        return msgspec.structs.replace(base, name=name) if hub.is_id(name) and not Path(name).exists() else base


def read(folder: FinetunedFolder) -> Runs:
    """The runs. Raises UsageError if there is no adapter."""
    runs = Runs(folder)
    if not runs.adapters:
        whole = [name for name in folder.trained if name != WARMUP]
        hint = (
            f"publish the models one by one: journey publish {folder.path / whole[0]} --repo USER/NAME" if whole else ""
        )
        raise UsageError(f"{folder.path} holds no adapter", hint or "run `journey finetune` again")
    return runs


@dataclass(frozen=True)
class AdapterRepoPlan:
    """What a repository of adapters is to hold and to say."""

    runs: Runs
    base: Base  # of the runs
    start: Base  # what the adapters are laid on: the base, or the warm start made of it
    duties: Duties
    legal: Mapping[str, bytes]
    dataset: Link | None
    evaluation: EvaluatedFolder | None
    evaluation_link: Link | None
    only: str | None = None  # the run, where every run has its own repository

    @property
    def names(self) -> list[str]:
        """The names of the runs whose adapters the repository holds: one, or all."""
        return [self.only] if self.only else list(self.runs.adapters)
