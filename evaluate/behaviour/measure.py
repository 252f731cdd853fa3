"""behaviour.json of an evaluation folder: every stored answer read, counted by run and by arm. Needs no model.

The samples of a finished folder never change, so a file that is there for the same plan and the same rules is kept; a judge's
replies are kept in `judge.jsonl`, so that they are asked for once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from journey import console
from journey.answers.grading import grade
from journey.errors import JourneyError
from journey.evaluate.behaviour.reading import AnswerReading, read
from journey.evaluate.behaviour.sentences import RULES_VERSION
from journey.evaluate.planning.sample_sets import draws_on
from journey.formats.behaviour import HABITS, Behaviour, BehaviourFile, Claims, Commitment, Habit, Habits, Judged, Steps
from journey.formats.files import write_atomic
from journey.formats.folders import EvaluatedFolder
from journey.formats.plan import RunInfo
from journey.schema import Problem, Sample

GREEDY = "greedy"


@dataclass
class Tally:
    """What is counted over the answers of one run or arm."""

    answers: int = 0
    tokens: int = 0
    truncated: int = 0
    loops: int = 0
    counts: Counter[Habit] = field(default_factory=Counter)
    answers_with: Counter[Habit] = field(default_factory=Counter)
    turns: Counter[tuple[bool, bool]] = field(default_factory=Counter)  # (first right, final right)
    steps: Counter[str] = field(default_factory=Counter)
    claims: Counter[tuple[str, bool]] = field(default_factory=Counter)

    def add(self, sample: Sample, problem: Problem, reading: AnswerReading) -> None:
        """Count one answer."""
        self.answers += 1
        self.tokens += sample.tokens
        self.truncated += sample.finish == "length"
        self.loops += reading.loop
        for habit, count in reading.habits.items():
            self.counts[habit] += count
            self.answers_with[habit] += count > 0
        if reading.first is not None and reading.first.right is not None:
            right = grade(problem, sample.text, sample.finish).outcome == "correct"
            self.turns[reading.first.right, right] += 1
        verdicts = Counter(step.verdict for step in reading.steps)
        self.steps.update(verdicts)
        self.steps["noticed"] += len(reading.noticed)
        self.steps["answers with false"] += verdicts["false"] > 0
        self.steps["doubts"] += len(reading.doubted)
        self.steps["false alarms"] += sum(step.verdict == "true" for step in reading.doubted)
        self.claims.update((claim.kind, claim.true) for claim in reading.claims)

    def merge(self, other: Tally) -> None:
        """Add what another tally counted."""
        for name in ("answers", "tokens", "truncated", "loops"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("counts", "answers_with", "turns", "steps", "claims"):
            getattr(self, name).update(getattr(other, name))

    def behaviour(self, run: str | None, arm: str, seed: int | None, benchmark: str, draw: str) -> Behaviour:
        """The record of what was counted."""
        return Behaviour(
            run=run,
            arm=arm,
            seed=seed,
            benchmark=benchmark,
            draw=draw,
            answers=self.answers,
            tokens=self.tokens,
            habits={habit: self._habit(habit) for habit in HABITS} if self.answers else {},
            commitment=self._commitment(),
            loops=self.loops,
            loop_rate=self.loops / max(1, self.answers),
            truncated=self.truncated,
            truncation_rate=self.truncated / max(1, self.answers),
            steps=self._steps(),
            claims=self._claims(),
        )

    def _habit(self, habit: Habit) -> Habits:
        count, having = self.counts[habit], self.answers_with[habit]
        per_1k = 1000 * count / self.tokens if self.tokens else None
        return Habits(count, having, having / self.answers, count / self.answers, per_1k)

    def _commitment(self) -> Commitment | None:
        right, wrong = (self.turns[first, True] + self.turns[first, False] for first in (True, False))
        if not right + wrong:
            return None
        corrected, harmed = self.turns[False, True], self.turns[True, False]
        return Commitment(right + wrong, right, wrong, corrected, harmed, _rate(corrected, wrong), _rate(harmed, right))

    def _steps(self) -> Steps | None:
        s = self.steps
        judged = s["true"] + s["false"] + s["consequence"]
        if not judged:
            return None
        return Steps(
            judged=judged,
            true=s["true"],
            consequences=s["consequence"],
            false=s["false"],
            false_rate=s["false"] / judged,
            noticed=s["noticed"],
            noticed_rate=_rate(s["noticed"], s["false"]),
            answers_with_false=s["answers with false"],
            doubts=s["doubts"],
            false_alarms=s["false alarms"],
        )

    def _claims(self) -> Claims | None:
        c = self.claims
        if not c.total():
            return None
        dead, hit = (c[kind, True] + c[kind, False] for kind in ("dead end", "hit"))
        true = sum(count for (_, right), count in c.items() if right)
        return Claims(c.total(), true, dead, c["dead end", True], hit, c["hit", True])


def _rate(count: int, of: int) -> float | None:
    return count / of if of else None


@dataclass(frozen=True)
class Answer:
    """One stored answer with the problem it answers."""

    run: RunInfo
    benchmark: str
    problem: Problem
    sample: Sample


def stored(evaluated: EvaluatedFolder) -> Iterable[tuple[RunInfo, str, str, list[Answer]]]:
    """(run, benchmark, draw, answers) of every run and benchmark: greedy answers, else those of the first draw."""
    plan = evaluated.plan
    for benchmark in plan.benchmarks:
        problems = {question.id: question.problem for question in evaluated.questions(benchmark.name)}
        for run in _sampled(evaluated):
            draws = draws_on(plan, benchmark.name, run)
            draw = GREEDY if GREEDY in draws else draws[0]
            samples = evaluated.samples(run.run, benchmark.name, draw)
            answers = [Answer(run, benchmark.name, problems[s.question], s) for s in samples if s.question in problems]
            yield run, benchmark.name, draw, answers


def _sampled(evaluated: EvaluatedFolder) -> list[RunInfo]:
    """The runs whose samples are stored."""
    names = {run for run, _, _ in evaluated.sampled()}
    return [run for run in evaluated.plan.runs if run.run in names]


def measure(evaluated: EvaluatedFolder) -> tuple[tuple[Behaviour, ...], tuple[Behaviour, ...]]:
    """The behaviour of every run and of every arm over its seeds, in the order of the plan."""
    runs: list[Behaviour] = []
    arms: dict[tuple[str, str, str], Tally] = {}
    total = sum(info.problems for info in evaluated.plan.benchmarks) * len(_sampled(evaluated))
    with console.progress("answers read", total) as ticker:
        for run, benchmark, draw, answers in stored(evaluated):
            tally = Tally()
            for answer in answers:
                tally.add(answer.sample, answer.problem, read(answer.sample.text, answer.problem))
            ticker.advance(len(answers), run.run)
            runs.append(tally.behaviour(run.run, run.arm, run.seed, benchmark, draw))
            arms.setdefault((run.arm, benchmark, draw), Tally()).merge(tally)
    by_arm = [tally.behaviour(None, arm, None, benchmark, draw) for (arm, benchmark, draw), tally in arms.items()]
    return tuple(runs), tuple(by_arm)


def build(evaluated: EvaluatedFolder, judge: Judged | None = None) -> Path:
    """Write behaviour.json into an evaluation folder, or keep the one that is there for this plan and these rules.

    A judge's agreement replaces the one that is there; without one it is kept.
    """
    path, before = evaluated.path / BehaviourFile.FILE, load(evaluated)
    if before is not None and (before.plan_sha256, before.rules) != (evaluated.plan_sha256, RULES_VERSION):
        before = None
    if before is not None and judge is None:
        return path
    runs, arms = (before.runs, before.arms) if before is not None else measure(evaluated)
    kept = judge or (before.judge if before is not None else None)
    write_atomic(path, BehaviourFile(evaluated.plan_sha256, RULES_VERSION, runs, arms, kept).encoded())
    return path


def load(evaluated: EvaluatedFolder) -> BehaviourFile | None:
    """The folder's behaviour.json, or None where there is none that this version reads."""
    try:
        return BehaviourFile.read(evaluated.path)
    except JourneyError:
        return None
