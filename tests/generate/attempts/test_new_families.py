"""Attempts at problems of every family: pairs of a policy's own steps where they are told as sums, and else a reason."""

from __future__ import annotations

from functools import cache

import pytest

from journey import views
from journey.answers.grading import grade
from journey.catalog import FAMILIES, METHODS
from journey.config import CurateSettings
from journey.curate.item import Item
from journey.curate.rules import Context, bind, resolve_options
from journey.generate.attempts.matched import AttemptedProblem
from journey.generate.attempts.moves import weigh
from journey.generate.attempts.reading import as_numbers
from journey.generate.attempts.values import count_value_errors
from journey.generate.made import MadePair, Rejection
from journey_testing.attempts import POLICY, attempt_of
from journey_testing.pairs import made

READERS = ("own", "profiled", "injected", "reject")


@cache
def tried(family: str, view: views.View) -> list[AttemptedProblem]:
    """Problems with right attempts and wrong ones: correct paths, and mistakes that nobody notices."""
    found = []
    method = METHODS.get(FAMILIES.entry(family).facts["methods"][0])()
    for one in made(family, method.__class__.__name__.lower(), 20, level=1):
        wrong = method.unnoticed(one.pair)
        traces = [one.pair.shortcut, *([wrong] if wrong else [])]
        texts = [views.render(trace, view).text for trace in traces]
        problem = one.pair.problem
        attempts = [attempt_of(problem, text, index) for index, text in enumerate(texts)]
        found.append((problem, tuple(as_numbers(problem, attempts))))
    errors = weigh([count_value_errors(attempts) for _, attempts in found])
    return [AttemptedProblem(problem, attempts, POLICY, errors) for problem, attempts in found]


@pytest.mark.parametrize(
    ("family", "method", "view"),
    [(family, method, "think") for family in ("multiplication", "graph") for method in READERS]
    + [("multiplication", method, "compact") for method in READERS],
)
def test_sums_are_told_and_kept_by_curation(family: str, method: str, view: views.View) -> None:
    results = [METHODS.get(method)().make_of(each, 0) for each in tried(family, view)]
    pairs = [one for one in results if isinstance(one, MadePair)]
    assert len(pairs) >= 4, [one for one in results if isinstance(one, Rejection)]
    context = Context(CurateSettings())
    items = [Item(one.pair, one.tree) for one in pairs]
    for rule in bind(resolve_options(context.settings), context):
        assert not [drop for drops in rule.judge(items) for drop in drops], rule.name
    for one in pairs:
        for trace in (one.pair.shortcut, one.pair.journey):
            for told in views.VIEWS:
                assert grade(one.pair.problem, views.render(trace, told).text).outcome == "correct"
    if family == "multiplication":
        words = " ".join(views.render(one.pair.journey, "compact").text for one in pairs).split()
        assert not any(len(word) > 1 and word.isdigit() for word in words)


@pytest.mark.parametrize("method", ["own", "injected", "profiled"])
def test_terse_attempts_are_read_step_by_step(method: str) -> None:
    """A mistake anywhere in one line of spelled steps has its place; the journeys keep what comes before it."""
    pairs = [one for each in tried("multiplication", "compact") if isinstance(one := make(method, each), MadePair)]
    assert len(pairs) >= 10
    places = {one.pair.provenance["place"] for one in pairs}
    assert len(places) >= 4
    for one in pairs:
        prose = views.render(one.pair.journey, "think").text
        assert "  " not in prose and " ." not in prose


def make(method: str, each: AttemptedProblem) -> MadePair | Rejection:
    return METHODS.get(method)().make_of(each, 0)  # type: ignore[no-any-return]


@pytest.mark.parametrize("method", ["reject", "stitch"])
def test_digits_of_a_grid_are_no_sums_and_are_refused_with_a_reason(method: str) -> None:
    for each in tried("sudoku", "compact"):
        refused = METHODS.get(method)().make_of(each, 0)
        assert isinstance(refused, Rejection) and refused.reason
