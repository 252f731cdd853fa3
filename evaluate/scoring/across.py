"""Comparisons that no plan declares: arms of several evaluations, or pairs that a plan leaves out. The very rule of a plan.

Problems are paired by id, so every evaluation must have asked the same ones; seeds that one side lacks leave both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from journey.errors import UsageError
from journey.evaluate.scoring.decisions import same_words
from journey.evaluate.scoring.graded import FLIPS, FLIPS_EACH, GradedSamples, info_of, matrix
from journey.evaluate.statistics import paired, verdict
from journey.evaluate.statistics.paired import Array
from journey.evaluate.statistics.sizes import MIN_SEEDS
from journey.formats.comparison import Comparison, Declared
from journey.formats.scores import Compared, SeedLeftOut

ScoresBySeed = Mapping[int | None, Array]  # (problem,) each, in the order of the problems' ids; None: the base


@dataclass(frozen=True)
class ScoredPair:
    """One declared comparison with the scores of both sides; `primary` says which of two families it belongs to."""

    declared: Declared
    first: ScoresBySeed
    second: ScoresBySeed
    primary: bool = True

    def without(self, seed: int) -> ScoredPair:
        """The same had this seed never been trained."""
        kept = [{key: scores for key, scores in side.items() if key != seed} for side in (self.first, self.second)]
        return replace(self, first=kept[0], second=kept[1])


@dataclass(frozen=True)
class ComparedAcross:
    """A comparison with its verdict, and what the verdict is without each seed."""

    compared: Compared
    without: tuple[SeedLeftOut, ...]


def scores_of(book: GradedSamples, benchmark: str, strategy: str, arm: str) -> ScoresBySeed:
    """What an arm scored, by seed. Raises UsageError where the evaluation does not have it."""
    draw, runs = book.plan.draw_of(strategy), book.runs_of(arm)
    if not runs or any(not book.has(run.run, benchmark, draw) for run in runs):
        raise UsageError(f"{arm} has no answers on {benchmark} with {strategy}", f"arms: {', '.join(book.arms())}")
    by_seed = {}
    for run in runs:
        ids = [question.id for question in book.cells[run.run, benchmark, draw].questions]
        by_seed[run.seed] = book.applied(run.run, benchmark, strategy).scores[np.argsort(ids)]
    return by_seed


def refuse_other_problems(books: Iterable[GradedSamples], benchmark: str) -> None:
    """Raises UsageError unless all evaluations asked the same questions of a benchmark."""
    hashes = {info_of(book.plan, benchmark).sha256 for book in books}
    if len(hashes) > 1:
        raise UsageError(
            f"the evaluations asked other problems of {benchmark}, so nothing can be paired",
            "an axis must leave the benchmarks as they are",
        )


def decide_across(pairs: Sequence[ScoredPair], margin: float, seed: int) -> list[ComparedAcross]:
    """Verdicts on the declared pairs that have a result, with Holm over the primary ones and over the others.

    `seed` names the random streams, as a plan's does. No bootstrap is drawn: it decides nothing.
    """
    decided = _decide(pairs, margin, seed)
    several = {key for key, item in decided.items() if item.comparison.seeds > MIN_SEEDS}
    seeds = sorted({s for pair in pairs for s in pair.second if s is not None}) if several else []
    less = {one: _decide([pair.without(one) for pair in pairs], margin, seed) for one in seeds}
    return [
        ComparedAcross(
            item,
            tuple(
                SeedLeftOut(one, found[key].verdict.words, same_words(item.verdict, found[key].verdict))
                for one, found in less.items()
                if key in several and key in found
            ),
        )
        for key, item in decided.items()
    ]


def _decide(pairs: Sequence[ScoredPair], margin: float, seed: int) -> dict[str, Compared]:
    flips = max(FLIPS, FLIPS_EACH * len(pairs))
    results: dict[str, Comparison] = {}
    for pair in pairs:
        comparison = _compare(pair, {"parts": (seed, pair.declared.key), "flips": flips, "resamples": 0})
        if comparison is not None:
            results[pair.declared.key] = comparison
    adjusted: dict[str, float] = {}
    levels: dict[str, float] = {}
    for primary in (True, False):
        family = [pair.declared for pair in pairs if pair.primary == primary]
        own = {item.key: results[item.key] for item in family if item.key in results}
        adjusted |= verdict.adjust(family, own)
        levels |= verdict.asked(family, own)
    decided = {}
    for pair in pairs:
        item, key = pair.declared, pair.declared.key
        if key in results:
            said = verdict.decide(
                results[key], adjusted[key], margin, first=item.first, second=item.second, level=levels[key]
            )
            decided[key] = Compared(item.benchmark, item.at, item.first, item.second, pair.primary, results[key], said)
    return decided


def _compare(pair: ScoredPair, options: Mapping[str, object]) -> Comparison | None:
    if None in pair.first:
        second = [scores for seed, scores in pair.second.items() if seed is not None]
        return paired.compare_to_base(matrix(second), pair.first[None], **options) if second else None  # type: ignore[arg-type]
    shared = sorted(seed for seed in set(pair.first) & set(pair.second) if seed is not None)
    if not shared:
        return None
    return paired.compare(matrix([pair.first[s] for s in shared]), matrix([pair.second[s] for s in shared]), **options)  # type: ignore[arg-type]
