"""The report as Markdown: verdict, caveats and tables, for a pull request, a card or a README."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from journey.console import clean
from journey.evaluate.report.content import AccuracyTable, ComparedRow, Content
from journey.evaluate.report.words import GUIDE, NOT_KNOWN, ONLY_THESE

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
_SOURCES = ["Benchmark", "Problems", "Source", "Revision", "Licence", "Judged by", "sha256", "What it is"]


def page(content: Content) -> bytes:
    """The whole page, ending in one line break."""
    parts = ["# Verdict", *_verdict(content), "## What was compared"]
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


def _verdict(content: Content) -> Iterable[str]:
    for line in content.headlines:
        yield f"**{escaped(line.sentence)}**"
        if line.shares:
            yield escaped(f"{line.shares} {line.explanation}".rstrip())
    notes = [*content.qualifiers, *content.caveats]
    if notes:
        yield "\n".join(f"- {escaped(note)}" for note in notes)


def _accuracy(accuracy: AccuracyTable) -> Iterable[str]:
    strategy = "" if accuracy.strategy == "greedy" else f", {accuracy.strategy}"
    headline = " (headline)" if accuracy.primary else ""
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
