"""The records of a paired comparison of two arms: its statistics, the family that it was declared in, and the verdict.

Scores, differences, intervals and margins are shares (0.05 = 5 points); differences are second minus first.
`journey.evaluate.statistics` computes them.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Outcome = Literal["", "better", "equal", "too small"]


class McNemar(msgspec.Struct, frozen=True):
    """Exact McNemar test of one training seed: problems that only one arm got right, and the two-sided p."""

    seed: int
    only_first: int
    only_second: int
    p: float


class ArmSquares(msgspec.Struct, frozen=True):
    """What varies within one trained arm: its mean square between seeds, and the residual one."""

    seeds: float
    noise: float


class MeanSquares(msgspec.Struct, frozen=True):
    """What varies: between problems (of the difference), between seeds and residual (each summed over trained arms)."""

    problems: float
    seeds: float | None  # None with one seed
    noise: float | None
    arms: tuple[ArmSquares, ...] = ()  # of the first arm (unless it is the base) and of the second; empty with one seed


class Comparison(msgspec.Struct, frozen=True):
    """Second arm minus first. What needs two seeds (or two problems) is None with fewer, and where nothing varies.

    Intervals end at -1 and 1. Without any variation (both arms at 0 % or at 100 %, or the same score everywhere) there is
    no interval; p is then that of the permutation, or None where the difference is 0 too.
    """

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
    low90: float | None = None  # 90 % interval of the difference, by which arms are called equal
    high90: float | None = None
    run_intervals: tuple[tuple[float, float], ...] = ()  # against the base: 95 % over problems of each run, by seed


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
    inside_margin: bool | None  # does the 90 % interval (0.1: the 95 % one) lie within the margin; None without one
    needed: tuple[Size, ...]  # sizes that would do, only where too small to tell
    holm_p: float
    margin: float
    first: str
    second: str
    outcome: Outcome = ""  # what the words say, without names and seeds; empty in 0.1
    leaning: str | None = None  # equal within the margin, but this arm's name is the one that the 95 % interval favours
    level: float = 0.05  # that Holm would have asked of this comparison, by its rank in the family
    detectable: float | None = None  # minimum detectable effect at that level, 80 % power
