"""Adapters as a repository: allow-listed files, the base by its Hub id and commit, a card with audit and evaluation.

README.md  RUN/adapter_model.safetensors  RUN/adapter_config.json  RUN/run.json  RUN/trajectory.jsonl
audit.json  problems.txt  provenance/  manifest.json    (one repository a run: the adapter's files at the top)
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from journey import hub
from journey.errors import UsageError
from journey.publish import cards_model
from journey.publish.bases import Base
from journey.publish.licences import Duties
from journey.publish.settings import PublishSettings
from journey.store import Folder, dump_json, manifest_hash, read_manifest, sha256

ADAPTERS_VERSION = 1
_KEPT = ("run.json", "trajectory.jsonl")
_WHOLE = ("problems.txt", "lr_sweep.json")  # of the whole folder, where there are any
WARMUP = "warmup"  # the folder of the arms' common start, a whole model, where that is not the base
_ADAPTER, _CONFIG = "adapter_model.safetensors", "adapter_config.json"


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
        if (path.parent / _ADAPTER).is_file():
            told[path.parent.name] = facts
        else:
            failed[path.parent.name] = str(facts.get("failed") or "it has no adapter")
    if not told:
        whole = sorted(path.parent.name for path in folder.glob("*/model.safetensors") if path.parent.name != WARMUP)
        hint = f"publish the models one by one: journey publish {folder / whole[0]} --repo USER/NAME" if whole else ""
        raise UsageError(f"{folder} holds no adapter", hint or "run `journey finetune` again")
    for run in told:
        name = f"{run}/{_ADAPTER}"
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


def stage(plan: Plan, settings: PublishSettings, repo: str, out: Path) -> Path:
    """Build the folder of one repository and return it. Raises UsageError if the base's licence files are wanting."""
    if plan.duties.texts and not any(name.startswith(("LICENSE", "USE_POLICY")) for name in plan.legal):
        raise UsageError(
            f"{plan.base.repo} ({plan.duties.licence.id}) wants a copy of its licence to go along, and has none there",
            "put LICENSE into the base's repository or folder",
        )
    config = {
        "kind": "adapters",
        "format": ADAPTERS_VERSION,
        "repo": repo,
        "base": {"repo": plan.base.repo, "revision": plan.base.revision},
        "start": None if plan.start == plan.base else {"repo": plan.start.repo, "revision": plan.start.revision},
        "licence": plan.duties.licence.id,
        "dataset": str(plan.dataset) if plan.dataset else None,
        "evaluation": str(plan.evaluation_link) if plan.evaluation_link else None,
        "only": plan.only,
    }
    inputs = {"finetune": manifest_hash(plan.runs.folder)}
    if plan.evaluation is not None:
        inputs["evaluate"] = manifest_hash(plan.evaluation)
    with Folder.open(out, "publish", config, inputs=inputs) as folder:
        if not folder.finished:
            for run in plan.names:
                _copy(folder, plan, run)
            _provenance(folder, plan)
            for name, data in plan.legal.items():
                folder.write(name, data)
            if plan.duties.notice and not any(name.startswith("NOTICE") for name in plan.legal):
                folder.write("NOTICE", (plan.duties.notice + "\n").encode())
            folder.write("README.md", cards_model.adapters(plan, settings, repo).encode())
            folder.finish({"runs": len(plan.names)})
    return out


def _copy(folder: Folder, plan: Plan, run: str) -> None:
    """An adapter's files, the base in its config named as others can load it."""
    source, inside = plan.runs.folder / run, "" if plan.only else f"{run}/"
    for name in (_ADAPTER, *_KEPT):
        if (source / name).is_file():
            to = folder.path(f"{inside}{name}")
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, to)
    config = json.loads((source / _CONFIG).read_bytes())
    config |= {"base_model_name_or_path": plan.start.repo, "revision": plan.start.revision}
    folder.write(f"{inside}{_CONFIG}", (json.dumps(config, indent=2, sort_keys=True) + "\n").encode())


def _provenance(folder: Folder, plan: Plan) -> None:
    """The stage's manifest and the adapters' configs as they were, so that the finetune folder can be made again.

    A base that was a folder of this machine is named by its Hub id instead.
    """
    folder.write("audit.json", plan.runs.audit)
    for name in _WHOLE:
        if (plan.runs.folder / name).is_file():
            folder.write(name, (plan.runs.folder / name).read_bytes())
    if plan.runs.warmup is not None:
        facts = plan.runs.warmup / "warmup.json"
        folder.write("provenance/finetune/warmup/warmup.json", facts.read_bytes() if facts.is_file() else b"{}\n")
    manifest = placeless(plan.runs.manifest)
    base = str(plan.runs.manifest["config"].get("base", ""))
    if base != plan.runs.base["name"]:
        manifest["config"]["base"] = f"{plan.base.repo}@{plan.base.revision}" if plan.base.revision else plan.base.repo
    folder.write("provenance/finetune/manifest.json", dump_json(manifest))
    for run in plan.names:
        original = (plan.runs.folder / run / _CONFIG).read_bytes()
        folder.write(f"provenance/finetune/{run}/{_CONFIG}", original)


def placeless(manifest: dict[str, Any]) -> dict[str, Any]:
    """A manifest whose settings name files without their folders (`gsm8k=/data/x.jsonl` as `gsm8k=x.jsonl`)."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {plain(key): plain(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [plain(inner) for inner in value]
        if isinstance(value, str) and "/" in value and not hub.is_id(value):
            name, equals, path = value.rpartition("=")
            return f"{name}{equals}{Path(path).name}"
        return value

    return {**manifest, "config": plain(manifest["config"])}
