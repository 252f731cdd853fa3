"""Settings of every stage: inert data, one model each; unknown keys are refused with the nearest known name.

Those of servers, of a recipe as a whole, its claims and sweep are in `journey.settings`, whose `given` reads what is given.

Built-in default < recipe file < `--set a.b=c` < flag. The resolved settings are written to the stage's manifest.

These fields are the only place where a setting is declared. `Flag` makes one a flag of its stage's verb; descriptions,
defaults, ranges and units are the words of `--help`, `journey list` and errors (`make golden` renews what `--help` shows).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Len, Unit
from pydantic import Field, field_validator

from journey.settings.base import MOST, Settings, off, unset
from journey.settings.fields import Flag
from journey.settings.servers import ServerSettings, ServerUseSettings
from journey.views import View

PROCESSES = 1024

FieldNames = Annotated[dict[str, str], Flag("NAME=FIELD")]
_FIELD_NAMES = "field names of the file or Hub dataset, dotted where a field lies in another"
_STRICT = "stop at the first row of a file that cannot be used"


class SampleSettings(ServerSettings):
    """Which problems are put to which models, and how often."""

    problems: Annotated[str | None, Flag("FILE")] = Field(
        None, description="a file (jsonl, json, csv, tsv, parquet, arrow), folder or Hub dataset id of problems"
    )
    map: FieldNames = Field({}, description=_FIELD_NAMES, examples=["question=q,answer=a.text"])
    strict: Annotated[bool, Flag()] = Field(False, description=_STRICT)
    family: Annotated[str | None, Flag("NAME[@LEVEL]")] = Field(None, description="a problem family, instead of a file")
    policy: Annotated[list[str], Flag("MODEL")] = Field(
        [],
        description="models that answer: catalog name, folder, Hub id, run (DIR/RUN) or NAME@http://HOST/v1; several at once",
    )
    k: Annotated[int, Flag("N"), Unit("attempts")] = Field(8, ge=2, le=10_000, description="attempts at each problem")
    k_hard: Annotated[int | None, Flag("N"), Unit("attempts")] = Field(
        None, ge=2, le=10_000, description="attempts at problems that are never right (default: no more than k)"
    )
    continuations: Annotated[int, Unit("attempts")] = Field(
        8, ge=0, le=1000, description="continuations from the longest checked prefix, where k_hard found no right one"
    )
    shots: Annotated[int, Flag("N")] = Field(
        0, ge=0, le=64, description="worked examples in front of each question, for bases that do not follow the format"
    )
    pilot: Annotated[int | None, Flag("N"), Unit("problems")] = Field(
        None, ge=1, le=MOST, description="sample so many problems only, to see the profile before the rest is paid for"
    )
    limit: Annotated[int | None, Flag("N"), Unit("problems")] = Field(
        None, ge=1, le=MOST, description="problems that are sampled (default: all of a file)"
    )
    split: Literal["train", "dev", "test"] = Field("train", description="which problems of a family: never test ones")
    temperature: Annotated[float | None, Flag("T")] = Field(
        None, gt=0, le=10, description="temperature (default: the model's own generation settings, else 1)"
    )
    top_p: Annotated[float | None, Flag("P")] = Field(
        None, gt=0, le=1, description="top-p (default: the model's own generation settings, else 1)"
    )
    max_new_tokens: Annotated[int | None, Flag("N"), Unit("tokens")] = Field(
        None, ge=1, le=MOST, description="cap of an attempt (default: 512, or what the model has room for)"
    )
    view: View | None = Field(None, description="view that is asked in (default: by model)")
    batch: Annotated[int, Unit("attempts")] = Field(
        64, ge=1, le=100_000, description="attempts of each model that are written together"
    )
    locate: Annotated[Literal["checked", "estimated"], Flag("HOW")] = Field(
        "checked",
        description="how first mistakes are found: by checks alone, or else where continuations stop succeeding",
    )
    locate_with: Annotated[str | None, Flag("MODEL")] = Field(
        None, description="model that writes those continuations (default: the policy itself)"
    )
    seed: Annotated[int, Flag("N")] = Field(0, description="seed of all draws")


class GenerateSettings(ServerUseSettings):
    """What pairs are made of and how."""

    family: Annotated[list[str], Flag("NAME[@LEVEL][=SHARE]")] = Field(
        [], description="problem families; with shares (`countdown@1=2`) mixed in that proportion"
    )
    problems: Annotated[str | None, Flag("FILE")] = Field(
        None, description="a file (jsonl, json, csv, tsv, parquet, arrow), folder or Hub dataset id of problems"
    )
    map: FieldNames = Field({}, description=_FIELD_NAMES, examples=["question=q,answer=a.text"])
    strict: Annotated[bool, Flag()] = Field(False, exclude_if=off, description=_STRICT)

    attempts: Annotated[str | None, Flag("DIR")] = Field(
        None, description="a folder of `journey sample`, for methods that read attempts", exclude_if=unset
    )
    policy: Annotated[str | None, Flag("MODEL")] = Field(
        None,
        description="the model that proposes steps, for methods that ask one; with --attempts whose attempts, where the "
        "folder holds those of several",
        exclude_if=unset,
    )
    critic: Annotated[str | None, Flag("MODEL")] = Field(
        None,
        description="the model that judges steps: a critic, a judge or a reward model, by method",
        exclude_if=unset,
    )
    rewriter: Annotated[str | None, Flag("MODEL")] = Field(
        None, description="the model that rewrites traces, for the method refine", exclude_if=unset
    )
    oracle: Annotated[bool, Flag()] = Field(
        False, description="show the critic the gold answer; recorded, and its words are not told", exclude_if=off
    )
    temperature: float | None = Field(
        None, gt=0, le=10, exclude_if=unset, description="of the policy's steps (default: the model's own, else 1)"
    )
    top_p: float | None = Field(
        None, gt=0, le=1, exclude_if=unset, description="of the policy's steps (default: the model's own, else 1)"
    )
    view: View | None = Field(
        None, exclude_if=unset, description="view that the policy is asked in (default: by model)"
    )
    continues: Literal["message", "completions", "never"] | None = Field(
        None,
        exclude_if=unset,
        description="how a server goes on from a text: a final message that it continues, /completions, or not at all "
        "(default: it is tried)",
    )
    method: Annotated[list[str], Flag("NAME[=SHARE]")] = Field(
        [], description="how trees are made (default: all that fit and ask no model); with shares (`own=3`) mixed so"
    )
    pairs: Annotated[int | None, Flag("N")] = Field(
        None, ge=1, le=MOST, description="how many pairs are made (default: all of a problem file)"
    )
    per_problem: Annotated[int, Flag("N"), Unit("trees")] = Field(
        1, ge=1, le=10_000, description="different trees of each problem, at most"
    )
    seed: Annotated[int, Flag("N")] = Field(0, description="seed of all draws")
    options: dict[str, dict[str, Any]] = Field({}, description="settings of methods, e.g. slips.delay")


class TemplateSettings(Settings):
    """How a base's chat template is used."""

    template: Annotated[str | None, Flag("FILE")] = Field(
        None, description="chat template in place of the base's own, a Jinja file", exclude_if=unset
    )
    template_args: dict[str, Any] | None = Field(
        None, description="what the chat template is given, e.g. enable_thinking", exclude_if=unset
    )
    template_date: str | None = Field(
        None, description="what a template that writes the date takes for today (default: 2026-01-01)", exclude_if=unset
    )
    thinking: Literal["written", "opened", "closed"] | None = Field(
        None,
        description="who opens the thinking part: the answer, the prompt, or the prompt closes an empty one "
        "(default: by template)",
        exclude_if=unset,
    )
    separator: str | None = Field(
        None,
        description="between question and answer where there is no chat template (default: by tokenizer)",
        exclude_if=unset,
    )


