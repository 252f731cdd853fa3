"""The plots: where things lie, what stays inside, and escaping."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from journey.evaluate.report.charts import overview, plot
from journey.evaluate.report.content import AccuracyRow, AccuracyTable, ComparedRow, Group

LAYOUTS = (plot.WIDE, plot.NARROW)


def row(difference: float, low: float | None = None, high: float | None = None, tone: str = "open") -> ComparedRow:
    text = f"{difference:+.1f}"
    interval = "n/a" if low is None else f"{low:+.1f} to {high:+.1f}"
    points = (difference, low, high)
    return ComparedRow("b", "short", "journey", True, points=points, difference=text, interval=interval, tone=tone)


def drawn(rows: list[ComparedRow], layout: plot.Layout, margin: float = 0.05) -> ET.Element:
    return ET.fromstring(plot.forest([Group("b", tuple(rows))], margin, layout))


def parts(root: ET.Element, kind: str) -> list[ET.Element]:
    return [element for element in root.iter() if kind in element.get("class", "").split()]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_positions_are_in_proportion(layout: plot.Layout) -> None:
    root = drawn([row(10, 5, 15), row(-20, -30, -10)], layout)
    zero = float(parts(root, "zero")[0].get("x1", ""))
    dots = [float(dot.get("cx", "")) - zero for dot in parts(root, "dot")]
    lines = [(float(w.get("x1", "")) - zero, float(w.get("x2", "")) - zero) for w in parts(root, "whisker")]
    band = parts(root, "band")[0]
    point = dots[0] / 10
    assert point > 0
    for measured, expected in [(dots[1], -20), (lines[0][0], 5), (lines[0][1], 15), (lines[1][0], -30)]:
        assert measured / point == pytest.approx(expected, abs=0.2)
    assert float(band.get("x", "")) - zero == pytest.approx(-5 * point, abs=0.3)
    assert float(band.get("width", "")) == pytest.approx(10 * point, abs=0.3)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("rows", [[row(0)], [row(100, 98, 102), row(-100, -110, -90)], [row(0.1, 0, 0.2)]])
def test_everything_stays_inside(layout: plot.Layout, rows: list[ComparedRow]) -> None:
    root = drawn(rows, layout)
    width, height = map(float, root.get("viewBox", "").split()[2:])
    assert width == layout.width
    for element in root.iter():
        for name in ("x", "x1", "x2", "cx"):
            assert 0 <= float(element.get(name, 0)) <= width
        for name in ("y", "y1", "y2", "cy"):
            assert 0 <= float(element.get(name, 0)) <= height
    assert 2 <= len(parts(root, "tick")) <= layout.ticks + 1
    assert "0" in [tick.text for tick in parts(root, "tick")]


def test_no_interval_is_a_hollow_dot_and_no_result_is_no_dot() -> None:
    root = drawn([row(3), ComparedRow("b", "short", "journey", True)], plot.WIDE)
    assert len(parts(root, "hollow")) == len(parts(root, "dot")) == 1 and not parts(root, "whisker")
    assert [number.text for number in parts(root, "number")] == ["+3.0", "n = 0"]


def test_tones_and_headline() -> None:
    root = drawn([row(3, 1, 5, "second"), row(-3, -5, -1, "first")], plot.WIDE)
    assert [group.get("class") for group in root.iter("g")] == ["row second", "row first"]
    assert parts(root, "heading")[0].text == "b (headline)"


def test_names_are_escaped() -> None:
    hostile = ComparedRow("b", "<script>", '"&', False)
    text = plot.forest([Group("</svg><script>", (hostile,))], 0.05, plot.WIDE)
    assert "<script" not in text and ET.fromstring(text).find(".//text[@class='label']").text == '"& minus <script>'  # type: ignore[union-attr]


def test_bar() -> None:
    root = ET.fromstring(plot.bar((0.5, 0.4, 0.75)))
    assert parts(root, "value")[0].get("width") == "50"
    assert (parts(root, "whisker")[0].get("x1"), parts(root, "whisker")[0].get("x2")) == ("40", "75")


@pytest.mark.parametrize("layout", (overview.WIDE, overview.NARROW))
def test_the_base_has_a_line_unless_its_share_is_no_measure(layout: overview.OverviewLayout) -> None:
    def shown(accuracy: str) -> ET.Element:
        arm = AccuracyRow("journey", (0.8, 0.7, 0.9), "80.0%", "70.0 to 90.0", "9", "", "", "", "", "")
        base = AccuracyRow("base", (0.25, 0.2, 0.3), accuracy, "20.0 to 30.0", "9", "", "", "", "", "")
        table = AccuracyTable("b", "greedy", True, (base, arm), "greedy", True, False)
        return ET.fromstring(overview.overview([table], {"journey": 1}, layout))

    line = parts(shown("25.0%"), "base-line")
    ticks = {tick.text: float(tick.get("x", "")) for tick in parts(shown("25.0%"), "tick")}
    assert float(line[0].get("x1", "")) == pytest.approx(ticks["25"], abs=0.2)
    assert not parts(shown("n/a (runs on; 75.0% right before)"), "base-line")
