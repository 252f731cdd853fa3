"""What an evaluation folder holds: the plan fixed before sampling, and the scores. Both are versioned JSON.

`plan.json` is a `Plan`, `scores.json` a `Scores`. Rates are in [0, 1], differences are second minus first,
seconds are per problem. A number that could not be computed is null, never 0.
"""

from __future__ import annotations

import msgspec

from journey.evaluate.statistics import Comparison
from journey.evaluate.verdict import Declared, Verdict

RESULTS_VERSION = 1


class RunInfo(msgspec.Struct, frozen=True):
    """One trained run (or the base): fields of the finetune stage's run.json that the report needs.

    Where an axis varies (rank, learning rate, pairs), its value is part of the arm, so that runs of different values
    are never pooled; `axis` has it alone.
    """

    run: str  # e.g. journey-s0, shortcut-tokens-s1, journey-r8-s0, base
    arm: str  # e.g. journey, shortcut@tokens, journey r8, base
    seed: int | None
    adapter: str | None = None  # adapter or whole model: path of the weights, relative to the finetune folder
    adapter_sha256: str | None = None
    axis: str = ""


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


class Plan(msgspec.Struct, frozen=True):
    """Fixed before the first sample is drawn; its hash goes into the report."""

    base: str
    view: str
    runs: tuple[RunInfo, ...]
    benchmarks: tuple[BenchmarkInfo, ...]
    primary: str
    strategies: tuple[str, ...]
    comparisons: tuple[Declared, ...]
    margin: float
    max_new_tokens: int
    batch: int
    dtype: str
    seed: int
    version: int = RESULTS_VERSION


class RunScore(msgspec.Struct, frozen=True):
    """One run on one benchmark with one strategy: counts of outcomes and costs."""

    run: str
    arm: str
    seed: int | None
    benchmark: str
    strategy: str
    n: int
    correct: int
    wrong: int
    no_answer: int
    undecided: int
    truncated: int
    mean_tokens: float
    mean_seconds: float


class ArmScore(msgspec.Struct, frozen=True):
    """One arm over its seeds: accuracy with its two-way interval (Wilson for a single run), rates and costs."""

    arm: str
    benchmark: str
    strategy: str
    n: int
    seeds: int
    accuracy: float
    low: float
    high: float
    truncation_rate: float
    no_answer_rate: float
    undecided_rate: float
    mean_tokens: float
    mean_seconds: float


class Compared(msgspec.Struct, frozen=True):
    """One declared comparison: the statistics and the verdict on them."""

    benchmark: str
    strategy: str
    first: str
    second: str
    primary: bool
    comparison: Comparison
    verdict: Verdict


class Scores(msgspec.Struct, frozen=True):
    """Everything that the report shows besides the samples."""

    plan_sha256: str
    headline: tuple[str, ...]  # one sentence per primary comparison
    qualifiers: tuple[str, ...]  # of the whole: mixed, floor, ceiling, below the base
    margin: float
    runs: tuple[RunScore, ...]
    arms: tuple[ArmScore, ...]
    compared: tuple[Compared, ...]
    failed_runs: tuple[str, ...] = ()
    version: int = RESULTS_VERSION
