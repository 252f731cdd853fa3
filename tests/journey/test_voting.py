"""Which answers are votes for the same thing, without looking at the gold answer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey.answers.exact import evaluate
from journey.answers.voting import canonical_expression, classes
from journey.catalog import FAMILIES
from journey.schema import Problem

VALUE = Problem(id="1", question="?", answer="1/2", source="test")


def countdown() -> Problem:
    made: Problem = FAMILIES.get("countdown")().build((15, 12, 3), 33)
    return made


def test_values_fall_together() -> None:
    assert classes(VALUE, ["1/2", "0.5", None, "3", "\\frac{1}{2}", "3.0", "x"]) == [0, 0, None, 1, 0, 1, 2]


def test_what_cannot_be_decided_is_a_class_of_its_own() -> None:
    assert classes(VALUE, ["50\\%", "0.5"]) == [0, 1]


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
