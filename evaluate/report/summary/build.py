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
from journey.evaluate.statistics.verdict import (
    ADVISED_SEEDS,
    BASE,
    BELOW,
    EQUAL_TOKENS,
    MIXED,
    PROVISIONAL,
    below,
    listed,
)
from journey.formats.behaviour import INJECTOR, RecoveryCell
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
# By what the rule for "below the untuned base" says of an arm; None where it was not compared with the base (A/A).
LOWER: dict[bool | None, str] = {
    True: "Forgotten",
    False: "Lower than the base, which may be luck",
    None: "Lower than the base",
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
        warnings=tuple(_warnings(plan, scores, report)),
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
        arm, is_below, where = qualifier.partition(f" {BELOW}")
        if is_below:
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
        size = f" by {_ends([abs(value) for value in differences])} points"
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
    else:
        for pair in dict.fromkeys((row.first, row.second) for row in primary):
            yield from _matched(audit, *pair)
    yield from _recovered(scores, primary)


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


def _recovered(scores: Scores, primary: Sequence[ComparedRow]) -> Iterator[str]:
    """What the compared arms do after an injected mistake: whether they check, or have learned words of doubt alone."""
    arms = dict.fromkeys(arm for row in primary for arm in (row.second, row.first))
    for table in scores.recovery:
        cells = {cell.reader: cell for cell in table.cells if cell.writer == INJECTOR}
        said = [f"{arm} {_after_false_step(cells[arm])}" for arm in arms if arm in cells]
        if said:
            head = (
                f"After a false step that was put in, on {table.benchmark} (right; right had it been true; doubts it)"
            )
            yield f"{head}: {', '.join(said)}."


def _after_false_step(cell: RecoveryCell) -> str:
    return "; ".join(map(numbers.percent, (cell.right_after_wrong, cell.right_after_clean, cell.notices)))


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
    first = _first_strategy(plan, scores)
    yield from _tokens([arm for arm in first if arm.benchmark == plan.primary])
    yield from _forgotten(plan, scores, first)
    yield from _cut_off(plan, first)
    yield from _habits(plan, first)


def _first_strategy(plan: EvaluationPlan, scores: Scores) -> list[ArmScore]:
    return [arm for arm in scores.arms if arm.strategy in plan.strategies[:1] and arm.n]


def _tokens(arms: Sequence[ArmScore]) -> Iterator[str]:
    trained = sorted((arm for arm in arms if arm.arm != BASE), key=lambda arm: -arm.mean_tokens)
    if trained:
        each = ", ".join(f"{arm.arm} {arm.mean_tokens:,.0f}" for arm in trained)
        yield f"Tokens an answer: {each}."


def _forgotten(plan: EvaluationPlan, scores: Scores, arms: Sequence[ArmScore]) -> Iterator[str]:
    """Where arms lie below the base by more than the margin, with both accuracies: by the rule, or perhaps by luck."""
    untuned = {arm.benchmark: arm for arm in arms if arm.arm == BASE}
    if not untuned:
        yield "Forgetting is not known: the untuned base was not asked."
        return
    silent = [name for name, one in untuned.items() if any(h.kind == conduct.RUNS_ON for h in conduct.habits(one))]
    judged = {
        (item.benchmark, item.second): below(item.comparison, scores.margin)
        for item in scores.compared
        if item.first == BASE and item.strategy in plan.strategies[:1]
    }
    lost: dict[tuple[str, str], list[ArmScore]] = {}
    for arm in arms:
        base = untuned.get(arm.benchmark)
        if base is not None and arm.arm != BASE and arm.accuracy < base.accuracy - scores.margin:
            word = LOWER[judged.get((arm.benchmark, arm.arm))]
            lost.setdefault((word, arm.benchmark), []).append(arm)
    for (word, name), members in sorted(lost.items(), key=lambda one: list(LOWER.values()).index(one[0][0])):
        now = ", ".join(f"{arm.arm} {numbers.percent(arm.accuracy)}" for arm in members)
        yield f"{word}: {name}, where the base has {numbers.percent(untuned[name].accuracy)}: {now}."
    if silent:
        yield f"Forgetting is not known on {listed(silent)}, where the base runs on into new problems."
    known = numbers.plural(len(untuned) - len(silent), "benchmark")
    if not lost and len(silent) < len(untuned):
        yield f"Nothing forgotten: on {known} no arm lies below the base by more than the margin."


def _cut_off(plan: EvaluationPlan, arms: Sequence[ArmScore]) -> Iterator[str]:
    """The arms whose answers reach the cap, each where it does so the most, and why; the base where it does so often."""
    worst: dict[str, ArmScore] = {}
    for arm in arms:
        least = conduct.OFTEN if arm.arm == BASE else SELDOM
        if arm.truncation_rate > max(least, worst[arm.arm].truncation_rate if arm.arm in worst else 0):
            worst[arm.arm] = arm
    said = []
    for arm in worst.values():
        seen = arm.conduct
        why = (
            f" ({conduct.cut_by_cause(seen)})" if seen is not None and seen.cut_in_a_loop + seen.cut_by_the_cap else ""
        )
        said.append(f"{arm.arm} {numbers.percent(arm.truncation_rate)} on {arm.benchmark}{why}")
    if said:
        yield f"Cut off at {plan.max_new_tokens:,} tokens: {'; '.join(said)}."
    elif arms:
        yield f"Hardly any answer ({numbers.percent(SELDOM)} or less) is cut off at {plan.max_new_tokens:,} tokens."


def _habits(plan: EvaluationPlan, arms: Sequence[ArmScore]) -> Iterator[str]:
    """What else many answers do, of each arm and kind where it is the most: loops that end, and what is no answer to judge.

    The latter is a warning on the headline's benchmark.
    """
    worst: dict[tuple[str, str], tuple[float, str]] = {}
    for arm in arms:
        for habit in conduct.habits(arm):
            apart = habit.kind in conduct.NO_ANSWER_TO_JUDGE and arm.benchmark != plan.primary
            if habit.kind == conduct.LOOPS and arm.conduct is not None:
                apart = arm.conduct.loops - arm.conduct.cut_in_a_loop > conduct.OFTEN * arm.conduct.answers
            if apart and habit.share > worst.get((arm.arm, habit.kind), (0.0, ""))[0]:
                worst[arm.arm, habit.kind] = habit.share, f"{arm.arm} {habit.phrase} on {arm.benchmark}."
    yield from (sentence for _, sentence in worst.values())


def _warnings(plan: EvaluationPlan, scores: Scores, report: Content) -> Iterator[str]:
    """The qualifiers that change what is to be believed.

    Arms below the base are in the sentence, loops and cut-offs under costs; answers that cannot be judged stay here for
    the headline's benchmark, since an accuracy then says little.
    """
    habits = {
        f"{arm.arm} {habit.phrase} on {arm.benchmark}": (arm.benchmark, habit.kind)
        for arm in scores.arms
        for habit in conduct.habits(arm)
    }
    for qualifier, said in zip(scores.qualifiers, report.qualifiers, strict=True):
        benchmark, kind = habits.get(qualifier, (plan.primary, ""))
        unusable = not kind or (benchmark == plan.primary and kind in conduct.NO_ANSWER_TO_JUDGE)
        if qualifier == MIXED:
            yield _mixed(plan, report.compared) or said
        elif BELOW not in qualifier and unusable:
            yield said


def _mixed(plan: EvaluationPlan, rows: Sequence[ComparedRow]) -> str:
    """Where the same two arms came out the other way round than on the headline's benchmark, and by how much."""
    pairs: dict[tuple[str, str], dict[str, ComparedRow]] = {}
    for row in rows:
        if not row.at and row.first != BASE and row.tone in ("first", "second"):
            pairs.setdefault((row.first, row.second), {})[row.benchmark] = row
    turned: dict[tuple[str, str], list[float]] = {}
    for won in pairs.values():
        if len({row.tone for row in won.values()}) == 2:
            headline = won[plan.primary].tone if plan.primary in won else ""
            for row in won.values():
                if row.tone != headline and row.points is not None:
                    said = row.words.removesuffix(PROVISIONAL)
                    turned.setdefault((row.benchmark, said), []).append(abs(row.points[0]))
    clauses = [f"on {name}, {said} by {_ends(sizes)} points" for (name, said), sizes in turned.items()]
    return f"Mixed: {'; '.join(clauses)}." if clauses else ""


def _ends(values: Sequence[float]) -> str:
    return numbers.spread(f"{min(values):.1f}", f"{max(values):.1f}")


def _flipped(folders: FoldersBehind, scores: Scores) -> FlippedProblem | None:
    """A problem of the headline comparison whose arms are matched the closest."""
    plan = folders.evaluated.plan
    greedy = [item for item in scores.compared if item.primary and item.strategy in plan.strategies[:1]]
    if not greedy:
        return None
    return flipped(folders.evaluated, max(greedy, key=_closeness))


def _closeness(item: Compared) -> int:
    return list(MATCHINGS).index(_budget(item.first)) if _budget(item.first) in MATCHINGS else -1
