"""The report's section on test-time compute: accuracy against cost, equal budgets, difficulty, larger models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

from journey import numbers
from journey.evaluate.report import words
from journey.evaluate.report.charts import chart
from journey.evaluate.report.words import NO_DATA
from journey.formats.plan import EvaluationPlan
from journey.formats.scores import (
    Agreement,
    Bin,
    BudgetPoint,
    Candidate,
    ComputeOptimal,
    CurvePoint,
    Difficulty,
    EqualBudget,
    ScoreCurve,
    Scores,
)
from journey.numbers import NOT_KNOWN

PASS_RATE, BASE_RATE = "pooled pass rate", "pass rate of the base"
ALL_ARMS = "all arms"
UNITS = {"tokens": "generated tokens", "flops": "FLOPs", "seconds": "seconds"}


@dataclass(frozen=True)
class Curves:
    """Accuracy against one cost: a picture for every strategy on one benchmark."""

    benchmark: str
    unit: str
    pictures: tuple[Markup, ...]


@dataclass(frozen=True)
class EqualCostTable:
    """An equal-budget comparison: what is compared, all candidates, and what came out."""

    heading: str
    sentence: str
    rows: tuple[tuple[tuple[str, ...], bool], ...]  # policy, dev accuracy and cost, affordable, test ones; is it chosen
    notes: tuple[str, ...]
    unit: str


@dataclass(frozen=True)
class Bins:
    """One arm by difficulty: a row for each policy with a share (or None) for each bin, and the best of each bin."""

    benchmark: str
    arm: str
    measure: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[str, float | None, bool], ...]], ...]  # policy; text, share, is it the best


@dataclass(frozen=True)
class Optimal:
    """The compute-optimal policy of one arm, as a picture and a row for each budget."""

    benchmark: str
    arm: str
    measure: str
    picture: Markup
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class LargerTable:
    """A larger model on one benchmark and, at its FLOPs, every arm."""

    benchmark: str
    facts: tuple[tuple[str, str], ...]
    choices: tuple[EqualCostTable, ...]


@dataclass(frozen=True)
class Costs:
    """Everything on test-time compute; a part without data is empty."""

    spent: Markup | None = None
    spent_on: str = ""  # the strategy whose samples its lines show
    legend: tuple[tuple[str, Markup], ...] = ()
    curves: tuple[Curves, ...] = ()
    equal: tuple[EqualCostTable, ...] = ()
    bins: tuple[Bins, ...] = ()
    optimal: tuple[Optimal, ...] = ()
    larger: tuple[LargerTable, ...] = ()
    agreement: tuple[tuple[str, ...], ...] = ()
    skipped: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.curves or self.equal or self.bins or self.optimal or self.larger)


def costs(plan: EvaluationPlan, scores: Scores) -> Costs:
    """What the report shows of costs and strategies."""
    arms = [run.arm for run in plan.runs]
    tones = chart.tones(arms)
    shown = [arm for arm in tones if any(curve.arm == arm for curve in scores.curves)]
    return Costs(
        spent=_spent(plan, scores),
        spent_on=_sampling(scores, plan),
        legend=tuple((arm, chart.swatch(tones[arm])) for arm in shown),
        curves=tuple(_curves(plan, scores, tones)),
        equal=tuple(_choice(item) for item in scores.equal_tokens),
        bins=(*(_bins(one) for one in scores.difficulty if one.measure != BASE_RATE), *_by_base(scores)),
        optimal=tuple(_all_optimal(scores, tones)),
        larger=tuple(_larger(scores)),
        agreement=tuple(map(_agreement, scores.agreement)),
        skipped=tuple(f"{s.strategy} on {s.benchmark}: {s.why}." for s in plan.skipped),
    )


def _spent(plan: EvaluationPlan, scores: Scores) -> Markup:
    """Accuracy against generated tokens on the headline's benchmark: every arm's greedy answer, and what more samples buy.

    The samples are those of the strategy that was chosen at equal test tokens, else of the first that draws any.
    """
    arms = [arm for arm in scores.arms if (arm.benchmark, arm.strategy) == (plan.primary, plan.strategies[0]) and arm.n]
    tones = chart.tones(run.arm for run in plan.runs)
    lines = []
    strategy = _sampling(scores, plan)
    for curve in scores.curves:
        if (curve.benchmark, curve.strategy) == (plan.primary, strategy) and not curve.oracle:
            lines.append(
                chart.Line(f"{curve.arm}, {strategy}", tones.get(curve.arm, 2), _points(curve, "tokens"), dots=False)
            )
    for arm in arms:
        if arm.mean_tokens > 0 and not words.accuracy(arm).startswith(NOT_KNOWN):
            said = f"{arm.arm}: {numbers.percent(arm.accuracy)} at {numbers.short(arm.mean_tokens)} tokens"
            point = chart.ChartPoint(arm.mean_tokens, arm.accuracy, arm.low, arm.high, said)
            lines.append(chart.Line(arm.arm, tones.get(arm.arm, 2), (point,), joined=False))
    axes = chart.ChartAxes("generated tokens per problem", "right answers", True, True)
    return chart.chart(f"{plan.primary}: right answers against tokens", lines, axes)


def _sampling(scores: Scores, plan: EvaluationPlan) -> str:
    chosen = {c.strategy for item in scores.equal_tokens for c in item.candidates if c.chosen}
    drawn = [
        name
        for name in plan.strategies[1:]
        if any(curve.strategy == name and not curve.oracle for curve in scores.curves)
    ]
    return next((name for name in drawn if name in chosen), drawn[0] if drawn else "")


def _curves(plan: EvaluationPlan, scores: Scores, tones: dict[str, int]) -> Iterable[Curves]:
    """By benchmark and unit of cost, the headline's benchmark first; greedy stands in every picture."""
    names = dict.fromkeys(curve.benchmark for curve in scores.curves)
    for name in sorted(names, key=lambda each: each != plan.primary):
        curves = [curve for curve in scores.curves if curve.benchmark == name]
        strategies = dict.fromkeys(curve.strategy for curve in curves)
        for unit in UNITS:
            axes = _axes(curves, unit)
            if axes is not None:
                pictures = (_picture(curves, one, unit, axes, tones) for one in strategies if one != "greedy")
                charts = tuple(filter(None, pictures)) or (_picture(curves, "greedy", unit, axes, tones),)
                yield Curves(name, unit, charts)


