"""Sudoku: grids with one completion, the checker, the fixed solver, and exact counts of mistakes."""

from __future__ import annotations

import re
from itertools import permutations, product

import pytest

from journey import views
from journey.answers.checker import Outcome
from journey.catalog import FAMILIES, METHODS
from journey.errors import UsageError
from journey.generate.families.sudoku import LEVELS
from journey.generate.grids.guesses import fill
from journey.generate.grids.space import candidates, solutions
from journey.generate.methods.search import Search
from journey.generate.search.settings import SearchSettings
from journey.models import load, template

FAMILY = FAMILIES.get("sudoku")()
GIVEN = (3, 0, 1, 2, 1, 0, 0, 3, 2, 0, 0, 4, 0, 0, 0, 0)
SOLVED = "3412 1243 2134 4321"


def completions(grid: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Every way to choose a permutation for each row, kept where columns and boxes hold each digit once."""
    found = []
    rows = [
        [
            row
            for row in permutations((1, 2, 3, 4))
            if all(g in (0, d) for g, d in zip(grid[4 * k :], row, strict=False))
        ]
        for k in range(4)
    ]
    for chosen in product(*rows):
        columns = all(len({row[k] for row in chosen}) == 4 for k in range(4))
        boxes = all(len({chosen[r + i][c + j] for i in (0, 1) for j in (0, 1)}) == 4 for r in (0, 2) for c in (0, 2))
        if columns and boxes:
            found.append(tuple(digit for row in chosen for digit in row))
    return found


class TestProblems:
    @pytest.mark.parametrize("level", [1, 2])
    def test_a_small_grid_has_one_completion_by_brute_force(self, level: int) -> None:
        for index in range(10):
            problem = FAMILY.problem(0, index, level)
            [only] = completions(tuple(problem.facts["grid"]))
            assert problem.answer.replace(" ", "") == "".join(map(str, only))

    def test_a_large_grid_has_one_completion_and_asks_for_guesses(self) -> None:
        problem = FAMILY.problem(0, 0, 3)
        assert len(list(solutions(tuple(problem.facts["grid"])))) == 1
        found = fill(FAMILY.space(problem))
        assert found.failed >= LEVELS[3].min_failed and FAMILY.difficulty(problem) == found.guesses

    def test_a_small_grid_with_one_completion_never_needs_a_guess_if_single_digits_come_first(self) -> None:
        """Why the fixed solver fills small grids in reading order: else nothing would be searched."""
        for index in range(20):
            assert fill(FAMILY.space(FAMILY.problem(1, index, 2)), "singles").guesses == 0

    def test_the_question_shows_the_grid_and_the_brief_names_its_cells(self) -> None:
        problem = FAMILY.build(GIVEN)
        assert "3 . 1 2\n1 . . 3\n2 . . 4\n. . . ." in problem.question and problem.answer == SOLVED
        assert problem.brief == "a = 3 ; c = 1 ; d = 2 ; e = 1 ; h = 3 ; i = 2 ; l = 4 ; find a to p :"

    def test_a_grid_without_a_completion_is_refused(self) -> None:
        with pytest.raises(ValueError, match="no completion"):
            FAMILY.build((1, 1, *GIVEN[2:]))

    def test_the_embedded_tokenizer_has_every_word(self) -> None:
        pocket = load.load_tokenizer(load.find("pocket"))
        for level in LEVELS:
            pair = METHODS.get("search")().make(FAMILY.problem(0, 0, level), 0).pair
            for trace in (pair.shortcut, pair.journey):
                assert template.covers(pocket, f"{pair.problem.brief} {views.render(trace, 'compact').text}")


class TestChecker:
    @pytest.mark.parametrize(
        ("answer", "why"),
        [
            (SOLVED, ""),
            ("3412\n1243\n2134\n4321", ""),
            ("3 4 1 2 1 2 4 3 2 1 3 4 4 3 2 1", ""),
            ("3412 1243 2134", "12 digits, not 16"),
            ("4312 1243 2134 3421", "has 4 where 3 is given"),
            ("3412 1243 2134 4312", "twice"),
            ("the grid", "not rows of digits"),
            ("\u0663412 1243 2134 4321", "not rows of digits"),
        ],
    )
    def test_rows_in_order_and_nothing_else(self, answer: str, why: str) -> None:
        outcome, said = FAMILY.check(FAMILY.build(GIVEN), answer)
        assert (outcome is Outcome.SAME) == (not why) and why in said

    def test_solvable_is_exact_and_keeps_what_is_given(self) -> None:
        problem = FAMILY.build(GIVEN)
        assert FAMILY.solvable(problem, GIVEN, 0)
        assert not FAMILY.solvable(problem, (3, 4, 1, 2, 1, 2, 4, 3, 2, 3, 0, 4, 0, 0, 0, 0), 0)
        assert not FAMILY.solvable(problem, (0, *GIVEN[1:]), 0)


class TestMoves:
    def test_only_a_digit_that_fits_an_empty_cell_is_a_move(self) -> None:
        problem = FAMILY.build(GIVEN)
        assert candidates(GIVEN, 9) == [1, 3]
        assert FAMILY.played(problem, GIVEN, "j = 1") == (*GIVEN[:9], 1, *GIVEN[10:])
        assert FAMILY.played(problem, GIVEN, "j = 2") == "move_not_allowed"
        assert FAMILY.played(problem, GIVEN, "a = 3") == "move_not_allowed"
        assert FAMILY.played(problem, GIVEN, "z = 3") == "move_unreadable"


class TestSettings:
    @pytest.mark.parametrize(
        ("settings", "said"),
        [({"strategy": "beam"}, "depth first"), ({"order": "sum"}, "distance"), ({"exhaust": True}, "last moves")],
    )
    def test_those_of_numbers_are_refused_before_anything_is_made(self, settings: dict[str, object], said: str) -> None:
        with pytest.raises(UsageError, match=said):
            Search.check("sudoku", 1, settings)
        with pytest.raises(UsageError, match="for grids"):
            Search.check("countdown", 1, {"order": "singles"})
        assert Search(SearchSettings(**settings)).make(FAMILY.build(GIVEN), 0).reason == "setting_does_not_fit"

    def test_single_digits_first_gives_journeys_without_mistakes(self) -> None:
        pair = Search(SearchSettings(order="singles")).make(FAMILY.problem(0, 0, 2), 0).pair
        assert pair.mistakes == 0 and pair.journey == pair.shortcut


def test_what_nobody_notices_is_told_without_a_word_of_doubt_and_ends_in_a_wrong_grid() -> None:
    told = 0
    for index in range(15):
        problem = FAMILY.problem(0, index, 2)
        pair = Search().make(problem, 0).pair
        trace = Search().unnoticed(pair)
        assert (trace is None) == (pair.mistakes == 0)
        if trace is None:
            continue
        told += 1
        assert {segment.role for segment in trace.segments} <= {"plan", "step", "mistake", "consequence", "answer"}
        digits = [segment for segment in trace.segments[1:-1]]
        assert all(" = " in segment.brief and " no " not in f" {segment.brief}" for segment in digits)
        assert len(digits) == problem.facts["grid"].count(0), "each empty cell once"
        assert FAMILY.first_mistake(problem, views.render(trace, "think").text).kind == "wrong guess"
        assert FAMILY.check(problem, trace.answer)[0] is Outcome.DIFFERENT
    assert told > 10


def test_one_digit_is_spoken_of_as_one() -> None:
    """Not "there are 1 in its row", and not "2 or 4 fit"."""
    family, method = FAMILIES.get("sudoku")(), METHODS.get("search")()
    for index in range(40):
        told = method.make(family.problem(0, index, 1), 0).pair
        for segment in (*told.journey.segments, *told.shortcut.segments):
            assert not re.search(r"there are \d in|or \d (?:fit|are) ", segment.text), segment.text
