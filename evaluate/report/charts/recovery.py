"""The picture of the recovery probe: for every writer and reader, right after a mistake and right after its clean twin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from xml.etree import ElementTree as ET

from markupsafe import Markup

from journey import numbers
from journey.evaluate.report.charts.svg import Scale, add, markup, root, text, title
from journey.formats.behaviour import RecoveryCell

WIDTH, LABELS, NUMBERS, HEADING, ROW, AXIS = 760, 190, 150, 28, 24, 42


def dumbbells(cells: Sequence[RecoveryCell], tones: Mapping[str, int]) -> Markup:
    """A line from what is right after the mistake (full) to what is right after the twin (hollow), by writer and reader."""
    groups = [(writer, list(members)) for writer, members in groupby(cells, key=lambda cell: cell.writer)]
    bottom = sum(HEADING + ROW * len(members) for _, members in groups)
    label = "; ".join(f"{c.reader} on {c.writer}: {_pair(c)}" for c in cells)
    picture = root(WIDTH, bottom + AXIS, label, "recovery")
    scale = Scale(0, 100, LABELS, WIDTH - NUMBERS)
    for tick in (0, 25, 50, 75, 100):
        add(picture, "line", "grid", x1=scale(tick), x2=scale(tick), y1=4, y2=bottom + 4)
        text(picture, f"{tick}%", scale(tick), bottom + 20, "tick", "middle")
    caption = "right in the end: full after the mistake, hollow after its clean twin"
    text(picture, caption, (scale.left + scale.right) / 2, bottom + 37, "tick", "middle")
    top = 0
    for writer, members in groups:
        heading = (
            f"after mistakes of {'the ' if writer in ('injector', 'base') else ''}{writer} ({members[0].prefixes:,})"
        )
        text(picture, heading, 0, top + 20, "heading")
        top += HEADING
        for cell in members:
            _draw(picture, cell, scale, top, tones.get(cell.reader, 2))
            top += ROW
    return markup(picture)


def _draw(parent: ET.Element, cell: RecoveryCell, scale: Scale, top: int, tone: int) -> None:
    group = ET.SubElement(parent, "g", {"class": f"c{tone}"})
    title(group, f"{cell.reader}: {_pair(cell)}")
    text(group, cell.reader + (" (own)" if cell.own else ""), 12, top + 16, "label")
    wrong, clean = scale(100 * cell.right_after_wrong), scale(100 * cell.right_after_clean)
    add(group, "line", "whisker", x1=wrong, x2=clean, y1=top + 11, y2=top + 11)
    add(group, "circle", "dot hollow", cx=clean, cy=top + 11, r=5)
    add(group, "circle", "dot", cx=wrong, cy=top + 11, r=5)
    text(group, _pair(cell), scale.right + 14, top + 16, "number")


def _pair(cell: RecoveryCell) -> str:
    return f"{numbers.percent(cell.right_after_wrong)} / {numbers.percent(cell.right_after_clean)}"
