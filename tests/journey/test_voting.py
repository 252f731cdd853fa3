"""Which answers are votes for the same thing, without looking at the gold answer."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey.answers import checker
from journey.answers.checker import Outcome, compare
from journey.answers.exact import evaluate
from journey.answers.reading.fingerprints import fingerprints
from journey.answers.voting import canonical_expression, classes
from journey.catalog import FAMILIES
from journey.rng import rng_for
from journey.schema import Problem
from journey_testing.answer_kinds import KINDS

VALUE = Problem(id="1", question="?", answer="1/2", source="test")


def countdown() -> Problem:
    made: Problem = FAMILIES.get("countdown")().build((15, 12, 3), 33)
    return made


def test_values_fall_together() -> None:
    assert classes(VALUE, ["1/2", "0.5", None, "3", "\\frac{1}{2}", "3.0", "x"]) == [0, 0, None, 1, 0, 1, 2]


def test_what_cannot_be_decided_is_a_class_of_its_own() -> None:
    assert classes(VALUE, ["50\\%", "0.5"]) == [0, 1]


def test_classes_do_not_depend_on_the_order() -> None:
    given = ["5 dollars", "5 cents", "5", "50\\%", "50", "6-5\\mathrm{i}", "1", "x=5", "0.5"]
    wanted = {frozenset(group) for group in _groups(given)}
    draw = rng_for("order of votes")
    for _ in range(20):
        draw.shuffle(given)
        assert {frozenset(group) for group in _groups(given)} == wanted
    assert frozenset(("5", "x=5")) in wanted and frozenset(("50", "50\\%")) in wanted


def _groups(given: list[str]) -> list[list[str]]:
    numbers = classes(VALUE, given)
    return [[text for text, own in zip(given, numbers, strict=True) if own == number] for number in set(numbers)]


def test_a_unit_parts_a_class_only_where_there_are_two() -> None:
    assert classes(VALUE, ["5", "5 dollars", "\\$5"]) == [0, 0, 0]
    assert classes(VALUE, ["5", "5 dollars", "5 cents"]) == [0, 1, 2]


@pytest.mark.parametrize("name", KINDS)
def test_what_the_checker_finds_the_same_shares_a_fingerprint(name: str) -> None:
    for index in range(4):
        case = KINDS[name](random.Random(f"{name} {index}"))
        same = [text for text in case.right if compare(case.gold, text) is Outcome.SAME]
        assert [text for text in same if not fingerprints(case.gold) & fingerprints(text)] == []


def test_many_formulas_are_compared_only_where_their_values_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(checker, "compare", lambda *args, **kwargs: asked.append(args) or Outcome.SAME)
    formulas = [f"x^{{{index % 40}}}+{index}\\sqrt{{{index + 2}}}" for index in range(512)]
    assert len(set(classes(VALUE, formulas))) == 512
    assert len(asked) < 20


def test_expressions_of_one_value_are_different_votes() -> None:
    """All of them make 33; were they one class, a vote would know the target."""
    given = ["( 15 * 3 ) - 12", "15*3-12", "3 \\times 15 - 12", "15 + 12 + 3 + 3", "33", "15 * 3 - 12 = 33"]
    assert classes(countdown(), given) == [0, 0, 0, 1, 2, 0]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("a - (b - c)", "a - b + c"),
        ("a * (b / c)", "a * b / c"),
        ("a / (b * c)", "a / b / c"),
        ("a / (b / c)", "a * c / b"),
        ("(a + b) * c", "c * (b + a)"),
        ("-(a - b)", "b - a"),
    ],
)
def test_brackets_and_order(left: str, right: str) -> None:
    one, two = (canonical_expression(s.replace("a", "7").replace("b", "5").replace("c", "2")) for s in (left, right))
    assert one == two is not None


@pytest.mark.parametrize("text", ["", "x + 1", "1 +", "(1", "1)", "1 2", "__import__('os')", "(" * 60 + "1" + ")" * 60])
def test_what_is_no_expression(text: str) -> None:
    assert canonical_expression(text) is None


def test_no_expression_is_still_a_vote() -> None:
    assert classes(countdown(), ["x  y", "x y", "z"]) == [0, 0, 1]


numbers = st.integers(1, 30).map(str)
expressions = st.recursive(
    numbers,
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(expressions, expressions)
def test_one_spelling_means_one_value(left: str, right: str) -> None:
    """Canonical spellings keep the value, and two expressions of one spelling have one value."""
    spelled = canonical_expression(left)
    assert spelled is not None and evaluate(spelled.removeprefix("+")) == evaluate(left)
    assert canonical_expression(spelled) == spelled
    if spelled == canonical_expression(right):
        assert evaluate(left) == evaluate(right)
