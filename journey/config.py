"""Settings of every stage: inert data, one model each; unknown keys are refused with the nearest known name.

Built-in default < recipe file < `--set a.b=c` < flag. The resolved settings are written to the stage's manifest.
Field descriptions are the help texts of the command line.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from journey.errors import UnknownName, UsageError

M = TypeVar("M", bound=BaseModel)


class Settings(BaseModel):
    """Base of all settings: immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def unset(value: Any) -> bool:
    """For `exclude_if` of settings newer than 0.1: left out of manifests where not given, so that older hashes stand."""
    return value is None


class GenerateSettings(Settings):
    """What pairs are made of and how."""

    family: list[str] = Field([], description="problem families, NAME or NAME@LEVEL")
    problems: str | None = Field(None, description="a problem file (jsonl, json, parquet) or Hub dataset id")
    map: dict[str, str] = Field({}, description="field names of the problem file, e.g. question=q")
    method: list[str] = Field([], description="how trees are made")
    pairs: int | None = Field(None, ge=1, description="how many pairs (a finite problem file: all, if left out)")
    per_problem: int = Field(1, ge=1, description="trees per problem")
    seed: int = Field(0, description="seed of all draws")
    options: dict[str, dict[str, Any]] = Field({}, description="settings of methods, e.g. slips.delay")


class CurateSettings(Settings):
    """Which pairs are kept."""

    base: str | None = Field(None, description="model whose tokenizer measures lengths (default: words are counted)")
    view: Literal["think", "plain", "compact"] | None = Field(
        None, description="view that is trained on (default: by base)"
    )
    max_tokens: int | None = Field(None, ge=16, description="longest row in tokens, prompt included (default: by base)")
    benchmarks: list[str] = Field([], description="benchmarks whose problems must not be trained on")
    preset: Literal["standard", "strict"] = Field("standard", description="strict adds tighter limits")
    seed: int = 0
    options: dict[str, dict[str, Any]] = Field({}, description="settings of filters, e.g. length.max_tokens")


