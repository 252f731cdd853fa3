"""Analyses by difficulty, in five bins: which policy is best in each, and what choosing by bin gives for a budget.

As Snell et al. 2024 (arXiv 2408.03314, section 3) do it: bins are quintiles of the pass rate, pooled over all trained runs.
Cross-fitted: one half of the samples bins the problems, the other half is scored, and the other way round. Where more than
80 % of the problems fall into one bin, the family's own measure of difficulty bins them. The compute-optimal policy takes
the best policy of each bin among those that cost at most the budget there, chosen on one half of the problems and scored
on the other. Both need gold answers to bin by, so they are analyses and give no verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from journey.catalog import FAMILIES
from journey.evaluate.planning.comparisons import SAMPLES, strategy
from journey.evaluate.planning.sample_sets import start_of
from journey.evaluate.scoring.graded import GradedSamples
from journey.evaluate.test_time.outcomes import Array
from journey.formats.scores import Bin, BinScore, BudgetPoint, ComputeOptimal, Difficulty
from journey.rng import digest
from journey.schema import Question

BINS = 5
TOO_FULL = 0.8  # of the problems in one bin: the pass rates do not tell them apart
POINTS = 6  # budgets on the compute-optimal curve
PASS_RATE, OWN = "pooled pass rate", "the family's own difficulty"
BASE_RATE = "pass rate of the base"  # or of the warm start, which every arm begins at


@dataclass(frozen=True)
class Binning:
    """A bin for every problem (problem,), 0 the easiest, in each of two folds; `hardness` is what it was binned by."""

    measure: str
    largest_share: float
    bins: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
    hardness: tuple[Array, Array]


@dataclass(frozen=True)
class Option:
    """A policy of one arm: mean score and tokens of every problem (problem,), from each fold's scored samples."""

    policy: str
    strategy: str
    oracle: bool
    scores: tuple[Array, Array]
    tokens: tuple[Array, Array]


def all_difficulties(book: GradedSamples) -> Iterator[Difficulty]:
    """Every arm on every benchmark that has samples."""
    for benchmark, binning in _binned(book):
        for arm in _arms(book, benchmark):
            options = _options(book, benchmark, arm, last_only=True)
            yield Difficulty(benchmark, arm, binning.measure, binning.largest_share, tuple(_bins(binning, options)))


def by_base(book: GradedSamples) -> Iterator[Difficulty]:
    """Every arm on every benchmark of which the base has samples, by how often they are right: always, a half or more, less,
    never. The first strategy is scored; where it reads samples too, the base's own row would be of those that bin.
    """
    first = book.plan.strategies[0]
    base = start_of(book.plan).run
    if not any(":" in arm for arm in book.arms()) and any(True for _ in _binned(book)):
        return  # pooled pass rates do for arms that are told apart by more than whose mistakes they have
    for info in book.plan.benchmarks:
        if not book.has(base, info.name, SAMPLES) or strategy(first).draw == SAMPLES:
            continue
        hardness = 1 - book.cells[base, info.name, SAMPLES].matrix.points.mean(axis=1)
        numbers = np.select([hardness == 0, hardness <= 0.5, hardness < 1], [0, 1, 2], default=3)
        share = float(np.bincount(numbers).max() / len(numbers))
        for arm in book.arms():
            applied = [book.applied(run.run, info.name, first) for run in book.runs_of(arm)]
            scores, tokens = (np.mean([getattr(one, of) for one in applied], axis=0) for of in ("scores", "tokens"))
            bins = []
            for number in sorted(set(numbers.tolist())):
                inside = numbers == number
                cell = BinScore(
                    book.plan.policy(first), first, float(scores[inside].mean()), float(tokens[inside].mean())
                )
                values = hardness[inside]
                bins.append(Bin(number + 1, float(values.min()), float(values.max()), int(inside.sum()), (cell,), None))
            yield Difficulty(info.name, arm, BASE_RATE, share, tuple(bins))


