"""Line charts as inline SVG: accuracy against cost, loss by step. One size serves wide and narrow.

Arms differ by colour and by the shape of their dots, so that a print in grey can still be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from markupsafe import Markup

from journey import numbers
from journey.evaluate.report.charts.svg import Scale, add, markup, path, root, text, title

WIDTH, HEIGHT = 380, 260
LEFT, RIGHT, TOP, BOTTOM = 50, 370, 30, 212
TONES = 8  # colours and shapes in the style sheet


@dataclass(frozen=True)
class ChartPoint:
    """A place with its interval; y None is a gap. `words` is what a mouse that rests on it is told."""

    x: float
    y: float | None
    low: float | None = None
    high: float | None = None
    words: str = ""


@dataclass(frozen=True)
class Line:
    """Points of one kind; `ended` marks where a run failed, `dots` draws every point."""

    name: str
    tone: int
    points: tuple[ChartPoint, ...]
    dots: bool = True
    joined: bool = True
    dashed: bool = False
    ended: bool = False


@dataclass(frozen=True)
class ChartAxes:
    """What the axes show: labels, ends (None: from the points) and how y is written."""

    x: str
    y: str
    log: bool = False
    percent: bool = False
    x_ends: tuple[float, float] | None = None
    y_ends: tuple[float, float] | None = None
    x_names: tuple[tuple[float, str], ...] = ()  # ticks in words; without any, round numbers


def tones(arms: Iterable[str]) -> dict[str, int]:
    """A tone for each arm: the journey is 1, the first shortcut 0, the base the last one, the rest in turn."""
    by_arm: dict[str, int] = {}
    others = 2
    for arm in dict.fromkeys(arms):
        if arm == "base":
            by_arm[arm] = TONES - 1
        elif arm == "journey" and 1 not in by_arm.values():
            by_arm[arm] = 1
        elif arm.startswith("shortcut") and 0 not in by_arm.values():
            by_arm[arm] = 0
        else:
            by_arm[arm] = 2 + (others - 2) % (TONES - 3)
            others += 1
    return by_arm


def chart(heading: str, lines: Sequence[Line], axes: ChartAxes) -> Markup:
    """The picture; empty text where there is nothing to draw."""
    drawn = [point for line in lines for point in line.points if point.y is not None]
    if not drawn:
        return Markup()
    x_ends = axes.x_ends or x_ends_of([point.x for point in drawn], axes.log)
    y_ends = axes.y_ends or y_ends_of(drawn, axes.percent)
    x, y = Scale(*x_ends, LEFT, RIGHT, axes.log), Scale(*y_ends, BOTTOM, TOP)
    spoken = "; ".join(_spoken(line, axes) for line in lines)
    picture = root(WIDTH, HEIGHT, f"{heading}. {axes.y} against {axes.x}. {spoken}", "chart")
    text(picture, heading, 0, 16, "heading")
    for tick in y.ticks(6):
        add(picture, "line", "grid", x1=LEFT, x2=RIGHT, y1=y(tick), y2=y(tick))
        text(picture, f"{100 * tick:g}%" if axes.percent else f"{tick:g}", LEFT - 7, y(tick) + 4, "tick", "end")
    for tick, name in axes.x_names or tuple((tick, numbers.short(tick)) for tick in x.ticks(6)):
        add(picture, "line", "grid", x1=x(tick), x2=x(tick), y1=BOTTOM, y2=BOTTOM + 5)
        text(picture, name, x(tick), BOTTOM + 20, "tick", "middle")
    add(picture, "line", "axis", x1=LEFT, x2=RIGHT, y1=BOTTOM, y2=BOTTOM)
    text(picture, axes.x, (LEFT + RIGHT) / 2, HEIGHT - 8, "tick", "middle")
    for line in lines:
        _draw(picture, line, x, y)
    return markup(picture)


def swatch(tone: int, *, dots: bool = True, dashed: bool = False) -> Markup:
    """A line's look, for a legend."""
    picture = ET.Element("svg", {"viewBox": "0 0 34 12", "class": f"swatch c{tone}", "aria-hidden": "true"})
    path(picture, [(1, 6), (33, 6)], "line dashed" if dashed else "line")
    if dots:
        draw_mark(picture, 17, 6, tone)
    return markup(picture)


def _draw(parent: ET.Element, line: Line, x: Scale, y: Scale) -> None:
    group = ET.SubElement(parent, "g", {"class": f"c{line.tone}"})
    piece: list[tuple[float, float]] = []
    last: tuple[float, float] | None = None
    for point in [*line.points, ChartPoint(0, None)]:
        if point.y is not None:
            last = x(point.x), y(point.y)
            piece.append(last)
        elif piece:
            if line.joined and len(piece) > 1:
                path(group, piece, "line dashed" if line.dashed else "line")
            piece = []
    for point in line.points if line.dots else ():
        if point.y is None:
            continue
        centre = x(point.x), y(point.y)
        if point.low is not None and point.high is not None:
            add(group, "line", "whisker thin", x1=centre[0], x2=centre[0], y1=y(point.low), y2=y(point.high))
        title(draw_mark(group, *centre, line.tone), point.words or line.name)
    if line.ended and last is not None:
        _cross(group, *last)


def draw_mark(parent: ET.Element, x: float, y: float, tone: int) -> ET.Element:
    """A dot whose shape goes with the tone: circle, square, triangle, diamond, and the same hollow."""
    kind = "dot hollow" if tone >= TONES // 2 else "dot"
    shape = tone % (TONES // 2)
    if shape == 0:
        return add(parent, "circle", kind, cx=x, cy=y, r=4)
    if shape == 1:
        return add(parent, "rect", kind, x=x - 3.5, y=y - 3.5, width=7, height=7)
    corners = [(0, -5), (4.6, 3.6), (-4.6, 3.6)] if shape == 2 else [(0, -5), (5, 0), (0, 5), (-5, 0)]
    points = " ".join(f"{x + dx:g},{y + dy:g}" for dx, dy in corners)
    return ET.SubElement(parent, "polygon", {"class": kind, "points": points})


def _cross(parent: ET.Element, x: float, y: float) -> None:
    for slope in (1, -1):
        add(parent, "line", "cross", x1=x - 6, x2=x + 6, y1=y - 6 * slope, y2=y + 6 * slope)


def x_ends_of(values: Sequence[float], log: bool) -> tuple[float, float]:
    """Ends of an axis that shows these values with some air; on a logarithm at least a factor of four apart."""
    low, high = min(values), max(values)
    if log:
        air = max(1.25, 2 / (high / low) ** 0.5)
        return low / air, high * air
    air = 0.04 * (high - low) or 0.5
    return low - air, high + air


def y_ends_of(points: Sequence[ChartPoint], percent: bool) -> tuple[float, float]:
    """Ends of an axis that shows these points; shares at least ten points apart, so that little does not look like much."""
    values = [v for point in points for v in (point.y, point.low, point.high) if v is not None]
    low, high = min(values), max(values)
    air = max(0.06 * (high - low), (0.1 - (high - low)) / 2 if percent else 0) or 0.05
    return low - air if low < 0 else max(0.0, low - air), high + air


def _spoken(line: Line, axes: ChartAxes) -> str:
    """A line in words: its ends."""
    points = [point for point in line.points if point.y is not None]
    if not points:
        return f"{line.name}: nothing"
    values = [
        numbers.percent(p.y) if axes.percent else f"{p.y:.3g}" for p in (points[0], points[-1]) if p.y is not None
    ]
    return f"{line.name}: {values[0]}" + (f" to {values[1]}" if len(points) > 1 else "")