class CurateSettings(TemplateSettings):
    """Which pairs are kept."""

    base: Annotated[str | None, Flag("MODEL")] = Field(
        None, description="model whose tokenizer measures lengths (default: words are counted)"
    )
    view: View | None = Field(None, description="view that is trained on (default: by base)")
    max_tokens: Annotated[int | None, Flag("N"), Unit("tokens")] = Field(
        None, ge=16, le=MOST, description="longest row, prompt included (default: by base)"
    )
    benchmarks: Annotated[list[str], Flag("NAME")] = Field(
        [], description="benchmarks whose problems must not be trained on"
    )
    map: FieldNames = Field({}, exclude_if=off, description=_FIELD_NAMES, examples=["question=q,answer=a.text"])
    preset: Annotated[Literal["standard", "strict"], Flag("NAME")] = Field(
        "standard", description="limits of the filters; strict ones are tighter"
    )
    attempts: Annotated[str | None, Flag("DIR")] = Field(
        None,
        exclude_if=unset,
        description="a folder of `journey sample`: pass rates of problems for the filter pass_rate",
    )
    policy: Annotated[str | None, Flag("NAME")] = Field(
        None, exclude_if=unset, description="whose attempts, where the folder holds several policies'"
    )
    seed: Annotated[int, Flag("N")] = Field(0, description="seed of procedural benchmarks")
    options: dict[str, dict[str, Any]] = Field({}, description="settings of filters, e.g. length.max_tokens")


