"""Verdicts on the declared comparisons: each comparison's statistics, Holm over its family, and the rule's words.

A training seed that one arm lacks leaves both arms of a comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from journey.evaluate.planning.comparisons import families, is_primary
from journey.evaluate.planning.runs import trained
from journey.evaluate.recovery import tables as recovery
from journey.evaluate.scoring import equal_cost
from journey.evaluate.scoring.graded import GradedSamples, matrix
from journey.evaluate.statistics import paired, verdict
from journey.evaluate.statistics.paired import Array
from journey.evaluate.statistics.sizes import MIN_SEEDS
from journey.evaluate.statistics.verdict import AFTER_MISTAKE, AGAINST_TWIN, BASE, LARGER
from journey.formats.comparison import Comparison, Declared, Verdict
from journey.formats.plan import EvaluationPlan
from journey.formats.scores import Compared, EqualBudget, SeedLeftOut, Survival


def results_of(
    book: GradedSamples, budgets: Mapping[str, equal_cost.ComparedAtCost], recovered: Sequence[recovery.Recovered]
) -> dict[str, Comparison]:
    """The statistics of every declared comparison that has a result, by its key."""
    results: dict[str, Comparison] = {}
    by_name = {one.benchmark: one for one in recovered}
    for item in book.plan.comparisons:
        if item.at in (AFTER_MISTAKE, AGAINST_TWIN):
            one, options = by_name[item.benchmark], book.options(item)
            comparison = recovery.compare(book.plan, one, item, **options)
        else:
            comparison = budgets[item.key].record.comparison if item.key in budgets else _compare(book, item)
        if comparison is not None:
            results[item.key] = comparison
    return results


def compare_all(
    plan: EvaluationPlan,
    results: Mapping[str, Comparison],
    below: Mapping[tuple[str, str], bool],
    budgets: Mapping[str, equal_cost.ComparedAtCost],
) -> list[Compared]:
    """Every declared comparison that has a result, with Holm's p over the family in which it was declared."""
    adjusted: dict[str, float] = {}
    levels: dict[str, float] = {}
    for family in families(plan):
        own = {item.key: results[item.key] for item in family if item.key in results}
        adjusted |= verdict.adjust(family, own)
        levels |= verdict.asked(family, own)
    return [
        _decided(
            plan, item, results[item.key], (adjusted[item.key], levels[item.key]), below, _record_of(budgets, item)
        )
        for item in plan.comparisons
        if item.key in results
    ]


def below_base(plan: EvaluationPlan, results: Mapping[str, Comparison]) -> dict[tuple[str, str], bool]:
    """By (benchmark, arm), whether the arm is below the untuned base there, with the plan's first strategy."""
    return {
        (item.benchmark, item.second): verdict.below(results[item.key], plan.margin)
        for item in plan.comparisons
        if item.first == BASE and item.key in results
    }


def _record_of(budgets: Mapping[str, equal_cost.ComparedAtCost], item: Declared) -> EqualBudget | None:
    return budgets[item.key].record if item.key in budgets else None


def _compare(book: GradedSamples, item: Declared) -> Comparison | None:
    name = item.at or book.plan.strategies[0]
    first, second = (_points(book, item.benchmark, name, arm) for arm in (item.first, item.second))
    options = book.options(item)
    if item.first == BASE:
        return paired.compare_to_base(matrix(list(second.values())), first[None], **options) if second else None
    shared = sorted(seed for seed in set(first) & set(second) if seed is not None)
    if not shared:
        return None
    return paired.compare(matrix([first[s] for s in shared]), matrix([second[s] for s in shared]), **options)


def _points(book: GradedSamples, benchmark: str, name: str, arm: str) -> dict[int | None, Array]:
    """The scores of an arm's runs by training seed (None for the base)."""
    return {run.seed: book.applied(run.run, benchmark, name).scores for run in book.runs_of(arm)}


def _decided(
    plan: EvaluationPlan,
    item: Declared,
    comparison: Comparison,
    holm: tuple[float, float],
    below: Mapping[tuple[str, str], bool],
    budget: EqualBudget | None,
) -> Compared:
    arms = item.first, item.second
    trained = item.first not in (BASE, LARGER)
    # The base was compared with the first strategy, so what it says of an arm says nothing of other policies.
    low = tuple(below.get((item.benchmark, arm), False) for arm in arms) if trained and not item.at else (False, False)
    decision: Verdict = verdict.decide(
        comparison,
        holm[0],
        plan.margin,
        first=item.first,
        second=item.second,
        below_base=(low[0], low[1]),
        level=holm[1],
        shares=item.at != AGAINST_TWIN,
    )
    primary = is_primary(plan, item)
    chosen = "" if budget is None else budget.chosen or ""
    return Compared(item.benchmark, item.at or plan.strategies[0], *arms, primary, comparison, decision, chosen)


def decide_all(
    book: GradedSamples, recovered: Sequence[recovery.Recovered]
) -> tuple[list[Compared], dict[tuple[str, str], bool], dict[str, equal_cost.ComparedAtCost]]:
    """Every declared comparison with its verdict, which arms are below the base, and what was chosen at equal cost."""
    budgets = equal_cost.all_budgets(book)
    results = results_of(book, budgets, recovered)
    below = below_base(book.plan, results)
    return compare_all(book.plan, results, below, budgets), below, budgets


def leave_out_each(
    book: GradedSamples, recovered: Sequence[recovery.Recovered], compared: Sequence[Compared]
) -> list[Survival]:
    """Of every comparison with three seeds or more: what the verdict is where one seed had never been trained.

    All comparisons of the plan are made again without it, policies at equal cost are chosen again, and Holm covers the same
    families.
    """
    several = [item for item in compared if item.comparison.seeds > MIN_SEEDS]
    seeds = sorted({run.seed for run in trained(book.plan.runs) if run.seed is not None}) if several else []
    without = {seed: {key_of(one): one for one in decide_all(book.without(seed), recovered)[0]} for seed in seeds}
    return [
        Survival(
            *key_of(item),
            tuple(
                SeedLeftOut(
                    seed, found[key_of(item)].verdict.words, same_words(item.verdict, found[key_of(item)].verdict)
                )
                for seed, found in without.items()
                if key_of(item) in found
            ),
        )
        for item in several
    ]


def key_of(item: Compared) -> tuple[str, str, str, str]:
    """What names a comparison within a plan: benchmark, strategy, first and second arm."""
    return item.benchmark, item.strategy, item.first, item.second


def same_words(one: Verdict, other: Verdict) -> bool:
    """Whether two verdicts say the same, fewer seeds and leanings apart: the same outcome, with the same winner."""
    return (one.outcome, one.winner) == (other.outcome, other.winner)
