"""First mistakes of Countdown answers, worked by hand; what has a claim is refuted by the one claim checker."""

from __future__ import annotations

import pytest

from journey.answers.claims import claim_is_false
from journey.generate.families.countdown import Countdown
from journey.schema import Tree

FAMILY = Countdown()
PROBLEM = FAMILY.build((49, 31, 3), 44)  # 31 * 3 - 49
CASES = [
    ("try 31 * 3 = 93 left 93 49 . 93 - 49 = 44 yes . \\boxed{ ( 31 * 3 ) - 49 }", None, None),
    ("try 49 * 3 = 98 left 98 31 . 98 - 31 = 67 high . \\boxed{ ( 49 * 3 ) - 31 }", "false equation", "49 * 3 = 98"),
    ("try 49 + 3 = 52 left 52 31 . 52 - 31 = 21 low . \\boxed{ ( 49 + 3 ) - 31 }", "wrong branch", "49 + 3 = 52"),
    ("try 31 * 3 = 93 left 93 49 . 93 + 49 = 142 high . \\boxed{ ( 31 * 3 ) + 49 }", "wrong last step", "93 + 49"),
    ("try 31 * 3 = 93 left 93 49 . 93 - 49 = 44 yes . \\boxed{ ( 31 * 3 ) - 48 }", "wrong answer", "\\boxed"),
    ("try 41 * 3 = 123 left 123 49 . \\boxed{ 1 }", "number not there", "41 * 3"),
    ("try 31 * 3 = 93 left 93 48 . 93 - 48 = 45 high . \\boxed{ 1 }", "number not there", "left 93 48"),
    ("31 * 3 = 93, leaving 93 and 49.\nThen 93 - 49 = 44.\n\nThe answer is \\boxed{31 * 3 - 49}.", None, None),
]


@pytest.mark.parametrize(("text", "kind", "where"), CASES)
def test_the_first_false_step_is_found(text: str, kind: str | None, where: str | None) -> None:
    found = FAMILY.first_mistake(PROBLEM, text)
    assert found.kind == kind and found.before
    if where is not None:
        assert found.proof == "checked:question" and found.span is not None and found.checked_first
        assert where in text[slice(*found.span)]
        if found.claim is not None:
            assert claim_is_false(found.claim, Tree("", PROBLEM, "own", 0, ()))


def test_a_step_that_cannot_be_judged_leaves_what_comes_after_it_unproved_as_the_first() -> None:
    text = "3 - 31 = -28 and then 49 + 3 = 53. \\boxed{49}"
    found = FAMILY.first_mistake(PROBLEM, text)
    assert (found.kind, found.before, found.checked_first) == ("false equation", False, False)


def test_results_above_a_levels_limit_are_legal_since_no_question_states_it() -> None:
    problem = FAMILY.build((50, 40, 5), 90, level=3)
    text = "try 50 * 40 = 2000 left 2000 5 . \\boxed{ 1 }"
    assert FAMILY.first_mistake(problem, text).kind in (None, "wrong branch", "wrong answer")


def test_a_right_answer_can_hold_a_mistake() -> None:
    text = "try 49 + 3 = 52 left 52 31 . 52 - 31 = 21 low . \\boxed{ ( 31 * 3 ) - 49 }"
    assert FAMILY.first_mistake(PROBLEM, text).kind == "wrong branch"
