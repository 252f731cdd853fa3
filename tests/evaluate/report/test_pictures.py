"""Charts and trees: where things lie, gaps, shapes, escaping."""

from __future__ import annotations

import math
from xml.etree import ElementTree as ET

import pytest

from journey.evaluate.report.charts import chart, tree
from journey.evaluate.report.charts.chart import ChartAxes, ChartPoint, Line
from journey.evaluate.report.charts.svg import Scale
from journey.schema import Arith, Follows, Node, Problem, Reachable, Tree


def parts(root: ET.Element, kind: str) -> list[ET.Element]:
    return [element for element in root.iter() if kind in element.get("class", "").split()]


def line(*ys: float | None, tone: int = 0, **more: bool) -> Line:
    points = tuple(
        ChartPoint(at + 1, y, None if y is None else y - 0.1, None if y is None else y + 0.1) for at, y in enumerate(ys)
    )
    return Line("a", tone, points, **more)


@pytest.mark.parametrize("low, high, log", [(0, 1, False), (-3, 250, False), (12, 9000, True), (2e9, 3e12, True), (0.01, 0.02, False)])  # fmt: skip
def test_scales_and_ticks(low: float, high: float, log: bool) -> None:
    scale = Scale(low, high, 50, 370, log)
    assert (scale(low), scale(high)) == (50, 370)
    middle = math.sqrt(low * high) if log else (low + high) / 2
    assert scale(middle) == pytest.approx(210, abs=0.1)
    ticks = scale.ticks(6)
    assert 2 <= len(ticks) <= 6 and ticks == sorted(ticks) and low <= ticks[0] and ticks[-1] <= high


def test_a_gap_breaks_the_line() -> None:
    root = ET.fromstring(chart.chart("c", [line(1, 2, None, 3, 4, 5)], ChartAxes("x", "y")))
    paths = [path.get("d", "") for path in parts(root, "line")]
    assert [path.count("L") for path in paths] == [1, 2]
    assert len(parts(root, "dot")) == 5 and len(parts(root, "whisker")) == 5


def test_a_failed_run_is_marked_where_it_ended() -> None:
    root = ET.fromstring(chart.chart("c", [line(1, 2, None, dots=False, ended=True)], ChartAxes("x", "y")))
    first, _ = parts(root, "cross")
    end = parts(root, "line")[0].get("d", "").rpartition("L")[2].split()
    assert (float(first.get("x1", "")) + float(first.get("x2", ""))) / 2 == pytest.approx(float(end[0]), abs=0.1)


def test_everything_stays_inside() -> None:
    axes = ChartAxes("x", "y", log=True, percent=True)
    root = ET.fromstring(chart.chart("c", [line(0.0, 0.5, 1.0), line(0.2, 0.9, 0.4, tone=5)], axes))
    for element in root.iter():
        for names, most in ((("x", "x1", "x2", "cx"), chart.WIDTH), (("y", "y1", "y2", "cy"), chart.HEIGHT)):
            assert all(0 <= float(element.get(name, 0)) <= most for name in names)
    assert {tick.text for tick in parts(root, "tick")} >= {"0%", "100%"} or "50%" in {
        t.text for t in parts(root, "tick")
    }


def test_nothing_to_draw_is_nothing() -> None:
    assert chart.chart("c", [line(None, None)], ChartAxes("x", "y")) == ""


def test_shapes_differ_without_colour() -> None:
    looks = set()
    for tone in range(chart.TONES):
        root = ET.fromstring(chart.chart("c", [line(1, tone=tone)], ChartAxes("x", "y")))
        (dot,) = parts(root, "dot")
        looks.add((dot.tag, dot.get("class"), (dot.get("points") or "").count(",")))
    assert len(looks) == chart.TONES


def test_tones_keep_the_main_arms_apart() -> None:
    arms = [
        "base",
        "shortcut@examples",
        "shortcut@tokens",
        "journey",
        "dots",
        "marker",
        "shuffled",
        "only-wrong",
        "mix-25",
    ]
    found = chart.tones(arms)
    assert found["journey"] == 1 and found["shortcut@examples"] == 0 and found["base"] == chart.TONES - 1
    assert set(found) == set(arms) and all(0 <= tone < chart.TONES for tone in found.values())
    assert [arm for arm, tone in found.items() if tone == 1] == ["journey"]


