"""The finetune stage: every arm and seed from the same base, on matched budgets.

    journey finetune data/runs/curated --base pocket --arms shortcut@examples,shortcut@tokens,journey --seeds 2 --out DIR

Writes `RUN/{adapter_model.safetensors,adapter_config.json,run.json,trajectory.jsonl}` for every run `audit.json`, and
`problems.txt` (ids of the problems trained on).
A run that failed has a run.json with the reason, and no adapter.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import msgspec

from journey.config import FinetuneSettings
from journey.errors import UsageError
from journey.finetune import cost
from journey.finetune.planning import audit, sweep, warmup
from journey.finetune.planning.prepare import prepare, setup_of
from journey.finetune.planning.prepared import TrainingSetup
from journey.finetune.session import SCRATCH, Session
from journey.formats.folders import CuratedFolder, open_finished
from journey.formats.manifest import MANIFEST
from journey.models import load
from journey.store import Folder


def plan(curated: Path, settings: FinetuneSettings) -> dict[str, Any]:
    """What `finetune` would do, as plain data: nothing is trained or written. Raises what `prepare` raises."""
    opened = open_finished(curated, "curate")
    made = prepare(opened, with_base(opened, settings))
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
        "disk_bytes": cost.saved_bytes(made.shape) * len(made.runs) + (made.start.bytes if made.start else 0),
        "flops": sum(one.flops for one in made.counted),
        "warmup": _warmup(made),
        "sweep": _sweep(made),
        "hours": None if settings.full else round(_seconds(made) / 3600, 6),
        "hours_from": "a step of this training with one and with two layers of the base, timed on this machine; without "
        "warm-up and sweep, and not for full fine-tuning",
    }


def with_base(curated: CuratedFolder, settings: FinetuneSettings) -> FinetuneSettings:
    """The settings with a base: the one given, else the one that the pairs were curated for. Raises UsageError."""
    base = settings.base or curated.base
    if base is None:
        raise UsageError(
            f"no base to train: none is given, and {curated.path} was curated for none in particular",
            "add --base NAME; see `journey list models`",
        )
    return settings.model_copy(update={"base": base})


def _seconds(made: TrainingSetup) -> float:
    from journey.finetune.training.timing import predicted_seconds

    setup = setup_of(made, Path(), Path())
    return predicted_seconds(made.ref, made.groups, made.data, setup, made.room.workers, made.shape.layers)


def _warmup(made: TrainingSetup) -> dict[str, Any] | None:
    """What the common start costs beside the runs."""
    begin = made.start
    if begin is None:
        return None
    facts: dict[str, Any] = {"kind": begin.kind, "from": begin.source.name, "disk_bytes": begin.bytes}
    if begin.run is not None and begin.rows is not None:
        counted = audit.count(begin.run, begin.rows, made.shape, made.settings.rows_per_step)
        facts |= {"steps": begin.run.steps, "flops": counted.flops}
    return facts


def _sweep(made: TrainingSetup) -> dict[str, Any] | None:
    """What picking the learning rates costs beside the runs."""
    if made.sweep is None:
        return None
    trials, first = made.sweep.trials, min(run.seed for run in made.runs)
    flops = {
        sweep.place_of(run): one.flops for run, one in zip(made.runs, made.counted, strict=True) if run.seed == first
    }
    return {
        "rates": list(made.sweep.rates),
        "trials": len(trials),
        "steps": sum(trial.steps for trial in trials),
        "flops": sum(flops[sweep.place_of(trial)] for trial in trials),
        "dev_problems": len(made.sweep.dev),
    }


def finetune(curated: Path, settings: FinetuneSettings, out: Path) -> Path:
    """Train every run that is not there yet, and return the finished folder.

    Raises what `prepare` raises, and PartialError naming the runs that failed; the others are kept.
    """
    opened, out = open_finished(curated, "curate"), Path(out)
    settings = with_base(opened, settings)
    ref = load.find(str(settings.base))
    inputs = {"curate": opened.sha256, "base": cost.weights_digest(ref) or f"{ref.source}@{ref.revision}"}
    if settings.warmup:
        inputs["warmup"] = warmup.digest_of(Path(settings.warmup))
    config = settings.model_dump(exclude={"workers", "report_to", "checkpoint_seconds"})
    config["warmup"] = settings.warmup and Path(settings.warmup).name  # the hash says which it is, wherever it lies
    # Bad input must not leave a partial folder behind, which would refuse the corrected settings.
    made = None if (out / MANIFEST).is_file() else prepare(opened, settings)
    with Folder.open(out, "finetune", config, inputs=inputs) as folder:
        if not folder.finished:
            _work(folder, made or prepare(opened, settings), inputs["base"])
    return out


def _work(folder: Folder, made: TrainingSetup, base: str) -> None:
    """The warm-up, the sweep and the runs, as far as they are asked for and not there yet."""
    if made.start is not None:
        scratch = folder.path(SCRATCH).resolve() / warmup.NAME
        warm = warmup.write(folder, made.start, setup_of(made, scratch / "work", scratch), made.device)
        made = dataclasses.replace(made, warm=warm)
    scratch = folder.path(SCRATCH).resolve() / "sweep"
    made = sweep.pick(folder, made, setup_of(made, scratch / "work", scratch))
    Session(folder, made, base).work()
