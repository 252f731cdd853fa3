"""The content of every form of the report: scores turned into words and rows once, for HTML, Markdown and the terminal.

All values are text that is ready to print (and not yet escaped). What could not be measured is "n = 0" or "n/a", never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from journey import numbers
from journey.evaluate.planning.comparisons import is_primary
from journey.evaluate.planning.earlier_looks import in_words
from journey.evaluate.report import recovery, words
from journey.evaluate.report.recovery import RecoverySection
from journey.evaluate.report.words import NO_DATA
from journey.evaluate.statistics.verdict import BASE, EQUAL, NO_DIFFERENCE
from journey.formats.comparison import Declared
from journey.formats.plan import EarlierLook, EvaluationPlan, LargerInfo
from journey.formats.scores import ArmScore, Compared, RunScore, Scores, Survival
from journey.numbers import NOT_KNOWN

CUT_OFTEN = 0.05  # a larger share of truncated answers gets a caveat of its own


@dataclass(frozen=True)
class AccuracyRow:
    """One arm on one benchmark; `share` is (accuracy, low, high) in [0, 1], None where n = 0."""

    arm: str
    share: tuple[float, float, float] | None
    accuracy: str
    interval: str
    n: str
    truncated: str
    no_answer: str
    undecided: str
    tokens: str
    seconds: str

    @property
    def with_undecided(self) -> str:
        """The accuracy to stand alone, with the share of undecided answers where there are any."""
        some = self.undecided not in ("", numbers.percent(0))
        return f"{self.accuracy} ({self.undecided} undecided)" if some else self.accuracy


@dataclass(frozen=True)
class AccuracyTable:
    """The arms on one benchmark with one strategy; `policy` is the strategy with its numbers."""

    benchmark: str
    strategy: str
    primary: bool
    rows: tuple[AccuracyRow, ...]
    policy: str = ""
    first: bool = True  # of the plan's strategies, the one that the headline rests on
    oracle: bool = False


@dataclass(frozen=True)
class ComparedRow:
    """One declared comparison; `points` is (difference, low, high), low and high None without an interval.

    The defaults are those of a comparison that has no result: it stays in the family and counts as p = 1.
    """

    benchmark: str
    first: str
    second: str
    primary: bool
    strategy: str = ""
    points: tuple[float, float | None, float | None] | None = None
    difference: str = NO_DATA
    interval: str = ""
    p: str = NOT_KNOWN
    holm: str = "1.000"
    detectable: str = NOT_KNOWN
    words: str = "no result"
    tone: str = "open"  # "first", "second" (the better arm), "none" (equal within the margin) or "open" (cannot tell)
    notes: tuple[str, ...] = ()  # the qualifiers in plain words
    explanation: str = "Nothing was scored."
    permutation: str = NOT_KNOWN
    bootstrap: str = NOT_KNOWN
    mcnemar: tuple[str, ...] = ()  # one a training seed
    at: str = ""  # the strategy where it is not the plan's first
    shares: tuple[str, str] = (NO_DATA, NO_DATA)  # accuracy of the first and of the second

    @property
    def against_base(self) -> bool:
        """Whether this compares an arm with the untuned base."""
        return BASE in (self.first, self.second)

    @property
    def label(self) -> str:
        """What is subtracted from what, and with which strategy if not the plan's first."""
        return f"{self.second} minus {self.first}" + (f", {self.at}" if self.at else "")


@dataclass(frozen=True)
class Group:
    """The comparisons on one benchmark."""

    benchmark: str
    rows: tuple[ComparedRow, ...]


@dataclass(frozen=True)
class Headline:
    """One sentence of the verdict, the accuracies that it is about, and the explanation where it says more."""

    sentence: str
    tone: str
    shares: str = ""
    explanation: str = ""


@dataclass(frozen=True)
class Content:
    """The whole report apart from the browsable answers."""

    headlines: tuple[Headline, ...]
    qualifiers: tuple[str, ...]
    caveats: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    benchmarks: tuple[tuple[str, ...], ...]  # name, problems, source, revision, licence, judged by, sha256, what it is
    tables: tuple[AccuracyTable, ...]
    compared: tuple[ComparedRow, ...]
    runs: tuple[tuple[str, ...], ...]
    margin: float
    primary: str
    base: str
    recovery: tuple[RecoverySection, ...] = ()

    @property
    def between_arms(self) -> tuple[Group, ...]:
        """Comparisons of two trained arms, by benchmark."""
        return grouped(row for row in self.compared if not row.against_base)

    @property
    def with_base(self) -> tuple[Group, ...]:
        """Comparisons of an arm with the untuned base, by benchmark."""
        return grouped(row for row in self.compared if row.against_base)


