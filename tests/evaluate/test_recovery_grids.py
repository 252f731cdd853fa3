"""The recovery probe on grids: wrong digits with clean twins, and what continuations do about them."""

from __future__ import annotations

from functools import cache

import pytest

from journey.catalog import FAMILIES
from journey.evaluate.recovery.prefixes import injected, written
from journey.evaluate.recovery.rules import judge
from journey.formats.behaviour import RecoveryPrefix, RecoveryText
from journey.questions import load_questions
from journey.schema import Question, Sample


@cache
def asked() -> tuple[Question, ...]:
    return tuple(load_questions("sudoku@1", split="dev", seed=0, limit=20)[0])


def rows_of(question: Question) -> str:
    gold: str = FAMILIES.get("sudoku")().gold(question.problem)
    return gold.replace(" ", "")


def test_the_injector_writes_one_wrong_digit_and_the_twin_the_right_one() -> None:
    made, left_out = injected(asked(), "compact", 0)
    assert len(made) == 20 and not left_out
    for prefix, question in zip(made, asked(), strict=True):
        cell = ord(prefix.calculation) - ord("a")
        assert prefix.truth == rows_of(question)[cell] != prefix.value
        found = FAMILIES.get("sudoku")().first_mistake(question.problem, prefix.wrong)
        assert found.before and f"{prefix.calculation} = {prefix.value}" in prefix.wrong[slice(*found.span)]
        assert FAMILIES.get("sudoku")().first_mistake(question.problem, prefix.clean).kind is None
        assert prefix.wrong.endswith(f"= {prefix.value} .") and prefix.clean.endswith(f"= {prefix.truth} .")
    assert injected(asked(), "compact", 1)[0] != made
    assert injected(asked(), "think", 0)[0] == []  # prose says why a digit fits


def test_a_models_prefix_ends_with_its_first_wrong_digit() -> None:
    (prefix,) = injected(asked()[:1], "compact", 0)[0]
    question = asked()[0]
    text = f"{prefix.wrong} a = 4 . \\boxed{{ 1 }}"
    (own,), _ = written([question], [Sample(question.id, "r", text, 9, 0.0, "stop")], "journey", "r")
    assert (own.wrong, own.clean, own.value) == (prefix.wrong, prefix.clean, prefix.value)
    _, left_out = written([question], [Sample(question.id, "r", prefix.clean, 9, 0.0, "stop")], "journey", "r")
    assert left_out == {"no false step": 1}


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("wait a is {v} . back to {c} . {c} = {t} . \\boxed{{ {rows} }}", (True, True, True, False, True)),
        (
            "{other} = 1 . no g . dead end . back to {c} . try {c} = {t} . \\boxed{{ {rows} }}",
            (True,) * 3 + (False, True),
        ),
        ("{other} = 1 . no g . dead end . back to {other} . \\boxed{{ {rows} }}", (True, False, False, False, False)),
        ("back to {c} . {c} = {v} . \\boxed{{ 1 }}", (False, True, False, True, False)),
        ("\\boxed{{ 1 }} wait a is {v} . back to {c} .", (False, False, False, False, False)),
        ("\\boxed{{ {rows} }}", (True, False, False, False, False)),
    ],
)
def test_continuations(text: str, seen: tuple[bool, ...]) -> None:
    """(right, doubted, the right digit later, the same one again, another one)."""
    question = asked()[0]
    prefix: RecoveryPrefix = injected([question], "compact", 0)[0][0]
    other = "a" if prefix.calculation != "a" else "b"
    rows = " ".join(rows_of(question))
    said = text.format(v=prefix.value, c=prefix.calculation, t=prefix.truth, other=other, rows=rows)
    found = judge(prefix, RecoveryText(question.id, "injector", "wrong", said, 9, "stop"), question.problem)
    assert (found.right, found.doubted, found.true_later, found.same_again, found.changed) == seen
