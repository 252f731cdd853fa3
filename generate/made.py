"""The result of a method on one problem: a tree with its pair, or the reason why not."""

from __future__ import annotations

from dataclasses import dataclass

from journey.schema import Pair, Tree


@dataclass(frozen=True)
class MadePair:
    """A reasoning tree and the pair of traces derived from it."""

    tree: Tree
    pair: Pair


@dataclass(frozen=True)
class Rejection:
    """Why a method made no pair of a problem; counted by reason."""

    reason: str
    detail: str = ""
