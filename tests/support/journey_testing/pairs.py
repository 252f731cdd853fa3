"""Pairs as the families and methods of the catalogs make them."""

from __future__ import annotations

from typing import Any

from journey import views
from journey.answers.grading import grade
from journey.catalog import FAMILIES, METHODS
from journey.generate.made import MadePair
from journey.schema import Pair, Tree, decode, encode
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


def assert_round_trips(made: MadePair, method: str, *, terse: bool = True) -> None:
    """Records survive being written, spans are where the text is, and both halves end in the same right box.

    Without `terse` nobody tells it in the notation of the compact view, which is left out.
    """
    pair = made.pair
    assert (decode(encode(pair), Pair), decode(encode(made.tree), Tree)) == (pair, made.tree)
    assert pair.problem == made.tree.problem and (pair.method, pair.tree) == (method, made.tree.id)
    assert pair.shortcut.answer == pair.journey.answer
    assert pair.mistakes == sum(s.role == "mistake" for s in pair.journey.segments)
    told = [view for view in views.VIEWS if view != "compact" or terse]
    for trace in (pair.shortcut, pair.journey):
        text = views.render(trace, "think").text
        assert all(text[s.start : s.end] == s.text for s in trace.segments)
        for view in told:
            assert grade(pair.problem, views.render(trace, view).text).outcome == "correct"
