"""What is understood of a user's rows, before anything is made of them: `journey check FILE`."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from journey.answers import checker
from journey.answers.exact import MAX_CHARS
from journey.errors import UsageError
from journey.formats.plan import GoldsRead
from journey.tables import golds
from journey.tables.files import SHAPE, kind_of
from journey.tables.problems import as_problem
from journey.tables.rows import SHOWN, UnusableRow, UserRow, UserTable, found_in

_LISTED = 12  # fields, sources and the like that are told one by one
_UNIT = re.compile(r"[-\d.,/ ]+(?:%|\\%|[A-Za-z\\$].*)|[$€£]\s?[\d.,]+")
_WORDS = re.compile(r"[^\W\d_][^\d\\{}^=]*")
_GROUP = re.compile(r"\\?[(\[{].*,.*[)\]}]|[^,]+, .+", re.DOTALL)


@dataclass
class TableSurvey:
    """Counts over all rows. `read_from` says which field each part of a row is read from, in the first row that has it.

    `fields` has for each field (dotted inside objects) the rows that fill it and their kinds of value. `repeated` rows ask
    what an earlier one asked, `contradicting` ones with another answer.
    """

    source: str
    rows: int = 0
    usable: int = 0
    unusable: Counter[str] = field(default_factory=Counter)
    first_unusable: list[UnusableRow] = field(default_factory=list)
    read_from: dict[str, str] = field(default_factory=dict)
    fields: dict[str, Counter[str]] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    golds: GoldsRead | None = None
    solutions: int = 0
    sources: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    contradicting: int = 0
    longest_question: int = 0  # characters

    def plain(self) -> dict[str, Any]:
        """The survey as plain data, counts by falling size."""
        return {
            "source": self.source,
            "rows": self.rows,
            "usable": self.usable,
            "unusable": dict(self.unusable.most_common()),
            "first_unusable": [vars(row) for row in self.first_unusable],
            "read_from": self.read_from,
            "fields": {name: dict(kinds) for name, kinds in self.fields.items()},
            "answers": dict(self.answers.most_common()),
            "golds": self.golds,
            "solutions": self.solutions,
            "sources": dict(self.sources.most_common()),
            "licences": dict(self.licences.most_common()),
            "languages": dict(self.languages.most_common()),
            "repeated": self.repeated,
            "contradicting": self.contradicting,
            "longest_question": self.longest_question,
        }

    def facts(self) -> dict[str, str]:
        """The survey as lines of a table."""
        golds_read = self.golds or GoldsRead(0, 0)
        of_usable = {
            "answers": _counts(self.answers),
            "golds": "\n".join(golds.words("", golds_read)).removeprefix(": ")
            or f"{golds_read.checked:,} checked, all are read",
            "solutions": f"{self.solutions:,}",
            "sources": _counts(self.sources),
            "licences": _counts(self.licences),
            "languages": _counts(self.languages),
            "duplicates": f"{self.repeated:,} ask what an earlier row asks, {self.contradicting:,} of them with another answer",
            "longest question": f"{self.longest_question:,} characters",
        }
        facts = {
            "rows": f"{self.rows:,}, {self.usable:,} usable",
            "unusable": _counts(self.unusable),
            **{f"  {row.where}": row.detail for row in self.first_unusable},
            "read from": "; ".join(f"{part}: {name}" for part, name in self.read_from.items()),
            "fields": "; ".join(f"{name} ({_counts(kinds)})" for name, kinds in [*self.fields.items()][:_LISTED])
            + (f"; and {len(self.fields) - _LISTED} more" if len(self.fields) > _LISTED else ""),
            **(of_usable if self.usable else {}),
        }
        return {name: text for name, text in facts.items() if text}


def survey(table: UserTable) -> TableSurvey:
    """Read all rows of a table and say what they are.

    Raises what reading them raises; rows that cannot be used are counted, or with a strict table an error.
    """
    result = TableSurvey(table.source.spec)
    asked: dict[str, str] = {}
    problems = []
    for raw, row in table.judged():
        result.rows += 1
        _count_fields(result, raw)
        if isinstance(row, UnusableRow):
            if table.strict:
                raise UsageError(f"{table.source.spec}, {row.where}: {row.detail}", SHAPE)
            result.unusable[row.reason] += 1
            result.first_unusable += [row] if len(result.first_unusable) < SHOWN else []
            continue
        result.usable += 1
        for part, name in found_in(raw, table.mapping).items():
            result.read_from.setdefault(part, name)
        _count_row(result, row, asked)
        problems.append(as_problem(row, row.source or table.source.name))
    if not result.rows:
        raise UsageError(f"{table.source.spec} holds no rows", SHAPE)
    result.golds = golds.check_golds(problems)
    return result


def _count_fields(result: TableSurvey, row: Mapping[str, Any], before: str = "") -> None:
    for name, value in row.items():
        if isinstance(value, Mapping) and value and not before:
            _count_fields(result, value, f"{name}.")
        else:
            result.fields.setdefault(f"{before}{name}", Counter())[kind_of(value)] += 1


def _count_row(result: TableSurvey, row: UserRow, asked: dict[str, str]) -> None:
    question = " ".join(row.question.split()).lower()
    if question in asked:
        result.repeated += 1
        result.contradicting += asked[question] != row.answer
    asked.setdefault(question, row.answer)
    result.longest_question = max(result.longest_question, len(row.question))
    result.answers[kind_of_answer(row)] += 1
    result.solutions += row.solution is not None
    result.sources[row.source or "not stated"] += 1
    result.licences[row.licence or "not stated"] += 1
    result.languages[row.language or script_of(row.question)] += 1


def kind_of_answer(row: UserRow) -> str:
    """What a gold is, in words: a whole number, an option, an expression ..."""
    text = row.answer.strip("$ ")
    if row.check == "choice":
        return "option"
    if len(text) > MAX_CHARS:
        return "too long to be judged"
    if re.fullmatch(r"[-+]?\d[\d,]*", text):
        return "whole number"
    if _UNIT.fullmatch(text) and checker.number(text) is None or text.endswith("%"):
        return "number with a unit"
    if checker.number(text) is not None:
        return "number"
    if _GROUP.fullmatch(text):
        return "list, tuple or interval"
    if _WORDS.fullmatch(text.removeprefix("\\text{").removesuffix("}")):
        return "words"
    return "expression"


def script_of(text: str) -> str:
    """The script that most letters of a text are written in, e.g. "Latin script"."""
    scripts = Counter(unicodedata.name(letter, "").partition(" ")[0] for letter in text[:2000] if letter.isalpha())
    if not scripts:
        return "no letters"
    named = scripts.most_common(1)[0][0]
    return f"{'Chinese or Japanese' if named == 'CJK' else named.capitalize()} script"


def _counts(counts: Counter[str]) -> str:
    listed = "; ".join(f"{name} {count:,}" for name, count in counts.most_common(_LISTED))
    return listed + (f"; and {len(counts) - _LISTED} more" if len(counts) > _LISTED else "")
