"""How often the rule gives each word: comparisons drawn from a model whose truth is known, many at once.

    chances(600, 5, sd=1.0, margin=0.05)     -> Chances(equal=0.95, better=0.98) when the truth is 0, and the margin

A run is right where the problem's difficulty + how the problem suits the arm + the run's luck + noise is positive, so that
about 27 % of problems are answered differently by two runs of equal arms. Arrays are (draw, seed, problem) of booleans. The
rule is written here a second time, in a form that takes all draws at once; a test holds it to `paired.compare`.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import stats

from journey.evaluate.statistics.paired import CONFIDENCE, sign_flips
from journey.evaluate.statistics.sizes import ALPHA, EQUAL_CONFIDENCE, MIN_PROBLEMS, MIN_SEEDS, POWER
from journey.rng import seed_for

Array: TypeAlias = npt.NDArray[np.float64]
Answers: TypeAlias = npt.NDArray[np.bool_]
Spread: TypeAlias = float | tuple[float, float]  # of a run's accuracy between seeds in points; two: of the arms

DIFFICULTY, SUITS, CENTRE = 1.5, 0.5, 0.5
TOTAL = math.sqrt(DIFFICULTY**2 + SUITS**2 + 1)
FLIPS = 2000
PIECE = 1_500_000  # answers of an arm that are drawn at once: what fits in memory
WORDS = ("first better", "equal", "too small", "second better")


class Ruled(NamedTuple):
    """What the rule says of every draw, each (draw,); intervals as their half-widths before they are cut at -1 and 1."""

    difference: Array
    p: Array
    p_flips: Array  # 0 where it was not needed: where the t test alone is above 0.05
    half: Array
    half90: Array
    se: Array
    df: Array
    detectable: Array


class Chances(NamedTuple):
    """How often an experiment of a size says "equal" when the arms are equal, and "better" when the truth is the margin."""

    equal: float
    better: float


def draws(
    rng: np.random.Generator,
    count: int,
    n: int,
    seeds: int,
    sd: Spread,
    *,
    effect: float = 0.0,
    centre: float = CENTRE,
    shared: float = 0.0,
) -> tuple[Answers, Answers]:
    """Two arms, (draw, seed, problem) right or wrong, the second better by `effect` (a share) on average.

    `shared` is the part of the luck's variance that runs of one seed have in common.
    """
    mean = (centre, TOTAL * stats.norm.ppf(stats.norm.cdf(centre / TOTAL) + effect))
    luck = np.broadcast_to(sd, 2) / 100 * TOTAL / stats.norm.pdf(centre / TOTAL)
    hardness = DIFFICULTY * rng.standard_normal((count, 1, n), dtype=np.float32)
    common = rng.standard_normal((count, seeds, 1), dtype=np.float32)
    arms = []
    for arm in (0, 1):
        own = rng.standard_normal((count, seeds, 1), dtype=np.float32)
        level = np.float32(mean[arm]) + np.float32(luck[arm]) * (
            np.float32(math.sqrt(shared)) * common + np.float32(math.sqrt(1 - shared)) * own
        )
        z = rng.standard_normal((count, seeds, n), dtype=np.float32)
        z += hardness + np.float32(SUITS) * rng.standard_normal((count, 1, n), dtype=np.float32)
        z += level
        arms.append(z > 0)
    return arms[0], arms[1]


def rule(first: Answers, second: Answers, signs: npt.NDArray[np.float64], *, all_flips: bool = False) -> Ruled:
    """The rule of docs/statistics.md on many comparisons of two trained arms at once; `signs` are (flips, problem).

    The sign flips are made only where they can decide (the t test is at most 0.05), or for every draw with `all_flips`.
    """
    _, s, n = first.shape
    # (draw, seed, problem) to (draw, problem) and (draw, seed): all that the rule reads of right and wrong
    by_problem, by_seed = ([y.sum(axis=axis, dtype=np.int32) for y in (first, second)] for axis in (1, 2))
    per_problem = (by_problem[1] - by_problem[0]) / s
    d = per_problem.mean(axis=1)
    problems = s * per_problem.var(axis=1, ddof=1)
    runs = [n * (counts / n).var(axis=1, ddof=1) for counts in by_seed]
    noise = [_residual(*counts, n, s) for counts in zip(by_problem, by_seed, strict=True)]
    between, within = runs[0] + runs[1], noise[0] + noise[1]
    extra = between if s == 2 else np.maximum(0.0, between - within)
    run_term = (runs[0] ** 2 + runs[1] ** 2) / (s - 1)
    noise_term = 0.0 if s == 2 else (noise[0] ** 2 + noise[1] ** 2) / ((n - 1) * (s - 1))
    spread = problems**2 / (n - 1) + np.where(extra > 0, run_term + noise_term, 0.0)
    se = np.sqrt((problems + extra) / (n * s))
    df = np.maximum(1.0, (problems + extra) ** 2 / np.maximum(spread, 1e-300))
    p_t = 2 * stats.t.sf(np.abs(d) / np.maximum(se, 1e-300), df)
    p_flips = np.zeros(len(d))
    which = np.flatnonzero((p_t <= ALPHA) | all_flips)
    if len(which):
        asked = per_problem[which]
        flipped = np.abs(signs @ asked.T) >= np.abs(asked.sum(axis=1)) - 1e-12 * n
        p_flips[which] = (1 + flipped.sum(axis=0)) / (len(signs) + 1)
    full = problems + between
    df_full = np.maximum(1.0, full**2 / np.maximum(problems**2 / (n - 1) + run_term, 1e-300))
    detectable = (stats.t.ppf(1 - ALPHA / 2, df_full) + stats.t.ppf(POWER, df_full)) * np.sqrt(full / (n * s))
    half, half90 = (stats.t.ppf((1 + share) / 2, df) * se for share in (CONFIDENCE, EQUAL_CONFIDENCE))
    return Ruled(d, np.maximum(p_t, p_flips), p_flips, half, half90, se, df, detectable)


def _residual(by_problem: npt.NDArray[np.int32], by_seed: npt.NDArray[np.int32], n: int, s: int) -> Array:
    """The residual mean square of 0/1 scores, from the sums of rows and columns: the square of a score is the score."""
    total = by_seed.sum(axis=1, dtype=np.float64)
    rows = (by_problem.astype(np.float64) ** 2).sum(axis=1) / s
    columns = (by_seed.astype(np.float64) ** 2).sum(axis=1) / n
    residual: Array = (total - rows - columns + total**2 / (n * s)) / ((n - 1) * (s - 1))
    return residual


def many(
    count: int, n: int, seeds: int, sd: Spread, name: str, *, flips: int = FLIPS, all_flips: bool = False, **more: float
) -> Ruled:
    """The rule on `count` draws, in pieces that fit in memory; `more` is what `draws` takes."""
    rng = np.random.default_rng(seed_for("simulated comparisons", name, n, seeds, str(sd)))
    signs = sign_flips(n, flips).astype(np.float64)
    piece = max(1, PIECE // (n * seeds))
    parts = [
        rule(*draws(rng, min(piece, count - done), n, seeds, sd, **more), signs, all_flips=all_flips)
        for done in range(0, count, piece)
    ]
    return Ruled(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def shares(ruled: Ruled, margin: float, level: float = ALPHA) -> dict[str, float]:
    """How often each word is given, as shares of the draws; `level` is what Holm asks of the comparison.

    For sizes of at least 2 seeds and 100 problems, which smaller experiments never pass.
    """
    better = ruled.p <= level
    equal = ~better & (np.abs(ruled.difference) + ruled.half90 < margin)
    second = better & (ruled.difference > 0)
    given = (better & ~second, equal, ~better & ~equal, second)
    return {word: float(where.mean()) for word, where in zip(WORDS, given, strict=True)}


def chances(
    problems: int, seeds: int, sd: Spread, margin: float, *, level: float = ALPHA, repeats: int = 400
) -> Chances | None:
    """What chance the words "equal" and "better" have, simulated; None where no experiment of the size gets them."""
    if seeds < MIN_SEEDS or problems < MIN_PROBLEMS:
        return None
    null = many(repeats, problems, seeds, sd, "chance of equal")
    real = many(repeats, problems, seeds, sd, "chance of better", effect=margin)
    return Chances(shares(null, margin, level)["equal"], shares(real, margin, level)["second better"])
