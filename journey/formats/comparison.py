"""The records of a paired comparison of two arms: its statistics, the family that it was declared in, and the verdict.

Scores, differences, intervals and margins are shares (0.05 = 5 points); differences are second minus first.
`journey.evaluate.statistics` computes them.
"""

from __future__ import annotations

import msgspec


class McNemar(msgspec.Struct, frozen=True):
    """Exact McNemar test of one training seed: problems that only one arm got right, and the two-sided p."""

    seed: int
    only_first: int
    only_second: int
    p: float


class MeanSquares(msgspec.Struct, frozen=True):
    """What varies: between problems (of the difference), between seeds and residual (each summed over trained arms)."""

    problems: float
    seeds: float | None  # None with one seed
    noise: float | None


class Comparison(msgspec.Struct, frozen=True):
    """Second arm minus first. What needs two seeds (or two problems) is None with fewer."""

    difference: float
    first_accuracy: float
    second_accuracy: float
    problems: int
    seeds: int
    trained_arms: int  # 2, or 1 against the untuned base
    se: float | None
    df: float | None
    low: float | None  # 95 % interval of the difference
    high: float | None
    p: float | None  # the larger of p_permutation and p_t
    p_permutation: float  # sign flips over problems: speaks of these adapters only
    p_t: float | None  # None where se = 0
    detectable: float | None  # minimum detectable effect at 80 % power
    bootstrap: tuple[float, float] | None  # two-way bootstrap, 95 %
    mcnemar: tuple[McNemar, ...]  # one a seed; empty unless every score is 0 or 1
    mean_squares: MeanSquares | None


class Size(msgspec.Struct, frozen=True):
    """A size of experiment: training seeds per arm, problems."""

    seeds: int
    problems: int


class Declared(msgspec.Struct, frozen=True):
    """One comparison of the family, named before anything is scored; a base comparison has `first="base"`.

    `at` is empty for the plan's first strategy, else another strategy's name or "equal test tokens" or "equal test
    FLOPs": the second arm's one greedy answer against the first arm's best policy of at most that cost.
    """

    benchmark: str
    first: str
    second: str
    at: str = ""

    @property
    def key(self) -> str:
        """The comparison's name, e.g. `gsm8k: shortcut@tokens v journey`, or with `, majority` behind it."""
        return f"{self.benchmark}: {self.first} v {self.second}" + (f", {self.at}" if self.at else "")


class Verdict(msgspec.Struct, frozen=True):
    """The words for one comparison, what qualifies them and why."""

    words: str
    winner: str | None  # the better arm's name, as given
    qualifiers: tuple[str, ...]
    explanation: str
    inside_margin: bool | None  # does the whole interval lie within the margin; None without an interval
    needed: tuple[Size, ...]  # sizes that would do, only where too small to tell
    holm_p: float
    margin: float
    first: str
    second: str
