"""Keep a shortcut only if it is the correct path alone: no trial and error, and nothing but right nodes, in order."""

from __future__ import annotations

from collections.abc import Iterator

from journey.curate.item import Drop, Item
from journey.curate.rules import FILTERS

_UNCLEAN = ("mistake", "consequence", "notice", "backtrack", "correction")


@FILTERS.add(
    "shortcut_clean",
    reads=("tree", "traces"),
    per="pair",
    after=("notices_contradict",),
    reasons=("role_of_a_journey", "node_not_right", "told_twice", "out_of_order"),
)
def shortcut_clean(item: Item) -> Iterator[Drop]:
    """The shortcut tells right nodes only, each once, none before a step that it was tried from."""
    seen: list[int] = []
    for segment in item.pair.shortcut.segments:
        if segment.role in _UNCLEAN:
            yield Drop("role_of_a_journey", segment.role, node=segment.node, half="shortcut")
        if segment.role == "answer":
            continue
        node = item.nodes.get(segment.node)
        right = node is not None and (node.verdict == "right" or (item.imported and node.verdict == "unknown"))
        if node is None or not right or node.role in ("mistake", "consequence"):
            yield Drop("node_not_right", node.verdict if node else None, "right", segment.node, "shortcut")
        elif segment.node in seen:
            yield Drop("told_twice", segment.brief, node=segment.node, half="shortcut")
        seen.append(segment.node)
    for index, number in enumerate(seen):
        later = set(seen[index + 1 :]) - {number}
        if number in item.nodes and any(node.id in later for node in item.ancestors(item.nodes[number])):
            yield Drop("out_of_order", number, node=number, half="shortcut")