def all_optimal(book: GradedSamples) -> Iterator[ComputeOptimal]:
    """The same, for a row of budgets."""
    for benchmark, binning in _binned(book):
        halves = _halves(book.questions(benchmark))
        if min(halves.sum(), (~halves).sum()) == 0:
            continue
        for arm in _arms(book, benchmark):
            options = [one for one in _options(book, benchmark, arm, last_only=False) if not one.oracle]
            points = tuple(_budget_point(binning, options, halves, budget) for budget in _budgets(options))
            yield ComputeOptimal(benchmark, arm, binning.measure, points)


def _arms(book: GradedSamples, benchmark: str) -> list[str]:
    """The arms that have samples: policies by difficulty choose among their numbers."""
    return [arm for arm in book.arms() if all(book.has(run.run, benchmark, SAMPLES) for run in book.runs_of(arm))]


def _binned(book: GradedSamples) -> Iterator[tuple[str, Binning]]:
    for info in book.plan.benchmarks:
        runs = [run.run for run in book.runs() if run.seed is not None]
        complete = bool(runs) and all(book.has(run, info.name, SAMPLES) for run in runs)
        if complete and book.cells[runs[0], info.name, SAMPLES].matrix.samples >= 2:
            yield info.name, _binning(book, info.name, runs)


def _binning(book: GradedSamples, benchmark: str, runs: Sequence[str]) -> Binning:
    """Bins by pooled pass rate, or by the family's own measure."""
    hard = []
    for fold in (0, 1):
        rates = [book.cells[run, benchmark, SAMPLES].matrix.points[:, fold::2].mean(axis=1) for run in runs]
        hard.append(1 - np.mean(rates, axis=0))
    bins = [quantile_bins(values) for values in hard]
    share = float(max(np.bincount(one).max() / len(one) for one in bins))
    measure = PASS_RATE
    if share > TOO_FULL:
        own = _own_difficulty(book.questions(benchmark))
        measure = OWN if own is not None else "one bin: pass rates are too much alike"
        values = np.zeros(len(hard[0])) if own is None else own
        hard, bins = [values, values], [quantile_bins(values)] * 2
    return Binning(measure, share, (bins[0], bins[1]), (hard[0], hard[1]))


def quantile_bins(hardness: Array) -> npt.NDArray[np.int64]:
    """Five bins of like size, 0 the easiest; equal values share a bin, so that some bins may be empty."""
    edges = np.quantile(hardness, [n / BINS for n in range(1, BINS)])
    return np.searchsorted(edges, hardness, side="left").astype(np.int64)


def _own_difficulty(questions: Sequence[Question]) -> Array | None:
    """What the problems' family says of each, else their levels; None where that tells none apart."""
    values: list[float] = []
    for question in questions:
        problem = question.problem
        family: Any = FAMILIES.get(problem.source)() if problem.source in FAMILIES.names() else None
        if hasattr(family, "difficulty"):
            values.append(float(family.difficulty(problem)))
        else:
            values.append(float(problem.level or 0))
    return np.array(values) if len(set(values)) > 1 else None


def _options(book: GradedSamples, benchmark: str, arm: str, *, last_only: bool) -> list[Option]:
    """Every policy of an arm; fold 0 scores the odd samples (the even ones bin), fold 1 the even ones."""
    options = []
    for name in dict.fromkeys(["greedy", *book.plan.strategies_on(benchmark)]):
        one = strategy(name)
        half = book.cells[book.runs_of(arm)[0].run, benchmark, SAMPLES].matrix.samples // 2
        places = [k for k in one.places(book.strategy_settings) if one.draw != SAMPLES or k <= half]
        for k in places[-1:] if last_only else places:
            scores, tokens = [], []
            for fold in (0, 1):
                matrices = [book.matrix(run.run, benchmark, name) for run in book.runs_of(arm)]
                if one.draw == SAMPLES:
                    matrices = [matrix.columns(range(1 - fold, 2 * half, 2)) for matrix in matrices]
                each = [one.apply(matrix, k, book.strategy_settings) for matrix in matrices]
                scores.append(np.mean([applied.scores for applied in each], axis=0))
                tokens.append(np.mean([applied.tokens for applied in each], axis=0))
            options.append(Option(one.policy(k), name, one.oracle, (scores[0], scores[1]), (tokens[0], tokens[1])))
    return options


