"""One picture of all arms on all benchmarks, with the untuned base as a line, so that gains and losses are seen at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from markupsafe import Markup

from journey.evaluate.report.charts.chart import draw_mark
from journey.evaluate.report.charts.svg import Scale, add, markup, root, text, title
from journey.evaluate.report.content import AccuracyRow, AccuracyTable
from journey.evaluate.statistics.verdict import BASE
from journey.numbers import NOT_KNOWN


@dataclass(frozen=True)
class OverviewLayout:
    """Sizes in pixels at full width: of the picture, the names of the arms, the numbers, and a line."""

    name: str
    width: int
    names: int
    numbers: int = 52
    line: int = 19


WIDE = OverviewLayout("wide", 620, 150)
NARROW = OverviewLayout("narrow", 340, 132)
HEADING, GAP, AXIS = 24, 8, 24
CHARACTER = 8.0  # pixels of a name's character, about


def overview(tables: Sequence[AccuracyTable], tones: Mapping[str, int], layout: OverviewLayout) -> Markup:
    """Accuracy of every arm with its interval, by benchmark; the dashed line is the base. Empty where nothing was asked.

    `tones` are the arms' colours and shapes.
    """
    tables = [table for table in tables if any(row.share for row in table.rows)]
    if not tables:
        return Markup()
    heights = [HEADING + layout.line * len(_arms(table)) + GAP for table in tables]
    bottom = sum(heights)
    picture = root(layout.width, bottom + AXIS, "; ".join(map(_spoken, tables)), layout.name)
    longest = max(len(row.arm) for table in tables for row in _arms(table)) if any(map(_arms, tables)) else 0
    names = min(max(layout.names, 18 + int(CHARACTER * longest)), layout.width // 2)
    scale = Scale(0, 100, names + 6, layout.width - layout.numbers - 10)
    for tick in (0, 25, 50, 75, 100):
        text(picture, f"{tick}%" if tick in (0, 100) else f"{tick}", scale(tick), bottom + 14, "tick", "middle")
    top = 0
    for table, height in zip(tables, heights, strict=True):
        _benchmark(picture, table, tones, layout, scale, top)
        top += height
    return markup(picture)


def _arms(table: AccuracyTable) -> list[AccuracyRow]:
    return [row for row in table.rows if row.arm != BASE]


def _base(table: AccuracyTable) -> AccuracyRow | None:
    """The base's row; none where nothing was asked, or its share of right answers is no measure of it."""
    bases = (row for row in table.rows if row.arm == BASE)
    return next((row for row in bases if row.share is not None and not row.accuracy.startswith(NOT_KNOWN)), None)


def _benchmark(
    parent: ET.Element,
    table: AccuracyTable,
    tones: Mapping[str, int],
    layout: OverviewLayout,
    scale: Scale,
    top: int,
) -> None:
    arms, base = _arms(table), _base(table)
    text(parent, table.benchmark + (" (headline)" if table.primary else ""), 0, top + 17, "heading")
    first, last = top + HEADING, top + HEADING + layout.line * len(arms)
    for tick in (0, 25, 50, 75, 100):
        add(parent, "line", "grid", x1=scale(tick), x2=scale(tick), y1=first, y2=last)
    if base is not None and base.share is not None:
        x = scale(100 * base.share[0])
        line = add(parent, "line", "base-line", x1=x, x2=x, y1=first - 3, y2=last)
        title(line, f"untuned base: {base.accuracy}")
        text(parent, f"base {base.accuracy}", layout.width, top + 17, "tick", "end")
    for index, row in enumerate(arms):
        _arm(parent, row, tones.get(row.arm, 2), layout, scale, first + layout.line * index + layout.line // 2)


def _arm(parent: ET.Element, row: AccuracyRow, tone: int, layout: OverviewLayout, scale: Scale, y: int) -> None:
    group = ET.SubElement(parent, "g", {"class": f"c{tone}"})
    text(group, row.arm, 10, y + 4, "label")
    text(group, row.accuracy, layout.width, y + 4, "number", "end")
    if row.share is None:
        return
    mean, low, high = (100 * value for value in row.share)
    add(group, "line", "whisker thin", x1=scale(low), x2=scale(high), y1=y, y2=y)
    title(draw_mark(group, scale(mean), y, tone), f"{row.arm}: {row.accuracy} ({row.interval})")


def _spoken(table: AccuracyTable) -> str:
    base = _base(table)
    said = [f"{row.arm} {row.accuracy}" for row in _arms(table)]
    return f"{table.benchmark}: {', '.join(said)}" + (f", untuned base {base.accuracy}" if base else "")
