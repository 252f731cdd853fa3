"""Adapters as a repository: allow-listed files, the base by its Hub id and commit, a card with audit and evaluation.

README.md  RUN/adapter_model.safetensors  RUN/adapter_config.json  RUN/run.json  RUN/trajectory.jsonl
audit.json  problems.txt  provenance/  manifest.json    (one repository a run: the adapter's files at the top)
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from journey import hub
from journey.errors import UsageError
from journey.publish.bundle import card_model
from journey.publish.bundle.runs import ADAPTER, Plan
from journey.publish.settings import PublishSettings
from journey.store import Folder, dump_json, manifest_hash

ADAPTERS_VERSION = 1
_KEPT = ("run.json", "trajectory.jsonl")
_WHOLE = ("problems.txt", "lr_sweep.json")  # of the whole folder, where there are any
_CONFIG = "adapter_config.json"


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
            folder.write("README.md", card_model.adapters(plan, settings, repo).encode())
            folder.finish({"runs": len(plan.names)})
    return out


def _copy(folder: Folder, plan: Plan, run: str) -> None:
    """An adapter's files, the base in its config named as others can load it."""
    source, inside = plan.runs.folder / run, "" if plan.only else f"{run}/"
    for name in (ADAPTER, *_KEPT):
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
