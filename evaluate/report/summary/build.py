"""The first screen from an evaluation folder: its sentence, its headline comparisons, and what they rest on and cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from journey import numbers
from journey.evaluate.report.content import ComparedRow, Content
from journey.evaluate.report.summary.commands import FoldersBehind, next_steps
from journey.evaluate.report.summary.flipped import flipped
from journey.evaluate.report.summary.record import FirstScreen, FlippedProblem, HeadlineRow
from journey.evaluate.report.words import NO_DATA
from journey.evaluate.scoring import conduct
from journey.evaluate.statistics.sizes import MIN_PROBLEMS
from journey.evaluate.statistics.verdict import ADVISED_SEEDS, BASE, BELOW, EQUAL_TOKENS, PROVISIONAL
from journey.formats.finetune import AuditFile, RunCounts
from journey.formats.plan import EvaluationPlan
from journey.formats.scores import ArmScore, Compared, Scores

MATCHINGS = {
    "examples": "equal examples",
    "tokens": "equal training tokens",
    "steps": "equal optimiser steps",
    "flops": "equal training FLOPs",
}
SELDOM = 0.01  # a smaller share of loops and cut-offs is not named
# What the audit counts, and what it is called; those that a budget makes equal first.
COUNTED = {
    "supervised_tokens": "supervised tokens",
    "problems": "problems",
    "rows": "rows",
    "steps": "optimiser steps",
    "lr": "learning rate",
}
CLOSE = 0.005  # tokens cannot be matched more closely than to half a row


def first_screen(report: Content, folders: FoldersBehind, audit: AuditFile | None) -> FirstScreen:
    """The record. Raises PartialError where stored answers cannot be read."""
    plan, scores = folders.evaluated.plan, folders.evaluated.scores
    primary = [row for row in report.compared if row.primary]
    outcomes = tuple(map(_outcome, primary))
    steps = next_steps(plan, scores, folders)
    return FirstScreen(
        sentence=_sentence(plan, primary, outcomes) + _below(plan, scores) + _provisional(primary),
        tone=_tone(primary),
        outcomes=outcomes,
        warnings=tuple(_warnings(plan, scores, report.qualifiers)),
        trust=tuple(_trust(plan, scores, primary, audit)),
        cost=tuple(_cost(plan, scores)),
        steps=steps,
        where=folders.where if steps else "",
        flipped=_flipped(folders, scores),
    )


def _outcome(row: ComparedRow) -> HeadlineRow:
    _, _, policy = row.at.partition(" (")
    first = f"{row.first} with {policy.rstrip(')')}" if policy else row.first
    said = row.words.removesuffix(PROVISIONAL)  # the sentence says it once
    return HeadlineRow(_matching(row), first, row.second, row.shares, row.difference, row.interval, said, row.tone)


def _matching(row: ComparedRow) -> str:
    """How the two arms were matched, at test time and in training."""
    words = [EQUAL_TOKENS] if row.at.startswith(EQUAL_TOKENS) else []
    words += [MATCHINGS[budget] for arm in (row.first, row.second) if (budget := _budget(arm)) in MATCHINGS][:1]
    return ", ".join(words) or "as trained"


def _budget(arm: str) -> str:
    return arm.partition(" ")[0].partition("@")[2]


def _sentence(plan: EvaluationPlan, primary: Sequence[ComparedRow], outcomes: Sequence[HeadlineRow]) -> str:
    """Who won, by how much, under which matching; once for all comparisons that came out alike."""
    groups: dict[str, list[tuple[ComparedRow, HeadlineRow]]] = {}
    for row, one in zip(primary, outcomes, strict=True):
        if row.points is not None:
            groups.setdefault(one.words, []).append((row, one))
    if not groups:
        return f"Nothing could be compared ({NO_DATA})."
    clauses = [_clause(said, members, alone=len(groups) == 1) for said, members in groups.items()]
    start = "An A/A comparison, the same arm on both sides. " if plan.aa else ""
    return f"{start}On {plan.primary}, {'; '.join(clauses)}."


def _provisional(primary: Sequence[ComparedRow]) -> str:
    return " Provisional: 2 seeds." if any(row.words.endswith(PROVISIONAL) for row in primary) else ""


def _below(plan: EvaluationPlan, scores: Scores) -> str:
    """The arms that lie below the untuned base, by benchmark; empty without any."""
    lost: dict[str, list[str]] = {}
    for qualifier in scores.qualifiers:
        arm, below, where = qualifier.partition(f" {BELOW}")
        if below:
            lost.setdefault(where.removeprefix(" on ") or plan.primary, []).append(arm)
    trained = {run.arm for run in plan.runs if run.arm != BASE}
    clauses = []
    for name, arms in lost.items():
        every = len(trained) > 1 and {one for arm in arms for one in arm.replace(" and ", ", ").split(", ")} == trained
        clauses.append(f"{'every arm' if every else ' and '.join(dict.fromkeys(arms))} on {name}")
    return f" But below the untuned base: {', '.join(clauses)}." if clauses else ""


def _clause(said: str, members: Sequence[tuple[ComparedRow, HeadlineRow]], *, alone: bool) -> str:
    """One verdict with the comparisons that got it, and their differences: "journey better at equal examples by 4.1 points"."""
    row = members[0][0]
    differences = sorted(each.points[0] for each, _ in members if each.points is not None)
    if row.tone in ("first", "second"):
        ends = sorted(abs(value) for value in differences)
        size = f" by {numbers.spread(f'{ends[0]:.1f}', f'{ends[-1]:.1f}')} points"
    else:
        size = f" ({numbers.spread(f'{differences[0]:+.1f}', f'{differences[-1]:+.1f}')} points)"
    if alone and len(members) > 1:
        every = "both" if len(members) == 2 else f"all {len(members)}"
        return f"{said}{size} under {every} matchings"
    matchings = dict.fromkeys(one.matching.partition(", ")[0] for _, one in members)
    return f"{said} at {' and '.join(matchings)}{size}"


def _tone(primary: Sequence[ComparedRow]) -> str:
    """The tone that all comparisons share, or that of an open question."""
    tones = {row.tone for row in primary if row.points is not None}
    return tones.pop() if len(tones) == 1 else "open"


def _trust(
    plan: EvaluationPlan, scores: Scores, primary: Sequence[ComparedRow], audit: AuditFile | None
) -> Iterator[str]:
    compared = [item.comparison for item in scores.compared if item.primary]
    if compared:
        seeds, problems = min(one.seeds for one in compared), min(one.problems for one in compared)
        few = f" ({ADVISED_SEEDS} or more are advised)" if seeds < ADVISED_SEEDS else ""
        small = f" (at least {MIN_PROBLEMS} are needed)" if problems < MIN_PROBLEMS else ""
        yield f"{numbers.plural(seeds, 'training seed')}{few}, {numbers.plural(problems, 'problem')}{small}."
        yield from _spread(plan, scores, primary)
    yield f"{numbers.plural(len(plan.comparisons), 'comparison')} and a margin of {100 * scores.margin:g} points, fixed before scoring."
    if audit is None:
        yield "What was equal in training is not known: the training folder is not there."
        return
    for pair in dict.fromkeys((row.first, row.second) for row in primary):
        yield from _matched(audit, *pair)


def _spread(plan: EvaluationPlan, scores: Scores, primary: Sequence[ComparedRow]) -> Iterator[str]:
    """By how much the runs of one arm differ, where they differ the most."""
    arms = {arm for row in primary for arm in (row.first, row.second)}
    by_arm: dict[str, list[float]] = {}
    for run in scores.runs:
        if run.arm in arms and (run.benchmark, run.strategy) == (plan.primary, plan.strategies[0]) and run.n:
            by_arm.setdefault(run.arm, []).append(run.accuracy if run.samples else run.correct / run.n)
    spreads = {arm: max(each) - min(each) for arm, each in by_arm.items() if len(each) > 1}
    if spreads:
        arm = max(spreads, key=lambda name: spreads[name])
        ends = numbers.spread(numbers.percent(min(by_arm[arm])), numbers.percent(max(by_arm[arm])))
        yield f"Seeds of one arm differ by up to {numbers.points(spreads[arm], signed=False)} points ({arm}: {ends})."


def _matched(audit: AuditFile, first: str, second: str) -> Iterator[str]:
    """What two arms had in common in training, and in what they differed, by the counts of their first seed."""
    counted = [next((run for run in audit.runs if run.label == arm), None) for arm in (first, second)]
    one, two = counted
    if one is None or two is None:
        return
    same = [what for name, what in COUNTED.items() if _alike(*_values(one, two, name))]
    apart = [(what, *_values(one, two, name)) for name, what in COUNTED.items() if not _alike(*_values(one, two, name))]
    differs = ", ".join(f"{what} ({numbers.number(a)} v {numbers.number(b)})" for what, a, b in apart[:2])
    yield f"{first} v {second}: equal {', '.join(same) or 'in nothing counted'}" + (
        f"; not {differs}." if apart else "."
    )


def _values(one: RunCounts, two: RunCounts, name: str) -> tuple[float, float]:
    return getattr(one, name), getattr(two, name)


def _alike(one: float, two: float) -> bool:
    return abs(one - two) <= CLOSE * max(abs(one), abs(two))


def _cost(plan: EvaluationPlan, scores: Scores) -> Iterator[str]:
    first = [arm for arm in scores.arms if arm.strategy in plan.strategies[:1] and arm.n]
    yield from _tokens([arm for arm in first if arm.benchmark == plan.primary])
    yield from _forgotten(scores, first)
    yield from _cut_off(plan, first)


def _tokens(arms: Sequence[ArmScore]) -> Iterator[str]:
    trained = sorted((arm for arm in arms if arm.arm != BASE), key=lambda arm: -arm.mean_tokens)
    if trained:
        listed = ", ".join(f"{arm.arm} {arm.mean_tokens:,.0f}" for arm in trained)
        yield f"Tokens an answer: {listed}."


def _forgotten(scores: Scores, arms: Sequence[ArmScore]) -> Iterator[str]:
    """Where arms lie below the base by more than the margin, with both accuracies."""
    base = {arm.benchmark: arm.accuracy for arm in arms if arm.arm == BASE}
    if not base:
        yield "Forgetting is not known: the untuned base was not asked."
        return
    lost: dict[str, list[ArmScore]] = {}
    for arm in arms:
        if arm.arm != BASE and arm.accuracy < base.get(arm.benchmark, 0.0) - scores.margin:
            lost.setdefault(arm.benchmark, []).append(arm)
    for name, members in lost.items():
        now = ", ".join(f"{arm.arm} {numbers.percent(arm.accuracy)}" for arm in members)
        yield f"Forgotten: {name}, where the base has {numbers.percent(base[name])}: {now}."
    if not lost:
        yield f"Nothing forgotten: on {numbers.plural(len(base), 'benchmark')} no arm lies below the base by more than the margin."


def _cut_off(plan: EvaluationPlan, arms: Sequence[ArmScore]) -> Iterator[str]:
    """The arms whose answers reach the cap, each where it does so the most, and how many of these loop."""
    worst: dict[str, ArmScore] = {}
    for arm in arms:
        if arm.arm != BASE and arm.truncation_rate > max(
            SELDOM, worst[arm.arm].truncation_rate if arm.arm in worst else 0
        ):
            worst[arm.arm] = arm
    said = []
    for arm in worst.values():
        seen = arm.conduct
        why = (
            ""
            if seen is None or not seen.answers
            else f" ({numbers.percent(seen.cut_in_a_loop / seen.answers)} in a loop)"
        )
        said.append(f"{arm.arm} {numbers.percent(arm.truncation_rate)} on {arm.benchmark}{why}")
    if said:
        yield f"Cut off at {plan.max_new_tokens:,} tokens: {'; '.join(said)}."
    elif arms:
        yield f"Hardly any answer ({numbers.percent(SELDOM)} or less) is cut off at {plan.max_new_tokens:,} tokens."


def _warnings(plan: EvaluationPlan, scores: Scores, plain: Sequence[str]) -> Iterator[str]:
    """The qualifiers that change what is to be believed.

    Arms below the base are in the sentence, loops and cut-offs under costs; answers that do not follow the format stay
    here for the headline's benchmark, since an accuracy then says little.
    """
    habits = {f"{arm.arm} {phrase} on {arm.benchmark}" for arm in scores.arms for phrase in conduct.in_words(arm)}
    for qualifier, said in zip(scores.qualifiers, plain, strict=True):
        form = qualifier.endswith(f" on {plan.primary}") and any(word in qualifier for word in conduct.OUT_OF_FORMAT)
        if BELOW not in qualifier and (qualifier not in habits or form):
            yield said


def _flipped(folders: FoldersBehind, scores: Scores) -> FlippedProblem | None:
    """A problem of the headline comparison whose arms are matched the closest."""
    plan = folders.evaluated.plan
    greedy = [item for item in scores.compared if item.primary and item.strategy in plan.strategies[:1]]
    if not greedy:
        return None
    return flipped(folders.evaluated, max(greedy, key=_closeness))


def _closeness(item: Compared) -> int:
    return list(MATCHINGS).index(_budget(item.first)) if _budget(item.first) in MATCHINGS else -1
