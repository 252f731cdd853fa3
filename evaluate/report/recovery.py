"""The report's section on the recovery probe: a picture and a writer-by-reader table a benchmark."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from journey import numbers
from journey.evaluate.report.charts import chart, recovery
from journey.evaluate.report.words import NO_DATA
from journey.formats.behaviour import RecoveryCell, RecoveryTable
from journey.formats.plan import EvaluationPlan
from journey.formats.scores import Scores
from journey.numbers import NOT_KNOWN

HEADS = (
    "Mistakes of",
    "Reader",
    "Prefixes x runs",
    "Right after a mistake",
    "After the clean twin",
    "Notices",
    "Corrects",
    "Repeats",
    "False alarm",
    "Right, noticed",
    "Right, silently",
)
ABOUT = (
    "Every run goes on from texts that end with a false step, and from their clean twins, where that step is true. The injector "
    "puts a false value into a right text; the base and the arms have written theirs themselves. An arm on its own mistakes "
    "(own) is a description: they were selected by its errors. Notices: the step is doubted before the answer. Corrects: the "
    "true value is written later. Repeats: the false one is. False alarm: the true step is doubted, or its value changed. The "
    "comparisons of arms after mistakes are among the secondary ones; how often a mistake is noticed is in none."
)


@dataclass(frozen=True)
class RecoverySection:
    """One benchmark of the probe."""

    benchmark: str
    picture: Markup
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def sections(plan: EvaluationPlan, scores: Scores) -> tuple[RecoverySection, ...]:
    """The sections in the order of the benchmarks; none where the plan has no probe."""
    tones = chart.tones(run.arm for run in plan.runs)
    return tuple(
        RecoverySection(
            one.benchmark,
            recovery.dumbbells(one.cells, tones) if one.cells else Markup(),
            tuple(map(_row, one.cells)),
            tuple(_notes(one)),
        )
        for one in scores.recovery
    )


def _row(cell: RecoveryCell) -> tuple[str, ...]:
    rates = (
        cell.right_after_wrong,
        cell.right_after_clean,
        cell.notices,
        cell.corrects,
        cell.repeats,
        cell.false_alarm,
        cell.right_noticed,
        cell.right_silent,
    )
    counted = f"{cell.prefixes:,} x {cell.runs}" + (" (own)" if cell.own else "")
    return (cell.writer, cell.reader, counted, *map(numbers.percent, rates))


def _notes(one: RecoveryTable) -> list[str]:
    notes = []
    if not one.cells:
        notes.append(f"No prefix with a mistake and a clean twin could be made ({NO_DATA}).")
    share = NOT_KNOWN if one.recall is None else numbers.percent(one.recall)
    notes.append(
        f"Recall of the rule for notices, on {one.recall_of:,} mistakes in journeys that these problems' own method makes: "
        f"{share}. On a model's own words it is a lower bound."
    )
    for writer, reasons in one.left_out.items():
        if reasons:
            said = ", ".join(f"{reason} {count:,}" for reason, count in reasons.items())
            notes.append(f"Answers of {writer} without a prefix: {said}.")
    return notes
