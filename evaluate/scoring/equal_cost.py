"""Comparisons at equal test-time cost: one arm's best policy for what the other's one greedy answer costs.

B is the journey's mean of generated tokens per problem under greedy. What the shortcut could do for at most B tokens a
problem is tried on dev problems: greedy, every other strategy of the plan and best-of-self at each setting, and k samples
interpolated per problem between the two k on either side of B. The best of them there is compared on the test problems,
by the same test, on scores in [0, 1]. No more than half of the samples drawn make a policy, so that every score is a mean
over many subsets. The budget of a larger model works alike, in FLOPs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from journey.evaluate.planning.comparisons import SAMPLES, strategy
from journey.evaluate.scoring.graded import GradedSamples, info_of, matrix
from journey.evaluate.statistics import paired
from journey.evaluate.statistics.verdict import EQUAL_FLOPS, EQUAL_TOKENS, LARGER
from journey.evaluate.test_time.outcomes import Array, PolicyResult
from journey.formats.comparison import Comparison, Declared
from journey.formats.plan import RunInfo
from journey.formats.scores import Candidate, EqualBudget

GREEDY, OWN_WORDS = "greedy", "best-of-self"
TO_BUDGET = " to the budget"
TOLERANCE = 1e-9  # of a cost, relative: interpolated policies cost the budget itself


@dataclass(frozen=True)
class ComparedAtCost:
    """The record of one comparison at equal cost."""

    record: EqualBudget


@dataclass(frozen=True)
class Policy:
    """A policy on some problems: by run what it gives, its name and how many samples it takes."""

    name: str
    strategy: str
    k: float | None
    each: list[PolicyResult]
    key: str  # the same on dev and test problems, where interpolated numbers of samples differ
    short: bool = False  # the budget pays for more samples than count

    def cost(self, unit: str) -> float:
        """Mean per problem over the runs; infinite where it is not known."""
        costs = [one.cost(unit) for one in self.each]
        return float("inf") if any(c is None for c in costs) else float(np.mean([c for c in costs if c is not None]))

    @property
    def accuracy(self) -> float:
        """Mean score over problems and runs."""
        return float(np.mean([one.scores.mean() for one in self.each]))


def all_budgets(book: GradedSamples) -> dict[str, ComparedAtCost]:
    """Every declared comparison at equal cost, by its key."""
    by_key = {}
    for item in book.plan.comparisons:
        if item.at == EQUAL_TOKENS:
            by_key[item.key] = ComparedAtCost(_equal_tokens(book, item))
        elif item.at == EQUAL_FLOPS:
            by_key[item.key] = ComparedAtCost(_equal_flops(book, item))
    return by_key


def _equal_tokens(book: GradedSamples, item: Declared) -> EqualBudget:
    dev = info_of(book.plan, item.benchmark).dev
    first, second = book.runs_of(item.first), book.runs_of(item.second)
    shared = sorted({r.seed for r in first if r.seed is not None} & {r.seed for r in second if r.seed is not None})
    empty = EqualBudget(item.benchmark, item.first, item.second, item.first, "tokens", 0.0, None, (), None, False, None)
    if not shared or dev is None:
        return msgspec.structs.replace(empty, why="no training seed in common" if dev else "no dev problems")
    first, second = [r for r in first if r.seed in shared], [r for r in second if r.seed in shared]
    budget, dev_budget = (_greedy(book, second, name).cost("tokens") for name in (item.benchmark, dev))
    record, chosen = _choose(book, empty, first, dev, budget, dev_budget)
    if chosen is None:
        return msgspec.structs.replace(record, why="no policy of the arm costs so little")
    scores = _greedy(book, second, item.benchmark)
    comparison = paired.compare(_matrix(chosen), _matrix(scores), **book.options(item))
    return msgspec.structs.replace(record, comparison=comparison)


def _equal_flops(book: GradedSamples, item: Declared) -> EqualBudget:
    dev = info_of(book.plan, item.benchmark).dev
    empty = EqualBudget(item.benchmark, LARGER, item.second, item.second, "flops", 0.0, None, (), None, False, None)
    runs = [run for run in book.runs_of(item.second) if run.seed is not None]
    if not runs or dev is None:
        return msgspec.structs.replace(empty, why="no run" if dev else "no dev problems")
    large = book.applied(LARGER, item.benchmark, GREEDY)
    budget = large.cost("flops")
    if budget is None:
        return msgspec.structs.replace(empty, why="the larger model's FLOPs are not known")
    record, chosen = _choose(book, empty, runs, dev, budget, budget)
    if chosen is None:
        return msgspec.structs.replace(record, why="no policy of the arm costs so little")
    options = book.options(item)
    comparison: Comparison = paired.compare_to_base(_matrix(chosen), large.scores, **options)
    return msgspec.structs.replace(record, comparison=comparison)


def _choose(
    book: GradedSamples, empty: EqualBudget, runs: Sequence[RunInfo], dev: str, budget: float, dev_budget: float
) -> tuple[EqualBudget, Policy | None]:
    """The record with all candidates, and the policy chosen on the dev problems, as it is on the test problems."""
    benchmark, unit = empty.benchmark, empty.unit
    on_test = {p.key: p for p in _policies(book, runs, benchmark, budget, unit)}
    on_dev = {p.key: p for p in _policies(book, runs, dev, dev_budget, unit, benchmark)}
    fixed = {p.name for key, p in on_test.items() if not key.endswith(TO_BUDGET)}
    # Where the budget pays for all samples that count, interpolation is nothing new.
    again = {k for k, p in on_test.items() if k.endswith(TO_BUDGET) and p.name in fixed and on_dev[k].name == p.name}
    keys = [key for key in on_test if key in on_dev and key not in again]
    limits = budget * (1 + TOLERANCE), dev_budget * (1 + TOLERANCE)
    afford = {k for k in keys if on_test[k].cost(unit) <= limits[0] and on_dev[k].cost(unit) <= limits[1]}
    chosen = max(afford, key=lambda k: (on_dev[k].accuracy, -on_dev[k].cost(unit), k), default=None)
    candidates = tuple(
        Candidate(
            policy=on_test[key].name,
            strategy=on_test[key].strategy,
            k=on_test[key].k,
            dev_accuracy=on_dev[key].accuracy,
            dev_cost=on_dev[key].cost(unit),
            affordable=key in afford,
            chosen=key == chosen,
            accuracy=on_test[key].accuracy,
            cost=on_test[key].cost(unit),
            checker=strategy(on_test[key].strategy).checker,
        )
        for key in keys
    )
    record = msgspec.structs.replace(
        empty,
        budget=budget,
        dev_budget=dev_budget,
        candidates=candidates,
        chosen=None if chosen is None else on_test[chosen].name,
        limited=any(policy.short for policy in on_test.values()),
    )
    return record, None if chosen is None else on_test[chosen]


def _policies(
    book: GradedSamples, runs: Sequence[RunInfo], benchmark: str, budget: float, unit: str, asked_of: str | None = None
) -> Iterable[Policy]:
    """Greedy, and every strategy that the benchmark has: at its settings, and interpolated to the budget."""
    yield _greedy(book, runs, benchmark)
    named = book.plan.strategies_on(asked_of or benchmark)
    # A model that calls its own answer wrong could use that: its best policy may, whether or not it was asked for. (Plans
    # of 0.1, which have no primary family, did not have it.)
    drawn = [
        strategy(name) for name in named if not strategy(name).oracle
    ]  # an oracle's samples are not on dev problems
    shared = any(one.draw == SAMPLES for one in drawn) and book.plan.primary_family
    for name in dict.fromkeys([*named, *([OWN_WORDS] if shared else [])]):
        one = strategy(name)
        if one.oracle or name == GREEDY:
            continue
        if one.draw != SAMPLES:
            for k in one.places(book.strategy_settings):
                if one.axis == "cap" or k:  # no round is greedy
                    yield Policy(one.policy(k), name, k, _each(book, runs, benchmark, name, k), f"{name} {k}")
            continue
        most = book.matrix(runs[0].run, benchmark, name).samples // 2
        yield from _of_samples(book, runs, benchmark, name, most, budget, unit)


def _of_samples(
    book: GradedSamples, runs: Sequence[RunInfo], benchmark: str, name: str, most: int, budget: float, unit: str
) -> Iterable[Policy]:
    """The settings up to `most` samples, and between the last that the budget pays for and the next."""
    one = strategy(name)
    places = [k for k in one.places(book.strategy_settings) if k <= most]
    for k in places:
        if k > 1 or name in (SAMPLES, "majority"):  # of one sample nothing is chosen
            yield Policy(one.policy(k), name, k, _each(book, runs, benchmark, name, k), f"{name} {k}")
    if len(one.places(book.strategy_settings)) < 2 or not places:
        return  # a strategy of one setting
    below = None
    for k in range(places[0], most + 1):
        policy = Policy(one.policy(k), name, k, _each(book, runs, benchmark, name, k), f"{name}{TO_BUDGET}")
        if policy.cost(unit) > budget:
            if below is not None:
                yield _between(below, policy, budget, unit)
            return
        below = policy
    if below is not None:
        yield replace(below, short=not one.own_words)  # one that stops by itself may never use a larger budget


def _between(below: Policy, above: Policy, budget: float, unit: str) -> Policy:
    """The mixture of two policies that costs the budget."""
    low, high = below.cost(unit), above.cost(unit)
    share = (budget - low) / (high - low)
    mixed = [a.mixed(b, share) for a, b in zip(below.each, above.each, strict=True)]
    k = (below.k or 0) + share * ((above.k or 0) - (below.k or 0))
    return Policy(f"{below.strategy}@{k:.1f}", below.strategy, k, mixed, below.key)


def _each(book: GradedSamples, runs: Sequence[RunInfo], benchmark: str, name: str, k: int) -> list[PolicyResult]:
    return [book.applied(run.run, benchmark, name, k) for run in runs]


def _greedy(book: GradedSamples, runs: Sequence[RunInfo], benchmark: str) -> Policy:
    return Policy(GREEDY, GREEDY, 1, _each(book, runs, benchmark, GREEDY, 1), GREEDY)


def _matrix(policy: Policy) -> Array:
    return np.clip(matrix([one.scores for one in policy.each]), 0.0, 1.0)  # sums of shares may pass 1 by rounding