def _cost(point: CurvePoint, unit: str) -> float | None:
    value = {"tokens": point.tokens, "flops": point.flops, "seconds": point.seconds}[unit]
    return value if value is not None and value > 0 else None


def _axes(curves: Sequence[ScoreCurve], unit: str) -> chart.ChartAxes | None:
    """The same axes for every strategy of a benchmark; None where no cost in this unit is known."""
    points = [point for curve in curves for point in curve.points]
    spent = [cost for point in points for cost in [_cost(point, unit)] if cost is not None]
    if not spent:
        return None
    high = min(1.0, max(point.high for point in points) + 0.03)
    low = max(0.0, min(point.low for point in points) - 0.03)
    ends = min(spent) / 1.25, max(spent) * 1.25
    return chart.ChartAxes(f"{UNITS[unit]} per problem", "accuracy", True, True, ends, (low, max(high, low + 0.05)))


def _picture(
    curves: Sequence[ScoreCurve], strategy: str, unit: str, axes: chart.ChartAxes, tones: dict[str, int]
) -> Markup:
    lines = []
    for curve in curves:
        if curve.strategy in (strategy, "greedy"):
            joined = curve.strategy == strategy
            lines.append(chart.Line(f"{curve.arm}, {curve.strategy}", tones.get(curve.arm, 2), _points(curve, unit), joined=joined))  # fmt: skip
    oracle = any(curve.oracle for curve in curves if curve.strategy == strategy)
    heading = f"{strategy} (oracle)" if oracle else strategy
    return chart.chart(heading, lines, axes)


