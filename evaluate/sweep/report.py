"""The report of a sweep as a page, as Markdown and for a terminal: picture, accuracies, comparisons with the first value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from journey import numbers
from journey.evaluate.report import html, markdown
from journey.evaluate.report.charts.chart import swatch
from journey.evaluate.statistics.verdict import BASE
from journey.evaluate.sweep import chart
from journey.formats.files import write_atomic
from journey.formats.recipes.sweep import SweepCompared, SweepResults, as_text, axis_names
from journey.formats.scores import ArmScore

SCORE_HEADS = ("Arm", "Accuracy", "95% interval", "Problems", "Seeds", "Mean tokens", "Cut off")
PAIR_HEADS = (
    "Second minus first",
    "Verdict",
    "Difference",
    "95% interval",
    "p after Holm",
    "Leaving out one seed at a time",
)


@dataclass(frozen=True)
class SweepSection:
    """One benchmark: its pictures, and rows of text for both tables."""

    benchmark: str
    primary: bool
    pictures: tuple[Markup, ...]
    scores: tuple[tuple[str, ...], ...]  # the values of the axes, then as in SCORE_HEADS
    pairs: tuple[tuple[str, ...], ...]  # as in PAIR_HEADS


def write(record: SweepResults, out: Path) -> list[Path]:
    """Write report.html and report.md into the folder of the sweep and return their paths."""
    pages = {"report.html": _page(record), "report.md": _markdown(record)}
    for name, data in pages.items():
        write_atomic(out / name, data)
    return [out / name for name in pages]


def title(record: SweepResults) -> str:
    """What was swept, in one sentence."""
    axes = " and ".join(f"{axis.setting} = {', '.join(map(as_text, axis.values))}" for axis in record.axes)
    return f"{record.recipe} over {axes}"


def about(record: SweepResults) -> str:
    """What the comparisons are and what they count as."""
    return (
        f"Every value is compared with the first value of its axis, problem by problem, by the rule of every verdict here: a "
        f"margin of {100 * record.margin:g} points, and Holm over all of these comparisons on {record.benchmarks[0]}. "
        f"The base is {record.base}."
    )


def sections(record: SweepResults) -> list[SweepSection]:
    """The benchmarks, the primary one first."""
    return [
        SweepSection(
            name,
            number == 0,
            tuple(chart.pictures(record, name)),
            tuple(_scores(record, name)),
            tuple(_pair(item) for item in record.compared if item.compared.benchmark == name),
        )
        for number, name in enumerate(record.benchmarks)
    ]


def score_heads(record: SweepResults) -> list[str]:
    """The heads of the table of accuracies."""
    return [*axis_names(record.axes), *SCORE_HEADS]


def _scores(record: SweepResults, benchmark: str) -> Iterator[tuple[str, ...]]:
    for point in record.points:
        arms = sorted((arm for arm in point.arms if arm.benchmark == benchmark), key=lambda arm: arm.arm == BASE)
        for arm in arms:
            yield (*map(as_text, point.values), *_score(arm))


def _score(arm: ArmScore) -> tuple[str, ...]:
    return (
        arm.arm,
        numbers.percent(arm.accuracy),
        numbers.interval(arm.low, arm.high, signed=False),
        f"{arm.n:,}",
        f"{arm.seeds}" if arm.arm != BASE else "",
        numbers.number(arm.mean_tokens),
        numbers.percent(arm.truncation_rate),
    )


def _pair(item: SweepCompared) -> tuple[str, ...]:
    compared = item.compared
    c, verdict = compared.comparison, compared.verdict
    return (
        f"{compared.second} minus {compared.first}",
        "; ".join([verdict.words, *verdict.qualifiers]),
        numbers.points(c.difference),
        numbers.interval(c.low, c.high),
        numbers.p_value(verdict.holm_p),
        item.survives or "needs three seeds",
    )


def _markdown(record: SweepResults) -> bytes:
    parts = ["# Sweep", f"**{markdown.escaped(title(record))}**", markdown.escaped(about(record))]
    for section in sections(record):
        parts.append(f"## {markdown.escaped(section.benchmark)}{' (headline)' if section.primary else ''}")
        parts.append(markdown.table([markdown.escaped(head) for head in score_heads(record)], section.scores))
        parts.append(
            markdown.table(PAIR_HEADS, section.pairs) if section.pairs else "No value has a result to compare."
        )
    parts.append(
        f"{len(record.points)} points; each is a run folder of its own with a report. The plan's hash: {record.plan_sha256}."
    )
    return ("\n\n".join(parts) + "\n").encode()


def _page(record: SweepResults) -> bytes:
    legend = [(arm, swatch(tone, dots=arm != BASE, dashed=arm == BASE)) for arm, tone in chart.tones(record).items()]
    return html.without_script(
        "sweep.html.j2",
        record=record,
        title=title(record),
        about=about(record),
        sections=sections(record),
        legend=legend,
        score_heads=score_heads(record),
        pair_heads=PAIR_HEADS,
        words=list(range(len(record.axes) + 1)),
    )
