"""The report's section on behaviour.json, as rows of text for every form of the report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from journey import numbers
from journey.errors import JourneyError
from journey.evaluate.report.words import NO_DATA
from journey.formats.behaviour import HABITS, Behaviour, BehaviourFile, Judged
from journey.formats.folders import EvaluatedFolder
from journey.numbers import NOT_KNOWN

HEADS = {
    "backtracks": "Goes back",
    "verifies": "Verifies",
    "subgoals": "Sets subgoals",
    "works_backward": "Works backward",
}
TURNS = ("First answer right", "Then final right", "Corrected", "Harmed", "Loops", "Truncated")
STEPS = ("Steps judged", "False", "Of these taken back", "Answers with a false step", "Doubts about what was right")
CLAIMS = ("Claims on branches that are true", "Dead ends that are dead", "Hits that hit")
JUDGED = ("Cohen's kappa", "Both yes", "Rules only", "Judge only", "Neither", "Mean count, rules", "Mean count, judge")


@dataclass(frozen=True)
class HabitsTable:
    """Rows for one benchmark: an arm (or run), then a text for each column."""

    benchmark: str
    rows: tuple[tuple[str, ...], ...]
    steps: tuple[tuple[str, ...], ...]  # only those that have steps to judge
    claims: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class BehaviourSection:
    """Behaviour of arms and of runs, by benchmark; `missing` says why there is none."""

    arms: tuple[HabitsTable, ...] = ()
    runs: tuple[HabitsTable, ...] = ()
    rates: tuple[tuple[str, ...], ...] = ()  # benchmark, arm, then per answer and per 1,000 tokens of each habit
    judge: tuple[str, tuple[tuple[str, ...], ...]] | None = None
    missing: str = ""

    def __bool__(self) -> bool:
        return bool(self.arms)


def load(evaluated: EvaluatedFolder) -> BehaviourSection:
    """What the folder's behaviour.json says; nothing, with the reason, where it is missing or of something else."""
    if not (evaluated.path / BehaviourFile.FILE).is_file():
        return BehaviourSection(missing="")
    try:
        file = BehaviourFile.read(evaluated.path)
    except JourneyError as error:
        return BehaviourSection(missing=f"{BehaviourFile.FILE} is left out: {str(error).splitlines()[0]}")
    if file.plan_sha256 != evaluated.plan_sha256:
        return BehaviourSection(missing=f"{BehaviourFile.FILE} belongs to another plan, so it is left out")
    return section(file)


def section(file: BehaviourFile) -> BehaviourSection:
    """The rows of a behaviour file."""
    return BehaviourSection(
        arms=tuple(_by_benchmark(file.arms)),
        runs=tuple(_by_benchmark(file.runs)),
        rates=tuple(map(_rates, file.arms)),
        judge=None if file.judge is None else _judge(file.judge),
    )


def _by_benchmark(items: Iterable[Behaviour]) -> Iterable[HabitsTable]:
    by_name: dict[str, list[Behaviour]] = {}
    for item in items:
        by_name.setdefault(item.benchmark + ("" if item.draw == "greedy" else f", {item.draw}"), []).append(item)
    for name, members in by_name.items():
        yield HabitsTable(
            name,
            tuple(map(_row, members)),
            tuple(row for row in map(_steps, members) if row),
            tuple(row for row in map(_claims, members) if row),
        )


def _row(item: Behaviour) -> tuple[str, ...]:
    """Name, answers, a share for each habit, first and final answer, corrected, harmed, loops, truncated."""
    name = item.run or item.arm
    if not item.answers:
        return (name, NO_DATA, *[""] * (len(HABITS) + 6))
    habits = [numbers.percent(item.habits[habit].share) if habit in item.habits else NOT_KNOWN for habit in HABITS]
    c = item.commitment
    turned = [NOT_KNOWN] * 4
    if c is not None:
        final = c.first_right - c.harmed + c.corrected
        both = [_of(right / c.committed, right, c.committed) for right in (c.first_right, final)]
        turned = [*both, _of(c.correction_rate, c.corrected, c.first_wrong), _of(c.harm_rate, c.harmed, c.first_right)]
    rates = [numbers.percent(item.loop_rate), numbers.percent(item.truncation_rate)]
    return (name, f"{item.answers:,}", *habits, *turned, *rates)


def _of(rate: float | None, count: int, of: int) -> str:
    return NOT_KNOWN if rate is None else f"{numbers.percent(rate)} ({count:,} of {of:,})"


def _steps(item: Behaviour) -> tuple[str, ...]:
    """Name, steps judged, false, of these noticed, answers with a false one, doubts, of these about what was right."""
    s = item.steps
    if s is None:
        return ()
    noticed = _of(s.noticed_rate, s.noticed, s.false)
    alarms = _of(s.false_alarms / s.doubts if s.doubts else None, s.false_alarms, s.doubts)
    return (item.run or item.arm, f"{s.judged:,}", _of(s.false_rate, s.false, s.judged), noticed, f"{s.answers_with_false:,}", alarms)  # fmt: skip


def _claims(item: Behaviour) -> tuple[str, ...]:
    """Name, claims judged and true, dead ends true, hits true."""
    c = item.claims
    if c is None:
        return ()
    pairs = ((c.true, c.judged), (c.dead_ends_true, c.dead_ends), (c.hits_true, c.hits))
    return (item.run or item.arm, *(_of(true / of if of else None, true, of) for true, of in pairs))


def _rates(item: Behaviour) -> tuple[str, ...]:
    """Benchmark, arm, and for each habit how often per answer and per 1,000 tokens."""
    cells = []
    for habit in HABITS:
        rate = item.habits.get(habit)
        if rate is None or not item.answers:
            cells.append(NOT_KNOWN)
        else:
            per_1k = NOT_KNOWN if rate.per_1k_tokens is None else f"{rate.per_1k_tokens:.2f}"
            cells.append(f"{rate.per_answer:.2f} / {per_1k}")
    return (item.benchmark, item.arm, *cells)


def _judge(judged: Judged) -> tuple[str, tuple[tuple[str, ...], ...]]:
    """A sentence on what was asked, and for each habit how rules and judge agree."""
    read = judged.asked - judged.unparsable - judged.failed
    sentence = (
        f"{judged.model} was asked about {numbers.plural(judged.asked, 'answer')} (prompt {judged.prompt_sha256[:12]}); "
        f"{read:,} replies could be read, {judged.unparsable:,} could not, {judged.failed:,} did not come."
    )
    rows = []
    for habit, cell in judged.agreement.items():
        kappa = NOT_KNOWN if cell.kappa is None else f"{cell.kappa:.2f}"
        counts = (cell.both, cell.rules_only, cell.judge_only, cell.neither)
        means = [f"{means[habit]:.2f}" if habit in means else NOT_KNOWN for means in (judged.counts_rules, judged.counts_judge)]  # fmt: skip
        rows.append((HEADS.get(habit, habit), kappa, *(f"{count:,}" for count in counts), *means))
    return sentence, tuple(rows)
