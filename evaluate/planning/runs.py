"""The runs of a finetune folder: which arms and seeds there are, whether they can be compared and decoded together."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

import msgspec
from safetensors import SafetensorError

from journey.errors import UsageError
from journey.evaluate.statistics.verdict import BASE, bare
from journey.formats.finetune import ADAPTER, WARMUP, RunFile
from journey.formats.folders import FinetunedFolder
from journey.formats.plan import RunInfo
from journey.models.diverged import why_diverged_file

JOURNEY = "journey"  # the arm that the others are compared with, where it is there
AGAIN = " (again)"  # the same arm with other seeds, in an A/A comparison


def read_runs(finetuned: FinetunedFolder) -> list[RunInfo]:
    """All runs of a folder, arms as configured and seeds in order, after the arms' common start where there is one.

    A run without weights is listed: it failed. Raises UsageError if there is no run, or they are not comparable.
    """
    runs = [run for run in finetuned.runs.values() if run.arm != BASE]
    if not any(run.run in finetuned.trained for run in runs):
        raise UsageError(f"{finetuned.path} holds no trained run", "run `journey finetune` again")
    useless = diverged(finetuned)
    if all(run.run in useless for run in runs if run.run in finetuned.trained):
        raise UsageError(f"{finetuned.path}: every run has diverged", "run `journey finetune` with a smaller --lr")
    _ = finetuned.view  # refuses runs of different views
    order = {arm: index for index, arm in enumerate(finetuned.arms)}
    runs.sort(key=lambda run: (_axis_values(run), order.get(run.arm, len(order)), run.label, run.seed))
    return [*_warm_start(finetuned), *(_info(finetuned, run, useless) for run in runs)]


def diverged(finetuned: FinetunedFolder) -> dict[str, str]:
    """Runs whose adapter is of no use, with the reason: they count as failed, and the others are evaluated without them."""
    reasons = {}
    for name in finetuned.trained:
        weights = finetuned.weights(name)
        if weights is not None and weights.endswith(f"/{ADAPTER}"):
            try:
                why = why_diverged_file(finetuned.file(weights))
            except (OSError, ValueError, SafetensorError) as error:
                raise UsageError(f"{name} holds no readable adapter: {error}", "train it again") from None
            if why:
                reasons[name] = why
    return reasons


def _info(finetuned: FinetunedFolder, run: RunFile, useless: Container[str]) -> RunInfo:
    weights = None if run.run in useless else finetuned.weights(run.run)
    digest = None if weights is None else finetuned.weights_sha256(run.run)
    return RunInfo(run.run, run.label, run.seed, weights, digest, run.axis)


def _warm_start(finetuned: FinetunedFolder) -> list[RunInfo]:
    """The model at which all arms began, where that is not the base: sampled for reference, without a seed."""
    if finetuned.warmup is None:
        return []
    return [RunInfo(WARMUP, WARMUP, None, finetuned.weights(WARMUP), finetuned.weights_sha256(WARMUP))]


def _axis_values(run: RunFile) -> tuple[float, ...]:
    """What runs are ordered by where axes vary: a rate of its own for one arm is no axis."""
    return tuple(float(value or 0) for value in (run.pairs, run.lr, run.rank)) if run.axis else ()


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
            run, arm=name if index < half else name + AGAIN, seed=index % half, trained_seed=run.seed
        )
        for index, run in enumerate(own[: 2 * half])
    ]


def trained(runs: Iterable[RunInfo]) -> list[RunInfo]:
    """The runs with a training seed: neither the base nor the arms' common start."""
    return [run for run in runs if run.seed is not None]


def reference(arms: Iterable[str]) -> str | None:
    """The journey arm among these, whatever its budget; the first by origin (`journey:own`) where there is none without."""
    arms = list(arms)
    named = [arm for arm in arms if bare(arm).partition(":")[0] == JOURNEY]
    return next((arm for arm in named if bare(arm) == JOURNEY), next(iter(named), None))


def pairs(runs: Sequence[RunInfo]) -> list[tuple[str, str]]:
    """Every arm against the journey (or against the first arm, where there is none), the journey second.

    Within one value of every axis: a journey of rank 8 is compared with a shortcut of rank 8.
    """
    runs = trained(runs)
    arm_pairs: list[tuple[str, str]] = []
    for axis in dict.fromkeys(run.axis for run in runs):
        arms = list(dict.fromkeys(run.arm for run in runs if run.axis == axis))
        against = reference(arms)
        if against is None:
            arm_pairs += [(arms[0], arm) for arm in arms[1:]]
        else:
            arm_pairs += [(arm, against) for arm in arms if arm != against]
    return arm_pairs


def why_not_stacked(finetuned: FinetunedFolder, runs: Iterable[RunInfo]) -> str:
    """Why these adapters cannot be decoded together; empty if they can, whole models apart."""
    from safetensors import safe_open

    from journey.models.lora import modules_of, refuse_unstackable

    layers: set[tuple[str, ...]] = set()
    for run in runs:
        config = None if run.adapter is None else finetuned.adapter_config(run.run)
        if config is None:
            continue
        if config.kind != "LORA":
            return f"{run.run} is a {config.kind} adapter"
        try:
            refuse_unstackable(config.fields)
        except UsageError as error:
            return f"{run.run}: {str(error).splitlines()[0]}"
        try:
            with safe_open(finetuned.file(str(run.adapter)), framework="numpy") as file:
                layers.add(tuple(modules_of(dict.fromkeys(file.keys()))))  # type: ignore[arg-type]
        except (OSError, ValueError, SafetensorError) as error:
            raise UsageError(f"{run.run} holds no readable adapter: {error}", "train it again") from None
    return "" if len(layers) < 2 else "the adapters are on different layers"


def refuse_unservable(finetuned: FinetunedFolder, runs: Iterable[RunInfo]) -> None:
    """Raises UsageError naming a run that one vLLM cannot serve beside the others: only plain LoRA adapters on one base."""
    from journey.models.load import own_base
    from journey.models.lora import refuse_unstackable

    for run in runs:
        if run.adapter is None:
            continue
        config = finetuned.adapter_config(run.run)
        why = "is a whole model" if config is None else "" if config.kind == "LORA" else f"is a {config.kind} adapter"
        if not why and own_base(finetuned.file(run.adapter).parent) is not None:
            why = "stands on a model of its own"
        if config is not None and not why:
            try:
                refuse_unstackable(config.fields)
            except UsageError as error:
                why = f"cannot be served: {str(error).splitlines()[0]}"
        if why:
            raise UsageError(f"{run.run} {why}; vLLM serves LoRA adapters on one base", "leave out --sampler vllm")


def by_base(finetuned: FinetunedFolder, runs: Iterable[RunInfo], *, apart: bool = False) -> list[list[RunInfo]]:
    """Runs that can share a batch: those of one base (the base itself among them); a whole model is alone.

    With `apart` every run is alone.
    """
    from journey.models.load import own_base

    groups: dict[str, list[RunInfo]] = {}
    for run in runs:
        own = None if run.adapter is None else own_base(finetuned.file(run.adapter).parent)
        groups.setdefault(run.run if apart else str(own and own.resolve()), []).append(run)
    return list(groups.values())
