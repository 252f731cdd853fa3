"""Paired tests of two ways of training, over problems and training seeds.

Two things vary: problems (hard or easy, and better suited to one arm) and training runs (an adapter is lucky or not).
A test that only resamples problems asks whether these adapters differ, not whether the methods do; the rule here
counts both, with a two-way variance, Satterthwaite's degrees of freedom and a sign-flip permutation beside the t test.

Scores are arrays (problem, seed) in [0, 1]; differences, intervals and margins are in the same unit (0.05 = 5 points).
Seeds of the two arms count as unpaired: what a shared seed gives them in common can only make the test conservative.
No data, NaN and scores out of range raise ValueError.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import stats

from journey.evaluate.statistics.sizes import ALPHA, EQUAL_CONFIDENCE, ROUNDING, detectable
from journey.formats.comparison import ArmSquares, Comparison, McNemar, MeanSquares
from journey.rng import seed_for

Array: TypeAlias = npt.NDArray[np.float64]

CONFIDENCE = 0.95


class Accuracy(msgspec.Struct, frozen=True):
    """Mean score of one arm, its 95 % interval, and how the interval was made."""

    mean: float
    low: float
    high: float
    problems: int
    seeds: int
    method: Literal["two-way", "wilson", "t over problems"]


def compare(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    parts: Sequence[str | int] = (),
    flips: int = 2000,
    resamples: int = 2000,
    signs: npt.NDArray[Any] | None = None,
) -> Comparison:
    """Compare two trained arms, scores (n, S) each on the same problems in the same order; positive = second better.

    `parts` names the random streams; `signs` (flips, n) of -1 and 1 replaces drawn flips; `resamples=0` leaves the
    bootstrap out. Raises ValueError on no data, unequal shapes, NaN or scores outside [0, 1].
    """
    a, b = _scores(first, "first arm"), _scores(second, "second arm")
    if a.shape != b.shape:
        raise ValueError(f"arms differ in (problems, seeds): {a.shape} and {b.shape}; a failed seed leaves both arms")
    return _compare(a, b, (a, b), parts, flips, resamples, signs)


def compare_to_base(
    arm: npt.ArrayLike,
    base: npt.ArrayLike,
    *,
    parts: Sequence[str | int] = (),
    flips: int = 2000,
    resamples: int = 2000,
    signs: npt.NDArray[Any] | None = None,
) -> Comparison:
    """Compare a trained arm (n, S) with the untuned base (n,), one run without a seed; positive = arm better."""
    b = _scores(arm, "arm")
    run = np.asarray(base, dtype=np.float64)
    # (n,) to (n, 1): the base is one run, as a column beside the seeds of the arm
    a = _scores(run[:, None] if run.ndim == 1 else run, "base")
    if a.shape != (len(b), 1):
        raise ValueError(f"base has shape {run.shape}, expected one score for each of {len(b)} problems")
    # (n, 1) seen as (n, S): the same base score stands against every seed, without a copy
    return _compare(np.broadcast_to(a, b.shape), b, (b,), parts, flips, resamples, signs)


def accuracy_interval(scores: npt.ArrayLike) -> Accuracy:
    """Mean of one arm's scores (n, S) with its two-way interval.

    One run of 0/1 scores gets Wilson's interval, and so do scores without any variance (0 right of 50 is not
    "0 % for certain"), each problem counted once; one run of fractional scores gets a t interval over problems.
    """
    y = _scores(scores, "arm")
    n, seeds = y.shape
    mean = float(y.mean())  # (n, seeds) to a scalar; every seed has every problem, so this is the mean of seed means
    squares = _mean_squares(y, (y,))
    if squares is not None and squares.arms:
        method: Literal["two-way", "t over problems"] = "two-way"
        se, df = _standard_error(squares, n, seeds)
    else:
        method = "t over problems"
        se, df = (0.0 if squares is None or _binary(y) else math.sqrt(squares.problems / n)), n - 1.0
    if se <= ROUNDING:
        low, high = wilson(round(mean * n), n)
        return Accuracy(mean, min(low, mean), max(high, mean), n, seeds, "wilson")
    half = float(_quantile(df)) * se
    return Accuracy(mean, max(0.0, mean - half), min(1.0, mean + half), n, seeds, method)


def wilson(correct: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval for `correct` of `n` in a single run."""
    if n < 1:
        raise ValueError("no data: Wilson's interval of 0 problems")
    if not 0 <= correct <= n:
        raise ValueError(f"{correct} correct of {n} problems is impossible")
    interval = stats.binomtest(int(correct), int(n)).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def holm(pvalues: Mapping[str, float | None]) -> dict[str, float]:
    """Holm's adjusted p of each member of a family, in the order given.

    A member without a p (one seed, a benchmark that failed) stays in the family and counts as 1: leaving it out
    would make the others look better than what was declared.
    """
    filled = {name: 1.0 if p is None else float(p) for name, p in pvalues.items()}
    for name, p in filled.items():
        if not 0 <= p <= 1:
            raise ValueError(f"p of {name!r} is {p}, expected 0 to 1")
    adjusted: dict[str, float] = {}
    largest = 0.0
    for rank, name in enumerate(sorted(filled, key=filled.__getitem__)):
        largest = max(largest, min(1.0, (len(filled) - rank) * filled[name]))
        adjusted[name] = largest
    return {name: adjusted[name] for name in filled}


