"""Scores from stored samples: grade, join by question id, compare, decide. Needs no model and no network.

A sample scores 1 if it is correct; wrong, no answer, undecided and cut off score 0 and stay in n. A training seed that
one arm lacks leaves both arms of a comparison, and the run is named. Verdicts are of the plan's first strategy, of the
further ones that are no oracles, and of the comparisons at equal cost; Holm covers the primary ones and the others apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from journey import numbers
from journey.errors import UsageError
from journey.evaluate.planning.comparisons import strategy
from journey.evaluate.planning.earlier_looks import in_words, looked
from journey.evaluate.planning.sample_sets import sampled_runs
from journey.evaluate.recovery import tables as recovery
from journey.evaluate.scoring import conduct, curves, difficulty, larger_scores
from journey.evaluate.scoring.decisions import decide_all, leave_out_each
from journey.evaluate.scoring.graded import GradedSamples, matrix, read_book
from journey.evaluate.statistics import paired, verdict
from journey.evaluate.statistics.verdict import (
    BASE,
    BELOW,
    EQUAL_FLOPS,
    EQUAL_TOKENS,
    MIXED,
)
from journey.formats.files import sha256
from journey.formats.folders import EvaluatedFolder, StoredFiles
from journey.formats.marks import Timing
from journey.formats.plan import EvaluationPlan, RunInfo
from journey.formats.scores import ArmScore, Compared, RunScore, Scores

__all__ = ["book_of", "rescore", "score_book"]


def rescore(evaluated: EvaluatedFolder) -> Scores:
    """The scores of a finished evaluation, computed again from its stored samples.

    Raises UsageError where the folder's timing is gone, PartialError if samples are missing or broken.
    """
    return score_book(evaluated, book_of(evaluated))


def book_of(evaluated: EvaluatedFolder) -> GradedSamples:
    """The stored samples of a finished evaluation, graded. Raises what `rescore` raises."""
    timing = evaluated.timing
    seconds = timing.seconds_per_sample or timing.seconds_per_problem
    if seconds is None:
        raise UsageError(f"{evaluated.path} has no {Timing.FILE}", "run `journey evaluate` again")
    return read_book(evaluated, evaluated.plan, seconds)


def score_book(stored: StoredFiles, book: GradedSamples) -> Scores:
    """Scores of samples that have been read."""
    plan = book.plan
    recovered = recovery.read_all(stored, plan)
    compared, below, budgets = decide_all(book, recovered)
    arms = tuple(_arm_scores(book))
    headline = [item for item in compared if item.primary]
    return Scores(
        plan_sha256=sha256(stored.file(EvaluationPlan.FILE)),
        headline=tuple(_sentence(item, below) for item in headline),
        qualifiers=tuple(dict.fromkeys(_qualifiers(plan, compared, below, arms))),
        margin=plan.margin,
        runs=tuple(_run_score(book, *row) for row in _rows(book)),
        arms=arms,
        compared=tuple(compared),
        failed_runs=tuple(_failed(plan)),
        curves=tuple(curves.all_curves(book)),
        equal_tokens=tuple(one.record for one in budgets.values() if one.record.unit == "tokens"),
        difficulty=(*difficulty.all_difficulties(book), *difficulty.by_base(book)),
        compute_optimal=tuple(difficulty.all_optimal(book)),
        larger=tuple(larger_scores.larger(book, budgets)),
        agreement=tuple(larger_scores.agreement(stored)),
        recovery=tuple(recovery.tables(stored, plan, recovered)),
        looked_before=in_words(plan.earlier),
        survival=tuple(leave_out_each(book, recovered, compared)),
    )


def _qualifiers(
    plan: EvaluationPlan, compared: list[Compared], below: Mapping[tuple[str, str], bool], arms: Sequence[ArmScore]
) -> Iterator[str]:
    """What stands beside the headline: of its comparisons, of arms that lost what the base could, of the answers."""
    headline = [item for item in compared if item.primary]
    spoken = {arm for item in headline for arm in (item.first, item.second)}
    for item in headline:
        yield from item.verdict.qualifiers
    for info in sorted(plan.benchmarks, key=lambda info: info.name != plan.primary):
        primary = info.name == plan.primary
        low = [arm for (name, arm), is_low in below.items() if name == info.name and is_low]
        low = [arm for arm in low if not (primary and arm in spoken)]
        if low:
            yield f"{verdict.listed(low)} {BELOW}" + ("" if primary else f" on {info.name}")
    same = [item for item in compared if item.strategy == plan.strategies[0]]
    pairs = dict.fromkeys((item.first, item.second) for item in same if item.first != BASE)
    if any(verdict.mixed(i.verdict for i in same if (i.first, i.second) == pair) for pair in pairs):
        yield MIXED
    first = [arm for arm in arms if arm.strategy == plan.strategies[0]]
    for arm in sorted(first, key=lambda arm: arm.benchmark != plan.primary):
        yield from (f"{arm.arm} {phrase} on {arm.benchmark}" for phrase in conduct.in_words(arm))
    if plan.earlier:
        yield looked(plan)


def _rows(book: GradedSamples) -> list[tuple[RunInfo, str, str]]:
    """(run, benchmark, strategy) of everything that was asked."""
    plan = book.plan
    return [
        (run, benchmark.name, name)
        for benchmark in plan.benchmarks
        for name in plan.strategies_on(benchmark.name)
        for run in sampled_runs(plan)
        if book.has(run.run, benchmark.name, plan.draw_of(name))
    ]


def _run_score(book: GradedSamples, run: RunInfo, benchmark: str, name: str) -> RunScore:
    """Outcomes of all samples that a policy reads; of rounds, continuations and caps those of the last."""
    cell = book.cells[run.run, benchmark, book.plan.draw_of(name)]
    applied, one = book.applied(run.run, benchmark, name), strategy(name)
    columns = range(cell.matrix.samples)
    if one.axis != "samples":
        columns = range(cell.matrix.samples - 1, cell.matrix.samples)
    outcomes = Counter(grades[n].outcome for grades in cell.grades for n in columns)
    return RunScore(
        run=run.run,
        arm=run.arm,
        seed=run.seed,
        benchmark=benchmark,
        strategy=name,
        n=len(cell.questions),
        correct=outcomes["correct"],
        wrong=outcomes["wrong"],
        no_answer=outcomes["no_answer"],
        undecided=outcomes["undecided"],
        truncated=sum(samples[n].finish == "length" for samples in cell.samples for n in columns),
        mean_tokens=float(applied.tokens.mean()),
        mean_seconds=float(applied.seconds.mean()),
        samples=len(cell.questions) * len(columns),
        accuracy=float(applied.scores.mean()),
        mean_flops=applied.cost("flops"),
        conduct=conduct.count(answers[n] for answers in cell.conduct for n in columns),
    )


def _arm_scores(book: GradedSamples) -> list[ArmScore]:
    arms: dict[tuple[str, str, str], list[RunScore]] = {}
    for run, benchmark, name in _rows(book):
        arms.setdefault((run.arm, benchmark, name), []).append(_run_score(book, run, benchmark, name))
    return [_arm_score(book, arm, runs) for arm, runs in arms.items()]


def _arm_score(book: GradedSamples, names: tuple[str, str, str], runs: list[RunScore]) -> ArmScore:
    arm, benchmark, name = names
    scores = matrix([book.applied(run.run, benchmark, name).scores for run in runs])
    accuracy = paired.accuracy_interval(scores)
    answers = sum(run.samples for run in runs)
    flops = [run.mean_flops for run in runs if run.mean_flops is not None]
    return ArmScore(
        arm=arm,
        benchmark=benchmark,
        strategy=name,
        n=accuracy.problems,
        seeds=accuracy.seeds,
        accuracy=accuracy.mean,
        low=accuracy.low,
        high=accuracy.high,
        truncation_rate=sum(run.truncated for run in runs) / answers,
        no_answer_rate=sum(run.no_answer for run in runs) / answers,
        undecided_rate=sum(run.undecided for run in runs) / answers,
        mean_tokens=float(np.mean([run.mean_tokens for run in runs])),
        mean_seconds=float(np.mean([run.mean_seconds for run in runs])),
        mean_flops=float(np.mean(flops)) if len(flops) == len(runs) else None,
        oracle=strategy(name).oracle,
        conduct=conduct.added([run.conduct for run in runs if run.conduct is not None]),
    )


def _sentence(item: Compared, below: Mapping[tuple[str, str], bool]) -> str:
    """A headline, e.g. "On gsm8k, shortcut@tokens v journey: journey better (+3.1 points)."."""
    said = list(item.verdict.qualifiers)
    for name in dict.fromkeys(name for name, _ in below if name != item.benchmark):
        low = [arm for arm in (item.first, item.second) if below.get((name, arm))]
        if low:
            said.append(f"{'both' if len(low) == 2 else low[0]} {BELOW} on {name}")
    also = "".join(f"; {words}" for words in said)
    points = f"{numbers.points(item.comparison.difference)} points"
    where, first = f"On {item.benchmark}", item.first
    if item.strategy in (EQUAL_TOKENS, EQUAL_FLOPS):
        where += f" at {item.strategy}"
        first += f" ({item.policy})"
    return f"{where}, {first} v {item.second}: {item.verdict.words} ({points}){also}."


def _failed(plan: EvaluationPlan) -> list[str]:
    """Runs without weights, and the seeds that an arm lacks though others have them."""
    sampled = {run.run for run in sampled_runs(plan)}
    failed = [run.run for run in plan.runs if run.run not in sampled]
    trained = [run for run in plan.runs if run.seed is not None]
    listed = {(run.arm, run.seed) for run in trained}
    arms, seeds = (
        dict.fromkeys(run.arm for run in trained),
        sorted({run.seed for run in trained if run.seed is not None}),
    )
    return failed + [f"{arm} seed {seed}" for arm in arms for seed in seeds if (arm, seed) not in listed]
