"""Annotated solutions: what is read from them, how numbers are linked, and what is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from journey.answers.claims import evaluate, graph_values
from journey.answers.equations import Unreadable, join
from journey.answers.prose_numbers import number_words, numerals, places, read_number, show, show_like
from journey.generate.slips.annotated import Annotated, annotated, given_quantities
from journey.generate.slips.calculations import SolutionStep, in_words, read_step
from journey.generate.slips.units import FACTS, facts
from journey.schema import Problem
from journey.tables.problems import read_problems


def graph(question: str, solution: str, answer: str) -> Annotated:
    return annotated(Problem("p", question, answer, "test", solution=f"{solution}\n#### {answer}"))


def read(text: str) -> SolutionStep:
    return read_step("\n", text)


def shown(step: SolutionStep, at: int = 0) -> list[str]:
    """The text of each operand of an equation where it is written out, and of its result."""
    equation = step.equations[at]
    places = [operand.shown for operand in equation.operands] + [equation.result]
    return [step.text[step.numerals[p].start : step.numerals[p].end] if p is not None else "" for p in places]


def test_a_solution_becomes_a_graph() -> None:
    found = graph(
        "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. How many?",
        "Natalia sold 48/2 = <<48/2=24>>24 clips in May.\nNatalia sold 48+24 = <<48+24=72>>72 clips altogether.",
        "72",
    )
    assert [step.text for step in found.steps] == [
        "Natalia sold 48/2 = 24 clips in May.",
        "Natalia sold 48+24 = 72 clips altogether.",
    ]
    assert [(q.id, q.value, q.expression) for q in found.quantities] == [
        ("q1", "48", None),
        ("q2", "2", None),
        ("s1", "24", "q1 / q2"),
        ("s2", "72", "q1 + s1"),
    ]
    start, end = found.quantities[1].span or (0, 0)
    assert found.problem.question[start:end] == "half"
    assert found.final == "s2"


@pytest.mark.parametrize(
    ("text", "tokens", "numbers"),
    [
        ("He pays 3 * $5 = $<<3*5=15>>15.", ("3", "*", "5"), ["3", "5", "15"]),
        ("3 large stickers + 42 stickers = <<3+42=45>>45 stickers", ("3", "+", "42"), ["3", "42", "45"]),
        ("4x5= <<4*5=20>>20 fishes", ("4", "*", "5"), ["4", "5", "20"]),
        ("8 \u00d7 $5 = $<<8*5=40>>40", ("8", "*", "5"), ["8", "5", "40"]),
        ("220 \u2013 22 = <<220-22=198>>198 liters", ("220", "-", "22"), ["220", "22", "198"]),
        ("25% * 40 = <<25*.01*40=10>>10", ("25", "*", ".01", "*", "40"), ["25", "", "40", "10"]),
        ("25% of 40 = <<.25*40=10>>10", (".25", "*", "40"), ["", "", "10"]),  # no sign: not written out
        ("(2 + 3) * 4 = <<(2+3)*4=20>>20", ("(", "2", "+", "3", ")", "*", "4"), ["2", "3", "4", "20"]),
        ("287 x 4 = <<1148=1148>>1,148", ("287", "*", "4"), ["287", "4", "1,148"]),
        ("2 years * 4 visits/year = 8 visits.", ("2", "*", "4"), ["2", "4", "8"]),
        ("Total = 15 + 12 = 27 km", ("15", "+", "12"), ["15", "12", "27"]),
        ("10 times 2 equals <<10*2=20>>20", ("10", "*", "2"), ["", "", "20"]),
    ],
)
def test_calculations_are_found_where_they_are_written(text: str, tokens: tuple[str, ...], numbers: list[str]) -> None:
    step = read(text)
    assert step.equations[0].tokens == tokens and not step.opaque
    assert shown(step) == numbers
    for at, (start, end) in step.equations[0].signs.items():
        assert step.text[start:end] in {"+": "+", "*": "*x\u00d7", "-": "-\u2013", "/": "/"}[tokens[at]]


@pytest.mark.parametrize("text", ["x + 5 = 12", "5x=7200", "So 2 + 3 = 6", "2 * 1 + 3 * 3 = 2 + 9 = $11"])
def test_steps_with_an_equals_sign_that_is_not_understood_are_opaque(text: str) -> None:
    assert read(text).opaque


def test_a_value_from_nowhere_makes_a_step_opaque_and_a_repeated_one_does_not() -> None:
    found = graph("12 and 9?", "E = <<21=21>>21\nE is <<21=21>>21.", "21")
    assert [step.opaque for step in found.steps] == [True, False]


def test_two_quantities_of_one_value_leave_the_link_open() -> None:
    found = graph(
        "A box has 6 pens and a bag 3 times 2 pens. How many of 20 are left without the bag?",
        "The bag has 3*2 = <<3*2=6>>6.\nThat leaves 20-6 = <<20-6=14>>14.",
        "14",
    )
    operand = found.steps[1].equations[0].operands[1]
    assert [name for name, _ in operand.sources] == ["q1", "s1"] and operand.link is None
    assert found.quantities[-1].expression == "q4 - 6"
    assert graph_values(found.quantities)["s2"] == 14


def test_a_factor_is_not_a_quantity_to_add_and_a_constant_may_be_no_quantity() -> None:
    found = graph("Bo has three times as many as 8. He loses 3 more.", "8*3 = <<8*3=24>>24\n24-3 = <<24-3=21>>21", "21")
    times, minus = found.steps[0].equations[0].operands[1], found.steps[1].equations[0].operands[1]
    assert [name for name, _ in times.sources] == ["q1", "q3"]
    assert [name for name, _ in minus.sources] == ["q3"]
    found = graph("In 7 weeks he ran each day. How many days?", "7*7 = <<7*7=49>>49 days", "49")
    assert all(operand.link is None for operand in found.steps[0].equations[0].operands)


def test_given_numbers_have_readings() -> None:
    readings = {q.value: [str(value) for value, _ in found] for q, found in given_quantities("Half of the 20% of 30")}
    assert readings == {"2": ["2", "1/2"], "20": ["20", "1/5"], "30": ["30"]}


def test_sentences_without_a_calculation_join_the_next_one() -> None:
    found = graph("6 and 7?", "Mr. Lee starts.\nHe has 6+7 = <<6+7=13>>13. He is done.", "13")
    assert [step.text for step in found.steps] == ["Mr. Lee starts.\nHe has 6+7 = 13. He is done."]


@pytest.mark.parametrize(
    ("solution", "answer", "reason"),
    [
        ("All in all 72.", "72", "no_annotation"),
        ("<<a*2=4>>4", "4", "unreadable_annotation"),
        ("<<2*2>>4", "4", "unreadable_annotation"),
        ("<<2**2=4>>4", "4", "unreadable_annotation"),
        ("10/3 = <<10/3=3.33>>3.33", "3.33", "false_annotation"),
        ("1+1 = <<1+1=2>>2", "3", "answer_not_the_last_value"),
        ("1+1 = <<1+1=2>>2", "two", "answer_not_a_number"),
    ],
)
def test_refusals_have_reasons(solution: str, answer: str, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        graph("1 and 2?", solution, answer)
    assert caught.value.reason == reason


@pytest.mark.slow
def test_all_of_gsm8k_recomputes(real_data: Callable[[str], Path]) -> None:
    reasons: Counter[str] = Counter()
    linked = operands = written = equations = 0
    for problem in read_problems(str(real_data("gsm8k_train.jsonl"))):
        try:
            found = annotated(problem)
        except Unreadable as error:
            reasons[error.reason] += 1
            continue
        reasons["read"] += 1
        assert graph_values(found.quantities) == found.values
        for step in found.steps:
            for equation in step.equations:
                assert evaluate(equation.expression) == equation.value
                equations += 1
                written += equation.span is not None
                operands += len(equation.operands)
                linked += sum(operand.link is not None for operand in equation.operands)
    assert reasons["read"] > 0.95 * sum(reasons.values())
    assert written > 0.95 * equations and linked > 0.7 * operands


# ---- numbers in prose


def test_numerals_and_number_words() -> None:
    text = "She has 1,200 or .5 of 25% (5x, 2nd) and $3.50, 4x5."
    found = numerals(text)
    assert [str(each.value) for each in found] == ["1200", "1/2", "25", "5", "2", "7/2", "4", "5"]
    assert [each.percent for each in found].index(True) == 2
    assert [each.glued for each in found] == [False, False, False, True, True, False, False, False]
    assert [each.money for each in found].index(True) == 5
    words = list(number_words("Twenty-five dozen, half of three and twice"))
    assert [tuple(map(str, each.values)) for each in words] == [("25",), ("12",), ("2", "1/2"), ("3",), ("2",)]


@pytest.mark.parametrize(
    ("value", "old", "new"),
    [
        ("1234", "5,000", "1,234"),
        ("15/2", "$3.50", "7.50"),
        ("8", "$3.50", "8"),
        ("1/4", "3", "0.25"),
        ("-3", "3", "-3"),
    ],
)
def test_a_number_is_written_in_the_manner_of_another(value: str, old: str, new: str) -> None:
    assert show_like(Fraction(value), numerals(old)[0], old) == new


def test_numbers_are_shown_exactly_or_not_at_all() -> None:
    assert [show(Fraction(text)) for text in ("24", "-0.5", "1.05", "1000000")] == ["24", "-0.5", "1.05", "1000000"]
    assert places(Fraction(1, 3)) is None
    with pytest.raises(ValueError, match="no short decimal"):
        show(Fraction(1, 3))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("72", "72"),
        ("1,080", "1080"),
        ("$5.50", "11/2"),
        ("-3", "-3"),
        ("1/2", "1/2"),
        ("1/0", None),
        ("many", None),
        ("", None),
    ],
)
def test_gold_answers_are_read(text: str, value: str | None) -> None:
    assert read_number(text) == (None if value is None else Fraction(value))


def test_expressions_are_joined_for_reading() -> None:
    assert join(("(", "2", "+", "3", ")", "*", "4")) == "(2 + 3) * 4"
    assert join(("-", "20", "+", "10")) == "-20 + 10"
    assert in_words(("80000", "*", "140", "*", ".01")) == "80000 * 140%"
    assert in_words(("3", "*", ".015")) == "3 * .015"


def test_facts_need_their_words() -> None:
    assert facts(Fraction(60), "2 hours, how many minutes?") == [(100, "an hour has 60 minutes")]
    assert facts(Fraction(60), "60 apples") == [] == facts(Fraction(1, 2), "hours minutes")
    assert all(wrong != right for right, rows in FACTS.items() for wrong, _, _ in rows)


@pytest.mark.parametrize(
    ("question", "solution", "reason"),
    [
        ("He has 48 eggs.", "He has 48/2=<<48/2=24>>24 of them. " * 28_000, "too_long"),
        ("He has 48 eggs.", "<<48/2=24>>" * 201, "too_long"),
        ("48 " * 201, "<<48/2=24>>24", "too_long"),
        ("x" * 20_001, "<<48/2=24>>24", "too_long"),
        ("He has 48 eggs.", "1=" * 9000, "no_annotation"),
        ("He has 48 eggs.", "1+" * 9000, "no_annotation"),
        ("He has 48 eggs.", f"<<{'9' * 5000}*1=24>>24", "unreadable_annotation"),
    ],
)
def test_what_is_too_long_is_a_rejected_row(question: str, solution: str, reason: str) -> None:
    with pytest.raises(Unreadable) as refused:
        graph(question, solution, "24")
    assert refused.value.reason == reason


@pytest.mark.parametrize("digits", [300, 301, 4300, 4301])
def test_a_number_that_python_would_not_write_is_none(digits: int) -> None:
    found = graph(f"He has 48 eggs and {'9' * digits} hens.", "48/2=<<48/2=24>>24", "24")
    assert len([each for each in found.quantities if each.id[0] == "q"]) == (2 if digits <= 300 else 1)
    assert read_number("9" * digits) == (int("9" * digits) if digits <= 300 else None)
