"""plan.json of an evaluation folder: what is asked of whom and compared how, fixed before the first sample is drawn.

A *strategy* is a way of spending test-time compute (`majority`); a *policy* is a strategy with its settings
(`majority@8`). Strategies that need several answers read them from one *draw*: samples/RUN/BENCHMARK/DRAW/.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import msgspec

from journey.formats.comparison import Declared
from journey.formats.finetune import TemplateFile
from journey.formats.record import FileRecord


class RunInfo(msgspec.Struct, frozen=True):
    """One trained run (or the base): fields of the finetune stage's run.json that the report needs.

    Where an axis varies (rank, learning rate, pairs), its value is part of the arm, so that runs of different values
    are never pooled; `axis` has it alone.
    """

    run: str  # e.g. journey-s0, shortcut-tokens-s1, journey-r8-s0, base
    arm: str  # e.g. journey, shortcut@tokens, journey r8, base
    seed: int | None  # in an A/A comparison the place within the arm; trained_seed has the seed
    adapter: str | None = None  # path of its weights (an adapter, or a whole model) relative to the finetune folder
    adapter_sha256: str | None = None
    axis: str = ""
    trained_seed: int | None = None  # where it is not `seed`


class BenchmarkInfo(msgspec.Struct, frozen=True):
    """One benchmark as it was asked."""

    name: str
    problems: int
    source: str
    revision: str | None  # None is shown as "unpinned"
    licence: str | None
    sha256: str  # of the questions asked
    check: str
    summary: str = ""
    dev: str | None = None  # the entry of `EvaluationPlan.dev` on which policies for this benchmark are chosen


class StrategyInfo(msgspec.Struct, frozen=True):
    """One strategy of the plan, with the numbers that it was carried out with."""

    name: str  # as asked for, e.g. majority
    policy: str  # with its numbers, e.g. majority@8
    draw: str  # the samples that it reads: samples/RUN/BENCHMARK/DRAW/
    summary: str
    oracle: bool = False  # looks at the gold answer: shown apart, never in a verdict
    checker: bool = False  # uses the problem's own checker, which every arm gets; only where a benchmark has one
    options: dict[str, Any] = {}


class DrawInfo(msgspec.Struct, frozen=True):
    """One kind of samples: how many to a problem and how they are drawn."""

    name: str  # greedy, samples, revision, budget-cap, budget-wait
    samples: int  # stored to each problem: `Sample.index` 0 ... ; of rounds, continuations or caps as many as there are
    temperature: float  # 0 is greedy
    top_p: float = 1.0
    options: dict[str, Any] = {}


class Skipped(msgspec.Struct, frozen=True):
    """A strategy that a benchmark cannot have, and why (e.g. it has no checker)."""

    benchmark: str
    strategy: str
    why: str


class LargerInfo(msgspec.Struct, frozen=True):
    """The larger untuned model of `--larger`, asked the same questions in its own prompt format."""

    model: str
    view: str
    parameters: int | None  # None where a server does not tell
    revision: str | None = None


class EarlierLook(msgspec.Struct, frozen=True):
    """An earlier evaluation that shares runs and benchmarks with this one: somebody has seen its verdict."""

    folder: str  # its name, without the path
    plan_sha256: str
    runs: tuple[str, ...]  # of this plan that it had too (the same adapter weights)
    benchmarks: tuple[str, ...]  # of this plan that it had too
    headline: tuple[str, ...] = ()  # what it said
    found: Literal["given", "beside"] = "given"  # by --after, or beside the folder (plans of 0.1 have both)


class LooksBeside(FileRecord, frozen=True):
    """looks_beside.json: earlier evaluations of these runs that lay beside the folder when it was begun.

    A view that is never hashed: what lies about changes no plan and no score, and yet the report says it.
    """

    FILE: ClassVar[str] = "looks_beside.json"

    looks: tuple[EarlierLook, ...]
    version: int = 1


class GoldIssue(msgspec.Struct, frozen=True):
    """A gold answer that the checker cannot judge by: `why` says what it does with it."""

    question: str  # the first 60 characters; so of the gold
    gold: str
    why: str


class GoldsRead(msgspec.Struct, frozen=True):
    """What the answer checker makes of a benchmark's golds, before anything is sampled."""

    checked: int  # golds judged by value, plain numbers included
    unread: int  # of them, that cannot be judged by; estimated where `left_out` is not 0
    issues: tuple[GoldIssue, ...] = ()  # the first of them
    left_out: int = 0  # golds of a large set that were not looked at


