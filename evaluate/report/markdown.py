"""The report as Markdown: verdict, caveats and tables, for a pull request, a card or a README."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from journey.console import clean
from journey.evaluate.report import recovery
from journey.evaluate.report.behaviour import CLAIMS, HEADS, JUDGED, STEPS, TURNS, BehaviourSection
from journey.evaluate.report.content import AccuracyTable, ComparedRow, Content
from journey.evaluate.report.costs import ALL_ARMS, Costs, EqualCostTable
from journey.evaluate.report.summary.record import COST, OUTCOME_HEADS, TRUST, FirstScreen
from journey.evaluate.report.summary.record import STEPS as NEXT
from journey.evaluate.report.training import TrainingSection
from journey.evaluate.report.words import GUIDE, ONLY_THESE
from journey.numbers import NOT_KNOWN

_SPECIAL = re.compile(r"([\\`*_\[\]|~#])")
_ACCURACY = [
    "Arm",
    "Accuracy",
    "95% interval",
    "Problems",
    "Truncated",
    "No answer",
    "Undecided",
    "Mean tokens",
    "Seconds",
]
_COMPARED = ["Benchmark", "Comparison", "Verdict", "Difference", "95% interval", "p", "p after Holm", "Detectable"]
_FURTHER = ["Benchmark", "Comparison", "Permutation p", "Two-way bootstrap", "McNemar: solved by one arm alone"]
_CANDIDATES = ["Policy", "Accuracy, dev", "Cost, dev", "Affordable", "Accuracy, test", "Cost, test", "Chosen"]
_OPTIMAL = [
    "Budget, tokens",
    "Accuracy by bin",
    "Tokens",
    "Policies, bin 1 to 5, each half",
    "Accuracy, one policy",
    "Tokens",
    "Policy, each half",
]
_AGREEMENT = ["Against", "Run", "Benchmark", "Problems", "Other text", "Other answer", "Other outcome"]
_SOURCES = ["Benchmark", "Problems", "Source", "Revision", "Licence", "Judged by", "sha256", "What it is"]


def page(
    first: FirstScreen, content: Content, costs: Costs, behaviour: BehaviourSection, training: TrainingSection
) -> bytes:
    """The whole page, ending in one line break."""
    parts = ["# Verdict", *_first(first), "## The headline in full", *_verdict(content), "## What was compared"]
    parts.append("\n".join(f"- {name}: {escaped(value)}" for name, value in content.facts))
    parts.append(table(_SOURCES, content.benchmarks))
    parts.append("## Accuracy")
    for accuracy in content.tables:
        parts += _accuracy(accuracy)
    parts.append("## Comparisons")
    parts.append("Differences in points, the second arm minus the first.")
    parts.append(table(_COMPARED, map(_compared, content.compared)))
    further = [
        (r.benchmark, r.label, r.permutation, r.bootstrap, "; ".join(r.mcnemar) or NOT_KNOWN) for r in content.compared
    ]
    parts.append(f"The sign-flip permutation and McNemar's exact test each {ONLY_THESE}; neither decides the verdict.")
    parts.append(table(_FURTHER, further))
    parts += [*_costs(costs), *_behaviour(behaviour), *_recovery(content), *_training(training)]
    parts.append("## How to read this")
    parts.append("\n".join(f"- **{name}**: {escaped(meaning)}" for name, meaning in GUIDE.items()))
    return ("\n\n".join(parts) + "\n").encode()


def escaped(text: str) -> str:
    """Text that Markdown shows as it is: on one line, no markup, no HTML, no cell border, no control characters."""
    line = " ".join(clean(text).split())
    return _SPECIAL.sub(r"\\\1", line.replace("&", "&amp;")).replace("<", "&lt;").replace(">", "&gt;")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with escaped cells."""
    lines = [head, ["---"] * len(head), *([escaped(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _first(first: FirstScreen) -> Iterable[str]:
    """The first screen: the same words as in the page and the terminal."""
    yield f"**{escaped(first.sentence)}**"
    if first.warnings:
        yield _listed(first.warnings)
    if first.outcomes:
        rows = [
            (o.matching, f"{o.second} v {o.first}", f"{o.shares[1]} v {o.shares[0]}", o.points, o.words)
            for o in first.outcomes
        ]
        yield table(OUTCOME_HEADS, rows)
    for head, sentences in ((TRUST, first.trust), (COST, first.cost)):
        yield f"## {head}"
        yield _listed(sentences)
    if first.steps:
        yield f"## {NEXT}"
        for step in first.steps:
            yield escaped(step.why)
            yield "\n".join(f"    {clean(line)}" for line in step.lines)
        yield first.where
    if first.flipped is not None:
        yield "## One problem, two answers"
        yield f"{escaped(first.flipped.heading)} {escaped(first.flipped.question)} Right answer: {escaped(first.flipped.gold)}."
        for side in first.flipped.sides:
            yield f"{escaped(side.run)}: {escaped(side.facts)}"
            yield "\n".join(f"    {line}" for line in side.text.splitlines())


def _listed(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {escaped(sentence)}" for sentence in sentences)


def _verdict(content: Content) -> Iterable[str]:
    for line in content.headlines:
        yield f"**{escaped(line.sentence)}**"
        if line.shares:
            yield escaped(f"{line.shares} {line.explanation}".rstrip())
    notes = [*content.qualifiers, *content.caveats]
    if notes:
        yield "\n".join(f"- {escaped(note)}" for note in notes)


def _accuracy(accuracy: AccuracyTable) -> Iterable[str]:
    strategy = "" if accuracy.strategy == "greedy" else f", {accuracy.policy or accuracy.strategy}"
    strategy += " (oracle: looks at the right answer)" if accuracy.oracle else ""
    headline = " (headline)" if accuracy.primary and accuracy.first else ""
    yield f"### {escaped(accuracy.benchmark + strategy + headline)}"
    yield table(
        _ACCURACY,
        [
            (r.arm, r.accuracy, r.interval, r.n, r.truncated, r.no_answer, r.undecided, r.tokens, r.seconds)
            for r in accuracy.rows
        ],
    )


def _compared(row: ComparedRow) -> tuple[str, ...]:
    words = " ".join([f"{row.words}.", *row.notes]) if row.notes else row.words
    return row.benchmark, row.label, words, row.difference, row.interval, row.p, row.holm, row.detectable


def _costs(costs: Costs) -> Iterable[str]:
    """What the page shows of test-time compute, apart from its pictures."""
    if not costs:
        return
    yield "## Test-time compute"
    for item in costs.equal:
        yield from _choice(item)
    for bins in costs.bins:
        yield f"### {escaped(f'{bins.benchmark}, {bins.arm}, by difficulty ({bins.measure})')}"
        rows = [
            (policy, *(text + (" (best)" if best else "") for text, _, best in cells)) for policy, cells in bins.rows
        ]
        yield table(["Arm" if bins.arm == ALL_ARMS else "Policy", *bins.heads], rows)
    for optimal in costs.optimal:
        yield f"### {escaped(f'{optimal.benchmark}, {optimal.arm}: the compute-optimal policy over bins')}"
        yield table(_OPTIMAL, optimal.rows)
    for larger in costs.larger:
        yield f"### {escaped(larger.benchmark)}"
        yield "\n".join(f"- {name}: {escaped(value)}" for name, value in larger.facts)
        for item in larger.choices:
            yield from _choice(item)
    if costs.agreement:
        yield "### Other ways of sampling the same problems"
        yield table(_AGREEMENT, costs.agreement)
    if costs.skipped:
        yield "\n".join(f"- Left out: {escaped(text)}" for text in costs.skipped)


def _choice(item: EqualCostTable) -> Iterable[str]:
    yield f"### {escaped(f'{item.heading}, at equal {item.unit}')}"
    yield escaped(" ".join([item.sentence, *item.notes]))
    if item.rows:
        yield table(_CANDIDATES, [(*cells, "yes" if chosen else "") for cells, chosen in item.rows])


def _behaviour(behaviour: BehaviourSection) -> Iterable[str]:
    if not behaviour:
        return
    yield "## Behaviour"
    for group in behaviour.arms:
        yield f"### {escaped(group.benchmark)}"
        yield table(["Arm", "Answers", *HEADS.values(), *TURNS], group.rows)
        if group.steps:
            yield table(["Arm", *STEPS], group.steps)
        if group.claims:
            yield table(["Arm", *CLAIMS], group.claims)
    if behaviour.judge:
        yield escaped(behaviour.judge[0])
        yield table(["Habit", *JUDGED], behaviour.judge[1])


def _recovery(content: Content) -> Iterable[str]:
    if content.recovery:
        yield "## Recovery from mistakes"
        yield escaped(recovery.ABOUT)
    for part in content.recovery:
        yield f"### {escaped(part.benchmark)}"
        if part.rows:
            yield table(recovery.HEADS, part.rows)
        yield "\n".join(f"- {escaped(note)}" for note in part.notes)


def _training(training: TrainingSection) -> Iterable[str]:
    yield "## Training"
    if training.missing:
        yield "\n".join(f"- {escaped(text)}" for text in training.missing)
    if training.budget is not None:
        yield table(["Per run", *training.budget.arms], training.budget.rows)
        notes = [*training.budget.notes, *(f"Failed: {text}" for text in training.budget.failed)]
        if notes:
            yield "\n".join(f"- {escaped(text)}" for text in notes)
    if training.funnel is not None:
        funnel = training.funnel
        yield f"Curation: {funnel.came} pairs came in, {funnel.kept} were kept ({escaped(funnel.splits)})."
        if funnel.rules:
            yield table(
                ["Rule", "Came in", "Dropped", "Why"], [(r.name, r.came, r.dropped, r.reasons) for r in funnel.rules]
            )
