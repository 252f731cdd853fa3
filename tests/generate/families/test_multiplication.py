"""Multiplication by hand: right steps, carries, spelled numbers, and consequences that reach the answer."""

from __future__ import annotations

import pytest

from journey import views
from journey.answers.grading import grade
from journey.answers.spelling import joined, spelled, unspelled
from journey.answers.voting import classes
from journey.catalog import FAMILIES, METHODS
from journey.generate.families.multiplication import LEVELS, carries
from journey.generate.slips.annotated import annotated
from journey.models import load, template
from journey_testing.pairs import made

FAMILY, SLIPS = FAMILIES.get("multiplication")(), METHODS.get("slips")


@pytest.mark.parametrize("level", LEVELS)
def test_partial_products_and_carries_lead_to_the_product(level: int) -> None:
    for index in range(20):
        problem = FAMILY.problem(0, index, level)
        a, b = problem.facts["numbers"]
        assert len(str(a)) == len(str(b)) == LEVELS[level] and problem.answer == str(a * b)
        graph = annotated(problem)
        values = [int(each.value) for step in graph.steps for each in step.equations]
        assert len(set(values)) == len(values) and values[-1] == a * b
        products = [each for step in graph.steps for each in step.equations if "*" in each.tokens]
        digits = [sum(digit != "0" for digit in str(number)) for number in (a, b)]
        assert len(products) == digits[0] * digits[1] and sum(int(each.value) for each in products) == a * b


@pytest.mark.parametrize(
    ("a", "b", "count"),
    [
        (11, 11, 0),
        (47, 6, 2),  # 42 carries 4, 28 carries 2
        (25, 25, 3),  # 25 and 12, then 10; 125 + 500 carries nothing
        (12, 34, 1),  # 48 + 360
        (99, 99, 6),  # two in each row, two in 891 + 8910
    ],
)
def test_carries_are_those_of_the_hand(a: int, b: int, count: int) -> None:
    assert carries(a, b) == FAMILY.difficulty(FAMILY.build(a, b)) == count


def test_terse_notation_spells_every_number_and_is_read_back() -> None:
    pocket = load.load_tokenizer(load.find("pocket"))
    assert spelled("find 47 * 36 : 1.5 r2c3 7") == "find 4 7 * 3 6 : 1.5 r2c3 7"
    assert joined("4 7 * 6 = 2 8 2 .") == "47 * 6 = 282 ." and unspelled("4 7 * 6 = 2 8 2 .") == "47  * 6 = 282   ."
    for one in made("multiplication", "slips", 15, level=2):
        pair = one.pair
        for trace in (pair.shortcut, pair.journey):
            terse = views.render(trace, "compact").text
            assert not any(len(word) > 1 and word.isdigit() for word in terse.split())
            assert template.covers(pocket, f"{pair.problem.brief} {terse}")
            assert grade(pair.problem, terse).outcome == "correct"


def test_spelled_answers_are_numbers_to_the_checker_and_to_votes() -> None:
    problem = FAMILY.build(47, 36)
    assert grade(problem, "\\boxed{ 1 6 9 2 }").outcome == grade(problem, "\\boxed{1,692}").outcome == "correct"
    assert grade(problem, "\\boxed{ 1 6 9 3 }").outcome == "wrong"
    assert classes(problem, ["1 6 9 2", "1692", "1 6 9 3", None]) == [0, 0, 1, None]


def test_what_nobody_notices_flows_into_the_box_and_is_located() -> None:
    located = 0
    for one in made("multiplication", "slips", 20):
        trace = SLIPS().unnoticed(one.pair)
        assert trace is not None
        for view in ("think", "compact"):
            text = views.render(trace, view).text
            assert grade(one.pair.problem, text).outcome == "wrong"
            found = FAMILY.first_mistake(one.pair.problem, text)
            located += found.kind is not None
    assert located >= 36


def test_there_are_three_kinds_of_mistakes_or_more() -> None:
    kinds = {kind for one in made("multiplication", "slips", 60) for kind in one.pair.provenance["kinds"]}
    assert {"digit", "carry", "table"} <= kinds
