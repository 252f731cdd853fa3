"""The result of a method on one problem: a tree with its pair, or the reason why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from journey.schema import Pair, Trace, Tree, pair_id


@dataclass(frozen=True)
class MadePair:
    """A reasoning tree and the pair of traces derived from it."""

    tree: Tree
    pair: Pair

    @classmethod
    def of(cls, tree: Tree, shortcut: Trace, journey: Trace, mistakes: int, provenance: dict[str, Any]) -> Self:
        """The pair of a tree's two traces, named after the tree."""
        ids = pair_id(tree.problem.id, tree.method, tree.id), tree.problem, tree.id, tree.method
        return cls(tree, Pair(*ids, shortcut, journey, mistakes, provenance))


@dataclass(frozen=True)
class Rejection:
    """Why a method made no pair of a problem; counted by reason."""

    reason: str
    detail: str = ""
