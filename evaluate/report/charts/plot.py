"""Forest plots of differences with their intervals and the margin, and small bars of accuracy, as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from markupsafe import Markup

from journey.evaluate.report.charts.svg import Scale, add, markup, root, text
from journey.evaluate.report.content import ComparedRow, Group


@dataclass(frozen=True)
class Layout:
    """Sizes in pixels at full width. Without a column of labels, they stand above their line."""

    name: str
    width: int
    labels: int  # at least; long ones get more
    numbers: int
    row: int
    ticks: int  # at most so many

    @property
    def stacked(self) -> bool:
        """Whether labels stand above their line."""
        return self.labels == 0


WIDE = Layout("wide", width=980, labels=290, numbers=210, row=26, ticks=9)
NARROW = Layout("narrow", width=340, labels=0, numbers=0, row=42, ticks=6)
HEADING, AXIS = 30, 46
CHARACTER = 7.4  # pixels of a label's character, about


def forest(groups: Sequence[Group], margin: float, layout: Layout) -> Markup:
    """Differences in points with 95% intervals, by benchmark; the band is the margin (a share)."""
    rows = [row for group in groups for row in group.rows]
    bottom = HEADING * len(groups) + layout.row * len(rows)
    label = "; ".join(f"{row.benchmark}: {row.label} {row.difference} points" for row in rows)
    picture = root(layout.width, bottom + AXIS, label, layout.name)
    band = 100 * margin
    longest = max((len(row.label) for row in rows), default=0)
    labels = 0 if layout.stacked else min(max(layout.labels, 12 + int(CHARACTER * longest)), layout.width // 2)
    scale = Scale(*_domain(rows, band), labels + 8, layout.width - layout.numbers - 8)
    ticks = scale.ticks(layout.ticks)
    if not layout.stacked:
        _background(picture, scale, band, ticks, 4, bottom + 4)
    for tick in ticks:
        text(picture, f"{tick:+g}" if tick else "0", scale(tick), bottom + 20, "tick", "middle")
    caption = f"difference in points; shaded: the margin of {band:g}"
    text(picture, caption, (scale.left + scale.right) / 2, bottom + 39, "tick", "middle")
    top = 0
    for group in groups:
        headline = " (headline)" if any(row.primary for row in group.rows) else ""
        text(picture, group.benchmark + headline, 0, top + 22, "heading")
        top += HEADING
        for row in group.rows:
            if layout.stacked:  # lines behind the labels would make them hard to read
                _background(picture, scale, band, ticks, top + 19, top + 37)
            _draw(picture, row, layout, scale, top)
            top += layout.row
    return markup(picture)


def bar(share: tuple[float, float, float]) -> Markup:
    """A small bar of an accuracy with its interval (accuracy, low, high in [0, 1]); the numbers stand beside it."""
    mean, low, high = (100 * value for value in share)
    picture = ET.Element("svg", {"viewBox": "0 0 100 12", "class": "bar", "aria-hidden": "true"})
    add(picture, "rect", "track", x=0, y=2, width=100, height=8)
    add(picture, "rect", "value", x=0, y=2, width=mean, height=8)
    add(picture, "line", "whisker", x1=low, x2=high, y1=6, y2=6)
    return markup(picture)


def kept(kept_share: float, dropped_share: float) -> Markup:
    """A small bar of what is left of all that came in, and of what was dropped; the numbers stand beside it."""
    picture = ET.Element("svg", {"viewBox": "0 0 100 12", "class": "bar", "aria-hidden": "true"})
    add(picture, "rect", "track", x=0, y=2, width=100, height=8)
    add(picture, "rect", "value", x=0, y=2, width=100 * kept_share, height=8)
    add(picture, "rect", "lost", x=100 * kept_share, y=2, width=100 * dropped_share, height=8)
    return markup(picture)


def _background(parent: ET.Element, scale: Scale, band: float, ticks: Sequence[float], top: int, bottom: int) -> None:
    """The margin's band and the lines of the ticks."""
    add(parent, "rect", "band", x=scale(-band), y=top, width=scale(band) - scale(-band), height=bottom - top)
    for tick in ticks:
        add(parent, "line", "grid" if tick else "zero", x1=scale(tick), x2=scale(tick), y1=top, y2=bottom)


def _draw(parent: ET.Element, row: ComparedRow, layout: Layout, scale: Scale, top: int) -> None:
    """One comparison: its label, its interval with the estimate, its numbers."""
    group = ET.SubElement(parent, "g", {"class": f"row {row.tone}"})
    stacked = layout.stacked
    text(group, row.label, 0 if stacked else 12, top + (14 if stacked else 18), "label")
    y = top + (28 if stacked else 13)
    numbers = row.difference if stacked or row.interval in ("", "n/a") else f"{row.difference}  ({row.interval})"
    anchor = (layout.width, top + 14, "end") if stacked else (scale.right + 20, top + 18, "start")
    text(group, numbers, anchor[0], anchor[1], "number", anchor[2])
    if row.points is None:
        return
    difference, low, high = row.points
    if low is not None and high is not None:
        add(group, "line", "whisker", x1=scale(low), x2=scale(high), y1=y, y2=y)
    kind = "dot" if low is not None else "dot hollow"
    add(group, "circle", kind, cx=scale(difference), cy=y, r=5)


def _domain(rows: Sequence[ComparedRow], band: float) -> tuple[float, float]:
    """Points that the scale must show: every interval, zero and the whole margin, with some air."""
    values = [value for row in rows if row.points for value in row.points if value is not None]
    low, high = min([-1.4 * band, *values]), max([1.4 * band, *values])
    air = 0.04 * (high - low)
    return low - air, high + air