def levels(pvalues: Mapping[str, float | None]) -> dict[str, float]:
    """The level that Holm would have asked of each member of a family: 5 % over the ranks from its own to the last."""
    filled = {name: 1.0 if p is None else float(p) for name, p in pvalues.items()}
    asked = {name: ALPHA / (len(filled) - rank) for rank, name in enumerate(sorted(filled, key=filled.__getitem__))}
    return {name: asked[name] for name in filled}


def _scores(values: npt.ArrayLike, name: str) -> Array:
    """Scores as (problem, seed) floats. Raises ValueError naming what is missing or wrong."""
    y = np.asarray(values, dtype=np.float64)
    if y.ndim != 2:
        raise ValueError(f"{name}: scores have shape {y.shape}, expected (problems, seeds)")
    if not y.shape[0]:
        raise ValueError(f"{name}: no data, n = 0 problems")
    if not y.shape[1]:
        raise ValueError(f"{name}: no data, no seeds for {y.shape[0]} problems")
    if np.isnan(y).any():
        raise ValueError(f"{name}: {int(np.isnan(y).sum())} scores are NaN; an answer that is missing scores 0")
    if y.min() < 0 or y.max() > 1:
        raise ValueError(f"{name}: scores from {y.min():g} to {y.max():g}, expected 0 to 1")
    return y


def _compare(
    first: Array,
    second: Array,
    trained: Sequence[Array],
    parts: Sequence[str | int],
    flips: int,
    resamples: int,
    signs: npt.NDArray[Any] | None,
) -> Comparison:
    """The comparison of two (n, S) arrays; only the trained arms vary between seeds."""
    n, seeds = first.shape
    arms = len(trained)
    difference = second - first
    d = float(difference.mean())  # (n, S) to a scalar
    if signs is None:
        signs = sign_flips(n, flips, parts)
    # (n, S) to (n,): a problem is flipped as a whole, since its seeds share whatever suits one arm better
    p_permutation = _permutation(difference.mean(axis=1), signs)
    squares = _mean_squares(difference, trained)
    se = df = low = high = low90 = high90 = p = p_t = bootstrap = None
    if squares is not None and squares.arms:
        se, df = _standard_error(squares, n, seeds)
        varies = se > 0
        if varies:
            (low, high), (low90, high90) = (_ends(d, se, df, share) for share in (CONFIDENCE, EQUAL_CONFIDENCE))
            p_t = float(2 * stats.t.sf(abs(d) / se, df))
        # The same score everywhere is no evidence of anything; a difference that never varies has its permutation.
        p = max(p_permutation, p_t or 0.0) if varies or abs(d) > ROUNDING else None
        bootstrap = _bootstrap(first, second, parts, resamples) if resamples else None
    comparison = Comparison(
        difference=d,
        first_accuracy=float(first.mean()),
        second_accuracy=float(second.mean()),
        problems=n,
        seeds=seeds,
        trained_arms=arms,
        se=se,
        df=df,
        low=low,
        high=high,
        p=p,
        p_permutation=p_permutation,
        p_t=p_t,
        detectable=None,
        bootstrap=bootstrap,
        mcnemar=_mcnemar(first, second),
        mean_squares=squares,
        low90=low90,
        high90=high90,
        run_intervals=_run_intervals(difference) if arms == 1 else (),
    )
    return msgspec.structs.replace(comparison, detectable=detectable(comparison))


def _mean_squares(values: Array, trained: Sequence[Array]) -> MeanSquares | None:
    """Mean squares of `values` over problems and of the trained arms over seeds; None for one problem."""
    n, seeds = values.shape
    if n < 2:
        return None
    # (n, S) to (n,), problem means; their variance times S is the mean square between problems
    problems = float(seeds * values.mean(axis=1).var(ddof=1))
    if seeds < 2:
        return MeanSquares(problems, None, None)
    # (n, S) to (S,) of each arm, seed means; an arm at a time, because runs of two arms need not spread alike
    arms = tuple(ArmSquares(float(n * y.mean(axis=0).var(ddof=1)), _residual_mean_square(y)) for y in trained)
    return MeanSquares(problems, sum(arm.seeds for arm in arms), sum(arm.noise for arm in arms), arms)


def _residual_mean_square(y: Array) -> float:
    """What is left of scores (n, S) after the problem's mean and the seed's mean."""
    n, seeds = y.shape
    # (n, S) - (n, 1) - (S,) + scalar: both main effects taken out, what is left is the interaction with noise
    residual = y - y.mean(axis=1, keepdims=True) - y.mean(axis=0) + y.mean()
    return float((residual**2).sum() / ((n - 1) * (seeds - 1)))