class BenchmarkRows(msgspec.Struct, frozen=True):
    """How a benchmark's rows were read."""

    golds: GoldsRead
    unusable: dict[str, int] = msgspec.field(default_factory=dict)  # rows of the file that cannot be used, by reason
    golds_allowed: bool = False  # --allow-golds let a set through that would be refused


class EvaluationPlan(FileRecord, frozen=True):
    """Fixed before the first sample is drawn; its hash goes into the report."""

    FILE: ClassVar[str] = "plan.json"
    READS: ClassVar[tuple[int, ...]] = (1, 2)  # later versions only added to earlier ones
    NEWER: ClassVar[frozenset[str]] = frozenset(
        {"rows", "primary_family", "probed", "sampler", "larger_template", "base_draws"}
    )

    base: str
    view: str
    runs: tuple[RunInfo, ...]
    benchmarks: tuple[BenchmarkInfo, ...]
    primary: str
    strategies: tuple[str, ...]  # names; the first gives the verdict on which the headline rests
    comparisons: tuple[Declared, ...]  # all that are made; Holm covers the primary ones and the others apart
    margin: float
    max_new_tokens: int
    batch: int  # prompts of each run decoded together
    dtype: str
    seed: int
    policies: tuple[StrategyInfo, ...] = ()  # one for each of `strategies`, in their order
    draws: tuple[DrawInfo, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    dev: tuple[BenchmarkInfo, ...] = ()  # dev problems, for choosing policies only
    larger: LargerInfo | None = None
    earlier: tuple[EarlierLook, ...] = ()
    aa: bool = False  # two arms that differ in their training seeds alone
    backend: str = "stacked"  # the built-in sampler, "one adapter at a time", or the endpoint's address
    numbers: dict[str, Any] = msgspec.field(
        default_factory=dict
    )  # what strategies take: k, samples, temperature, top_p, rounds, waits, caps, logprob
    reward: str | None = None  # the reward model of best-of-reward
    rows: dict[str, BenchmarkRows] = msgspec.field(
        default_factory=dict
    )  # by benchmark, where there is something to say: unusable rows, golds that cannot be judged by
    primary_family: tuple[str, ...] = ()  # keys of the primary comparisons; 0.1 has none: all were one family
    probed: tuple[str, ...] = ()  # benchmarks with the recovery probe
    sampler: dict[str, str] = msgspec.field(
        default_factory=dict
    )  # by model (base, larger): how what the built-in sampler writes compares with `generate`, tried before the first sample
    larger_template: TemplateFile | None = (
        None  # how the larger model's chat template is used, where that is not as it is
    )
    base_draws: tuple[str, ...] | None = None  # what is drawn of the untuned base; None (0.1): all that the others are
    version: int = 2

    def draw_of(self, strategy: str) -> str:
        """The draw whose samples a strategy reads (the strategy's own name in plans without policies)."""
        return next((info.draw for info in self.policies if info.name == strategy), strategy)

    def strategies_on(self, benchmark: str) -> list[str]:
        """The strategies that a benchmark has, in the plan's order."""
        left = {skip.strategy for skip in self.skipped if skip.benchmark == benchmark}
        return [name for name in self.strategies if name not in left]

    def policy(self, strategy: str) -> str:
        """The name to show for a strategy, e.g. majority@8."""
        return next((info.policy for info in self.policies if info.name == strategy), strategy)


class SampleIdentities(FileRecord, frozen=True):
    """identities.json of an evaluate folder: by file of samples, the hash of all that they depend on.

    `journey.sampling.identity` says what that is. 0.1 kept it in its marks alone.
    """

    FILE: ClassVar[str] = "identities.json"

    samples: dict[str, str]
    version: int = 1
