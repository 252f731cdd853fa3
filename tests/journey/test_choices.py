"""Multiple choice: options in the spellings of public sets, golds as letters, answers with or without their option."""

from __future__ import annotations

from typing import Any

import pytest

from journey.answers.choices import judge
from journey.answers.grading import grade
from journey.answers.voting import classes
from journey.schema import Problem
from journey.tables.rows import UnusableRow, UserRow, read_row

OPTIONS = ["10", "11", "12", "20"]
ROWS: dict[str, dict[str, Any]] = {
    "mmlu": {"question": "Q?", "choices": OPTIONS, "answer": 2},
    "mmlu-pro": {"question": "Q?", "options": OPTIONS, "answer": "C", "answer_index": 2},
    "arc": {"question": "Q?", "choices": {"text": OPTIONS, "label": list("ABCD")}, "answerKey": "C"},
    "arc, digits": {"question": "Q?", "choices": {"text": OPTIONS, "label": list("1234")}, "answerKey": "3"},
    "aqua": {"question": "Q?", "options": ["A)10", "B)11", "C)12", "D)20"], "correct": "C"},
    "mathqa": {"question": "Q?", "options": "a ) 10 , b ) 11 , c ) 12 , d ) 20", "correct": "c"},
    "medqa": {"question": "Q?", "options": dict(zip("ABCD", OPTIONS, strict=True)), "answer_idx": "C", "answer": "12"},
    "cmmlu": {"question": "Q?", **dict(zip("ABCD", OPTIONS, strict=True)), "answer": "C"},
    "medmcqa": {"question": "Q?", **{f"op{a}": o for a, o in zip("abcd", OPTIONS, strict=True)}, "cop": 2},
    "objects": {"question": "Q?", "options": [{"label": a, "text": o} for a, o in zip("ABCD", OPTIONS, strict=True)], "answer": "(C)"},
    "by text": {"question": "Q?", "options": OPTIONS, "answer": "12"},
    "with option": {"question": "Q?", "options": OPTIONS, "answer": "C. 12"},
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_options_of_the_usual_spellings(name: str) -> None:
    row = read_row(ROWS[name], "line 1", {})
    assert isinstance(row, UserRow), row
    assert (row.answer, row.check, row.facts) == ("C", "choice", {"options": OPTIONS})
    assert row.question == "Q?\n\n(A) 10\n(B) 11\n(C) 12\n(D) 20"


def test_right_and_wrong_in_columns_of_their_own() -> None:
    row = {"question": "Q?", "correct_answer": "12", "distractor1": "10", "distractor2": "11"}
    found = read_row(row, "line 1", {})
    assert isinstance(found, UserRow) and found == read_row(dict(row), "line 1", {})
    assert found.facts["options"]["ABC".index(found.answer)] == "12" and len(found.facts["options"]) == 3


def test_options_that_the_question_shows_already() -> None:
    asked = "Which? (A) 10 (B) 11 (C) 12"
    for row in ({"question": asked, "answer": "C"}, {"question": asked, "options": OPTIONS[:3], "answer": "C"}):
        found = read_row(row, "line 1", {})
        assert isinstance(found, UserRow) and found.question == asked and found.check == "choice"
        assert found.facts["options"] == OPTIONS[:3]
    plain = read_row({"question": "Name a vertex of ABC.", "answer": "C"}, "line 1", {})
    assert isinstance(plain, UserRow) and plain.check == "value"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"options": ["a cat", "a dog"], "answer": "a cow"}, "answer_not_an_option"),
        ({"options": ["2", "3", "4"], "answer": 0}, None),
        ({"options": ["2", "3", "4"], "answer": 2}, "answer_ambiguous"),  # the first option, or the third
        ({"options": ["B", "A"], "answer": "A"}, "answer_ambiguous"),
        ({"options": ["2", "3"]}, "answer_missing"),
    ],
)
def test_golds_that_are_no_option_or_two(row: dict[str, Any], reason: str | None) -> None:
    found = read_row({"question": "Q?", **row}, "line 1", {})
    assert (found.reason if isinstance(found, UnusableRow) else None) == reason
    if reason:
        mapped = read_row({"question": "Q?", "many": "none", "answer": "1"}, "line 1", {"options": "many"})
        assert isinstance(mapped, UnusableRow) and mapped.reason == "options_not_understood"


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        *[
            (text, "same")
            for text in ("C", "c", "(C)", "C)", "C.", "\\text{(C)}", "\\mathbf{C}", "Choice C", "option (c)")
        ],
        *[(text, "same") for text in ("(C) 12", "C) 12", "\\text{(C) } 12", "C: 12", "C. 12", "(C)\\ 12", "(C) 12.0")],
        *[(text, "same") for text in ("12", "12.0", "$12$", "The answer is C")],
        *[(text, "different") for text in ("B", "(D) 12", "(B) 11", "11", "20.0", "17", "Choice D", "E")],
        *[(text, "undecided") for text in ("(C) 11", "(C) 20.")],
    ],
)
def test_letters_with_and_without_their_option(answer: str, outcome: str) -> None:
    assert judge("C", OPTIONS, answer) == outcome
    problem = Problem("1", "Q?", "C", "mine", check="choice", facts={"options": OPTIONS})
    words = {"same": "correct", "different": "wrong", "undecided": "undecided"}[outcome]
    assert grade(problem, f"So \\boxed{{{answer}}}").outcome == words


def test_a_text_that_is_another_options_letter_is_undecided() -> None:
    assert judge("A", ["C", "D", "A"], "A") == "undecided"
    assert judge("A", ["vitamin C", "vitamin D"], "Vitamin C") == "same"
    assert judge("B", ["1/2", "0.5", "3"], "0.5") == "same" and judge("C", ["1/2", "0.5", "3"], "5/10") == "different"
    assert judge("A", ["1/2", "0.5", "3"], "5/10") == "undecided"


def test_votes_go_to_the_letter() -> None:
    problem = Problem("1", "Q?", "C", "mine", check="choice", facts={"options": OPTIONS})
    assert classes(problem, ["C", "(C) 12", "12.0", None, "B", "eleven-ish", "11"]) == [0, 0, 0, None, 1, 2, 1]


def test_tolerance_and_unit_of_a_users_row() -> None:
    row = read_row({"question": "Q?", "answer": "9.8", "e": 0.1, "u": "fr @ 3"}, "l", {"tolerance": "e", "unit": "u"})
    assert isinstance(row, UserRow) and row.facts == {"tolerance": "0.1", "unit": "fr @ 3"}
    problem = Problem("1", "Q?", row.answer, "mine", facts=dict(row.facts))
    wanted = {
        "9.75": "correct",
        "9.6": "wrong",
        "9.8\\text{ fr @ 3}": "correct",
        "9.75 fr @ 3": "correct",
        "9.6 fr @ 3": "wrong",
    }
    assert {given: grade(problem, f"\\boxed{{{given}}}").outcome for given in wanted} == wanted
    assert grade(Problem("1", "Q?", "9.8", "mine"), "\\boxed{9.8 fr @ 3}").outcome != "correct"
    pair = Problem("1", "Q?", "1.5, 2.5", "mine", facts={"tolerance": "0.1"})
    assert grade(pair, "\\boxed{2.45, 1.55}").outcome == "correct"
    assert grade(pair, "\\boxed{2.45, 1.7}").outcome == "wrong" and grade(pair, "\\boxed{2.5}").outcome == "wrong"