Rank = Annotated[int, Ge(1), Le(16_384)]
Rate = Annotated[float, Gt(0)]  # without an end: a rate at which training diverges is a result of a sweep
Rows = Annotated[int, Ge(1), Le(MOST), Unit("pairs")]
Weight = Annotated[float, Ge(0), Le(1)]


class FinetuneSettings(TemplateSettings):
    """Which arms are trained, on what budget."""

    base: Annotated[str | None, Flag("MODEL")] = Field(
        None, description="catalog name, local folder or Hub id (default: the one that the pairs were curated for)"
    )
    arms: Annotated[list[str], Flag("ARM[@BUDGET]")] = Field(
        ["shortcut@examples", "shortcut@tokens", "journey"], description="what is compared"
    )
    match: Annotated[Literal["examples", "tokens", "steps", "flops"], Flag("BUDGET")] = Field(
        "examples", description="budget of arms that name none"
    )
    seeds: Annotated[int, Flag("N")] = Field(2, ge=1, le=10_000, description="training seeds 0..N-1")
    view: View | None = Field(None, description="view (default: by base)")
    pairs: Annotated[Rows | Annotated[list[Rows], Len(1)] | None, Flag("N")] = Field(
        None, description="train on the first N pairs only; several are compared"
    )
    rank: Annotated[Rank | Annotated[list[Rank], Len(1)], Flag("N")] = Field(
        16, description="LoRA rank; several are compared", examples=["8,16"]
    )
    alpha: int = Field(32, ge=1, le=1_000_000, description="LoRA alpha")
    rslora: bool = Field(False, description="scale adapters by alpha / sqrt(rank) instead of alpha / rank")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout on the input of every adapter")
    lora_options: dict[str, Any] = Field(
        {}, description="further fields of PEFT's LoraConfig, e.g. use_dora (engine trl)"
    )
    weight_decay: float = Field(0.0, ge=0, le=100, description="AdamW's weight decay")
    loss_norm: Literal["token", "row"] = Field(
        "token", description="mean over the weighted tokens of an optimiser step, or mean of the row means"
    )
    checkpointing: Annotated[bool | None, Flag()] = Field(
        None, description="recompute activations (default: where memory needs it; engine trl: on a GPU)"
    )
    deterministic: bool = Field(
        False,
        exclude_if=off,
        description="only algorithms that give the same bytes every time; slower, and a matter of GPUs alone",
    )
    pass_tokens: Annotated[int | None, Unit("tokens")] = Field(
        None,
        ge=16,
        le=MOST,
        description="size of one forward pass of a stack, padding included (default: by device and memory)",
    )
    stacks: int | None = Field(
        None, ge=1, le=MOST, description="stacks that the runs are dealt into (default: one a seed on a CPU)"
    )
    lr: Annotated[Rate | Annotated[list[Rate], Len(1)], Flag("RATE")] = Field(
        2e-4,
        description="peak learning rate of every arm that lr_by_arm does not name; several are compared",
        examples=["1e-3,3e-3"],
    )
    lr_by_arm: dict[str, Rate] = Field({}, description="learning rate of single arms, fixed on the dev split")
    mistake_weight: Annotated[Weight | dict[str, Weight] | None, Flag("W")] = Field(
        None,
        description="loss weight of mistakes: of every arm that shows them, or by arm",
        examples=["journey=0.3,mix-50=0"],
    )
    epochs: Annotated[float, Flag("N"), Unit("passes")] = Field(
        1.0, gt=0, le=10_000, description="how long the reference arm trains"
    )
    rows_per_step: Annotated[int, Flag("N"), Unit("rows")] = Field(
        16, ge=1, le=1_000_000, description="batch of one optimiser step"
    )
    micro_batch: Annotated[int, Unit("rows")] = Field(16, ge=1, le=1_000_000, description="batch of one forward pass")
    max_length: Annotated[int | None, Flag("N"), Unit("tokens")] = Field(
        None, ge=16, le=MOST, description="longest row; longer rows stop the run (default: by base)"
    )
    warmup_steps: Annotated[int, Unit("steps")] = Field(
        20, ge=0, le=MOST, description="linear warm-up before cosine decay"
    )
    max_steps: Annotated[int | None, Unit("steps")] = Field(
        None, ge=1, le=MOST, description="stop every run after so many optimiser steps (a smoke test)"
    )
    benchmarks: Annotated[list[str], Flag("NAME")] = Field(
        [], description="benchmarks that must not overlap the training prompts"
    )
    map: FieldNames = Field({}, exclude_if=off, description=_FIELD_NAMES, examples=["question=q,answer=a.text"])
    strict: Annotated[bool, Flag()] = Field(False, exclude_if=off, description=_STRICT)
    engine: Annotated[str, Flag("NAME")] = Field("stacked", description="what trains")
    full: Annotated[bool, Flag()] = Field(
        False, description="train every weight of the base instead of adapters (engine trl)"
    )
    processes: Annotated[int, Flag("N")] = Field(
        1, ge=1, le=PROCESSES, description="processes, one a GPU with the whole model, that share each run (engine trl)"
    )
    packing: Annotated[bool, Flag()] = Field(
        False, description="lay the rows of a forward pass end to end, without padding (engine trl)"
    )
    attention: str | None = Field(
        None, description="transformers' attention to train with, e.g. flash_attention_2 (engine trl)"
    )
    liger: Annotated[bool, Flag()] = Field(False, description="use liger's kernels (engine trl, on a GPU)")
    report_to: Annotated[str | None, Flag("NAME")] = Field(
        None, description="where training is reported to, e.g. wandb (engine trl)"
    )
    boundary: Literal["joined", "apart"] = Field(
        "joined", description="joined refuses prompts whose tokens change when the answer is joined to them"
    )
    warmup: Annotated[str | None, Flag("DIR")] = Field(
        None,
        description="common start of all arms: a curate folder or a file of worked solutions to train on, or an adapter",
    )
    warmup_epochs: Annotated[float, Unit("passes")] = Field(
        1.0, gt=0, le=10_000, description="how long the warm-up trains"
    )
    lr_sweep: Annotated[list[Rate], Flag("RATE")] = Field(
        [], description="learning rates to try for every arm on the dev split"
    )
    sweep_problems: Annotated[int, Unit("problems")] = Field(
        200, ge=1, le=1_000_000, description="size of the dev split that a trial of the sweep is scored on, at most"
    )
    checkpoint_seconds: Annotated[float, Unit("seconds")] = Field(
        60.0,
        ge=0,
        le=MOST,
        description="longest time between checkpoints; where they cost little they come sooner; changes no result",
    )
    workers: Annotated[int | None, Flag("N")] = Field(
        None, ge=1, le=PROCESSES, description="groups trained at the same time; changes no result (default: by cores)"
    )

    @field_validator("pairs", "rank", "lr", mode="before")
    @classmethod
    def _axis(cls, value: Any) -> Any:
        """`8,16` as a list, and a list of one as its value."""
        several = value.split(",") if isinstance(value, str) else value
        return several[0] if isinstance(several, list) and len(several) == 1 else several

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


