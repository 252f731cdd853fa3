"""Equations found in text: what counts as one, what does not, and which are true."""

from __future__ import annotations

import re
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey.answers import equations as reading
from journey.answers.equations import Equation, Unreadable, equations, is_number, plain, read_solution


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


def parts(text: str, equation: Equation) -> list[str]:
    """What the text has at the place of each token of a calculation, and of its value; "" where it is not written out."""
    places = [equation.spans.get(at, (0, 0)) for at in range(len(equation.tokens))]
    return [text[start:end] for start, end in [*places, equation.result or (0, 0)]]


SHORT_ONES = st.lists(
    st.sampled_from(["18", "3", "007", "54", "1,200", "2.5", "x", " ", " ", "+", "-", "*", "/", "=", "(", ")", "%", "$", ".", ",", "left", "\n", "\u00d7"]),
    max_size=14,
).map("".join)  # fmt: skip


@given(SHORT_ONES)
def test_two_plain_integers_are_read_as_anything_else_is(text: str) -> None:
    """The short way, which most equations go, against the long one."""
    never = re.compile(r"(?!)")
    for terse in (False, True):
        short = list(reading.equations(text, terse=terse))
        with mock.patch.object(reading, "_SHORT", never), mock.patch.object(reading, "_PAIR", never):
            assert short == list(reading.equations(text, terse=terse))


def test_tokens_know_where_they_stand() -> None:
    text = "It costs 1,200 + 3 \\times 2 = 1,206."
    [one] = equations(text)
    assert one.tokens == ("1200", "+", "3", "*", "2") and one.numbers == [1200, 3, 2]
    assert parts(text, one) == ["1,200", "+", "3", "\\", "2", "1,206"]  # a sign has its first character


def test_a_plus_begins_a_calculation_in_terse_notation_alone() -> None:
    assert [e.left for e in equations("+ 30 + 46 = 76 .", terse=True)] == ["+ 30 + 46"]
    assert not list(equations("+ 30 + 46 = 76 ."))


@pytest.mark.parametrize(
    ("raw", "left", "written"),
    [
        ("He pays 3 pens * $5 = $<<3*5=15>>15.", "3 * 5", ["3", "*", "5", "15"]),
        ("2 years * 4 visits/year = 8 visits.", "2 * 4", ["2", "*", "4", "8"]),
        ("25% * 40 is 25% * 40 = 10", "(25 / 100) * 40", ["", "25", "", "", "", "*", "40", "10"]),
        ("25% of 40 = <<25/100*40=10>>10", "25 / 100 * 40", ["", "", "", "", "", "10"]),
        ("287 x 4 = <<1148=1148>>1,148", "287 * 4", ["287", "x", "4", "1,148"]),
    ],
)
def test_solutions_are_read_with_units_percents_and_annotations(raw: str, left: str, written: list[str]) -> None:
    text, numerals, (one,), unread = read_solution(raw)
    assert "<<" not in text and not unread and one.left == left and one.true
    assert parts(text, one) == written
    starts = {numeral.start for numeral in numerals}
    assert all(one.spans[at][0] in starts for at in one.spans if is_number(one.tokens[at]))


def test_what_does_not_hold_is_no_equation_of_a_solution() -> None:
    assert read_solution("So 2 + 3 = 6").equations == () and read_solution("So 2 + 3 = 6").unread == (9,)
    with pytest.raises(Unreadable, match="false_annotation"):
        read_solution("2+3 = <<2+3=6>>6")
    with pytest.raises(Unreadable, match="unreadable_annotation"):
        read_solution("2x = <<2x=6>>6")


@given(st.text("0123456789 +-*/=().,$x%^\n<>ab\\", max_size=60))
def test_no_solution_breaks_it(text: str) -> None:
    try:
        read = read_solution(text)
    except Unreadable:
        return
    for equation in read.equations:
        assert equation.true and 0 <= equation.start <= equation.end <= len(read.text)
