"""The finetune stage: every arm and seed from the same base, on matched budgets.

    journey finetune data/runs/curated --base pocket --arms shortcut@examples,shortcut@tokens,journey --seeds 2 --out DIR

Writes `RUN/{adapter_model.safetensors,adapter_config.json,run.json,trajectory.jsonl}` for every run `audit.json`, and
`problems.txt` (ids of the problems trained on).
A run that failed has a run.json with the reason, and no adapter.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from journey import models
from journey.config import FinetuneSettings
from journey.finetune import audit, cost
from journey.finetune.prepare import Prepared, prepare, setup_of
from journey.finetune.session import Session
from journey.store import Folder, manifest_hash, read_manifest


def plan(curated: Path, settings: FinetuneSettings) -> dict[str, Any]:
    """What `finetune` would do, as plain data: nothing is trained or written. Raises what `prepare` raises."""
    made = prepare(Path(curated), settings)
    equal, differs = audit.compare(made.counted)
    return {
        "base": made.ref.name,
        "view": made.view,
        "max_length": made.max_length,
        "pairs": made.pairs,
        "reference": made.reference,
        "runs": [msgspec.to_builtins(one) for one in made.counted],
        "equal": equal,
        "differs": differs,
        "notes": made.notes,
        "device": made.device,
        "groups": [[run.run for run in group] for group in made.groups],
        "workers": made.room.workers,
        "memory_bytes_per_group": made.room.peak,
        "runs_that_fit_in_a_stack": made.room.runs_fit,
        "pass_tokens": made.room.pass_tokens,
        "disk_bytes": cost.adapter_bytes(made.shape) * len(made.runs),
        "flops": sum(one.flops for one in made.counted),
        "hours": round(_seconds(made) / 3600, 4),
        "hours_from": "a step of this training with one and with two layers of the base, timed on this machine",
    }


def _seconds(made: Prepared) -> float:
    from journey.finetune.timing import predicted_seconds

    setup = setup_of(made, Path(), Path())
    return predicted_seconds(made.ref, made.groups, made.data, setup, made.room.workers, made.shape.layers)


def finetune(curated: Path, settings: FinetuneSettings, out: Path) -> Path:
    """Train every run that is not there yet, and return the finished folder.

    Raises what `prepare` raises, and PartialError naming the runs that failed; the others are kept.
    """
    curated, out = Path(curated), Path(out)
    read_manifest(curated, "curate")
    ref = models.find(settings.base)
    inputs = {"curate": manifest_hash(curated), "base": cost.weights_digest(ref) or f"{ref.source}@{ref.revision}"}
    config = settings.model_dump(exclude={"workers"})
    # Bad input must not leave a partial folder behind, which would refuse the corrected settings.
    made = None if (out / "manifest.json").is_file() else prepare(curated, settings)
    with Folder.open(out, "finetune", config, inputs=inputs) as folder:
        if not folder.finished:
            Session(folder, made or prepare(curated, settings), inputs["base"]).work()
    return out


def read_audit(folder: Path) -> audit.Audit:
    """The audit of a finished folder."""
    read_manifest(folder, "finetune")
    return msgspec.convert(json.loads((Path(folder) / "audit.json").read_bytes()), audit.Audit)
