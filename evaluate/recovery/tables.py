"""The recovery probe's results: a writer-by-reader table, and two comparisons of every pair of arms.

The comparisons read the prefixes that neither arm wrote (the injector's and the base's), paired by prefix and averaged within
a problem: P(right | wrong), and P(right | wrong) - P(right | twin). What arms do on prefixes of their own is in the table
alone, because those were selected by their own errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np

from journey.evaluate.planning.sample_sets import sampled_runs
from journey.evaluate.recovery import prefixes
from journey.evaluate.recovery.asking import writers
from journey.evaluate.recovery.rules import Continuation, judge, recall
from journey.evaluate.statistics import paired
from journey.evaluate.statistics.paired import Array
from journey.evaluate.statistics.verdict import AFTER_MISTAKE, AGAINST_TWIN, BASE
from journey.formats.behaviour import (
    INJECTOR,
    RecoveryCell,
    RecoveryPrefix,
    RecoveryTable,
    RecoveryText,
    prefixes_file,
    texts_key,
)
from journey.formats.comparison import Comparison, Declared
from journey.formats.files import read_lines
from journey.formats.folders import StoredFiles
from journey.formats.plan import EvaluationPlan, RunInfo
from journey.sampling.shards import samples_folder
from journey.schema import Question, Sample

FOREIGN = (INJECTOR, BASE)  # writers that are no arm
RECALLED = 100  # problems on whose own journeys the rule's recall is measured

Judged = dict[tuple[str, str], tuple[Continuation, Continuation]]  # by (question, writer): after wrong, after clean


@dataclass(frozen=True)
class Recovered:
    """A benchmark's prefixes and what every run made of them."""

    benchmark: str
    made: list[RecoveryPrefix]
    by_run: dict[str, Judged]


def read_all(stored: StoredFiles, plan: EvaluationPlan) -> list[Recovered]:
    """What is stored of the probe, judged; empty where a plan has none."""
    found = []
    for name in plan.probed:
        questions = {q.id: q for q in read_lines(stored.file(f"questions/{name}.jsonl"), Question)}
        made = list(read_lines(stored.file(prefixes_file(name)), RecoveryPrefix))
        by_run = {}
        for run in sampled_runs(plan) if made else ():
            by_run[run.run] = _judged(stored, texts_key(name, run.run), made, questions)
        found.append(Recovered(name, made, by_run))
    return found


def _judged(stored: StoredFiles, key: str, made: list[RecoveryPrefix], questions: Mapping[str, Question]) -> Judged:
    texts = {(t.question, t.writer, t.after): t for t in read_lines(stored.file(f"{key}.jsonl"), RecoveryText)}
    judged: Judged = {}
    for prefix in made:
        problem = questions[prefix.question].problem
        wrong, clean = (
            judge(prefix, texts[prefix.question, prefix.writer, after], problem) for after in ("wrong", "clean")
        )
        judged[prefix.question, prefix.writer] = wrong, clean
    return judged


def tables(stored: StoredFiles, plan: EvaluationPlan, found: list[Recovered]) -> Iterator[RecoveryTable]:
    """Writer by reader for every benchmark with the probe."""
    for one in found:
        questions = list(read_lines(stored.file(f"questions/{one.benchmark}.jsonl"), Question))
        seen = [flag for q in questions[:RECALLED] for flag in recall(q, plan.view, plan.seed)]  # type: ignore[arg-type]
        arms: dict[str, list[RunInfo]] = {}
        for run in sampled_runs(plan):
            arms.setdefault(run.arm, []).append(run)
        cells = tuple(
            _cell(one, writer, reader, runs)
            for writer in dict.fromkeys(prefix.writer for prefix in one.made)
            for reader, runs in arms.items()
        )
        share = sum(seen) / len(seen) if seen else None
        yield RecoveryTable(one.benchmark, cells, _left_out(stored, plan, one.benchmark, questions), share, len(seen))


