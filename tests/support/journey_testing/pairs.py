"""Pairs as the families and methods of the catalogs make them."""

from __future__ import annotations

from typing import Any

from journey.catalog import FAMILIES, METHODS
from journey.schema import Pair
from journey.splits import split_of

COMBINATIONS = [(family.name, method) for family in FAMILIES.entries() for method in family.facts["methods"]]


def made(
    family: str, method: str, count: int, *, level: int = 1, split: str | None = None, start: int = 0
) -> list[Any]:
    """The first `Made` of a family and method from index `start` on, each of another problem, of one split if asked."""
    make, problems = METHODS.get(method)().make, FAMILIES.get(family)()
    found: dict[str, Any] = {}
    index = start
    while len(found) < count:
        problem = problems.problem(0, index, level)
        index += 1
        if problem.id not in found and split in (None, split_of(problem)):
            one = make(problem, 0)
            if hasattr(one, "pair"):
                found[problem.id] = one
    return list(found.values())


def pairs_of(family: str, method: str, count: int, **more: Any) -> list[Pair]:
    """Their pairs; `more` as in `made`."""
    return [one.pair for one in made(family, method, count, **more)]