def _points(curve: ScoreCurve, unit: str) -> tuple[chart.ChartPoint, ...]:
    points = []
    for point in curve.points:
        cost = _cost(point, unit)
        if cost is not None:
            label = (
                f"{curve.arm}, {point.policy}: {numbers.percent(point.accuracy)} at {numbers.short(cost)} {UNITS[unit]}"
            )
            points.append(chart.ChartPoint(cost, point.accuracy, point.low, point.high, label))
    return tuple(points)


def _choice(item: EqualBudget) -> EqualCostTable:
    unit = UNITS[item.unit]
    spender = item.second if item.arm == item.first else item.first
    sentence = f"{spender} spends {numbers.short(item.budget)} {unit} per problem with one greedy answer."
    if item.chosen is None:
        sentence += f" No policy of {item.arm} was chosen: {item.why or 'none is affordable'}."
    else:
        sentence += f" The best policy of {item.arm} for at most that, chosen on the dev split, is {item.chosen}."
    if item.comparison is not None:
        c = item.comparison
        sentence += (
            f" At equal cost {item.second} has {numbers.percent(c.second_accuracy)} and {item.first} "
            f"{numbers.percent(c.first_accuracy)}: {numbers.points(c.difference)} points ({numbers.interval(c.low, c.high)})."
        )
    elif item.chosen is not None:
        sentence += f" Not compared: {item.why}." if item.why else f" Not compared ({NO_DATA})."
    notes = []
    if item.limited:
        notes.append(f"The budget would pay for more samples than were drawn, so {item.arm} could do better still.")
    rows = tuple((_candidate(candidate), candidate.chosen) for candidate in item.candidates)
    heading = f"{item.benchmark}: {item.first} against {item.second}"
    return EqualCostTable(heading, sentence, rows, tuple(notes), unit)


def _candidate(c: Candidate) -> tuple[str, ...]:
    costs = [NOT_KNOWN if cost is None else numbers.short(cost) for cost in (c.dev_cost, c.cost)]
    name = c.policy + (" (uses the checker)" if c.checker else "")
    return (name, numbers.percent(c.dev_accuracy), costs[0], "yes" if c.affordable else "no", numbers.percent(c.accuracy), costs[1])  # fmt: skip


def _bins(item: Difficulty) -> Bins:
    heads = tuple(f"{b.number}: {_span(item.measure, b)}, {b.problems:,.0f} problems" for b in item.bins)
    policies = dict.fromkeys((score.policy, score.oracle) for b in item.bins for score in b.scores)
    rows = []
    for policy, oracle in policies:
        cells = []
        for one in item.bins:
            share = next((score.accuracy for score in one.scores if score.policy == policy), None)
            cells.append((numbers.percent(share) if share is not None else NOT_KNOWN, share, one.best == policy))
        rows.append((policy + (" (oracle)" if oracle else ""), tuple(cells)))
    return Bins(item.benchmark, item.arm, item.measure, heads, tuple(rows))


def _by_base(scores: Scores) -> Iterable[Bins]:
    """One table a benchmark, an arm a row: the problems are sorted by the base alone, the same for all arms."""
    told = [item for item in scores.difficulty if item.measure == BASE_RATE]
    for name in dict.fromkeys(item.benchmark for item in told):
        arms = [(item, _bins(item)) for item in told if item.benchmark == name]
        rows = tuple((item.arm, cells) for item, table in arms for _, cells in table.rows)
        yield Bins(name, ALL_ARMS, BASE_RATE, arms[0][1].heads, rows)