def _left_out(
    stored: StoredFiles, plan: EvaluationPlan, name: str, questions: list[Question]
) -> dict[str, dict[str, int]]:
    counts = {INJECTOR: dict(prefixes.injected(questions, plan.view, plan.seed)[1])}  # type: ignore[arg-type]
    for run in writers(sampled_runs(plan)):
        files = stored.shards(samples_folder(run.run, name, "greedy"))
        samples = [sample for path in files for sample in read_lines(path, Sample)]
        counts[run.arm] = dict(prefixes.written(questions, samples, run.arm, run.run)[1])
    return counts


def _cell(one: Recovered, writer: str, reader: str, runs: list[RunInfo]) -> RecoveryCell:
    pairs = [
        judged for run in runs for (_, by), judged in one.by_run[run.run].items() if by == writer
    ]  # (prefixes x runs)
    wrong, clean = [pair[0] for pair in pairs], [pair[1] for pair in pairs]

    def share(flags: list[bool]) -> float:
        return float(np.mean(flags))

    return RecoveryCell(
        writer=writer,
        reader=reader,
        prefixes=len(pairs) // len(runs),
        runs=len(runs),
        own=writer == reader,
        right_after_wrong=share([c.right for c in wrong]),
        right_after_clean=share([c.right for c in clean]),
        notices=share([c.doubted for c in wrong]),
        corrects=share([c.true_later for c in wrong]),
        repeats=share([c.same_again for c in wrong]),
        false_alarm=share([c.doubted or c.changed for c in clean]),
        right_noticed=share([c.right and c.doubted for c in wrong]),
        right_silent=share([c.right and not c.doubted for c in wrong]),
    )


def compare(plan: EvaluationPlan, one: Recovered, item: Declared, **options: object) -> Comparison | None:
    """A declared comparison of two arms on the prefixes that neither wrote; None without such prefixes or shared seeds."""
    runs = {
        arm: {run.seed: run.run for run in sampled_runs(plan) if run.arm == arm} for arm in (item.first, item.second)
    }
    shared = sorted(seed for seed in set(runs[item.first]) & set(runs[item.second]) if seed is not None)
    asked = list(dict.fromkeys(prefix.question for prefix in one.made if prefix.writer in FOREIGN))
    if not shared or not asked:
        return None
    first, second = (
        np.stack([_scores(one, asked, runs[arm][seed], item.at) for seed in shared], axis=1)
        for arm in (item.first, item.second)
    )
    compared = paired.compare(first, second, **options)  # type: ignore[arg-type]
    return compared if item.at == AFTER_MISTAKE else _doubled(compared)


def _scores(one: Recovered, asked: list[str], run: str, at: str) -> Array:
    """(problem,) in [0, 1]: right after the mistake; against the twin it is half of the difference plus a half."""
    by_problem: dict[str, list[float]] = {question: [] for question in asked}
    for (question, writer), (wrong, clean) in one.by_run[run].items():
        if writer in FOREIGN:
            score = float(wrong.right) - float(clean.right) if at == AGAINST_TWIN else float(wrong.right)
            by_problem[question].append(score)
    means = np.array([np.mean(by_problem[question]) for question in asked])
    return (means + 1) / 2 if at == AGAINST_TWIN else means


def _doubled(half: Comparison) -> Comparison:
    """The comparison in the unit of P(right | wrong) - P(right | twin), of which the scores were half."""
    twice = {
        name: None if getattr(half, name) is None else 2 * getattr(half, name)
        for name in ("difference", "se", "low", "high", "low90", "high90", "detectable")
    }
    squares = half.mean_squares
    if squares is not None:
        arms = tuple(msgspec.structs.replace(arm, seeds=4 * arm.seeds, noise=4 * arm.noise) for arm in squares.arms)
        four = {
            name: None if getattr(squares, name) is None else 4 * getattr(squares, name)
            for name in ("problems", "seeds", "noise")
        }
        squares = msgspec.structs.replace(squares, arms=arms, **four)
    accuracies = {name: 2 * getattr(half, name) - 1 for name in ("first_accuracy", "second_accuracy")}
    bootstrap = None if half.bootstrap is None else (2 * half.bootstrap[0], 2 * half.bootstrap[1])
    return msgspec.structs.replace(half, **twice, **accuracies, mean_squares=squares, bootstrap=bootstrap)
