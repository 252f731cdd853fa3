"""The runs of a finetune folder: which arms and seeds there are, whether they can be compared and decoded together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from journey import store
from journey.errors import UsageError
from journey.evaluate.results import RunInfo
from journey.evaluate.statistics.verdict import BASE, bare

JOURNEY = "journey"  # the arm that the others are compared with, where it is there
WEIGHTS = ("adapter_model.safetensors", "model.safetensors", "model.safetensors.index.json")
WARMUP = "warmup"  # the arms' common start, a folder beside the runs' where there is one
AGAIN = " (again)"  # the same arm with other seeds, in an A/A comparison


def read_runs(finetuned: Path, manifest: dict[str, Any]) -> tuple[dict[str, Any], list[RunInfo]]:
    """One run's facts (they share base and view) and all runs, arms as configured and seeds in order.

    A run without weights is listed: it failed. Raises UsageError if there is no run, or they are not comparable.
    """
    found: list[tuple[dict[str, Any], RunInfo]] = []
    for path in sorted(finetuned.glob("*/run.json")):
        try:
            told = json.loads(path.read_bytes())
            arm, seed, axis = str(told["arm"]), int(told["seed"]), str(told.get("axis", ""))
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{path} cannot be read: {error!r}", "run `journey finetune` again") from None
        if arm == BASE:
            continue
        weights = next((path.with_name(name) for name in WEIGHTS if path.with_name(name).is_file()), None)
        file = None if weights is None else weights.relative_to(finetuned).as_posix()
        digest = None if weights is None else _digest(weights)
        found.append((told, RunInfo(path.parent.name, f"{arm} {axis}".strip(), seed, file, digest, axis)))
    if not any(info.adapter for _, info in found):
        raise UsageError(f"{finetuned} holds no trained run", "run `journey finetune` again")
    views_used = {told.get("view") for told, _ in found}
    if len(views_used) > 1:
        raise UsageError(f"{finetuned} holds runs of different views: {sorted(map(str, views_used))}")
    order = {arm: place for place, arm in enumerate(manifest.get("config", {}).get("arms") or ())}
    found.sort(key=lambda one: (_axis_values(one[0]), order.get(one[0]["arm"], len(order)), one[1].arm, one[1].seed))
    return found[0][0], [*_warm_start(finetuned), *(info for _, info in found)]


def _warm_start(finetuned: Path) -> list[RunInfo]:
    """The model at which all arms began, where that is not the base: sampled for reference, without a seed."""
    weights = finetuned / WARMUP / "model.safetensors"
    if not weights.is_file():
        return []
    return [RunInfo(WARMUP, WARMUP, None, f"{WARMUP}/{weights.name}", store.sha256(weights))]


def _digest(weights: Path) -> str:
    """The hash of an adapter or a whole model; of all its files where there are several."""
    files = sorted(weights.parent.glob("*.safetensors"))
    if len(files) == 1:
        return store.sha256(files[0])
    return hashlib.sha256("".join(f"{path.name} {store.sha256(path)}\n" for path in files).encode()).hexdigest()


def _axis_values(told: dict[str, Any]) -> tuple[float, ...]:
    """What runs are ordered by where axes vary: a rate of its own for one arm is no axis."""
    return tuple(float(told.get(name) or 0) for name in ("pairs", "lr", "rank")) if told.get("axis") else ()


def twice(runs: Sequence[RunInfo], arm: str | None) -> list[RunInfo]:
    """The runs of one arm as two arms that differ in their seeds alone: the first half of its seeds, and the second.

    An odd seed is left out. Raises UsageError if there is no such arm, or it has one seed only.
    """
    arms = list(dict.fromkeys(run.arm for run in trained(runs)))
    name = arm or reference(arms) or arms[0]
    if name not in arms:
        raise UsageError(f"there is no arm {name!r} to compare with itself", f"arms: {', '.join(arms)}")
    own = [run for run in runs if run.arm == name and run.adapter is not None]
    half = len(own) // 2
    if half < 1:
        raise UsageError(
            f"--aa needs two seeds or more of {name}, there is {len(own)}",
            "train more: `journey evaluate --aa` does where it finds the curated data, else `journey finetune --seeds 4`",
        )
    return [
        msgspec.structs.replace(
            run, arm=name if place < half else name + AGAIN, seed=place % half, trained_seed=run.seed
        )
        for place, run in enumerate(own[: 2 * half])
    ]


def trained(runs: Iterable[RunInfo]) -> list[RunInfo]:
    """The runs with a training seed: neither the base nor the arms' common start."""
    return [run for run in runs if run.seed is not None]


def reference(arms: Iterable[str]) -> str | None:
    """The journey arm among these, whatever its budget."""
    return next((arm for arm in arms if bare(arm) == JOURNEY), None)


def pairs(runs: Sequence[RunInfo]) -> list[tuple[str, str]]:
    """Every arm against the journey (or against the first arm, where there is none), the journey second.

    Within one value of every axis: a journey of rank 8 is compared with a shortcut of rank 8.
    """
    runs = trained(runs)
    found: list[tuple[str, str]] = []
    for axis in dict.fromkeys(run.axis for run in runs):
        arms = list(dict.fromkeys(run.arm for run in runs if run.axis == axis))
        against = reference(arms)
        if against is None:
            found += [(arms[0], arm) for arm in arms[1:]]
        else:
            found += [(arm, against) for arm in arms if arm != against]
    return found


def why_not_stacked(finetuned: Path, runs: Iterable[RunInfo]) -> str:
    """Why these adapters cannot be decoded together; empty if they can, whole models apart."""
    from safetensors import safe_open

    from journey.models.lora import modules_of, refuse_unstackable

    layers: set[tuple[str, ...]] = set()
    for run in runs:
        path = finetuned / str(run.adapter)
        if run.adapter is None or not path.with_name("adapter_config.json").is_file():
            continue
        try:
            config = json.loads(path.with_name("adapter_config.json").read_bytes())
            if config.get("peft_type", "LORA") != "LORA":
                return f"{run.run} is a {config['peft_type']} adapter"
            refuse_unstackable(config)
            with safe_open(path, framework="numpy") as file:
                layers.add(tuple(modules_of(dict.fromkeys(file.keys()))))  # type: ignore[arg-type]
        except (OSError, ValueError) as error:
            raise UsageError(f"{path.parent} holds no readable adapter: {error}", "train it again") from None
        except UsageError as error:
            return f"{run.run}: {str(error).splitlines()[0]}"
    return "" if len(layers) < 2 else "the adapters are on different layers"


def by_base(finetuned: Path, runs: Iterable[RunInfo], *, apart: bool = False) -> list[list[RunInfo]]:
    """Runs that can share a batch: those of one base (the base itself among them); a whole model is alone.

    With `apart` every run is alone.
    """
    from journey.models.load import own_base

    found: dict[str, list[RunInfo]] = {}
    for run in runs:
        own = None if run.adapter is None else own_base((finetuned / run.adapter).parent)
        found.setdefault(run.run if apart else str(own and own.resolve()), []).append(run)
    return list(found.values())