def _span(measure: str, one: Bin) -> str:
    """From where to where a bin reaches; pass rates are stored as difficulty, one minus the rate."""
    if measure in (PASS_RATE, BASE_RATE):
        return f"{100 * (1 - one.high):.0f} to {100 * (1 - one.low):.0f}% pass"
    return f"{one.low:.3g} to {one.high:.3g}"


def _all_optimal(scores: Scores, tones: dict[str, int]) -> Iterable[Optimal]:
    """The pictures of a benchmark have the same axes."""
    lines: dict[tuple[str, str], list[chart.Line]] = {}
    for item in scores.compute_optimal:
        if item.points:
            lines[item.benchmark, item.arm] = _optimal_lines(item, tones.get(item.arm, 2))
    for item in scores.compute_optimal:
        own = lines.get((item.benchmark, item.arm))
        if own is not None:
            of_all = [
                p for (name, _), each in lines.items() if name == item.benchmark for one in each for p in one.points
            ]
            ends = chart.x_ends_of([point.x for point in of_all], log=True), chart.y_ends_of(of_all, percent=True)
            axes = chart.ChartAxes("generated tokens per problem", "accuracy", True, True, *ends)
            picture = chart.chart(f"{item.benchmark}: {item.arm}", own, axes)
            yield Optimal(item.benchmark, item.arm, item.measure, picture, tuple(map(_budget, item.points)))


def _optimal_lines(item: ComputeOptimal, tone: int) -> list[chart.Line]:
    by_bin, single = [], []
    for point in item.points:
        label = f"by difficulty: {numbers.percent(point.accuracy)}"
        by_bin.append(chart.ChartPoint(max(point.tokens, 0.1), point.accuracy, words=label))
        label = f"one policy: {numbers.percent(point.fixed_accuracy)}"
        single.append(chart.ChartPoint(max(point.fixed_tokens, 0.1), point.fixed_accuracy, words=label))
    return [
        chart.Line("best policy by bin", tone, tuple(by_bin)),
        chart.Line("best single policy", tone, tuple(single), dashed=True),
    ]


def _budget(point: BudgetPoint) -> tuple[str, ...]:
    by_bin = " | ".join(", ".join(_runs(half)) for half in point.policies)
    fixed = " | ".join(dict.fromkeys(point.fixed_policies))
    return (
        numbers.short(point.budget),
        numbers.percent(point.accuracy),
        numbers.short(point.tokens),
        by_bin,
        numbers.percent(point.fixed_accuracy),
        numbers.short(point.fixed_tokens),
        fixed,
    )


def _runs(policies: Sequence[str]) -> Iterable[str]:
    """Equal neighbours as one: greedy, majority@4 (3 bins)."""
    for policy, members in groupby(policies):
        n = len(list(members))
        yield policy if n == 1 else f"{policy} ({n} bins)"


def _larger(scores: Scores) -> Iterable[LargerTable]:
    for item in scores.larger:
        facts = (
            ("Accuracy", f"{numbers.percent(item.accuracy)} ({numbers.interval(item.low, item.high, signed=False)})"),
            ("Tokens per problem", f"{item.tokens:,.0f}"),
            ("FLOPs per problem", NOT_KNOWN if item.flops is None else f"{item.flops:.2e}"),
            ("Seconds per problem", numbers.seconds(item.seconds)),
            ("Truncated", numbers.percent(item.truncation_rate)),
            ("No answer", numbers.percent(item.no_answer_rate)),
        )
        yield LargerTable(f"{item.benchmark}: {item.model}, untuned", facts, tuple(map(_choice, item.matched)))


def _agreement(item: Agreement) -> tuple[str, ...]:
    what = {"batch 1": "one prompt at a time", "built-in": "the built-in sampler"}[item.against]
    counts = (item.other_text, item.other_answer, item.other_outcome)
    shares = (f"{n:,} ({numbers.percent(n / item.problems)})" if item.problems else NO_DATA for n in counts)
    return (what, item.run, item.benchmark, f"{item.problems:,}", *shares)
