"""Dose-response pictures: accuracy of every arm against the first axis of a sweep, one picture for every value of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from journey import numbers
from journey.evaluate.report.charts import chart
from journey.evaluate.report.charts.chart import ChartAxes, ChartPoint, Line
from journey.evaluate.statistics.verdict import BASE
from journey.formats.recipes.sweep import SweepResults, as_text, axis_names, in_words
from journey.formats.scores import ArmScore

APART = 0.012  # of the axis: arms stand so far beside each other that their intervals do not hide one another
LOGARITHMIC = 20  # from so large a ratio of values on


def tones(record: SweepResults) -> dict[str, int]:
    """Colour and shape of every arm."""
    return chart.tones(arm.arm for point in record.points for arm in point.arms)


def pictures(record: SweepResults, benchmark: str) -> list[Markup]:
    """One picture for every combination of the further axes' values, all on the same axes."""
    places = _places(record.axes[0].values)
    log = _log(record.axes[0].values)
    ends = chart.x_ends_of(places, log)
    shown = [
        ChartPoint(0, arm.accuracy, arm.low, arm.high)
        for point in record.points
        for arm in point.arms
        if arm.benchmark == benchmark
    ]
    if not shown:
        return []
    axes = ChartAxes(
        axis_names(record.axes)[0],
        "accuracy",
        log=log,
        percent=True,
        x_names=_thinned(places, record.axes[0].values),
        x_ends=ends,
        y_ends=chart.y_ends_of(shown, True),
    )
    return [
        chart.chart(in_words(record.axes[1:], rest) or benchmark, _lines(record, benchmark, rest, ends, log), axes)
        for rest in dict.fromkeys(point.values[1:] for point in record.points)
    ]


def _lines(
    record: SweepResults, benchmark: str, rest: tuple[Any, ...], ends: tuple[float, float], log: bool
) -> list[Line]:
    """The arms' lines within one picture, the untuned base's across it."""
    colours = tones(record)
    points = [point for point in record.points if point.values[1:] == rest]
    places = dict(zip(map(as_text, record.axes[0].values), _places(record.axes[0].values), strict=True))
    by_arm: dict[str, list[tuple[float, ArmScore]]] = {}
    for point in points:
        for arm in point.arms:
            if arm.benchmark == benchmark:
                by_arm.setdefault(arm.arm, []).append((places[as_text(point.values[0])], arm))
    trained = [name for name in by_arm if name != BASE]
    lines = [_base(by_arm[BASE], ends, colours)] if BASE in by_arm else []
    for number, name in enumerate(trained):
        aside = number - (len(trained) - 1) / 2
        dots = tuple(_dot(_aside(x, aside, ends, log), arm) for x, arm in by_arm[name])
        lines.append(Line(name, colours[name], dots))
    return lines


def _base(scores: Sequence[tuple[float, ArmScore]], ends: tuple[float, float], colours: Mapping[str, int]) -> Line:
    """A level line where all points have one base, else a line through the bases."""
    levels = {arm.accuracy for _, arm in scores}
    if len(levels) > 1:
        return Line(
            BASE, colours[BASE], tuple(ChartPoint(x, arm.accuracy) for x, arm in scores), dots=False, dashed=True
        )
    level = levels.pop()
    return Line(BASE, colours[BASE], tuple(ChartPoint(x, level) for x in ends), dots=False, dashed=True)


def _dot(x: float, arm: ArmScore) -> ChartPoint:
    words = f"{arm.arm}: {numbers.percent(arm.accuracy)} ({numbers.interval(arm.low, arm.high, signed=False)})"
    return ChartPoint(x, arm.accuracy, arm.low, arm.high, words)


def _aside(x: float, steps: float, ends: tuple[float, float], log: bool) -> float:
    low, high = ends
    return float(x * (high / low) ** (APART * steps)) if log else x + APART * steps * (high - low)


def _numeric(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _places(values: Sequence[Any]) -> list[float]:
    """Where values stand on the axis: at their number, or one after the other where they are no numbers."""
    return [float(value) for value in values] if _numeric(values) else [float(n) for n in range(len(values))]


def _log(values: Sequence[Any]) -> bool:
    return _numeric(values) and min(values) > 0 and max(values) / min(values) >= LOGARITHMIC


def _thinned(places: Sequence[float], values: Sequence[Any], most: int = 8) -> tuple[tuple[float, str], ...]:
    """The values as ticks, every second or third of many; long words are cut."""
    step = -(-len(values) // most)
    named = [
        (place, as_text(value)) for place, value in sorted(zip(places, values, strict=True), key=lambda one: one[0])
    ]
    longest = max(4, 44 // max(1, len(named[::step])))
    return tuple((x, text if len(text) <= longest else f"{text[: longest - 1]}…") for x, text in named[::step])
