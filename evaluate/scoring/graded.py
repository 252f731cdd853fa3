"""Stored samples, graded and joined to their questions by id, and what every policy makes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import msgspec
import numpy as np

from journey import console
from journey.answers import voting
from journey.answers.grading import CHECKER_FAILED, EMPTY, WITHHELD, Grade, grade
from journey.errors import PartialError
from journey.evaluate.behaviour.own_verdict import calls_itself_wrong
from journey.evaluate.planning.comparisons import settings_of, strategy
from journey.evaluate.planning.sample_sets import all_benchmarks, draws_on, sampled_runs
from journey.evaluate.scoring.conduct import AnswerConduct, conduct_of
from journey.evaluate.statistics.verdict import LARGER
from journey.evaluate.test_time.outcomes import NO_CLASS, Array, PolicyResult, SampleMatrix
from journey.formats.comparison import Declared
from journey.formats.files import read_lines
from journey.formats.folders import StoredFiles
from journey.formats.plan import BenchmarkInfo, EvaluationPlan, RunInfo
from journey.sampling.requests import StrategySettings
from journey.sampling.shards import samples_folder
from journey.schema import Question, Reward, Sample

FLIPS, FLIPS_EACH = 2000, 100  # sign flips: at least, and for each member of the family

Seconds = Mapping[str, float | Sequence[float]]  # by `place`: per problem, or of every sample in the order of the files


@dataclass(frozen=True)
class RunSamples:
    """One run on one benchmark with one draw: samples and grades by question (in their order) and number."""

    questions: list[Question]
    samples: list[list[Sample]]
    grades: list[list[Grade]]
    seconds: Array  # (question, number)
    rewards: Array | None = None

    @cached_property
    def matrix(self) -> SampleMatrix:
        """The samples as arrays (question, number), which policies work on."""
        flat = [sample for of_one in self.samples for sample in of_one]
        shape = (len(self.samples), len(self.samples[0]))
        flops = None if any(sample.flops is None for sample in flat) else [sample.flops for sample in flat]
        logprobs = None if any(sample.logprob is None for sample in flat) else [sample.logprob for sample in flat]
        return SampleMatrix(
            points=np.array([[float(g.outcome == "correct") for g in of_one] for of_one in self.grades]),
            classes=self._classes(),
            tokens=np.array([float(sample.tokens) for sample in flat]).reshape(shape),
            seconds=self.seconds,
            flops=None if flops is None else np.array(flops, dtype=np.float64).reshape(shape),
            logprobs=None if logprobs is None else np.array(logprobs, dtype=np.float64).reshape(shape),
            rewards=self.rewards,
        )

    @cached_property
    def matrix_of_own_words(self) -> SampleMatrix:
        """The same with what every text says of its own answer, which takes a reading of all of them."""
        pairs = zip(self.questions, self.samples, strict=True)
        flags = [[calls_itself_wrong(s.text, question.problem) for s in of_one] for question, of_one in pairs]
        return replace(self.matrix, called_wrong=np.array(flags))

    @cached_property
    def conduct(self) -> list[list[AnswerConduct]]:
        """What each answer does besides being right or wrong, by question and number."""
        rows = zip(self.questions, self.samples, self.grades, strict=True)
        return [
            [conduct_of(question, *one) for one in zip(of_q, grades, strict=True)] for question, of_q, grades in rows
        ]

    def _classes(self) -> np.ndarray:
        rows = []
        for question, grades in zip(self.questions, self.grades, strict=True):
            answers = [None if g.outcome == "no_answer" else g.answer for g in grades]
            if len(answers) == 1:
                rows.append([NO_CLASS if answers[0] is None else 0])
                continue
            rows.append([NO_CLASS if c is None else c for c in voting.classes(question.problem, answers)])
        return np.array(rows, dtype=np.int64)


@dataclass
class GradedSamples:
    """Everything that is stored, by (run, benchmark, draw); policies are applied once and kept."""

    plan: EvaluationPlan
    cells: dict[tuple[str, str, str], RunSamples]
    strategy_settings: StrategySettings = field(init=False)
    _applied: dict[tuple[str, str, str, int], PolicyResult] = field(default_factory=dict)
    resamples: int | None = None  # of the bootstrap, which decides nothing; None for the usual number

    def __post_init__(self) -> None:
        self.strategy_settings = settings_of(self.plan)

    def without(self, seed: int) -> GradedSamples:
        """The same samples had this training seed never been there; what policies gave is shared."""
        plan = msgspec.structs.replace(self.plan, runs=tuple(run for run in self.plan.runs if run.seed != seed))
        return GradedSamples(plan, self.cells, self._applied, resamples=0)

    def options(self, item: Declared) -> dict[str, Any]:
        """What a comparison is made with: see `comparison_options`."""
        bootstrap = {} if self.resamples is None else {"resamples": self.resamples}
        return {**comparison_options(self.plan, item), **bootstrap}

    def has(self, run: str, benchmark: str, draw: str) -> bool:
        """Whether a run has samples of a draw on a benchmark."""
        return (run, benchmark, draw) in self.cells

    def arms_with(self, benchmark: str, name: str) -> list[str]:
        """The arms that have what a strategy reads, the base first: it is not drawn where no comparison needs it."""
        draw = self.plan.draw_of(name)
        return [arm for arm in self.arms() if all(self.has(run.run, benchmark, draw) for run in self.runs_of(arm))]

    def matrix(self, run: str, benchmark: str, name: str) -> SampleMatrix:
        """The samples of a run on a benchmark that a strategy reads: those of its draw."""
        draw = self.plan.draw_of(name) if name in self.plan.strategies else strategy(name).draw
        cell = self.cells[run, benchmark, draw]
        return cell.matrix_of_own_words if strategy(name).own_words else cell.matrix

    def applied(self, run: str, benchmark: str, name: str, k: int | None = None) -> PolicyResult:
        """What a strategy gives at one setting; without one as the plan has it."""
        one = strategy(name)
        k = one.places(self.strategy_settings)[-1] if k is None else k
        key = (run, benchmark, name, k)
        if key not in self._applied:
            self._applied[key] = one.apply(self.matrix(run, benchmark, name), k, self.strategy_settings)
        return self._applied[key]

    def runs_of(self, arm: str) -> list[RunInfo]:
        """The runs of an arm that were sampled."""
        return [run for run in sampled_runs(self.plan) if run.arm == arm]

    def runs(self) -> list[RunInfo]:
        """All runs that were sampled."""
        return sampled_runs(self.plan)

    def arms(self) -> list[str]:
        """All arms that were sampled, the base first."""
        return list(dict.fromkeys(run.arm for run in sampled_runs(self.plan)))

    def questions(self, benchmark: str) -> list[Question]:
        """The questions of a benchmark, in the order of the rows of its matrices."""
        return next(cell.questions for (_, name, _), cell in self.cells.items() if name == benchmark)


def read_book(stored: StoredFiles, plan: EvaluationPlan, seconds: Seconds) -> GradedSamples:
    """Read and grade all samples of a folder. Raises PartialError if one is missing or comes twice."""
    cells: dict[tuple[str, str, str], RunSamples] = {}
    for info in all_benchmarks(plan):
        questions = list(read_lines(stored.file(f"questions/{info.name}.jsonl"), Question))
        for run in sampled_runs(plan):
            for draw in draws_on(plan, info.name, run):
                where = samples_folder(run.run, info.name, draw)
                cells[run.run, info.name, draw] = _cell(stored, where, questions, seconds)
        if plan.larger is not None and info in plan.benchmarks:
            where = samples_folder(LARGER, info.name, "greedy")
            cells[LARGER, info.name, "greedy"] = _cell(stored, where, questions, seconds)
    _say_unusual(cells.values())
    return GradedSamples(plan, cells)


def _say_unusual(cells: Iterable[RunSamples]) -> None:
    """How many answers the checker itself failed on, were empty or withheld, where there are any."""
    grades = (grade for cell in cells for of_one in cell.grades for grade in of_one)
    unusual = Counter(
        (g.outcome, g.why) for g in grades if g.why in (WITHHELD, EMPTY) or g.why.startswith(CHECKER_FAILED)
    )
    for (outcome, why), count in sorted(unusual.items()):
        console.note(f"{count} answer{'' if count == 1 else 's'} {outcome.replace('_', ' ')}: {why}")


def _cell(stored: StoredFiles, name: str, questions: list[Question], seconds: Seconds) -> RunSamples:
    """Join samples to the questions by id and number."""
    by_question: dict[str, dict[int, tuple[Sample, float]]] = {}
    spent = seconds[name]
    drawn = [sample for path in stored.shards(name) for sample in read_lines(path, Sample)]
    each = [float(spent)] * len(drawn) if isinstance(spent, int | float) else list(spent)
    for sample, one in zip(drawn, each, strict=False):
        of_one = by_question.setdefault(sample.question, {})
        if sample.index in of_one:
            raise PartialError(f"{name}: question {sample.question} has two samples{_number(sample.index)}")
        of_one[sample.index] = (sample, one)
    _check_whole(name, by_question, questions, len(drawn), len(each))
    ordered = [[by_question[q.id][n] for n in sorted(by_question[q.id])] for q in questions]
    samples = [[sample for sample, _ in of_one] for of_one in ordered]
    pairs = zip(questions, samples, strict=True)
    grades = [[grade(question.problem, s.text, s.finish) for s in of_one] for question, of_one in pairs]
    took = np.array([[one for _, one in of_one] for of_one in ordered], dtype=np.float64)
    return RunSamples(questions, samples, grades, took, _rewards(stored, name, samples))


def _number(index: int) -> str:
    return f" of number {index}" if index else ""


def _check_whole(
    where: str, by_question: Mapping[str, Mapping[int, object]], questions: Iterable[Question], drawn: int, timed: int
) -> None:
    """Raises PartialError unless every question has its samples, as many as the others."""
    ids = [question.id for question in questions]
    missing = [name for name in ids if name not in by_question]
    counts = {len(of_one) for of_one in by_question.values()}
    if missing or len(by_question) != len(ids) or len(counts) != 1 or drawn != timed:
        raise PartialError(
            f"{where}: {drawn} samples of {len(ids)} questions, {len(missing)} of them missing\n"
            "  run `journey evaluate` again to repair it"
        )


def _rewards(stored: StoredFiles, name: str, samples: Sequence[Sequence[Sample]]) -> Array | None:
    """Rewards by question and number, where the samples have them."""
    kind = f"rewards/{name.removeprefix('samples/').removesuffix('/samples')}"
    paths = stored.shards(kind) if name.endswith("/samples") else []
    if not paths:
        return None
    reward_of = {(r.question, r.index): r.reward for path in paths for r in read_lines(path, Reward)}
    try:
        return np.array([[reward_of[s.question, s.index] for s in of_one] for of_one in samples], dtype=np.float64)
    except KeyError as error:
        raise PartialError(f"{kind} lacks the reward of {error}") from None


def matrix(columns: Sequence[Array]) -> Array:
    """Arrays (question,), one a seed, side by side: (question, seed)."""
    return np.stack(list(columns), axis=1)


def comparison_options(plan: EvaluationPlan, item: Declared) -> dict[str, Any]:
    """The streams of a comparison, and as many sign flips as the plan needs for Holm's p to become small."""
    return {"parts": (plan.seed, item.key), "flips": max(FLIPS, FLIPS_EACH * len(plan.comparisons))}


def info_of(plan: EvaluationPlan, benchmark: str) -> BenchmarkInfo:
    """What the plan says of a benchmark, by its name. Raises StopIteration for one that it does not have."""
    return next(info for info in plan.benchmarks if info.name == benchmark)