class FinetuneSettings(Settings):
    """Which arms are trained, on what budget."""

    base: str | None = Field(
        None, description="catalog name, local folder or Hub id (default: the one that the pairs were curated for)"
    )
    arms: list[str] = Field(["shortcut@examples", "shortcut@tokens", "journey"], description="ARM[@BUDGET]")
    match: Literal["examples", "tokens", "steps", "flops"] = Field(
        "examples", description="budget of arms that name none"
    )
    seeds: int = Field(2, ge=1, description="training seeds 0..N-1")
    view: Literal["think", "plain", "compact"] | None = Field(None, description="view (default: by base)")
    pairs: int | list[int] | None = Field(None, description="train on the first N pairs only; several: an axis")
    rank: int | list[int] = Field(16, description="LoRA rank; several: an axis")
    alpha: int = Field(32, ge=1, description="LoRA alpha")
    rslora: bool = Field(False, description="scale adapters by alpha / sqrt(rank) instead of alpha / rank")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout on the input of every adapter")
    lora_options: dict[str, Any] = Field(
        {}, description="further fields of PEFT's LoraConfig, e.g. use_dora (engine trl)"
    )
    weight_decay: float = Field(0.0, ge=0, description="AdamW's weight decay")
    loss_norm: Literal["token", "row"] = Field(
        "token", description="mean over the weighted tokens of an optimiser step, or mean of the row means"
    )
    checkpointing: bool | None = Field(None, description="recompute activations (default: as the engine does)")
    pass_tokens: int | None = Field(
        None, ge=16, description="tokens, padding included, in one forward pass of a stack (default: by device)"
    )
    stacks: int | None = Field(
        None, ge=1, description="stacks that the runs are dealt into (default: one a seed on a CPU)"
    )
    lr: float | list[float] = Field(
        2e-4, description="peak learning rate of every arm that lr_by_arm does not name; several: an axis"
    )
    lr_by_arm: dict[str, float] = Field({}, description="learning rate of single arms, fixed on the dev split")
    mistake_weight: float | dict[str, float] | None = Field(
        None, description="loss weight of mistakes, 0 to 1: of every arm that shows them, or by arm"
    )
    epochs: float = Field(1.0, gt=0, description="passes over the data of the reference arm")
    rows_per_step: int = Field(16, ge=1, description="rows in one optimiser step")
    micro_batch: int = Field(16, ge=1, description="rows in one forward pass")
    max_length: int | None = Field(None, ge=16, description="longest row in tokens; longer rows stop the run")
    warmup_steps: int = Field(20, ge=0, description="steps of linear warm-up before cosine decay")
    max_steps: int | None = Field(None, ge=1, description="stop every run after N optimiser steps (a smoke test)")
    benchmarks: list[str] = Field([], description="benchmarks that must not overlap the training prompts")
    engine: str = Field("stacked", description="what trains")
    full: bool = Field(False, description="train every weight of the base instead of adapters (engine trl)")
    processes: int = Field(1, ge=1, description="processes, one a GPU, that share each run (engine trl)")
    packing: bool = Field(False, description="lay the rows of a forward pass end to end, without padding (engine trl)")
    attention: str | None = Field(
        None, description="transformers' attention to train with, e.g. flash_attention_2 (engine trl)"
    )
    liger: bool = Field(False, description="use liger's kernels (engine trl, on a GPU)")
    report_to: str | None = Field(None, description="where training is reported to, e.g. wandb (engine trl)")
    boundary: Literal["joined", "apart"] = Field(
        "joined", description="joined refuses prompts whose tokens change when the answer is joined to them"
    )
    warmup: str | None = Field(
        None, description="common start of all arms: a curate folder to train it on, or an adapter"
    )
    warmup_epochs: float = Field(1.0, gt=0, description="passes over the warm-up data")
    lr_sweep: list[float] = Field([], description="learning rates to try for every arm on the dev split")
    sweep_problems: int = Field(200, ge=1, description="dev problems that a trial of the sweep is scored on, at most")
    checkpoint_seconds: float = Field(60.0, ge=0, description="seconds between checkpoints; changes no result")
    workers: int | None = Field(None, ge=1, description="groups trained at the same time (default: by cores)")

    @field_validator("pairs", "rank", "lr", mode="before")
    @classmethod
    def _axis(cls, value: Any, info: ValidationInfo) -> Any:
        """One value or several; `8,16` too."""
        if value is None:
            return None
        read = float if info.field_name == "lr" else int
        several = value if isinstance(value, list) else value.split(",") if isinstance(value, str) else [value]
        try:
            found = [read(str(each)) for each in several]
        except ValueError:
            found = []
        if not found or min(found) <= 0 or not all(map(math.isfinite, found)):
            kind = "a number" if read is float else "a whole number"
            raise ValueError(f"expected {kind} above 0, or several, e.g. {'1e-3,3e-3' if read is float else '8,16'}")
        return found if len(found) > 1 else found[0]

    @field_validator("mistake_weight")
    @classmethod
    def _weight(cls, value: float | dict[str, float] | None) -> float | dict[str, float] | None:
        weights = value.values() if isinstance(value, dict) else [] if value is None else [value]
        if not all(0 <= weight <= 1 for weight in weights):
            raise ValueError("expected a weight from 0 to 1, or weights by arm")
        return value

    @property
    def sizes(self) -> list[int] | None:
        """The values of `pairs`; None: all there are."""
        return self.pairs if isinstance(self.pairs, list) else None if self.pairs is None else [self.pairs]

    @property
    def rates(self) -> list[float]:
        """The values of `lr`."""
        return self.lr if isinstance(self.lr, list) else [self.lr]

    @property
    def ranks(self) -> list[int]:
        """The values of `rank`."""
        return self.rank if isinstance(self.rank, list) else [self.rank]


