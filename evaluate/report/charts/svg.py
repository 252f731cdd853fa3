"""SVG primitives: the few calls with which plots are drawn inline.

Elements carry classes only; the page's style sheet colours them, so that they follow light, dark and print. Text is
escaped by the XML writer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from markupsafe import Markup


@dataclass(frozen=True)
class Scale:
    """Maps values (`low` to `high`) to pixels (`left` to `right`); on a logarithm where `log`."""

    low: float
    high: float
    left: float
    right: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, position = (
            (math.log(v) for v in (self.low, self.high, value)) if self.log else (self.low, self.high, value)
        )
        return round(self.left + (position - low) / (high - low) * (self.right - self.left), 1)

    def ticks(self, most: int) -> list[float]:
        """Round values on the scale, zero among them if it lies there; at most `most`."""
        if self.log:
            ticks = self._log_ticks(most)
            if len(ticks) > 1:
                return ticks
        for power in range(-6, 25):
            for digit in (1, 2, 5):
                step = digit * 10.0**power
                first, last = math.ceil(round(self.low / step, 9)), math.floor(round(self.high / step, 9))
                if last - first < most:
                    return [round(step * number, 9) for number in range(first, last + 1)]
        return [0]

    def _log_ticks(self, most: int) -> list[float]:
        powers = range(math.floor(math.log10(self.low)) - 1, math.ceil(math.log10(self.high)) + 1)
        for digits in ((1, 2, 5), (1, 3), (1,)):
            ticks = [d * 10.0**p for p in powers for d in digits if self.low <= d * 10.0**p <= self.high]
            if len(ticks) <= most:
                return ticks
        return ticks[:: -(-len(ticks) // most)]


def root(width: float, height: float, label: str, kind: str = "") -> ET.Element:
    """An empty picture with a label for those who cannot see it."""
    picture = ET.Element("svg", {"viewBox": f"0 0 {width:g} {height:g}", "role": "img", "class": kind})
    picture.set("aria-label", label)
    return picture


def add(parent: ET.Element, tag: str, kind: str, **numbers: float) -> ET.Element:
    """An element with numbers for attributes."""
    return ET.SubElement(parent, tag, {"class": kind, **{key: f"{value:g}" for key, value in numbers.items()}})


def text(parent: ET.Element, words: str, x: float, y: float, kind: str, anchor: str = "start") -> ET.Element:
    """A line of text at a place."""
    attributes = {"x": f"{x:g}", "y": f"{y:g}", "class": kind, "text-anchor": anchor}
    element = ET.SubElement(parent, "text", attributes)
    element.text = words
    return element


def path(parent: ET.Element, points: list[tuple[float, float]], kind: str) -> None:
    """A line through points."""
    ET.SubElement(parent, "path", {"class": kind, "d": "M" + "L".join(f"{x:g} {y:g}" for x, y in points)})


def title(parent: ET.Element, words: str) -> None:
    """What a mouse that rests on the element is told."""
    ET.SubElement(parent, "title").text = words


def markup(picture: ET.Element) -> Markup:
    """The picture as text that can stand in the page."""
    return Markup(ET.tostring(picture, encoding="unicode"))