def test_chart_texts_are_escaped() -> None:
    hostile = Line("</svg><script>", 0, (ChartPoint(1, 1, words="<b onload=x>"),))
    made = chart.chart("<script>", [hostile], ChartAxes("<i>", "y"))
    assert "<script" not in made and "<b" not in made and "<i" not in made
    ET.fromstring(made)


PROBLEM = Problem("p", "Using 16, 1, 1 make 14 <b>", "14", "countdown", "use 16 1 1 make 14 :")
NODES = (
    Node(0, None, "plan", ""),
    Node(1, 0, "mistake", "16 + 1 = 17", "wrong", Reachable((17, 1), 14), False, kind="wrong branch"),
    Node(2, 1, "consequence", "17 - 1 = 16", "wrong", reason="too high"),
    Node(3, 0, "correction", "16 - 1 = 15 ."),
    Node(4, 3, "mistake", "15 - 1 = 13", "wrong", Arith("15 - 1", "13"), "14", kind="digit"),
    Node(5, 4, "notice", "check 13 + 1 = 14 not 15 ."),
    Node(6, 5, "backtrack", "back ."),
    Node(7, 3, "correction", "15 - 1 = 14"),
)


def test_the_correct_path_runs_straight_down_and_mistakes_branch_off() -> None:
    root = ET.fromstring(tree.draw(Tree("t", PROBLEM, "search", 0, NODES), correct={3, 7}))
    groups = parts(root, "node")
    assert [group.get("class") for group in groups] == [f"node {node.role}" for node in NODES]
    labels = [float(group.find("text").get("x", "")) for group in groups]  # type: ignore[union-attr]
    trunk = {labels[at] for at in (0, 3, 7)}
    assert len(trunk) == 1 and labels[1] > labels[0] and labels[2] > labels[1] and labels[4] > labels[3]
    heights = [float(group.find("text").get("y", "")) for group in groups]  # type: ignore[union-attr]
    assert heights == sorted(heights)
    assert len(parts(root, "edge")) == len(NODES) - 1 and len(parts(root, "trunk")) == 2
    said = [" ".join("".join(t.itertext()) for t in group.iter("tspan")) for group in groups]
    assert said[0] == "use 16 1 1 make 14"
    assert said[1] == "16 + 1 = 17 mistake: 14 cannot be made from 17 1"
    assert said[2] == "17 - 1 = 16 too high"
    assert said[4] == "15 - 1 = 13 mistake (digit): truly 14"
    assert said[7] == "15 - 1 = 14 corrected"
    assert root.get("aria-label") == "Reasoning tree: 8 steps, mistakes: 2"


def test_a_large_tree_is_cut_and_a_hostile_one_escaped() -> None:
    nodes = tuple(Node(at, at - 1 if at else None, "step", "<script>alert(1)</script>") for at in range(100))
    large = Tree("t", PROBLEM, "search", 0, nodes)
    made = tree.draw(large)
    assert "<script" not in made and len(parts(ET.fromstring(made), "node")) == tree.MOST
    assert tree.left_out(large) == 40


def test_a_tree_whose_parents_are_missing_is_drawn() -> None:
    assert tree.draw(Tree("t", PROBLEM, "search", 0, (Node(5, 3, "step", "a"), Node(6, 5, "step", "b"))))
    assert tree.draw(Tree("t", PROBLEM, "search", 0, ()))


def test_mistakes_of_grids_and_retries_are_told_in_their_own_words() -> None:
    nodes = (
        Node(0, None, "plan", ""),
        Node(1, 0, "mistake", "b = 1", "wrong", Reachable((3, 1, 1, 2), 0), False, kind="wrong guess"),
        Node(2, 0, "mistake", "try g .", "wrong", Follows("s2", ()), False, kind="retry"),
    )
    drawn = tree.draw(Tree("t", PROBLEM, "search", 0, nodes))
    assert "mistake: the grid cannot be completed after it" in drawn and "cannot be made" not in drawn
    assert "mistake (retry): what it needs is not known yet" in drawn
