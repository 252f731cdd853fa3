"""First mistakes in filled grids: digits against the one completion."""

from __future__ import annotations

import pytest

from journey.catalog import FAMILIES
from journey.schema import FirstMistake, Reachable

FAMILY = FAMILIES.get("sudoku")()
GIVEN = (3, 0, 1, 2, 1, 0, 0, 3, 2, 0, 0, 4, 0, 0, 0, 0)
PROBLEM = FAMILY.build(GIVEN)
BOX = " . \\boxed{ 3 4 1 2 1 2 4 3 2 1 3 4 4 3 2 1 }"


def put(cell: int, digit: int, grid: tuple[int, ...] = GIVEN) -> tuple[int, ...]:
    return (*grid[:cell], digit, *grid[cell + 1 :])


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("b = 4 . try j = 3 . no k . dead end . back to j . j = 1 ." + BOX, "wrong guess", "try j = 3"),
        ("b = 4 . f = 3 . g = 4 ." + BOX, "row clash", "f = 3"),
        ("b = 4 . f = 4 . g = 2 ." + BOX, "column clash", "f = 4"),
        ("b = 4 . n = 2 ." + BOX, "box clash", "n = 2"),
        ("b = 4 . f = 2 . e = 2 ." + BOX, "filled cell", "e = 2"),
        ("b = 4 . f = 2 . b = 2 ." + BOX, "filled cell", "b = 2"),
        (
            "Only 4 fits in r1c2. So r1c2 = 4.\nr3c2 can be 1 or 3. Try r3c2 = 3. Then r3c3 = 1.",
            "wrong guess",
            "Try r3c2 = 3",
        ),
        ("I read r1c1 = 4 there.", "filled cell", "I read r1c1 = 4"),
    ],
)
def test_the_first_digit_that_the_completion_has_not(text: str, kind: str, said: str) -> None:
    found = FAMILY.first_mistake(PROBLEM, text)
    assert found.kind == kind and found.checked_first and found.span is not None
    assert text[slice(*found.span)] == said
    assert isinstance(found.claim, Reachable) and not FAMILY.solvable(PROBLEM, found.claim.state, 0)


def test_right_digits_and_a_wrong_box() -> None:
    assert FAMILY.first_mistake(PROBLEM, "b = 4 . f = 2 ." + BOX) == FirstMistake(before=True)
    assert FAMILY.first_mistake(PROBLEM, "b = 4 . f = 2 .") == FirstMistake(before=True)
    found = FAMILY.first_mistake(PROBLEM, "b = 4 . so \\boxed{ 3 4 1 2 }")
    assert (found.kind, found.claim) == ("wrong answer", None)


def test_a_wrong_digit_of_a_cell_that_was_never_filled_is_told_from_one_copied_wrong() -> None:
    right = "3 4 1 2 1 2 4 3 2 1 3 4 4 3 2 1"
    wrong = right.removesuffix("3 2 1") + "2 3 1"
    assert FAMILY.first_mistake(PROBLEM, f"b = 4 . f = 2 . \\boxed{{ {wrong} }}").kind == "cell left out"
    every = "b = 4 . f = 2 . g = 4 . j = 1 . k = 3 . m = 4 . n = 3 . o = 2 . p = 1"
    assert FAMILY.first_mistake(PROBLEM, f"{every} . \\boxed{{ {wrong} }}").kind == "wrong answer"
    assert FAMILY.first_mistake(PROBLEM, f"b = 4 . \\boxed{{ {right} 1 }}").kind == "wrong answer", "one digit too many"
    assert FAMILY.first_mistake(PROBLEM, f"b = 4 . \\boxed{{ {right} }}") == FirstMistake(before=True)


def test_the_state_of_a_claim_holds_what_was_written_before() -> None:
    found = FAMILY.first_mistake(PROBLEM, "b = 4 . try j = 3 .")
    assert found.claim == Reachable(put(9, 3, put(1, 4)), 0)
