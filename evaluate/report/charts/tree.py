"""A drawing of a reasoning tree: the correct path runs straight down, whatever else was tried branches off to the right.

Rows are steps in the order in which they were tried, so that the picture reads like the journey. A step's mark tells its
role by shape and colour: a dot is right, a cross is a mistake, a ring follows from one, a triangle is a notice.
"""

from __future__ import annotations

from collections.abc import Collection
from xml.etree import ElementTree as ET

from markupsafe import Markup

from journey.evaluate.report.charts.svg import add, markup, path, root, title
from journey.schema import Follows, Node, Reachable, Tree

ROW, COLUMN, MARGIN = 26, 24, 14
MOST = 60  # steps drawn
_CHARACTER = 7.6  # pixels, about; only the picture's width rests on it


def draw(tree: Tree, correct: Collection[int] = ()) -> Markup:
    """The tree; `correct` are the nodes of the correct path (with those above them), else every right one."""
    nodes = tree.nodes[:MOST]
    known = {node.id: node for node in nodes}
    trunk = _trunk(known, correct or [node.id for node in nodes if node.verdict == "right"])
    columns: dict[int, int] = {}
    for node in nodes:
        above = columns.get(-1 if node.parent is None else node.parent)
        columns[node.id] = 0 if above is None or node.id in trunk else above + 1
    places = {n.id: (MARGIN + COLUMN * columns[n.id], MARGIN + ROW * row) for row, n in enumerate(nodes)}
    labels = {node.id: (_label(node, tree), _note(node)) for node in nodes}
    width = max(places[i][0] + 16 + _CHARACTER * len("  ".join(labels[i])) for i in places) if places else 1
    wrong = len(tree.mistakes())
    picture = root(width, ROW * len(nodes) + 4, f"Reasoning tree: {len(tree.nodes)} steps, mistakes: {wrong}", "tree")
    picture.set("width", f"{width:.0f}")
    for node in nodes:
        if node.parent in places:
            _edge(picture, places[node.parent], places[node.id], node.id in trunk)
    for node in nodes:
        _node(picture, node, places[node.id], labels[node.id])
    return markup(picture)


def left_out(tree: Tree) -> int:
    """How many steps of a large tree are not drawn."""
    return max(0, len(tree.nodes) - MOST)


def _trunk(known: dict[int, Node], correct: Collection[int]) -> set[int]:
    """The correct nodes and all above them; never a node that is wrong."""
    trunk: set[int] = set()
    for ident in correct:
        node = known.get(ident)
        while node is not None and node.id not in trunk and node.verdict != "wrong":
            trunk.add(node.id)
            node = None if node.parent is None else known.get(node.parent)
    return trunk


def _label(node: Node, tree: Tree) -> str:
    if node.text:
        return node.text.removesuffix(" .")
    if node.parent is None:
        return tree.problem.brief.removesuffix(" :") or "the question"
    return node.role


def _note(node: Node) -> str:
    """What is known of a step, in a few words."""
    if node.role == "mistake":
        kind = f"mistake ({node.kind})" if node.kind and node.kind != "wrong branch" else "mistake"
        if isinstance(node.claim, Follows):
            return f"{kind}: what it needs is not known yet"
        if isinstance(node.claim, Reachable) and node.kind == "wrong guess":
            return "mistake: the grid cannot be completed after it"
        if isinstance(node.claim, Reachable):
            left = " ".join(map(str, node.claim.state))
            return f"{kind}: {node.claim.target} cannot be made from {left}"
        return f"{kind}: truly {node.truth}" if isinstance(node.truth, str) else kind
    if node.role == "consequence":
        return f"truly {node.truth}" if isinstance(node.truth, str) else node.reason or ""
    return {"notice": "noticed", "correction": "corrected"}.get(node.role, node.reason or "")


def _edge(parent: ET.Element, above: tuple[float, float], below: tuple[float, float], trunk: bool) -> None:
    points = [above, below] if above[0] == below[0] else [above, (above[0], below[1]), below]
    path(parent, points, "edge trunk" if trunk else "edge")


def _node(parent: ET.Element, node: Node, position: tuple[float, float], label: tuple[str, str]) -> None:
    group = ET.SubElement(parent, "g", {"class": f"node {node.role}"})
    x, y = position
    if node.role == "mistake":
        add(group, "circle", "under", cx=x, cy=y, r=8)
        for slope in (1, -1):
            add(group, "line", "sign", x1=x - 5, x2=x + 5, y1=y - 5 * slope, y2=y + 5 * slope)
    elif node.role in ("notice", "backtrack"):  # one points up, one down
        turned = 1 if node.role == "notice" else -1
        corners = [(0, -6 * turned), (5.5, 4 * turned), (-5.5, 4 * turned)]
        shape = " ".join(f"{x + dx:g},{y + dy:g}" for dx, dy in corners)
        ET.SubElement(group, "polygon", {"class": "sign", "points": shape})
    else:
        wrong = node.verdict == "wrong" or node.role == "consequence"
        add(group, "circle", "sign ring" if wrong else "sign", cx=x, cy=y, r=5)
    words = ET.SubElement(group, "text", {"x": f"{x + 14:g}", "y": f"{y + 4.5:g}"})
    ET.SubElement(words, "tspan", {"class": "said"}).text = label[0]
    if label[1]:
        ET.SubElement(words, "tspan", {"class": "note", "dx": "10"}).text = label[1]
    title(group, f"{node.role}: {label[0]}")
