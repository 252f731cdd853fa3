"""The files of a finetune folder: what was trained, on what, from where, and how it went."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import msgspec

from journey.formats.record import FileRecord

_VERSION = frozenset({"version"})


class BaseFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The base as run.json names it: catalog name, Hub id or the folder's own name; `weights` hashes local weights."""

    name: str
    revision: str | None = None
    weights: str | None = None


class RunFile(FileRecord, frozen=True, kw_only=True):
    """RUN/run.json: one training run, an arm on a budget with one seed and one value of every axis.

    `rows` counts rows with repetition, `pool` how many different ones they are drawn from, `pairs` the shared rows it may
    draw from, `withheld` further ones that no other arm sees. `step_tokens` is set on the budget `steps` alone. `axis` has
    the values of the axes that vary (`r8`). `flops` leave padding out; the three shares are of the supervised weight.
    `completion_tokens_p995` is the 99.5th percentile of the completions trained on, end of turn included.
    `initial_adapter` and `row_order` are hashes. An adapter of another maker has `run`, `arm`, `seed` and `base` alone; a
    run that failed says why in `failed`.
    """

    FILE: ClassVar[str] = "run.json"
    NEWER: ClassVar[frozenset[str]] = _VERSION

    run: str
    arm: str
    seed: int
    base: BaseFacts
    kind: str | None = None
    budget: str | None = None
    lr: float | None = None
    pool: int | None = None
    rows: int | None = None
    steps: int | None = None
    warmup_steps: int | None = None
    rank: int | None = None
    alpha: int | None = None
    step_tokens: float | None = None
    pairs: int | None = None
    withheld: int | None = None
    axis: str = ""
    mistake_weight: float | None = None
    problems: int | None = None
    epochs: float | None = None
    supervised_tokens: int | None = None
    total_tokens: int | None = None
    completion_tokens_p995: int | None = None
    flops: int | None = None
    answer_share: float | None = None
    correct_path_share: float | None = None
    mistake_share: float | None = None
    rows_per_step: float | None = None
    warmup: str | None = None  # hash of the common start's source, where there is one
    view: Literal["think", "plain", "compact"] | None = None
    max_length: int | None = None
    engine: str | None = None
    full: bool = False
    final_loss: float | None = None  # mean over the last ten steps
    initial_adapter: str | None = None
    row_order: str | None = None
    device: str | None = None
    dtype: str | None = None
    padding: float | None = None  # share of padding in what its forward passes computed
    failed: str | None = None
    version: int = 1

    @property
    def label(self) -> str:
        """The arm, with the values of the axes that vary."""
        return f"{self.arm} {self.axis}".strip()


class RunCounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One run in numbers, as audit.json lists it: fields as in `RunFile`."""

    run: str
    arm: str
    seed: int
    rows: int
    problems: int
    epochs: float
    steps: int
    supervised_tokens: int
    total_tokens: int
    completion_tokens_p995: int
    flops: int
    lr: float
    answer_share: float
    correct_path_share: float
    mistake_share: float = 0.0
    rows_per_step: float = 0.0
    pairs: int = 0
    rank: int = 0
    mistake_weight: float = 1.0
    axis: str = ""

    @property
    def label(self) -> str:
        """The arm, with the values of the axes that vary."""
        return f"{self.arm} {self.axis}".strip()


class BaseProbe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the base did when it was tried before the first step.

    `sampler` says in words how what it writes compares with `generate`; `chance` whether random numbers enter what it
    computes in training mode; `idle` kinds of adapted layers got no gradient, `missed` adapted layers (experts) were not
    reached by the batch. `clock`: its chat template writes the time of day. `router_loss`: it has one, which is off.
    """

    sampler: str
    chance: bool
    idle: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    clock: bool = False
    router_loss: bool = False
    dtype: str
    device: str


class TemplateFile(FileRecord, frozen=True, kw_only=True):
    """template.json: how a folder's prompts and answers are put to its base; a folder without it has the base's own way.

    `text` is a chat template in place of the base's own, `args` what it is given, `date` (YYYY-MM-DD) what it takes for
    today. `before` is text after the generation prompt that belongs to the prompt: a thinking part that is closed at
    once, a channel's header. `open` and `close` stand around the thinking part of an answer; `opened`: the prompt ends
    with `open`, and answers begin after it. `separator` parts question and answer where there is no chat template.
    """

    FILE: ClassVar[str] = "template.json"

    text: str | None = None
    args: dict[str, Any] = msgspec.field(default_factory=dict)
    date: str | None = None
    before: str = ""
    open: str = "<think>\n"
    close: str = "\n</think>\n\n"
    opened: bool = False
    separator: str = "\n\n"
    version: int = 1


class AuditFile(FileRecord, frozen=True, kw_only=True):
    """audit.json: what every run is trained on, and what the base did when it was tried.

    `failed` has the reason by run; the others are sentences.
    """

    FILE: ClassVar[str] = "audit.json"
    NEWER: ClassVar[frozenset[str]] = frozenset({"probe"})
    READS: ClassVar[tuple[int, ...]] = (2,)

    reference: str
    runs: tuple[RunCounts, ...]
    equal: tuple[str, ...]
    differs: tuple[str, ...]
    notes: tuple[str, ...]
    failed: dict[str, str] = msgspec.field(default_factory=dict)
    probe: BaseProbe | None = None
    version: int = 2


class TrajectoryPoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of RUN/trajectory.jsonl: one optimiser step. A loss or norm that is no number is null."""

    step: int
    loss: float | None
    grad_norm: float | None
    lr: float
    supervised_tokens: int


TRAJECTORY = "trajectory.jsonl"
PROBLEMS = "problems.txt"  # ids of the problems trained on, one a line
ADAPTER = "adapter_model.safetensors"
WARMUP = "warmup"  # the folder of the arms' common start, a whole model, where that is not the base


class SweepTrial(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One arm at one rate on the dev problems. `dev_loss` is the weighted mean over the arm's own dev rows."""

    run: str
    arm: str
    rank: int
    pairs: int
    lr: float
    correct: int
    problems: int
    dev_loss: float | None
    failed: str | None = None
    chosen: bool = False


class SweepFile(FileRecord, frozen=True):
    """lr_sweep.json: every trial of the learning-rate sweep, and which rates were picked."""

    FILE: ClassVar[str] = "lr_sweep.json"

    rates: tuple[float, ...]
    seed: int
    problems: int
    max_new_tokens: int
    trials: tuple[SweepTrial, ...]
    version: int = 1


class WarmupFile(FileRecord, frozen=True, kw_only=True, rename={"source": "from"}):
    """warmup/warmup.json: where all arms began instead of at the base, and what was merged into it.

    `input` is the hash of the curate folder or the weights that it was made from; `run` and `trained` are there where it
    was trained here.
    """

    FILE: ClassVar[str] = "warmup.json"
    NEWER: ClassVar[frozenset[str]] = frozenset({"run", "trained", "version"})

    kind: Literal["data", "adapter", "model"]
    source: str
    input: str
    merged: str
    run: dict[str, Any] | None = None
    trained: dict[str, Any] | None = None
    version: int = 1