def content(
    plan: EvaluationPlan, scores: Scores, *, plan_sha256: str | None = None, beside: Sequence[EarlierLook] = ()
) -> Content:
    """Everything the report says. `plan_sha256` is the hash of the plan file found; a caveat says if it has changed.

    `beside` are earlier evaluations that the plan does not name and that lay about.
    """
    compared = tuple(_compared_rows(plan, scores))
    tables = tuple(_accuracy_tables(plan, scores))
    return Content(
        headlines=_headlines(scores, compared, tables),
        qualifiers=tuple(words.plain_words(qualifier) for qualifier in scores.qualifiers),
        caveats=tuple(_caveats(plan, scores, plan_sha256, beside)),
        facts=_facts(plan, scores),
        benchmarks=tuple(_benchmark_row(plan)),
        tables=tables,
        compared=compared,
        runs=tuple(_run_row(run) for run in scores.runs),
        margin=scores.margin,
        primary=plan.primary,
        base=plan.base,
        recovery=recovery.sections(plan, scores),
    )


def grouped(rows: Iterable[ComparedRow]) -> tuple[Group, ...]:
    """Comparisons by benchmark, both in the order in which they come."""
    by_benchmark: dict[str, list[ComparedRow]] = {}
    for row in rows:
        by_benchmark.setdefault(row.benchmark, []).append(row)
    return tuple(Group(benchmark, tuple(members)) for benchmark, members in by_benchmark.items())


def _headlines(
    scores: Scores, compared: Iterable[ComparedRow], tables: Iterable[AccuracyTable]
) -> tuple[Headline, ...]:
    """The sentences of the verdict, each with the numbers of its comparison where one belongs to each."""
    primary = [row for row in compared if row.primary and row.points is not None]
    if not scores.headline:
        return (Headline(f"Nothing could be compared ({NO_DATA}).", "open"),)
    if len(primary) != len(scores.headline):
        return tuple(Headline(sentence, "none") for sentence in scores.headline)
    accuracies = {
        (table.benchmark, row.arm): row.with_undecided for table in tables if table.first for row in table.rows
    }
    lines = []
    for sentence, row in zip(scores.headline, primary, strict=True):
        names = {row.second: row.second, row.first: row.first, BASE: "the untuned base"}
        own = {} if not row.at else dict(zip((row.first, row.second), row.shares, strict=True))
        known = {arm: own.get(arm) or accuracies.get((row.benchmark, arm), NO_DATA) for arm in names}
        shares = [f"{name} {known[arm]}" for arm, name in names.items()]
        explanation = "" if row.explanation in sentence else row.explanation
        lines.append(Headline(sentence, row.tone, f"Right answers: {', '.join(shares)}.", explanation))
    return tuple(lines)


def _caveats(
    plan: EvaluationPlan, scores: Scores, plan_sha256: str | None, beside: Sequence[EarlierLook]
) -> Iterable[str]:
    if plan.aa:
        yield "An A/A comparison: the arms differ in their training seeds alone, so any difference shown is a false one."
    if scores.looked_before:
        yield scores.looked_before
    if beside:
        yield in_words(beside)
    if plan_sha256 is not None and plan_sha256 != scores.plan_sha256:
        yield "The plan beside these scores is not the one that they were made with: its hash has changed."
    if scores.failed_runs:
        yield f"Runs that failed: {', '.join(scores.failed_runs)}. Their seeds are left out of every arm they meet."
    yield from _rows_caveats(plan)
    for arm in scores.arms:
        known = arm.conduct is not None  # then a qualifier says it, with the cause
        if arm.strategy in plan.strategies[:1] and arm.n and arm.truncation_rate > CUT_OFTEN and not known:
            yield (
                f"{arm.arm} reached the cap of {plan.max_new_tokens:,} new tokens in {numbers.percent(arm.truncation_rate)} "
                f"of its answers on {arm.benchmark}; such answers seldom score."
            )
    done = {_key(plan, item) for item in scores.compared}
    lost = [item.key for item in plan.comparisons if _key(plan, item) not in done]
    if lost:
        yield f"Declared but without a result, counted as p = 1 ({NO_DATA}): {'; '.join(lost)}."


