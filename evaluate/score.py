"""Scores from stored samples: grade, join by question id, compare, decide. Needs no model and no network.

A sample scores 1 if it is correct; wrong, no answer, undecided and cut off score 0 and stay in n. A training seed that
one arm lacks leaves both arms of a comparison, and the run is named. Verdicts are of the plan's first strategy.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from journey.errors import PartialError, UsageError
from journey.evaluate import statistics, verdict
from journey.evaluate.results import ArmScore, Compared, Plan, RunInfo, RunScore, Scores
from journey.evaluate.statistics import Array, Comparison
from journey.evaluate.verdict import BASE, BELOW, MIXED, Declared, Verdict
from journey.grading import Grade, grade
from journey.schema import Question, Sample, decode
from journey.store import read_manifest, read_shard, sha256, shards


@dataclass(frozen=True)
class Cell:
    """One run on one benchmark with one strategy: samples and grades in the order of the questions."""

    samples: list[Sample]
    grades: list[Grade]

    @property
    def points(self) -> Array:
        """1 for correct, 0 for everything else; (question,)."""
        return np.array([float(found.outcome == "correct") for found in self.grades])


Cells = Mapping[tuple[str, str, str], Cell]  # (run, benchmark, strategy)


def place(run: str, benchmark: str, strategy: str) -> str:
    """The folder of a run's samples, inside the evaluation folder."""
    return f"samples/{run}/{benchmark}/{strategy}"


def sampled(plan: Plan) -> list[RunInfo]:
    """The runs that were sampled: the base, and every run that left an adapter."""
    return [run for run in plan.runs if run.arm == BASE or run.adapter is not None]


def rescore(folder: Path) -> Scores:
    """The scores of a finished evaluation folder, computed again from its stored samples.

    Raises UsageError if the folder is none, PartialError if samples are missing or broken.
    """
    folder = Path(folder)
    read_manifest(folder, "evaluate")
    try:
        plan = decode((folder / "plan.json").read_bytes(), Plan)
        timing = json.loads((folder / "timing.json").read_bytes())
    except (OSError, ValueError, msgspec.DecodeError) as error:
        raise UsageError(f"{folder}: {error}", "run `journey evaluate` again") from None
    return score(folder, plan, timing["seconds_per_problem"])


def score(folder: Path, plan: Plan, seconds: Mapping[str, float]) -> Scores:
    """Scores of the samples in a folder; `seconds` per problem by `place`, the only thing in them that varies."""
    cells = _grade_all(folder, plan)
    compared = _compare_all(plan, cells)
    headline = [item for item in compared if item.primary]
    qualifiers = dict.fromkeys(words for item in headline for words in item.verdict.qualifiers)
    # An arm that lost what the base could do elsewhere belongs beside the headline, with the place named.
    elsewhere = ((words, item.benchmark) for item in compared if not item.primary for words in item.verdict.qualifiers)
    qualifiers |= dict.fromkeys(f"{words} on {name}" for words, name in elsewhere if words.endswith(BELOW))
    pairs = dict.fromkeys((item.first, item.second) for item in compared if item.first != BASE)
    if any(verdict.mixed(i.verdict for i in compared if (i.first, i.second) == pair) for pair in pairs):
        qualifiers[MIXED] = None
    return Scores(
        plan_sha256=sha256(folder / "plan.json"),
        headline=tuple(map(_sentence, headline)),
        qualifiers=tuple(qualifiers),
        margin=plan.margin,
        runs=tuple(_run_score(run, key, cells[key], seconds[place(*key)]) for run, key in _rows(plan)),
        arms=tuple(_arm_scores(plan, cells, seconds)),
        compared=tuple(compared),
        failed_runs=tuple(_failed(plan)),
    )


def _rows(plan: Plan) -> list[tuple[RunInfo, tuple[str, str, str]]]:
    return [
        (run, (run.run, benchmark.name, strategy))
        for benchmark in plan.benchmarks
        for strategy in plan.strategies
        for run in sampled(plan)
    ]


def _grade_all(folder: Path, plan: Plan) -> dict[tuple[str, str, str], Cell]:
    cells = {}
    for benchmark in plan.benchmarks:
        questions = list(read_shard(folder / "questions" / f"{benchmark.name}.jsonl", Question))
        for strategy in plan.strategies:
            for run in sampled(plan):
                key = (run.run, benchmark.name, strategy)
                cells[key] = _cell(folder, place(*key), questions)
    return cells


def _cell(folder: Path, name: str, questions: list[Question]) -> Cell:
    """Join a run's samples to the questions by id. Raises PartialError if one is missing or comes twice."""
    found: dict[str, Sample] = {}
    for path in shards(folder, name):
        for sample in read_shard(path, Sample):
            if sample.question in found:
                raise PartialError(f"{folder / name}: question {sample.question} has two samples")
            found[sample.question] = sample
    missing = [question.id for question in questions if question.id not in found]
    if missing or len(found) != len(questions):
        raise PartialError(
            f"{folder / name}: {len(found)} samples of {len(questions)} questions, {len(missing)} of them missing\n"
            "  run `journey evaluate` again to repair it"
        )
    samples = [found[question.id] for question in questions]
    pairs = zip(questions, samples, strict=True)
    return Cell(samples, [grade(question.problem, sample.text, sample.finish) for question, sample in pairs])


