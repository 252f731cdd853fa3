"""The plots, as inline SVG: differences with their intervals and the margin, and small bars of accuracy.

Elements carry classes only; the page's style sheet colours them, so that they follow light, dark and print. Text in them
is escaped by the XML writer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from markupsafe import Markup

from journey.evaluate.report.content import ComparedRow, Group


@dataclass(frozen=True)
class Layout:
    """Sizes in pixels at full width. Without a column of labels, they stand above their line."""

    name: str
    width: int
    labels: int
    numbers: int
    row: int
    ticks: int  # at most so many

    @property
    def stacked(self) -> bool:
        """Whether labels stand above their line."""
        return self.labels == 0


@dataclass(frozen=True)
class Scale:
    """Maps points (`low` to `high`) to pixels (`left` to `right`)."""

    low: float
    high: float
    left: int
    right: int

    def __call__(self, value: float) -> float:
        return round(self.left + (value - self.low) / (self.high - self.low) * (self.right - self.left), 1)


WIDE = Layout("wide", width=980, labels=290, numbers=210, row=26, ticks=9)
NARROW = Layout("narrow", width=340, labels=0, numbers=0, row=42, ticks=6)
HEADING, AXIS = 30, 46


def forest(groups: Sequence[Group], margin: float, layout: Layout) -> Markup:
    """Differences in points with 95% intervals, by benchmark; the band is the margin (a share)."""
    rows = [row for group in groups for row in group.rows]
    bottom = HEADING * len(groups) + layout.row * len(rows)
    root = ET.Element("svg", {"viewBox": f"0 0 {layout.width} {bottom + AXIS}", "role": "img", "class": layout.name})
    root.set("aria-label", "; ".join(f"{row.benchmark}: {row.label} {row.difference} points" for row in rows))
    band = 100 * margin
    scale = Scale(*_domain(rows, band), layout.labels + 8, layout.width - layout.numbers - 8)
    ticks = _ticks(scale, layout.ticks)
    if not layout.stacked:
        _background(root, scale, band, ticks, 4, bottom + 4)
    for tick in ticks:
        _text(root, f"{tick:+g}" if tick else "0", scale(tick), bottom + 20, "tick", "middle")
    caption = f"difference in points; shaded: the margin of {band:g}"
    _text(root, caption, (scale.left + scale.right) / 2, bottom + 39, "tick", "middle")
    top = 0
    for group in groups:
        headline = " (headline)" if any(row.primary for row in group.rows) else ""
        _text(root, group.benchmark + headline, 0, top + 22, "heading")
        top += HEADING
        for row in group.rows:
            if layout.stacked:  # lines behind the labels would make them hard to read
                _background(root, scale, band, ticks, top + 19, top + 37)
            _draw(root, row, layout, scale, top)
            top += layout.row
    return _markup(root)


def bar(share: tuple[float, float, float]) -> Markup:
    """A small bar of an accuracy with its interval (accuracy, low, high in [0, 1]); the numbers stand beside it."""
    mean, low, high = (100 * value for value in share)
    root = ET.Element("svg", {"viewBox": "0 0 100 12", "class": "bar", "aria-hidden": "true"})
    _add(root, "rect", "track", x=0, y=2, width=100, height=8)
    _add(root, "rect", "value", x=0, y=2, width=mean, height=8)
    _add(root, "line", "whisker", x1=low, x2=high, y1=6, y2=6)
    return _markup(root)


def _background(root: ET.Element, scale: Scale, band: float, ticks: Sequence[float], top: int, bottom: int) -> None:
    """The margin's band and the lines of the ticks."""
    _add(root, "rect", "band", x=scale(-band), y=top, width=scale(band) - scale(-band), height=bottom - top)
    for tick in ticks:
        _add(root, "line", "grid" if tick else "zero", x1=scale(tick), x2=scale(tick), y1=top, y2=bottom)


def _draw(root: ET.Element, row: ComparedRow, layout: Layout, scale: Scale, top: int) -> None:
    """One comparison: its label, its interval with the estimate, its numbers."""
    group = ET.SubElement(root, "g", {"class": f"row {row.tone}"})
    stacked = layout.stacked
    _text(group, row.label, 0 if stacked else 12, top + (14 if stacked else 18), "label")
    y = top + (28 if stacked else 13)
    numbers = row.difference if stacked or row.interval in ("", "n/a") else f"{row.difference}  ({row.interval})"
    place = (layout.width, top + 14, "end") if stacked else (scale.right + 20, top + 18, "start")
    _text(group, numbers, place[0], place[1], "number", place[2])
    if row.points is None:
        return
    difference, low, high = row.points
    if low is not None and high is not None:
        _add(group, "line", "whisker", x1=scale(low), x2=scale(high), y1=y, y2=y)
    kind = "dot" if low is not None else "dot hollow"
    _add(group, "circle", kind, cx=scale(difference), cy=y, r=5)


def _domain(rows: Sequence[ComparedRow], band: float) -> tuple[float, float]:
    """Points that the scale must show: every interval, zero and the whole margin, with some air."""
    values = [value for row in rows if row.points for value in row.points if value is not None]
    low, high = min([-1.4 * band, *values]), max([1.4 * band, *values])
    air = 0.04 * (high - low)
    return low - air, high + air


def _ticks(scale: Scale, most: int) -> list[float]:
    """Round values on the scale, zero among them."""
    for step in (0.5, 1, 2, 5, 10, 20, 50, 100):
        first, last = math.ceil(scale.low / step), math.floor(scale.high / step)
        if last - first < most:
            return [step * place for place in range(first, last + 1)]
    return [0]


def _add(parent: ET.Element, tag: str, kind: str, **numbers: float) -> None:
    ET.SubElement(parent, tag, {"class": kind, **{key: f"{value:g}" for key, value in numbers.items()}})


def _text(parent: ET.Element, text: str, x: float, y: float, kind: str, anchor: str = "start") -> None:
    place = {"x": f"{x:g}", "y": f"{y:g}", "class": kind, "text-anchor": anchor}
    ET.SubElement(parent, "text", place).text = text


def _markup(root: ET.Element) -> Markup:
    return Markup(ET.tostring(root, encoding="unicode"))
