"""What an experiment of a given size could show: minimum detectable effects, and the sizes that would do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from journey.formats.comparison import ArmSquares, Comparison, MeanSquares, Size

ALPHA = 0.05  # of a comparison, and of a family by Holm's correction
POWER = 0.80
EQUAL_CONFIDENCE = 0.90  # of the interval that must lie within the margin: a two-sided test of equivalence at 5 %
MIN_SEEDS, MIN_PROBLEMS = 2, 100  # below either a comparison is too small to tell
MAX_SEEDS, MAX_PROBLEMS = 200, 1_000_000  # `needed` looks no further
ROUNDING = 1e-12  # a variance or a difference of sums below this is rounding


def detectable(comparison: Comparison, level: float = ALPHA) -> float | None:
    """The smallest true difference that this experiment finds with 80 % power at a level (two-sided), as a share.

    All of the variance between runs counts here, also where the interval takes the noise out of it: a plan should not
    rest on a lucky draw. None without an interval.
    """
    squares, n, seeds = comparison.mean_squares, comparison.problems, comparison.seeds
    if squares is None or squares.seeds is None or squares.problems + squares.seeds <= ROUNDING:
        return None
    se, df = _spread(squares.problems, [arm.seeds for arm in by_arm(squares, comparison.trained_arms)], n, seeds)
    return float(_effect(se, df, level))


def needed(comparison: Comparison, margin: float, level: float = ALPHA) -> tuple[Size, ...]:
    """Sizes of experiment that are expected to decide; rough, for planning.

    They do where a difference of the margin is found with 80 % power at the level, and where arms that are equal are
    called so with 80 %. First more seeds on the same problems, then more problems with the same seeds; where neither
    would do, more of both; empty where nothing within reach would, or where the scores do not vary at all. The mean
    squares are split into their components, and one seed alone (which shows no variation between runs) is taken as if
    runs did not vary: at least so many.
    """
    if not margin > 0:
        raise ValueError(f"margin is {margin}, expected more than 0")
    squares, n, seeds = comparison.mean_squares, comparison.problems, comparison.seeds
    if squares is None or squares.problems + (squares.seeds or 0.0) <= ROUNDING:
        return ()
    arms = by_arm(squares, comparison.trained_arms)
    noise = sum(arm.noise for arm in arms)
    per_problem = max(0.0, squares.problems - noise) / seeds
    per_run = [max(0.0, arm.seeds - arm.noise) / n for arm in arms]

    def enough(s: npt.NDArray[Any], m: npt.NDArray[Any]) -> list[Size]:
        # (sizes,): the effect of every candidate size at once; s seeds and m problems scale the components up again
        between = [m * run + arm.noise for run, arm in zip(per_run, arms, strict=True)]
        se, df = _spread(s * per_problem + noise, between, m, s)
        reach = np.maximum(_effect(se, df, level), _equal_reach(se, df))
        first_enough = np.flatnonzero(reach <= margin)[:1]
        return [Size(int(s[i]), int(m[i])) for i in first_enough]

    fewest_seeds, fewest_problems = max(seeds, MIN_SEEDS), max(n, MIN_PROBLEMS)
    grow = (fewest_seeds, fewest_problems) == (seeds, n)  # this size was just found too small
    more_seeds = np.arange(fewest_seeds + grow, MAX_SEEDS + 1)
    more_problems = _round_counts(fewest_problems, grow)
    sizes = enough(more_seeds, np.full_like(more_seeds, fewest_problems))
    sizes += enough(np.full_like(more_problems, fewest_seeds), more_problems)
    for count in (5, 10, 20, 50, 100):
        if not sizes and count > fewest_seeds:
            sizes = enough(np.full_like(more_problems, count), more_problems)
    return tuple(dict.fromkeys(sizes))


def by_arm(squares: MeanSquares, trained_arms: int) -> Sequence[ArmSquares]:
    """The mean squares of each trained arm; halves where only their sums are known (0.1, or one seed)."""
    if squares.arms:
        return squares.arms
    noise = squares.problems if squares.noise is None else squares.noise
    seeds = noise if squares.seeds is None else squares.seeds
    return [ArmSquares(seeds / trained_arms, noise / trained_arms)] * trained_arms


def _spread(problems: Any, between: Sequence[Any], n: Any, seeds: Any) -> tuple[Any, Any]:
    """Standard error and degrees of freedom with all of the variance between runs, an arm at a time."""
    # Scalars or (sizes,), element by element: `needed` asks for hundreds of sizes at once
    total = np.asarray(problems + sum(between), dtype=np.float64)
    spread = problems**2 / (n - 1) + sum(a**2 for a in between) / (seeds - 1)
    df = np.maximum(1.0, np.where(total > ROUNDING, total**2 / np.maximum(spread, 1e-300), n - 1))
    return np.sqrt(np.where(total > ROUNDING, total, 0.0) / (n * seeds)), df


def _effect(se: Any, df: Any, level: float) -> Any:
    return (stats.t.ppf(1 - level / 2, df) + stats.t.ppf(POWER, df)) * se


def _equal_reach(se: Any, df: Any) -> Any:
    """The margin within which arms without a difference are called equal with 80 %: both ends must stay inside."""
    return (stats.t.ppf((1 + EQUAL_CONFIDENCE) / 2, df) + stats.t.ppf((1 + POWER) / 2, df)) * se


def _round_counts(start: int, above: bool) -> npt.NDArray[np.int64]:
    """Numbers of problems to try, from `start` (or above it) to the limit, rounded up to two digits."""
    steps = np.geomspace(start, max(start, MAX_PROBLEMS), 400)
    unit = 10.0 ** (np.floor(np.log10(steps)) - 1)
    counts = np.unique(np.concatenate([[start], np.ceil(steps / unit) * unit])).astype(np.int64)
    return counts[counts > start] if above else counts