def _rows_caveats(plan: EvaluationPlan) -> Iterable[str]:
    """What was wrong with the rows of the benchmarks: rows left out, golds that cannot be judged by."""
    for name, rows in plan.rows.items():
        if rows.unusable:
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in rows.unusable.items())
            left_out = numbers.plural(sum(rows.unusable.values()), "row")
            yield f"{name}: {left_out} of its file could not be used and were not asked ({reasons})."
        golds = rows.golds
        if golds.unread:
            allowed = " --allow-golds let the set through." if rows.golds_allowed else ""
            yield (
                f"{name}: {numbers.plural(golds.unread, 'gold answer')} of {golds.checked:,} cannot be judged by, e.g. "
                f"{golds.issues[0].gold!r}, which {golds.issues[0].why}; right answers to them count as undecided.{allowed}"
            )


def _facts(plan: EvaluationPlan, scores: Scores) -> tuple[tuple[str, str], ...]:
    arms = dict.fromkeys(run.arm for run in plan.runs)
    seeds = sorted({run.seed for run in plan.runs if run.seed is not None})
    unpinned = [benchmark.name for benchmark in plan.benchmarks if benchmark.revision is None]
    return (
        ("Base model", plan.base),
        ("Arms", ", ".join(arms)),
        ("Training seeds", ", ".join(map(str, seeds)) or NOT_KNOWN),
        ("Benchmarks", ", ".join(f"{b.name} ({b.problems:,})" for b in plan.benchmarks) or NO_DATA),
        ("Headline benchmark", plan.primary),
        *([] if plan.larger is None else [("Larger model", _larger(plan.larger))]),
        ("Benchmarks of no pinned revision", ", ".join(unpinned) or "none"),
        ("Margin", f"{100 * scores.margin:g} points, set before scoring"),
        ("Strategies", ", ".join(map(plan.policy, plan.strategies))),
        ("Cap", f"at most {plan.max_new_tokens:,} new tokens an answer, for every arm"),
        ("Sampler", f"{plan.backend}; {plan.batch} prompts together, {plan.dtype}, the same for every run"),
        *(
            [("Sampler, tried", "; ".join(f"{name}: {words}" for name, words in plan.sampler.items()))]
            if plan.sampler
            else []
        ),
        ("Prompt view", plan.view),
        ("Seed of the evaluation", str(plan.seed)),
        ("Plan (sha256)", scores.plan_sha256),
    )


def _larger(larger: LargerInfo) -> str:
    size = "" if larger.parameters is None else f", {larger.parameters:.3g} parameters"
    return f"{larger.model}{size}, revision {larger.revision or 'unpinned'}, untuned"


def _benchmark_row(plan: EvaluationPlan) -> Iterable[tuple[str, ...]]:
    for b in plan.benchmarks:
        licence, revision = b.licence or "not stated", b.revision or "unpinned"
        yield b.name, f"{b.problems:,}", b.source, revision, licence, b.check, b.sha256[:16], b.summary


def _accuracy_tables(plan: EvaluationPlan, scores: Scores) -> Iterable[AccuracyTable]:
    accuracies = {(arm.benchmark, arm.strategy, arm.arm): arm for arm in scores.arms}
    arms = dict.fromkeys([run.arm for run in plan.runs] + [arm.arm for arm in scores.arms])
    for benchmark in plan.benchmarks:
        for strategy in plan.strategies:
            first = strategy == plan.strategies[0]
            known = {name: accuracies.get((benchmark.name, strategy, name)) for name in arms}
            # The base is not drawn where no comparison needs it, which is no lack of data.
            shown = [name for name in arms if first or name != BASE or known[name] is not None]
            rows = tuple(_accuracy_row(name, known[name]) for name in shown)
            if first or any(row.share for row in rows):
                oracle = any(info.name == strategy and info.oracle for info in plan.policies)
                primary = benchmark.name == plan.primary
                yield AccuracyTable(benchmark.name, strategy, primary, rows, plan.policy(strategy), first, oracle)


