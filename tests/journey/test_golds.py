"""Golds before anything is sampled: what the checker can and cannot judge by, in a plan, and in `journey check`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journey.errors import UsageError
from journey.questions import load_questions
from journey.schema import Problem
from journey.tables import golds
from journey.tables.golds import check_golds
from journey.tables.rows import UserTable
from journey.tables.survey import survey


def problems(*given: str) -> list[Problem]:
    return [Problem(str(number), f"Q{number}?", gold, "mine") for number, gold in enumerate(given)]


@pytest.mark.parametrize(
    "gold",
    [
        *("18", "-3.5", "1,200", "\\frac{1}{2}", "\\frac{\\sqrt{3}}{2}", "x^2+1", "(-\\infty,2)", "1, 2", "(1, 2)"),
        *("5 dollars", "50\\%", "\\text{Paris}", "yes", "\\begin{pmatrix}1\\\\2\\end{pmatrix}", "x=3", "2\\pi", "3:30"),
        *("\\text{(C)}", "(C)", "C", "\\text{two lines}"),
    ],
)
def test_golds_that_the_checker_judges_by(gold: str) -> None:
    assert check_golds(problems(gold)).unread == 0


@pytest.mark.parametrize(
    "gold", ["So we get 31 apples in 2 bags", "proof", "See solution.", "N/A", "?", "f(x) is 3 if x>2, else 4"]
)
def test_golds_that_it_does_not(gold: str) -> None:
    read = check_golds(problems("4", gold))
    assert (read.checked, read.unread) == (2, 1) and read.issues[0].gold == gold


def test_a_gold_that_is_not_found_equal_to_a_spelling_of_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    from journey.answers import checker

    compare = checker.compare
    same, different = checker.Outcome.SAME, checker.Outcome.DIFFERENT
    monkeypatch.setattr(
        checker, "compare", lambda a, b: different if "dfrac" in b else same if a == b else compare(a, b)
    )
    read = check_golds(problems("\\frac{1}{2}", "0.5"))
    assert read.unread == 1 and "is not found equal to \\dfrac{1}{2}" in read.issues[0].why


def test_other_checks_are_left_alone_and_large_sets_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (
        check_golds(
            [Problem("1", "Q?", "C", "mine", check="choice"), Problem("2", "Q?", "", "x", check="countdown")]
        ).checked
        == 0
    )
    monkeypatch.setattr(golds, "MOST_ASKED", 5)
    read = check_golds(problems(*["proof"] * 12, "4"))
    assert (read.checked, read.unread, read.left_out, len(read.issues)) == (13, 12, 8, 4)


def test_the_golds_of_real_sets_are_read(real_data: Callable[[str], Path]) -> None:
    for name, file, limit in (
        ("math500", "math500.jsonl", 120),
        ("svamp", "svamp.jsonl", None),
        ("gsm8k", "gsm8k_test.jsonl", None),
    ):
        asked, _ = load_questions(f"{name}={real_data(file)}", limit=limit)
        assert check_golds([question.problem for question in asked]).unread == 0


ROWS: list[dict[str, Any]] = [
    {"q": {"text": "What is 1 + 1?"}, "answer": 2, "license": "MIT", "source": "a"},
    {"q": {"text": "What is  1 + 1?"}, "answer": "3", "license": None},
    {"q": {"text": "Сколько будет два плюс два?"}, "answer": "\\frac{8}{2}"},
    {"q": {"text": "Which?"}, "options": ["12", "15"], "answer": "B", "language": "en"},
    {"q": {"text": "Prove it."}, "answer": "proof"},
    {"q": {"text": "And?"}, "answer": float("nan")},
]  # fmt: skip


def test_a_survey_counts_what_is_there(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    found = survey(UserTable(str(file), {"question": "q.text"})).plain()
    assert (found["rows"], found["usable"], found["unusable"]) == (6, 5, {"answer_not_finite": 1})
    assert found["first_unusable"] == [
        {"where": "line 6", "field": "answer", "reason": "answer_not_finite", "detail": "field 'answer' is nan"}
    ]
    assert found["answers"] == {"whole number": 2, "number": 1, "option": 1, "words": 1}
    assert found["languages"] == {"Latin script": 3, "Cyrillic script": 1, "en": 1}
    assert found["licences"] == {"not stated": 4, "MIT": 1} and found["sources"] == {"not stated": 4, "a": 1}
    assert (found["repeated"], found["contradicting"]) == (1, 1)
    assert found["fields"]["q.text"] == {"text": 6} and found["fields"]["answer"] == {"a number": 2, "text": 4}
    assert found["read_from"]["question"] == "q.text" and found["read_from"]["options"] == "options"
    assert found["golds"].unread == 1
    with pytest.raises(UsageError, match="line 6: field 'answer' is nan"):
        survey(UserTable(str(file), {"question": "q.text"}, strict=True))


def test_check_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    env = {**os.environ, "COLUMNS": "120", "PYTHONSAFEPATH": "1", "HF_HUB_OFFLINE": "1"}

    def check(*args: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", "journey", "check", "mine.jsonl", *args]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=env, timeout=120, check=False)

    done = check("--map", "question=q.text", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["usable"] == 5, done.stderr
    done = check("--map", "question=q.text")
    assert done.returncode == 0 and "answer_not_finite 1" in done.stdout and "line 6" in done.stdout
    assert "next: journey sample --problems mine.jsonl --map question=q.text --policy pocket" in done.stderr
    done = check()
    assert done.returncode == 2 and "no row can be used" in done.stderr and "Traceback" not in done.stderr
    assert "no field 'question' (fields: q.text, answer, license, source)" in " ".join(done.stdout.split())
    assert check("--map", "question=q.text", "--strict").returncode == 2
