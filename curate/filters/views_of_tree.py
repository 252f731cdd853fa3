"""Keep a pair only if both halves are views of its tree: same problem, known nodes, agreeing roles, texts and spans."""

from __future__ import annotations

from collections.abc import Iterator

from journey.curate.item import HALVES, Drop, Half, Item
from journey.curate.rules import FILTERS
from journey.schema import Segment

_STEPS = ("step", "mistake", "consequence", "correction")
_SAME_ROLE = ("mistake", "consequence", "correction")


@FILTERS.add(
    "views_of_tree",
    reads=("tree", "traces"),
    per="pair",
    reasons=(
        "other_problem",
        "broken_tree",
        "node_not_in_tree",
        "role_differs",
        "text_differs",
        "span_differs",
        "step_not_in_journey",
    ),
)
def views_of_tree(item: Item) -> Iterator[Drop]:
    """Both halves are views of the tree."""
    if item.pair.problem != item.tree.problem:
        yield Drop("other_problem", item.pair.problem.id, item.tree.problem.id)
    known: set[int] = set()
    for node in item.tree.nodes:
        if node.id in known or (node.parent is not None and node.parent not in known):
            yield Drop("broken_tree", node.parent, node=node.id)
        known.add(node.id)
    for half in HALVES:
        for segment, span in zip(item.trace(half).segments, item.rendered(half, "think").spans, strict=True):
            yield from _segment(item, half, segment)
            if (segment.start, segment.end) != (span.start, span.end):
                yield Drop("span_differs", segment.start, span.start, segment.node, half)
    in_journey = {segment.node for segment in item.pair.journey.segments if segment.role != "answer"}
    # A shortcut that a source gives beside the journey is a branch of its own.
    apart = item.imported and str(item.pair.provenance.get("shortcut", "cut")) != "cut"
    for segment in item.pair.shortcut.segments:
        if segment.role == "step" and segment.node not in in_journey and not apart:
            yield Drop("step_not_in_journey", segment.brief, node=segment.node, half="shortcut")


def _segment(item: Item, half: Half, segment: Segment) -> Iterator[Drop]:
    node = item.nodes.get(segment.node)
    if segment.role == "answer":
        return
    if node is None:
        yield Drop("node_not_in_tree", segment.role, node=segment.node, half=half)
    elif half == "journey" and node.role != segment.role and segment.role in _SAME_ROLE:
        yield Drop("role_differs", segment.role, node.role, node.id, half)
    elif segment.role in _STEPS and node.text not in _written(item, segment):
        yield Drop("text_differs", segment.brief, node.text, node.id, half)


def _written(item: Item, segment: Segment) -> str:
    """Where a node's text is looked for: in the terse notation, which imported prose has not."""
    return " ".join(segment.text.split()) if item.imported and not segment.brief else segment.brief