def _accuracy_row(name: str, arm: ArmScore | None) -> AccuracyRow:
    if arm is None or arm.n == 0:
        return AccuracyRow(name, None, NO_DATA, "", NO_DATA, "", "", "", "", "")
    return AccuracyRow(
        arm=name,
        share=(arm.accuracy, arm.low, arm.high),
        accuracy=words.accuracy(arm),
        interval=numbers.interval(arm.low, arm.high, signed=False),
        n=f"{arm.n:,}" if arm.arm == BASE else f"{arm.n:,} x {numbers.plural(arm.seeds, 'seed')}",
        truncated=numbers.percent(arm.truncation_rate),
        no_answer=numbers.percent(arm.no_answer_rate),
        undecided=numbers.percent(arm.undecided_rate),
        tokens=f"{arm.mean_tokens:,.0f}",
        seconds=numbers.seconds(arm.mean_seconds),
    )


def _run_row(run: RunScore) -> tuple[str, ...]:
    start = (run.run, run.benchmark, run.strategy)
    if run.n == 0:
        return (*start, "", NO_DATA, *[""] * 7)
    counts = (run.n, run.correct, run.wrong, run.no_answer, run.undecided, run.truncated)
    accuracy = run.accuracy if run.samples else run.correct / run.n
    return (
        *start,
        numbers.percent(accuracy),
        *(f"{count:,}" for count in counts),
        f"{run.mean_tokens:,.0f}",
        numbers.seconds(run.mean_seconds),
    )


def _key(plan: EvaluationPlan, item: Declared | Compared) -> tuple[str, str, str, str]:
    """What a comparison declared and the same one made have in common; the strategy is empty for the plan's first."""
    strategy = item.at if isinstance(item, Declared) else item.strategy
    return item.benchmark, item.first, item.second, "" if strategy in plan.strategies[:1] else strategy


def _compared_rows(plan: EvaluationPlan, scores: Scores) -> Iterable[ComparedRow]:
    """The comparisons in the order declared; one without a result says so."""
    by_key: dict[tuple[str, str, str, str], list[Compared]] = {_key(plan, item): [] for item in plan.comparisons}
    for item in scores.compared:
        by_key.setdefault(_key(plan, item), []).append(item)
    survival = {_of(one): f" Leaving out one seed at a time: {one.in_words}." for one in scores.survival}
    for (benchmark, first, second, strategy), items in by_key.items():
        yield from (_compared_row(item, strategy, survival.get(_of(item), "")) for item in items)
        if not items:
            primary = is_primary(plan, Declared(benchmark, first, second, strategy))
            yield ComparedRow(benchmark, first, second, primary, at=strategy)


def _of(item: Compared | Survival) -> tuple[str, str, str, str]:
    return item.benchmark, item.strategy, item.first, item.second


def _compared_row(item: Compared, strategy: str, survival: str) -> ComparedRow:
    c, verdict = item.comparison, item.verdict
    tones = {
        item.first: "first",
        item.second: "second",
        None: "none" if verdict.words.startswith((EQUAL, NO_DIFFERENCE)) else "open",
    }
    visible = c.detectable if verdict.detectable is None else verdict.detectable
    return ComparedRow(
        benchmark=item.benchmark,
        first=item.first,
        second=item.second,
        primary=item.primary,
        strategy=item.strategy,
        points=(100 * c.difference, _hundred(c.low), _hundred(c.high)),
        difference=numbers.points(c.difference),
        interval=numbers.interval(c.low, c.high),
        p=numbers.p_value(c.p),
        holm=numbers.p_value(verdict.holm_p),
        detectable=numbers.points(visible, signed=False),
        words=verdict.words,
        tone=tones.get(verdict.winner, "open"),
        notes=tuple(words.plain_words(qualifier) for qualifier in verdict.qualifiers),
        explanation=verdict.explanation + survival,
        permutation=numbers.p_value(c.p_permutation),
        bootstrap=numbers.interval(*(c.bootstrap or (None, None))),
        mcnemar=tuple(
            f"seed {m.seed}: only {item.second} {m.only_second:,}, only {item.first} {m.only_first:,}, p {numbers.p_equals(m.p)}"
            for m in c.mcnemar
        ),
        at=f"{strategy} ({item.policy})" if strategy and item.policy else strategy,
        shares=(numbers.percent(c.first_accuracy), numbers.percent(c.second_accuracy)),
    )


def _hundred(share: float | None) -> float | None:
    return None if share is None else 100 * share