def _run_score(run: RunInfo, key: tuple[str, str, str], cell: Cell, seconds: float) -> RunScore:
    outcomes = Counter(found.outcome for found in cell.grades)
    return RunScore(
        run=run.run,
        arm=run.arm,
        seed=run.seed,
        benchmark=key[1],
        strategy=key[2],
        n=len(cell.samples),
        correct=outcomes["correct"],
        wrong=outcomes["wrong"],
        no_answer=outcomes["no_answer"],
        undecided=outcomes["undecided"],
        truncated=sum(sample.finish == "length" for sample in cell.samples),
        mean_tokens=sum(sample.tokens for sample in cell.samples) / len(cell.samples),
        mean_seconds=seconds,
    )


def _arm_scores(plan: Plan, cells: Cells, seconds: Mapping[str, float]) -> list[ArmScore]:
    arms: dict[tuple[str, str, str], list[RunScore]] = {}
    for run, key in _rows(plan):
        scored = _run_score(run, key, cells[key], seconds[place(*key)])
        arms.setdefault((run.arm, key[1], key[2]), []).append(scored)
    return [_arm_score(arm, cells, runs) for arm, runs in arms.items()]


def _arm_score(names: tuple[str, str, str], cells: Cells, runs: list[RunScore]) -> ArmScore:
    arm, benchmark, strategy = names
    accuracy = statistics.accuracy_interval(
        np.stack([cells[run.run, benchmark, strategy].points for run in runs], axis=1)
    )
    answers = sum(run.n for run in runs)
    return ArmScore(
        arm=arm,
        benchmark=benchmark,
        strategy=strategy,
        n=accuracy.problems,
        seeds=accuracy.seeds,
        accuracy=accuracy.mean,
        low=accuracy.low,
        high=accuracy.high,
        truncation_rate=sum(run.truncated for run in runs) / answers,
        no_answer_rate=sum(run.no_answer for run in runs) / answers,
        undecided_rate=sum(run.undecided for run in runs) / answers,
        mean_tokens=sum(run.mean_tokens * run.n for run in runs) / answers,
        mean_seconds=sum(run.mean_seconds * run.n for run in runs) / answers,
    )


def _compare_all(plan: Plan, cells: Cells) -> list[Compared]:
    """Every declared comparison that has a training seed in common, with Holm's p over all that were declared."""
    results: dict[str, Comparison] = {}
    for item in plan.comparisons:
        result = _compare(plan, cells, item)
        if result is not None:
            results[item.key] = result
    adjusted = verdict.adjust(plan.comparisons, results)
    below = {
        (item.benchmark, item.second): verdict.below(results[item.key], adjusted[item.key])
        for item in plan.comparisons
        if item.first == BASE and item.key in results
    }
    return [
        _decided(plan, item, results[item.key], adjusted[item.key], below)
        for item in plan.comparisons
        if item.key in results
    ]


def _compare(plan: Plan, cells: Cells, item: Declared) -> Comparison | None:
    first, second = _points(plan, cells, item, item.first), _points(plan, cells, item, item.second)
    parts = (plan.seed, item.key)
    if item.first == BASE:
        return statistics.compare_to_base(_matrix(second, list(second)), first[None], parts=parts) if second else None
    shared = sorted(seed for seed in set(first) & set(second) if seed is not None)
    if not shared:
        return None
    return statistics.compare(_matrix(first, shared), _matrix(second, shared), parts=parts)


def _points(plan: Plan, cells: Cells, item: Declared, arm: str) -> dict[int | None, Array]:
    """The scores of an arm's runs by training seed (None for the base)."""
    strategy = plan.strategies[0]
    return {run.seed: cells[run.run, item.benchmark, strategy].points for run in sampled(plan) if run.arm == arm}


def _matrix(points: Mapping[int | None, Array], seeds: Iterable[int | None]) -> Array:
    """(question, seed)."""
    return np.stack([points[seed] for seed in seeds], axis=1)


def _decided(
    plan: Plan, item: Declared, comparison: Comparison, holm_p: float, below: Mapping[tuple[str, str], bool]
) -> Compared:
    arms = item.first, item.second
    low = tuple(below.get((item.benchmark, arm), False) for arm in arms) if item.first != BASE else (False, False)
    decision: Verdict = verdict.decide(
        comparison, holm_p, plan.margin, first=item.first, second=item.second, below_base=(low[0], low[1])
    )
    primary = item.benchmark == plan.primary and item.first != BASE
    return Compared(item.benchmark, plan.strategies[0], *arms, primary, comparison, decision)


def _sentence(item: Compared) -> str:
    """A headline, e.g. "On gsm8k, shortcut@tokens v journey: journey better (+3.1 points)."."""
    also = "".join(f"; {words}" for words in item.verdict.qualifiers)
    points = f"{100 * item.comparison.difference:+.1f} points"
    return f"On {item.benchmark}, {item.first} v {item.second}: {item.verdict.words} ({points}){also}."


def _failed(plan: Plan) -> list[str]:
    """Runs without an adapter, and the seeds that an arm lacks though others have them."""
    there = {run.run for run in sampled(plan)}
    failed = [run.run for run in plan.runs if run.run not in there]
    trained = [run for run in plan.runs if run.seed is not None]
    listed = {(run.arm, run.seed) for run in trained}
    arms, seeds = (
        dict.fromkeys(run.arm for run in trained),
        sorted({run.seed for run in trained if run.seed is not None}),
    )
    return failed + [f"{arm} seed {seed}" for arm in arms for seed in seeds if (arm, seed) not in listed]