def _standard_error(squares: MeanSquares, n: int, seeds: int) -> tuple[float, float]:
    """Standard error of the mean and Satterthwaite's degrees of freedom, with a term for every trained arm's runs."""
    a, e = (sum(getattr(arm, name) for arm in squares.arms) for name in ("seeds", "noise"))
    # With 2 seeds A has 1 degree of freedom an arm: taking the noise out of it would too often leave nothing.
    extra = a if seeds == 2 else max(0.0, a - e)
    total = squares.problems + extra
    if total <= ROUNDING:
        return 0.0, n - 1.0
    spread = squares.problems**2 / (n - 1)
    if extra > 0:
        spread += sum(arm.seeds**2 for arm in squares.arms) / (seeds - 1)
        if seeds > 2:
            spread += sum(arm.noise**2 for arm in squares.arms) / ((n - 1) * (seeds - 1))
    return math.sqrt(total / (n * seeds)), max(1.0, total**2 / spread)


def _ends(d: float, se: float, df: float, confidence: float) -> tuple[float, float]:
    """The ends of an interval of a difference, within what is possible."""
    half = float(stats.t.ppf((1 + confidence) / 2, df)) * se
    return max(-1.0, d - half), min(1.0, d + half)


def _run_intervals(difference: Array) -> tuple[tuple[float, float], ...]:
    """The 95 % interval of every run's own paired difference (n, S), over problems alone; none for one problem."""
    n = len(difference)
    if n < 2:
        return ()
    # (n, S) to (S,), a run at a time
    means, errors = difference.mean(axis=0), difference.std(axis=0, ddof=1) / math.sqrt(n)
    return tuple(_ends(float(d), float(se), n - 1.0, CONFIDENCE) for d, se in zip(means, errors, strict=True))


def _quantile(df: Any) -> Any:
    """Two-sided 95 % quantile of Student's t."""
    return stats.t.ppf((1 + CONFIDENCE) / 2, df)


def sign_flips(n: int, flips: int, parts: Sequence[str | int] = ()) -> npt.NDArray[np.int8]:
    """Random signs (flips, n) for the permutation test; draw once and pass to comparisons of equal n to save time."""
    if flips < 1:
        raise ValueError(f"{flips} sign flips, expected at least 1")
    rng = np.random.default_rng(seed_for("sign flips", *parts))
    return (rng.integers(0, 2, size=(flips, n), dtype=np.int8) * 2 - 1).astype(np.int8)


def _permutation(per_problem: Array, signs: npt.NDArray[Any]) -> float:
    """Two-sided p of the mean under random signs, with the observed one counted in."""
    if signs.ndim != 2 or signs.shape[1] != len(per_problem):
        raise ValueError(f"signs have shape {signs.shape}, expected (flips, {len(per_problem)})")
    blocks = np.array_split(signs, max(1, signs.size // 4_000_000))  # small signs grow eightfold as floats
    # (block, n) @ (n,) is (block,), one sum a flip; end to end (flips,)
    sums = np.concatenate([np.abs(block @ per_problem) for block in blocks])
    hits = int((sums >= abs(per_problem.sum()) - ROUNDING * len(per_problem)).sum())
    return (1 + hits) / (len(signs) + 1)


def _bootstrap(first: Array, second: Array, parts: Sequence[str | int], resamples: int) -> tuple[float, float]:
    """Percentile interval of the difference with problems, and each arm's seeds, drawn with replacement."""
    n, seeds = first.shape
    rng = np.random.default_rng(seed_for("two-way bootstrap", *parts))
    means = np.empty(resamples)
    for i in range(resamples):
        # n drawn problems counted: (n,) shares, so that a resample is a product with (n, S) instead of a copy of its rows
        weights = np.bincount(rng.integers(0, n, n), minlength=n) / n
        runs = rng.integers(0, seeds, (2, seeds))
        # (n,) @ (n, S) is (S,), seed means of the drawn problems; of these the drawn seeds, each arm its own
        means[i] = (weights @ second)[runs[1]].mean() - (weights @ first)[runs[0]].mean()
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, (tail, 1 - tail))
    return float(low), float(high)


def _mcnemar(first: Array, second: Array) -> tuple[McNemar, ...]:
    """The exact test of every seed, or nothing for scores between 0 and 1."""
    if not (_binary(first) and _binary(second)):
        return ()
    tests = []
    for seed in range(first.shape[1]):
        # (n, S) to (n,) of one seed to a count: McNemar's test knows no seeds, so there is one a seed
        only_first = int((first[:, seed] > second[:, seed]).sum())
        only_second = int((second[:, seed] > first[:, seed]).sum())
        either = only_first + only_second
        p = float(stats.binomtest(only_second, either, 0.5).pvalue) if either else 1.0
        tests.append(McNemar(seed, only_first, only_second, p))
    return tuple(tests)


def _binary(y: Array) -> bool:
    return bool(((y == 0) | (y == 1)).all())
