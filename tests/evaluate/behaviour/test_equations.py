"""Equations found in text: what counts as one, what does not, and which are true."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey.evaluate.behaviour.equations import equations, plain


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The candles cost $19 * 2 = $38.", [("19 * 2", "38", True)]),
        ("After it 54 - 2 = 51 dollars are left.", [("54 - 2", "51", False)]),
        ("try 3 + 4 = 7 left 7 1 . 7 - 1 = 6 yes .", [("3 + 4", "7", True), ("7 - 1", "6", True)]),
        ("c = 40 - 54 = - 14 .", [("40 - 54", "-14", True)]),
        ("she earned 0.2 x 50 = $10", [("0.2 * 50", "10", True)]),
        ("1,200 + 300 = 1,500", [("1,200 + 300", "1500", True)]),
        ("10/3 = 3.33, 10/3 = 3.34", [("10/3", "333/100", True), ("10/3", "167/50", False)]),
        ("10 / 4 = 2", [("10 / 4", "2", False)]),  # a whole number is no rounding
        ("r=2*6+4=12+4=16.", [("2*6+4", "16", True), ("12+4", "16", True)]),
        ("f(2) = 2 - 5 = -3", [("2 - 5", "-3", True)]),
        ("\\(3 \\times 11 = 33\\)", [("3 *      11", "33", True)]),
        ("16 - 3 = <<16-3=13>>13 eggs", [("16 - 3", "13", True)]),
        ("a = 10\n11 + 5 = 17", [("11 + 5", "17", False)]),
        ("(1 + 2) * 3 = 9)", [("(1 + 2) * 3", "9", True)]),
        ("x^2 + 3 = 7", []),
        ("2m = 6 and 3 + 4 = 7x", []),
        ("8 * 50% = 4", []),
        ("60x +30x -600 = 660", []),
        ("a + 3 = 5", []),
        ("5 / 0 = 0", []),
        ("it is 5 = 5", []),
    ],
)  # fmt: skip
def test_what_is_found(text: str, found: list[tuple[str, str, bool]]) -> None:
    assert [(e.left, str(e.claimed), e.true) for e in equations(text)] == found
    for equation in equations(text):
        assert text[equation.start : equation.end].strip() == text[equation.start : equation.end]


@given(st.text(max_size=80))
def test_plain_keeps_every_character_in_its_place(text: str) -> None:
    assert len(plain(text)) == len(text)


@given(st.text("0123456789 +-*/=().,$x%^\n<>ab\\", max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    for equation in equations(text):
        assert 0 <= equation.start < equation.end <= len(text)
