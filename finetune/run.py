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

from journey.catalog import ARMS, revisions
from journey.config import FinetuneSettings
from journey.errors import UsageError
from journey.finetune import cost
from journey.finetune.planning import audit, sweep, warmup
from journey.finetune.planning.memory import fits_on_cards, kept
from journey.finetune.planning.prepare import prepare, setup_of
from journey.finetune.planning.prepared import TrainingSetup
from journey.finetune.session import SCRATCH, Session
from journey.formats.files import sha256_of
from journey.formats.folders import CuratedFolder, open_finished
from journey.formats.manifest import MANIFEST
from journey.models import load, places
from journey.models.policy import read_template
from journey.store import Folder


def plan(curated: Path, settings: FinetuneSettings) -> dict[str, Any]:
    """What `finetune` would do, as plain data: nothing is trained or written. Raises what `prepare` raises."""
    opened = open_finished(curated, "curate")
    prepared = prepare(opened, with_base(opened, settings))
    equal, differs = audit.compare(prepared.counted)
    return {
        "base": prepared.ref.name,
        "view": prepared.view,
        "max_length": prepared.max_length,
        "pairs": prepared.pairs,
        "reference": prepared.reference,
        "runs": [msgspec.to_builtins(one) for one in prepared.counted],
        "equal": equal,
        "differs": differs,
        "notes": prepared.notes,
        "device": prepared.device,
        "groups": [[run.run for run in group] for group in prepared.groups],
        "workers": prepared.memory.workers,
        "memory_bytes_per_group": prepared.memory.peak,
        "runs_that_fit_in_a_stack": prepared.memory.runs_fit,
        "pass_tokens": prepared.memory.pass_tokens,
        "recompute": prepared.memory.recompute,
        "runs_that_fit_on_a_gpu": _on_cards(prepared),
        "disk_bytes": cost.saved_bytes(prepared.shape) * len(prepared.runs)
        + (prepared.start.bytes if prepared.start else 0),
        "flops": sum(one.flops for one in prepared.counted),
        "warmup": _warmup(prepared),
        "sweep": _sweep(prepared),
        "hours": None if settings.full else round(_seconds(prepared) / 3600, 6),
        "hours_from": "a step of this training with one and with two layers of the base, timed on this machine; without "
        "warm-up and sweep, and not for full fine-tuning",
    }


def with_base(curated: CuratedFolder, settings: FinetuneSettings) -> FinetuneSettings:
    """The settings with a base: the one given, else the one that the pairs were curated for. Raises UsageError."""
    base = settings.base or (curated.base and _of(curated))
    if base is None:
        raise UsageError(
            f"no base to train: none is given, and {curated.path} was curated for none in particular",
            "add --base NAME; see `journey list models`",
        )
    return settings.model_copy(update={"base": base})


def _of(curated: CuratedFolder) -> str:
    """The base that pairs were measured for, if it is there and the same."""
    places.base_of(curated)
    return str(curated.base)


def _seconds(prepared: TrainingSetup) -> float:
    from journey.finetune.training.timing import predicted_seconds

    setup = setup_of(prepared, Path(), Path())
    return predicted_seconds(
        prepared.ref, prepared.groups, prepared.data, setup, prepared.memory.workers, prepared.shape.layers
    )


def _on_cards(prepared: TrainingSetup) -> dict[str, int] | None:
    """How many runs of a stack fit on the GPUs that people have; None for engines that train one run at a time."""
    if prepared.memory.runs_fit is None:
        return None
    return fits_on_cards(prepared.ref, prepared.settings, prepared.data)


def _warmup(prepared: TrainingSetup) -> dict[str, Any] | None:
    """What the common start costs beside the runs."""
    begin = prepared.start
    if begin is None:
        return None
    facts: dict[str, Any] = {"kind": begin.kind, "from": begin.source.name, "disk_bytes": begin.bytes}
    if begin.run is not None and begin.rows is not None:
        counted = audit.count(begin.run, begin.rows, prepared.shape, prepared.settings.rows_per_step)
        facts |= {"steps": begin.run.steps, "flops": counted.flops}
    return facts


def _sweep(prepared: TrainingSetup) -> dict[str, Any] | None:
    """What picking the learning rates costs beside the runs."""
    if prepared.sweep is None:
        return None
    trials, first = prepared.sweep.trials, min(run.seed for run in prepared.runs)
    flops = {
        sweep.place_of(run): one.flops
        for run, one in zip(prepared.runs, prepared.counted, strict=True)
        if run.seed == first
    }
    return {
        "rates": list(prepared.sweep.rates),
        "trials": len(trials),
        "steps": sum(trial.steps for trial in trials),
        "flops": sum(flops[sweep.place_of(trial)] for trial in trials),
        "dev_problems": len(prepared.sweep.dev),
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
    config["base"] = places.label(str(settings.base))
    config["warmup"] = settings.warmup and Path(settings.warmup).name  # the hash says which it is, wherever it lies
    if settings.template is not None:
        config["template"] = Path(settings.template).name
        inputs["template"] = sha256_of(read_template(settings.template).encode())
    config |= revisions((ARMS, [arm.partition("@")[0].partition(":")[0] for arm in settings.arms]))
    # Bad input must not leave a partial folder behind, which would refuse the corrected settings.
    prepared = None if (out / MANIFEST).is_file() else prepare(opened, settings)
    with Folder.open(out, "finetune", config, inputs=inputs) as folder:
        folder.base_place = places.place(settings.base)
        if not folder.finished:
            _work(folder, prepared or prepare(opened, settings), inputs["base"])
    return out


def _work(folder: Folder, prepared: TrainingSetup, base: str) -> None:
    """The warm-up, the sweep and the runs, as far as they are asked for and not there yet."""
    prepared = dataclasses.replace(prepared, memory=kept(folder.path(SCRATCH), prepared.memory))
    if prepared.start is not None:
        scratch = folder.path(SCRATCH).resolve() / warmup.NAME
        warm = warmup.write(folder, prepared.start, setup_of(prepared, scratch / "work", scratch), prepared.device)
        prepared = dataclasses.replace(prepared, warm=warm)
    scratch = folder.path(SCRATCH).resolve() / "sweep"
    prepared = sweep.pick(folder, prepared, setup_of(prepared, scratch / "work", scratch))
    Session(folder, prepared, base).work()
