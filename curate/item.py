"""The item that a filter judges: one pair with its tree; a filter that objects yields a `Drop`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cached_property, partial
from typing import Any, NamedTuple

from journey import views
from journey.answers.claims import claim_is_false, evaluate, graph_values
from journey.catalog import FAMILIES
from journey.formats.curation import Drop, Half
from journey.schema import Arith, Claim, Follows, Node, Pair, QuantityClaim, Reachable, Trace, Tree
from journey.views import Rendered, View

__all__ = ["HALVES", "Drop", "Half", "Item"]

HALVES: tuple[Half, ...] = ("shortcut", "journey")


class Item:
    """A pair joined to its tree."""

    def __init__(self, pair: Pair, tree: Tree) -> None:
        self.pair, self.tree = pair, tree
        self._rendered: dict[tuple[Half, View], Rendered] = {}

    def trace(self, half: Half) -> Trace:
        """The trace of one half."""
        return self.pair.shortcut if half == "shortcut" else self.pair.journey

    def rendered(self, half: Half, view: View) -> Rendered:
        """The completion of one half in a view, rendered once."""
        if (half, view) not in self._rendered:
            self._rendered[half, view] = views.render(self.trace(half), view)
        return self._rendered[half, view]

    def text(self, half: Half, view: View) -> str:
        """The text of that completion."""
        return self.rendered(half, view).text

    @property
    def imported(self) -> bool:
        """Whether the traces were there before their tree: their roles are labelled, stated or read out of prose."""
        return self.pair.provenance.get("roles", "checked") != "checked"

    @cached_property
    def nodes(self) -> dict[int, Node]:
        """The tree's nodes by id."""
        return {node.id: node for node in self.tree.nodes}

    @cached_property
    def values(self) -> dict[str, Fraction] | None:
        """Every quantity of the tree recomputed from the given ones; None where that is impossible."""
        try:
            return graph_values(self.tree.quantities)
        except ValueError:
            return None

    def true_value(self, claim: Claim) -> Fraction | bool | None:
        """What is true where a claim was made: a number, or whether the target can be reached or the quantity computed; None if undecided."""
        if isinstance(claim, Reachable | Follows):
            false = claim_is_false(claim, self.tree)
            return None if false is None else not false
        if isinstance(claim, QuantityClaim):
            return (self.values or {}).get(claim.id)
        try:
            return evaluate(claim.expression)
        except ValueError:
            return None

    @cached_property
    def replay(self) -> Replay:
        """The states of a search, replayed from its moves; what it is after is the pair's own target."""
        target = self.pair.problem.facts.get("target")
        replayed = replay(self.tree)
        return replayed if target is None else replayed._replace(target=target, end=(target,))

    def known_otherwise(self, node: Node) -> bool:
        """Whether a mistake states nothing that can be computed, and says how it is known instead; labels are of imported pairs."""
        proofs = ("estimated", "unverified", "labelled") if self.imported else ("estimated", "unverified")
        return node.claim is None and node.proof in proofs

    def ancestors(self, node: Node) -> Iterator[Node]:
        """The nodes that a node was tried from, nearest first."""
        seen = {node.id}
        while node.parent is not None and node.parent in self.nodes and node.parent not in seen:
            node = self.nodes[node.parent]
            seen.add(node.id)
            yield node


class Replay(NamedTuple):
    """The state after each node that is a legal move, and an objection for each node that is none.

    `target` is what the claims of the tree are about and `end` the state that a right path ends in; None without states.
    """

    states: dict[int, tuple[int, ...]]
    drops: list[Drop]
    target: int | None = None
    end: tuple[int, ...] | None = None


# Six numbers of two digits make results of up to twelve; beyond eighteen nothing is read.
_MOVE = re.compile(r"(\d{1,18}) ([-+*/]) (\d{1,18}) = (\d{1,18})", re.ASCII)


def replay(tree: Tree) -> Replay:
    """Play every move of a search tree from the problem's start; empty where the problem has no states."""
    problem = tree.problem
    family: Any = FAMILIES.get(problem.source)() if problem.source in FAMILIES.names() else None
    play: Callable[[tuple[int, ...], str], tuple[int, ...] | str] = _played
    mistaken = play
    if hasattr(family, "played"):
        start, play = tuple(family.start(problem)), partial(family.played, problem)
        mistaken = partial(family.mistaken, problem) if hasattr(family, "mistaken") else play
        replayed = Replay({}, [], family.target, tuple(family.end(problem)))
    elif "numbers" in problem.facts and "target" in problem.facts:
        target = problem.facts["target"]
        start, replayed = tuple(problem.facts["numbers"]), Replay({}, [], target, (target,))
    else:
        return Replay({}, [])
    for node in tree.nodes:
        if node.parent is None:
            replayed.states[node.id] = start
        elif node.role == "check" or isinstance(node.claim, Arith):
            continue  # no move: a calculation done again, or one that is false, after which nothing can be replayed
        elif node.parent in replayed.states:
            legal = mistaken if node.role == "mistake" else play
            left = legal(replayed.states[node.parent], node.text)
            if isinstance(left, str):
                replayed.drops.append(Drop(left, node.text, node=node.id))
            else:
                replayed.states[node.id] = left
    return replayed


def _played(state: tuple[int, ...], move: str) -> tuple[int, ...] | str:
    """The numbers that a move leaves, in descending order, or what is wrong with it."""
    match = _MOVE.fullmatch(move)
    if match is None:
        return "move_unreadable"
    a, b, c = int(match[1]), int(match[3]), int(match[4])
    left = list(state)
    for number in (a, b):
        if number not in left:
            return "number_not_there"
        left.remove(number)
    right = {"+": a + b == c, "-": a - b == c, "*": a * b == c, "/": b != 0 and b * c == a}[match[2]]
    return tuple(sorted([*left, c], reverse=True)) if right else "equation_false"