class EvaluateSettings(Settings):
    """What is asked, how it is sampled and compared."""

    benchmarks: list[str] = Field([], description="NAME, FAMILY@LEVEL, NAME=FILE.jsonl or Hub id")
    map: dict[str, str] = Field({}, description="field names of a file or Hub dataset, e.g. question=q, answer=a")
    fresh: int | None = Field(
        None, description="seed of new problems of procedural benchmarks, none of them trained on"
    )
    primary: str | None = Field(None, description="the benchmark of the headline (default: the first)")
    strategy: list[str] = Field(["greedy"], description="test-time strategies; the first gives the headline")
    limit: int | None = Field(None, ge=1, description="at most N problems of every benchmark")
    sizes: dict[str, int] = Field({}, description="problems of single benchmarks, e.g. countdown@1: 1000")
    max_new_tokens: int | None = Field(
        None, ge=1, description="cap of new tokens for all arms (default: from the data)"
    )
    batch: int = Field(64, ge=1, description="answers of every run decoded together")
    stack: int | None = Field(None, ge=1, description="runs decoded together (default: all)")
    margin: float = Field(0.05, gt=0, lt=1, description="difference that matters, fixed before scoring")
    split: Literal["dev", "test"] = Field("test", description="problems of which split of procedural benchmarks")
    seed: int = Field(0, description="seed of procedural benchmarks, samples and permutations")
    workers: int | None = Field(None, ge=1, description="processes that split the problems (default: by cores)")
    k: int = Field(8, ge=1, description="samples that majority, best-of-k and pass@k use")
    samples: int | None = Field(None, ge=1, description="samples drawn, of which k are used (default: 2 k)")
    temperature: float = Field(0.7, gt=0, description="temperature of samples")
    top_p: float = Field(0.95, gt=0, le=1, description="nucleus of samples")
    sampled: list[str] | None = Field(
        None, description="benchmarks that get strategies other than the first (default: all)"
    )
    rounds: int = Field(2, ge=1, description="rounds of revision")
    waits: int = Field(2, ge=1, description="continuations of budget-wait")
    caps: list[int] | None = Field(None, description="caps of budget-cap (default: 1/8, 1/4, 1/2 of the new tokens)")
    logprob: Literal["mean", "sum"] = Field("mean", description="best-of-logprob: of a token, or of the whole answer")
    reward: str | None = Field(None, description="reward model: a folder, Hub id or NAME@http://HOST/v1")
    equal_tokens: bool = Field(True, description="compare at equal test tokens, where a strategy draws samples")
    dev: dict[str, str] = Field({}, description="dev problems of a benchmark, e.g. gsm8k: gsm8k_dev.jsonl")
    dev_problems: int = Field(200, ge=1, description="dev problems on which policies are chosen")
    larger: str | None = Field(None, description="a larger untuned model to compare with at equal FLOPs")
    larger_parameters: float | None = Field(None, gt=0, description="its size, where a server does not tell")
    endpoint: str | None = Field(None, description="sample from this server, http://HOST/v1, runs by their names")
    parity: int = Field(20, ge=1, description="problems of each run on which an endpoint is checked")
    parity_least: float = Field(0.9, ge=0, le=1, description="least share of equal answers for an endpoint to be used")
    dtype: Literal["float32", "bfloat16"] | None = Field(
        None, description="precision of sampling (default: float32 on a CPU, bfloat16 on a GPU)"
    )
    flips: int | None = Field(None, ge=0, description="problems answered again one at a time (default: 16 in bfloat16)")
    aa: bool = Field(False, description="compare seeds of one arm with other seeds of the same arm")
    aa_arm: str | None = Field(None, description="which arm (default: the journey)")
    after: list[str] = Field([], description="earlier evaluation folders: their samples are taken over, and it is said")


class RunSettings(Settings):
    """A recipe: one comparison from problems to report."""

    name: str = "run"
    summary: str = ""
    base: str = "pocket"
    generate: GenerateSettings = GenerateSettings()
    curate: CurateSettings = CurateSettings()
    finetune: FinetuneSettings = FinetuneSettings()
    evaluate: EvaluateSettings = EvaluateSettings()


def build(kind: type[M], data: Mapping[str, Any], where: str) -> M:
    """Validated settings. Raises UsageError naming the key, what was given and what was expected."""
    try:
        return kind.model_validate(dict(data))
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise UnknownName(f"setting of {where}", path, _keys_beside(kind, first["loc"])) from None
        given = f"{path} = {first.get('input')!r}: " if path else ""  # no path: a rule on several settings together
        raise UsageError(f"{where}: {given}{first['msg'].removeprefix('Value error, ')}") from None


def _keys_beside(kind: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Dotted names of the keys known at the place of an unknown one."""
    model, before = kind, list(loc[:-1])
    for part in before:
        inner = model.model_fields[str(part)].annotation if str(part) in model.model_fields else None
        candidates = [inner, *get_args(inner)]
        model = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), model)
    prefix = "".join(f"{part}." for part in before)
    return [prefix + name for name in model.model_fields]


def parse_set(pairs: Iterable[str]) -> dict[str, Any]:
    """`a.b=c` strings as nested data; values are read as YAML (numbers, true, lists)."""
    data: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set {pair!r} is not KEY=VALUE", "e.g. --set finetune.epochs=2")
        at = data
        *parents, last = key.strip().split(".")
        for parent in parents:
            at = at.setdefault(parent, {})
            if not isinstance(at, dict):
                raise UsageError(f"--set {pair!r}: {parent} already has a value")
        try:
            at[last] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise UsageError(f"--set {pair!r}: the value is not YAML", "quote it, e.g. --set 'a.b=\"x: y\"'") from None
    return data


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Nested data, later layers over earlier ones."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
                merged[key] = merge(merged[key], value)
            else:
                merged[key] = value
    return merged


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file. Raises UsageError if it is missing or something else."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"no recipe file {path}", "see `journey list recipes`") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(data, dict):
        raise UsageError(f"{path} holds {type(data).__name__}, a mapping of settings is wanted")
    return data


def resolve_run(recipe: Mapping[str, Any], overrides: Mapping[str, Any], where: str) -> RunSettings:
    """A recipe with overrides on top; `base` at the top is the base of curate and finetune unless they name one."""
    data = merge(recipe, overrides)
    base = data.get("base", "pocket")
    for stage in ("curate", "finetune"):
        section = dict(data.get(stage) or {})
        section.setdefault("base", base)
        data[stage] = section
    return build(RunSettings, data, where)
