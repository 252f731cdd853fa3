"""Adapters as a repository: allow-listed files, the base by its Hub id and commit, a card with audit and evaluation.

README.md  RUN/adapter_model.safetensors  RUN/adapter_config.json  RUN/run.json  RUN/trajectory.jsonl
audit.json  problems.txt  provenance/  manifest.json    (one repository a run: the adapter's files at the top)
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from journey import hub
from journey.errors import UsageError
from journey.formats.adapter import CONFIG, read_adapter_config
from journey.formats.finetune import (
    ADAPTER,
    PROBLEMS,
    TRAJECTORY,
    WARMUP,
    AuditFile,
    RunFile,
    SweepFile,
    TemplateFile,
    WarmupFile,
)
from journey.formats.manifest import MANIFEST, Manifest
from journey.publish.bundle import card_model
from journey.publish.bundle.runs import AdapterRepoPlan
from journey.publish.settings import PublishSettings
from journey.store import Folder

ADAPTERS_VERSION = 1
_KEPT = (RunFile.FILE, TRAJECTORY)
_WHOLE = (PROBLEMS, SweepFile.FILE, TemplateFile.FILE)  # of the whole folder, where there are any


def stage(plan: AdapterRepoPlan, settings: PublishSettings, repo: str, out: Path) -> Path:
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
    inputs = {"finetune": plan.runs.folder.sha256}
    if plan.evaluation is not None:
        inputs["evaluate"] = plan.evaluation.sha256
    with Folder.open(out, "publish", config, inputs=inputs) as folder:
        if not folder.finished:
            for run in plan.names:
                _copy(folder, plan, run)
            _provenance(folder, plan)
            for name, data in plan.legal.items():
                folder.write(name, data)
            if plan.duties.notice and not any(name.startswith("NOTICE") for name in plan.legal):
                folder.write("NOTICE", (plan.duties.notice + "\n").encode())
            folder.write("README.md", card_model.adapters(plan, settings, repo).encode())
            folder.finish({"runs": len(plan.names)})
    return out


def _copy(folder: Folder, plan: AdapterRepoPlan, run: str) -> None:
    """An adapter's files, the base in its config named as others can load it."""
    source, inside = plan.runs.folder, "" if plan.only else f"{run}/"
    for name in (ADAPTER, *_KEPT):
        if source.has(f"{run}/{name}"):
            folder.write(f"{inside}{name}", source.read(f"{run}/{name}"))
    fields = read_adapter_config(source.run_folder(run)).fields
    fields |= {"base_model_name_or_path": plan.start.repo, "revision": plan.start.revision}
    folder.write(f"{inside}{CONFIG}", (json.dumps(fields, indent=2, sort_keys=True) + "\n").encode())


def _provenance(folder: Folder, plan: AdapterRepoPlan) -> None:
    """The stage's manifest and the adapters' configs as they were, so that the finetune folder can be made again.

    A base that was a folder of this machine is named by its Hub id instead.
    """
    source = plan.runs.folder
    for name in (AuditFile.FILE, *_WHOLE):
        if source.has(name):
            folder.write(name, source.read(name))
    if source.warmup is not None:
        name = f"{WARMUP}/{WarmupFile.FILE}"
        folder.write(f"provenance/finetune/{name}", source.read(name) if source.has(name) else b"{}\n")
    manifest = placeless(source.manifest)
    if source.base_setting != plan.runs.base.name:
        named = f"{plan.base.repo}@{plan.base.revision}" if plan.base.revision else plan.base.repo
        manifest = _sealed(manifest, {**manifest.config, "base": named})
    folder.write(f"provenance/finetune/{MANIFEST}", manifest.encoded())
    for run in plan.names:
        folder.write(f"provenance/finetune/{run}/{CONFIG}", source.read(f"{run}/{CONFIG}"))


def placeless(manifest: Manifest) -> Manifest:
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

    return _sealed(manifest, plain(manifest.config))


def _sealed(manifest: Manifest, config: dict[str, Any]) -> Manifest:
    """The manifest with other settings; sealed again where it was sealed."""
    if config == manifest.config:
        return manifest
    changed = msgspec.structs.replace(manifest, config=config)
    return changed if manifest.content_sha256 is None else changed.sealed()