Problems = Annotated[int, Ge(1), Le(1_000_000), Unit("problems")]


class EvaluateSettings(ServerSettings):
    """What is asked, how it is sampled and compared."""

    benchmarks: Annotated[list[str], Flag("NAME")] = Field(
        [], description="NAME, FAMILY@LEVEL, NAME=FILE, reasoning-gym:TASK or Hub id"
    )
    base: Annotated[str | None, Flag("MODEL")] = Field(
        None, exclude_if=unset, description="where the base lies (default: where it lay when the runs were trained)"
    )
    map: FieldNames = Field({}, description=_FIELD_NAMES, examples=["question=q,answer=a.text"])
    strict: Annotated[bool, Flag()] = Field(False, exclude_if=off, description=_STRICT)
    allow_golds: Annotated[bool, Flag()] = Field(
        False, exclude_if=off, description="evaluate on a file though many of its golds cannot be judged by"
    )
    fresh: Annotated[int | None, Flag("N")] = Field(
        None, description="seed of new problems of procedural benchmarks, none of them trained on"
    )
    primary: str | None = Field(None, description="the benchmark of the headline (default: the first)")
    strategy: Annotated[list[str], Flag("NAME")] = Field(
        ["greedy"], description="test-time strategies; the first gives the headline"
    )
    limit: Annotated[Problems | None, Flag("N")] = Field(None, description="so many of every benchmark, at most")
    sizes: dict[str, Problems] = Field({}, description="problems of single benchmarks, e.g. countdown@1: 1000")
    max_new_tokens: Annotated[int | None, Flag("N"), Unit("tokens")] = Field(
        None, ge=1, le=10_000_000, description="cap of an answer, the same for all arms (default: from the data)"
    )
    batch: Annotated[int, Flag("N"), Unit("answers")] = Field(
        64,
        ge=1,
        le=1_000_000,
        description="how many of every run are decoded together (on a GPU by default: by its memory)",
    )
    stack: int | None = Field(None, ge=1, le=10_000, description="runs decoded together (default: all)")
    margin: Annotated[float, Flag("SHARE")] = Field(
        0.05, gt=0, lt=1, description="difference that matters, fixed before scoring; 0.05 is five points"
    )
    split: Literal["dev", "test"] = Field("test", description="problems of which split of procedural benchmarks")
    seed: Annotated[int, Flag("N")] = Field(0, description="seed of procedural benchmarks, samples and permutations")
    workers: Annotated[int | None, Flag("N")] = Field(
        None,
        ge=1,
        le=PROCESSES,
        description="processes that split the problems; changes no result (default: by cores)",
    )
    k: Annotated[int, Flag("N"), Unit("samples")] = Field(
        8, ge=1, le=10_000, description="size of majority, best-of-k and pass@k"
    )
    samples: Annotated[int | None, Unit("samples")] = Field(
        None, ge=1, le=100_000, description="how many are drawn, of which k are used (default: 2 k)"
    )
    base_bins: Annotated[bool, Flag()] = Field(
        False, exclude_if=off, description="draw samples of the base too, and show accuracy by how often it is right"
    )
    temperature: float = Field(0.7, gt=0, le=100, description="temperature of samples")
    top_p: float = Field(0.95, gt=0, le=1, description="nucleus of samples")
    sampled: list[str] | None = Field(
        None, description="benchmarks that get strategies other than the first (default: all)"
    )
    rounds: int = Field(2, ge=1, le=1000, description="rounds of revision")
    waits: int = Field(2, ge=1, le=1000, description="continuations of budget-wait")
    caps: list[Annotated[int, Ge(1), Le(10_000_000), Unit("tokens")]] | None = Field(
        None, description="caps of budget-cap (default: 1/8, 1/4, 1/2 of the new tokens)"
    )
    logprob: Literal["mean", "sum"] = Field("mean", description="best-of-logprob: of a token, or of the whole answer")
    sample_base: bool = Field(
        False,
        exclude_if=off,
        description="draw the untuned base by chance too, where no comparison reads it (it is always answered greedily)",
    )
    reward: str | None = Field(None, description="reward model: a folder, Hub id or NAME@http://HOST/v1")
    equal_tokens: bool = Field(True, description="compare at equal test tokens, where a strategy draws samples")
    dev: dict[str, str] = Field({}, description="dev problems of a benchmark, e.g. gsm8k: gsm8k_dev.jsonl")
    dev_problems: Problems = Field(200, description="size of the dev split on which policies are chosen, at most")
    second_grader: Annotated[str | None, Flag("NAME")] = Field(
        None, exclude_if=unset, description="math-verify judges every answer too: the report says how often it differs"
    )
    larger: Annotated[str | None, Flag("MODEL")] = Field(
        None, description="a larger untuned model to compare with at equal FLOPs, or NAME@http://HOST/v1"
    )
    larger_parameters: float | None = Field(None, gt=0, le=1e15, description="its size, where a server does not tell")
    endpoint: Annotated[str | None, Flag("URL")] = Field(
        None, description="sample from this server, http://HOST/v1, which knows the runs by their names"
    )
    parity: Problems = Field(20, description="how many of each run an endpoint is checked on")
    parity_least: float = Field(0.9, ge=0, le=1, description="least share of equal answers for an endpoint to be used")
    dtype: Literal["float32", "bfloat16"] | None = Field(
        None, description="precision of sampling (default: float32 on a CPU, bfloat16 on a GPU)"
    )
    flips: Annotated[int | None, Unit("problems")] = Field(
        None,
        ge=0,
        le=1_000_000,
        description="of each benchmark, answered again one at a time (default: 16 in all, in bfloat16)",
    )
    aa: Annotated[bool, Flag()] = Field(
        False, description="compare seeds of one arm with other seeds of the same arm; trains more if needed"
    )
    aa_arm: str | None = Field(None, description="which arm (default: the journey)")
    after: Annotated[list[str], Flag("DIR", split=False)] = Field(
        [], description="earlier evaluation folders: their samples are taken over, and it is said"
    )
