"""The embedded base for grids: its text is right from start to end, of training problems alone, and never goes back."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from journey.answers.grading import grade
from journey.catalog import FAMILIES, METHODS
from journey.data import grids_text, pocket_text
from journey.splits import split_of
from journey.views import render

NAME = "pocket-grids"
PIECES = [grids_text.piece(0, index) for index in range(1500)]
FAMILY = FAMILIES.get("sudoku")()
GIVEN = re.compile(r"([a-p]) = ([1-4]) ;")


def grid_of(piece: str) -> tuple[int, ...]:
    """The grid that a piece asks for, 0 for an empty cell."""
    given = {letter: int(digit) for letter, digit in GIVEN.findall(piece)}
    return tuple(given.get(letter, 0) for letter in "abcdefghijklmnop")


def test_pieces_are_reproducible_and_in_the_vocabulary() -> None:
    assert PIECES[:50] == [grids_text.piece(0, index) for index in range(50)]
    assert PIECES[:50] != [grids_text.piece(1, index) for index in range(50)]
    known = set(pocket_text.VOCABULARY)
    assert all(word in known for piece in PIECES for word in piece.split())
    assert sum(share for share, _ in grids_text.MIX) == pytest.approx(1.0)


def test_every_problem_is_a_training_one_with_a_solution_without_a_mistake() -> None:
    empty: Counter[int] = Counter()
    for piece in PIECES:
        if " find " not in piece:
            continue
        problem = FAMILY.build(grid_of(piece))
        assert split_of(problem) == "train"
        head, _, told = piece.partition(" : ")
        assert f"{head} :" == problem.brief and told.endswith(pocket_text.EOS)
        assert grade(problem, told).outcome == "correct"
        found = FAMILY.first_mistake(problem, told)
        assert found.kind is None and found.before
        empty[problem.facts["grid"].count(0)] += 1
    assert set(range(4, 12)) <= set(empty) and sum(empty.values()) > 1000


def test_no_piece_goes_back_or_doubts() -> None:
    said = {word for piece in PIECES for word in piece.split()}
    assert said <= {*"abcdefghijklmnop", *"1234", *"= ; : . try find to \\boxed{ }".split(), pocket_text.EOS}


@pytest.mark.parametrize("level", [1, 2])
def test_a_right_path_is_the_shortcut_of_the_search(level: int) -> None:
    for index in range(15):
        problem = FAMILY.problem(3, index, level)
        pair = METHODS.get("search")().make(problem, 0).pair
        ours = grids_text.right_path(tuple(problem.facts["grid"]), FAMILY.end(problem))
        assert ours == render(pair.shortcut, "compact").text


def test_full_grids_without_a_question_are_right() -> None:
    bare = [piece for piece in PIECES if " find " not in piece]
    assert len(bare) > 100 and len(set(grids_text.FULL)) == 288
    assert all(grid_of(piece) in grids_text.FULL for piece in bare)
    assert any(piece[0] != "a" for piece in bare)
