"""A user's rows as problems, for the verbs that make data of them: generate, sample, a warm-up.

    for problem in read_problems("gsm8k_train.jsonl"): ...

A question that comes twice comes once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from journey.schema import Problem, problem_id
from journey.tables.rows import UserRow, UserTable

LICENCES = {"gsm8k": "MIT"}


def read_problems(
    spec: str, mapping: Mapping[str, str] | None = None, *, strict: bool = False, quiet: bool = False
) -> Iterator[Problem]:
    """The problems of a file, folder or Hub dataset, in order.

    All is read through once before anything is returned, so that what is wrong is said before any work is done. Raises
    what `UserTable` and its `check` raise.
    """
    table = UserTable(spec, mapping, strict=strict)
    table.check(quiet=quiet)
    return problems_of(table)


@dataclass
class RowCount:
    """How many usable rows of a file have been read, those that repeat an earlier question among them."""

    rows: int = 0


def problems_of(table: UserTable, counted: RowCount | None = None) -> Iterator[Problem]:
    """The problems of a table that was checked. `counted` is kept up to date."""
    name, seen = _short(table.source.name), set()
    count = counted or RowCount()
    for row in table.rows():
        count.rows += 1
        problem = as_problem(row, row.source or name)
        if problem.id not in seen:
            seen.add(problem.id)
            yield problem


def as_problem(row: UserRow, source: str) -> Problem:
    """A row as a problem of this source."""
    words = " ".join(row.question.split())
    return Problem(
        id=problem_id(source, words.lower()),
        question=row.question,
        answer=row.answer,
        source=source,
        brief=words,
        check=row.check,
        licence=row.licence or LICENCES.get(source),
        solution=row.solution,
        facts=dict(row.facts),
    )


def _short(name: str) -> str:
    """`gsm8k_train` and `openai/gsm8k` are gsm8k; any other file or dataset keeps its name."""
    last = name.rpartition("/")[2]
    return "gsm8k" if re.fullmatch(r"gsm8k([_-]\w+)?", last, re.IGNORECASE) else last
