"""How false equations are off: every class knows its own values, and drawn ones are off as the counts say."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest

from journey.answers.claims import evaluate
from journey.answers.equations import join
from journey.generate.attempts.values import CLASSES, PREFIX, draw_values, value_class
from journey.rng import rng_for

CALCULATIONS = [
    ("18", "+", "135"),
    ("24", "*", "7"),
    ("153", "-", "7"),
    ("96", "/", "4"),
    ("2.5", "*", "6"),
    ("3", "+", "4", "*", "12"),
]


@pytest.mark.parametrize(
    ("tokens", "claimed", "name"),
    [
        ("18 + 135", 163, "off by a carry"), ("18 + 135", 152, "off by one"), ("18 + 135", 117, "too small"),
        ("135 - 18", 153, "another operation"), ("24 * 7", 1680, "ten times or a tenth"), ("24 * 7", 161, "off by a factor"),
        ("5 - 18", 13, "another sign"), ("18 + 135", 135, "digits swapped"), ("18 + 135", 159, "one digit"),
        ("18 + 135", 166, "near"), ("18 + 135", 200, "too large"), ("2 * 2.75", "5.6", "off by one" ),
    ],
)  # fmt: skip
def test_classes_worked_by_hand(tokens: str, claimed: object, name: str) -> None:
    exact = evaluate(tokens)
    if claimed == "5.6":  # the last decimal is the unit
        assert value_class(tokens.split(), exact, Fraction("5.51")) != name
    assert value_class(tokens.split(), exact, Fraction(claimed)) == name  # type: ignore[arg-type]


@pytest.mark.parametrize("tokens", CALCULATIONS, ids=join)
def test_a_drawn_value_is_false_and_of_the_class_that_was_drawn(tokens: tuple[str, ...]) -> None:
    exact = evaluate(join(tokens))
    for name in CLASSES:
        for number in range(10):
            for drawn, value in draw_values(tokens, exact, {PREFIX + name: 1}, rng_for("test", name, number)):
                assert (drawn, value_class(tokens, exact, value)) == (name, name) and value != exact


def test_classes_are_drawn_as_often_as_the_policy_errs_in_them() -> None:
    errors = {PREFIX + "off by one": 3, PREFIX + "too large": 1, "wrong branch +": 50}
    first = Counter(
        next(iter(draw_values(("18", "+", "135"), Fraction(153), errors, rng_for("test", n))))[0] for n in range(800)
    )
    assert set(first) == {"off by one", "too large"} and abs(first["off by one"] / 800 - 0.75) < 0.06
