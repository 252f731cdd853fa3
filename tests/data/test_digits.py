"""The base for long multiplication: its text is correct and free of held-out problems, it met its gate, it never goes back."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from journey.answers.equations import equations
from journey.answers.spelling import unspelled
from journey.catalog import FAMILIES, METHODS
from journey.data import digits_text, pocket_text
from journey.schema import Problem
from journey.splits import split_of
from journey.views import render

PIECES = [digits_text.piece(0, index) for index in range(3000)]
FAMILY = FAMILIES.get("multiplication")()


def problems(split: str, count: int, level: int = 1) -> Iterator[Problem]:
    found = (FAMILY.problem(7, index, level) for index in range(1000))
    return (problem for problem, _ in zip((p for p in found if split_of(p) == split), range(count), strict=False))


def test_pieces_are_reproducible_and_in_the_vocabulary() -> None:
    assert PIECES[:50] == [digits_text.piece(0, index) for index in range(50)]
    assert PIECES[:50] != [digits_text.piece(1, index) for index in range(50)]
    known = set(pocket_text.VOCABULARY)
    assert all(word in known for piece in PIECES for word in piece.split())
    assert sum(share for share, _ in digits_text.MIX) == pytest.approx(1.0)


def test_every_equation_is_true_and_nothing_goes_back() -> None:
    written = [one for piece in PIECES for one in equations(unspelled(piece))]
    assert len(written) > 10_000 and all(one.true for one in written)
    words = {word for piece in PIECES for word in piece.split() if word.isalpha() and len(word) > 1}
    assert words == {"find", "use"}


def test_whole_problems_are_training_problems_with_the_shortcuts_own_steps() -> None:
    asked = [match for piece in PIECES if (match := re.match(r"find ([\d ]+) \* ([\d ]+) : (.*) <eos>$", piece))]
    assert len(asked) == sum("find" in piece for piece in PIECES) > 1500
    named = [match for piece in PIECES if (match := re.match(r"use ([\d ]+) \* ([\d ]+) : (?!.*boxed)", piece))]
    assert len(named) == sum("use" in piece for piece in PIECES) > 700
    for match in named:
        assert split_of(FAMILY.build(*(int(spelled.replace(" ", "")) for spelled in match.groups()))) == "train"
    for number, match in enumerate(asked):
        a, b = (int(spelled.replace(" ", "")) for spelled in match.groups()[:2])
        problem = FAMILY.build(a, b)
        assert split_of(problem) == "train"
        if number < 50:
            pair = METHODS.get("slips")().make(problem, 0, 0).pair
            assert render(pair.shortcut, "compact").text == match[3]
