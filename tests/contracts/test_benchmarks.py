"""The contract of every benchmark: unique ids, gold graded right, a constant answer graded wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from journey.catalog import BENCHMARKS, FAMILIES
from journey.questions import load_questions
from journey_testing.questions import OLYMPIADBENCH, contract, share

ENTRIES = BENCHMARKS.entries()
MADE_HERE = [entry.name for entry in ENTRIES if "family" in entry.facts]
PACKAGES = [entry.name for entry in ENTRIES if "package" in entry.facts]
PUBLISHED = [entry.name for entry in ENTRIES if entry.name not in {*MADE_HERE, *PACKAGES}]
FILES = {"gsm8k": ("gsm8k_test.jsonl", 1319), "math500": ("math500.jsonl", 500), "svamp": ("svamp.jsonl", 1000)}
# Rows in the fields of the copies that are not here; the problems are made up.
ROWS: dict[str, list[dict[str, Any]]] = {
    "aime24": [
        {"id": 60, "problem": "Find the sum of all $n$ with $n^2 = 16$ and $n > 0$.", "answer": "004", "url": "u"},
        {"id": 61, "problem": "How many primes are below $100$?", "answer": "025", "solution": "..."},
    ],
    "aime25": [
        {"problem": "Find $9 \\cdot 9$.", "answer": "81", "id": "0"},
        {"problem": "Find $7!/8$.", "answer": "630", "id": "1"},
    ],
    "amc23": [
        {"id": 0, "answer": "27.0", "url": "u", "question": "Cities $A$ and $B$ are $27$ miles apart. How far?"},
        {"id": 1, "answer": "-1.0", "url": "u", "question": "What is $1 - 2$?"},
    ],
    "minerva": [
        {"question": "At what wavelength, in nm, ...?", "answer": "4.7e3"},
        {"question": "Solve for $y(t)$.", "answer": "\\frac{1}{s+2}"},
    ],
    "olympiadbench": OLYMPIADBENCH,
}  # fmt: skip


@cache
def made_here(name: str) -> Any:
    """Questions of a family and what they are; some take a third of a second each."""
    return load_questions(name, limit=40)


@pytest.mark.parametrize("name", MADE_HERE)
def test_made_here(name: str) -> None:
    questions, facts = made_here(name)
    assert facts.name == name and {q.benchmark for q in questions} == {name}
    assert {q.problem.check for q in questions} == {facts.check}
    contract(questions, 0.03)


@pytest.mark.parametrize("name", MADE_HERE)
def test_the_bare_value_scores_nothing_where_an_expression_is_asked_for(name: str) -> None:
    questions = made_here(name)[0]
    asked = questions[0].problem
    # Of a family with a checker of its own the answer may still be the gold itself, as rows of a grid are.
    expected = float(asked.check == "value" or FAMILIES.get(asked.check)().gold(asked) == asked.answer)
    assert share(questions, lambda problem: problem.answer) == expected


@pytest.mark.parametrize("name", sorted(FILES))
def test_published(name: str, real_data: Callable[[str], Path]) -> None:
    file, rows = FILES[name]
    questions, _ = load_questions(f"{name}={real_data(file)}")
    assert len(questions) == rows
    contract(questions, 0.005)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_published_row_formats(name: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS[name]), encoding="utf-8")
    questions, facts = load_questions(f"{name}={file}")
    assert len(questions) == len(ROWS[name]) and facts.licence == BENCHMARKS.entry(name).facts["licence"]
    contract(questions, 0)


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_published_set_has_rows_to_be_tested_on(name: str) -> None:
    assert name in {*FILES, *ROWS}, f"add two or three made-up rows in the fields of {name} to ROWS"


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_facts(name: str) -> None:
    facts = BENCHMARKS.entry(name).facts
    assert {"source", "split", "fields", "rows", "licence", "source_revision"} <= set(facts)
    assert facts["source_revision"] is None or len(facts["source_revision"]) == 40
    assert facts["rows"] <= FILES.get(name, ("", facts["rows"]))[1]


def test_every_level_of_every_family_is_a_benchmark() -> None:
    levels = {f"{entry.name}@{level}" for entry in FAMILIES.entries() for level in entry.facts["levels"]}
    assert levels <= set(BENCHMARKS.names())