def _bins(binning: Binning, options: Sequence[Option]) -> Iterator[Bin]:
    for number in range(BINS):
        members = [binning.bins[fold] == number for fold in (0, 1)]
        counts = [int(inside.sum()) for inside in members]
        if not sum(counts):
            continue
        values = np.concatenate([binning.hardness[fold][members[fold]] for fold in (0, 1)])
        scores = tuple(
            BinScore(o.policy, o.strategy, _pooled(o.scores, members), _pooled(o.tokens, members), o.oracle)
            for o in options
        )
        fair = [score for score in scores if not score.oracle]
        best = max(fair, key=lambda score: (round(score.accuracy, 9), -score.tokens), default=None)
        low, high = float(values.min()), float(values.max())
        yield Bin(number + 1, low, high, sum(counts) / 2, scores, best.policy if best else None)


def _pooled(values: tuple[Array, Array], members: Sequence[npt.NDArray[np.bool_]]) -> float:
    return float(np.concatenate([of_fold[inside] for of_fold, inside in zip(values, members, strict=True)]).mean())


def _halves(questions: Sequence[Question]) -> npt.NDArray[np.bool_]:
    """Which problems are in the first half: by a hash of the id, not by their order."""
    return np.array([digest("half", question.id)[0] < 128 for question in questions])


def _budgets(options: Sequence[Option]) -> list[float]:
    """From the cheapest policy to the dearest, evenly in the logarithm."""
    costs = [float(np.mean(option.tokens)) for option in options]
    low, high = min(costs), max(costs)
    return sorted({round(float(b), 1) for b in np.geomspace(max(low, 0.1), max(high, 0.1), POINTS)} - {0.0})


def _budget_point(
    binning: Binning, options: Sequence[Option], halves: npt.NDArray[np.bool_], budget: float
) -> BudgetPoint:
    """Choose on one half of the problems, score on the other, both ways and in both folds of the samples."""
    scores, tokens, fixed_scores, fixed_tokens = [], [], [], []
    named: list[tuple[str, ...]] = []
    fixed_named: list[str] = []
    for fold in (0, 1):
        for chosen_on in (halves, ~halves):
            fixed = _best(options, fold, chosen_on, budget)
            fixed_scores.append(fixed.scores[fold][~chosen_on])
            fixed_tokens.append(fixed.tokens[fold][~chosen_on])
            by_bin = []
            for number in range(BINS):
                inside = binning.bins[fold] == number
                best = _best(options, fold, chosen_on & inside, budget) if (chosen_on & inside).any() else fixed
                by_bin.append(best.policy)
                scores.append(best.scores[fold][~chosen_on & inside])
                tokens.append(best.tokens[fold][~chosen_on & inside])
            if fold == 0:
                named.append(tuple(by_bin))
                fixed_named.append(fixed.policy)
    return BudgetPoint(
        budget=budget,
        accuracy=float(np.concatenate(scores).mean()),
        tokens=float(np.concatenate(tokens).mean()),
        policies=(named[0], named[1]),
        fixed_policies=(fixed_named[0], fixed_named[1]),
        fixed_accuracy=float(np.concatenate(fixed_scores).mean()),
        fixed_tokens=float(np.concatenate(fixed_tokens).mean()),
    )


def _best(options: Sequence[Option], fold: int, members: npt.NDArray[np.bool_], budget: float) -> Option:
    """The best policy on these problems that costs at most the budget there; the cheapest where none does."""
    costs = {option.policy: float(option.tokens[fold][members].mean()) for option in options}
    within = [option for option in options if costs[option.policy] <= budget * (1 + 1e-3)]
    if not within:
        return min(options, key=lambda option: costs[option.policy])
    return max(within, key=lambda o: (round(float(o.scores[fold][members].mean()), 9), -costs[o.policy]))
