"""The rows of a data set by question: read once, kept outside of memory, given back in the order of their first rows.

The rows of one question need not stand together, and a data set may be larger than memory: they wait in a temporary database
that SQLite keeps in memory as long as it is small, and that is gone with the process.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Any

from msgspec.structs import replace as replace_fields

from journey import console
from journey.catalog import FAMILIES
from journey.errors import UsageError
from journey.generate.imports import formats
from journey.generate.imports.formats import ImportFormat
from journey.generate.imports.readers.cells import LONGEST, TraceRow
from journey.generate.imports.records import ImportedProblem, ImportedSolution, ReadRow
from journey.generate.imports.settings import ImportSettings
from journey.generate.imports.solutions import GivenSolutions
from journey.schema import Problem, decode, encode, problem_id
from journey.tables.cells import Unusable
from journey.tables.golds import read_gold
from journey.tables.rows import SHOWN, UnusableRow, UserTable

_LOOKED_AT = 5  # rows by whose fields a format is recognised


class TraceTable:
    """The rows of a file, folder or Hub dataset as questions with their answers.

    Raises UsageError for a place, a format or a solutions file that cannot be, and while reading what `UserTable` raises.
    """

    def __init__(
        self, spec: str, mapping: Mapping[str, str], settings: ImportSettings, *, strict: bool = False
    ) -> None:
        self.rows = UserTable(spec, mapping, strict=strict)
        self.settings = settings
        source = self.rows.source
        known = formats.of_hub(source.repo) if source.repo is not None else None
        if settings.format is not None:
            known = formats.named(settings.format)
        if known is not None and source.repo is not None:
            named = replace(source, config=source.config or known.config, split=source.split or known.split)
            self.rows.source = named
        self._known = known
        self.solutions = None if settings.solutions is None else GivenSolutions(settings.solutions)
        self.unusable: Counter[str] = Counter()
        self.kept = self.left = 0  # answers, and those beyond the most of one question

    @cached_property
    def format(self) -> ImportFormat:
        """What the rows are, named or recognised by the first of them."""
        if self._known is not None:
            return self._known
        first = (row for _, row in islice(self.rows.raw(), _LOOKED_AT))
        return formats.recognised(first)

    @property
    def source(self) -> str:
        """The name that problems of these rows get, where the rows name none."""
        return self.rows.source.name if self.format.own else self.format.name

    def inputs(self) -> dict[str, str]:
        """Hashes of what is read."""
        given = {} if self.solutions is None else {"solutions": self.solutions.digest()}
        return {"problems": self.rows.digest(), **given}

    @cached_property
    def _kept(self) -> sqlite3.Connection:
        """All usable rows by question, and the solutions to these; read once."""
        store = sqlite3.connect("", check_same_thread=False)
        store.execute("create table answers (problem text, place integer, row blob)")
        store.execute("create table problems (problem text primary key, place integer, answers integer)")
        store.execute("create table solutions (problem text, solution blob)")
        told: list[UnusableRow] = []
        count = 0
        for where, raw in self.rows.raw():
            count += 1
            read = self._read(where, raw)
            if isinstance(read, UnusableRow):
                self._count(read, told)
                continue
            self._keep(store, read, count)
        self._say(count, told)
        if self.solutions is not None:
            self._keep_solutions(store, self.solutions)
        store.execute("create index by_problem on answers (problem, place)")
        return store

    def read(self) -> dict[str, int]:
        """Read all rows; gives those that cannot be used, by reason. Says the first of them."""
        assert self._kept is not None
        return dict(sorted(self.unusable.items()))

    def count(self) -> int:
        """How many questions there are."""
        return int(self._kept.execute("select count(*) from problems").fetchone()[0])

    def problems(self) -> Iterator[ImportedProblem]:
        """The questions with their answers, in the order of their first rows."""
        store = self._kept
        for key, _ in store.execute("select problem, place from problems order by place"):
            found = store.execute("select row from answers where problem = ? order by place", (key,))
            read = [decode(data, ReadRow) for (data,) in found]
            given = store.execute("select solution from solutions where problem = ?", (key,))
            yield self._problem(read, tuple(decode(data, ImportedSolution) for (data,) in given))

    def _read(self, where: str, raw: Mapping[str, Any]) -> ReadRow | UnusableRow:
        try:
            return self.format.read(TraceRow(raw, where, self.rows.mapping))
        except Unusable as unusable:
            return UnusableRow(where, unusable.field, unusable.reason, unusable.detail)
        except (RecursionError, ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
            # A row of somebody's file must not end the work on all the others, whatever is in it.
            return UnusableRow(where, "row", "row_not_read", f"{type(error).__name__}: {error}"[:200])

    def _count(self, row: UnusableRow, told: list[UnusableRow]) -> None:
        if self.rows.strict:
            raise UsageError(f"{self.rows.source.spec}, {row.where}: {row.detail}", "without --strict it is left out")
        self.unusable[row.reason] += 1
        told += [row] if len(told) < SHOWN else []

    def _say(self, count: int, told: list[UnusableRow]) -> None:
        spec = self.rows.source.spec
        hint = f"read as {self.format.name}; another format: --set import.format=NAME"
        if not count:
            raise UsageError(f"{spec} holds no rows", hint)
        if self.unusable.total() == count:
            raise UsageError(
                "\n".join([f"{spec}: no row can be used", *self.rows.told(count, self.unusable, told)[1:]]), hint
            )
        if told:
            for line in self.rows.told(count, self.unusable, told):
                console.note(line)
        if self.left:
            console.note(f"{self.left:,} answers are left out: more than {self.settings.answers} to their question")

    def _keep(self, store: sqlite3.Connection, read: ReadRow, place: int) -> None:
        key = _key(read)
        known = store.execute("select answers from problems where problem = ?", (key,)).fetchone()
        held = int(known[0]) if known else 0
        room = self.settings.answers - held
        kept = read.answers[: max(0, room)]
        self.kept, self.left = self.kept + len(kept), self.left + len(read.answers) - len(kept)
        if known is None:
            store.execute("insert into problems values (?, ?, ?)", (key, place, len(kept)))
        elif kept:
            store.execute("update problems set answers = ? where problem = ?", (held + len(kept), key))
        if kept or known is None or read.gold:  # the gold counts, however many answers there are
            row = encode(replace_fields(read, answers=kept))
            store.execute("insert into answers values (?, ?, ?)", (key, place, row))

    def _keep_solutions(self, store: sqlite3.Connection, given: GivenSolutions) -> None:
        """Right answers to the questions that there are."""
        found: Counter[str] = Counter()
        for question, solution in given.read():
            key = _key(ReadRow(question, None, ()))
            there = store.execute("select 1 from problems where problem = ?", (key,)).fetchone()
            if there and found[key] < self.settings.answers and len(solution.text) <= LONGEST:
                store.execute("insert into solutions values (?, ?)", (key, encode(solution)))
                found[key] += 1
        if not found:
            raise UsageError(
                f"{given.spec} has no right answer to any of these questions",
                'a row looks like {"question": "...", "solution": "... #### 72"}; or a folder of `journey sample`',
            )
        store.execute("create index by_question on solutions (problem)")

    def _problem(self, rows: list[ReadRow], solutions: tuple[ImportedSolution, ...]) -> ImportedProblem:
        first = rows[0]
        answers = tuple(chain.from_iterable(row.answers for row in rows))
        if first.numbers:
            level = {5: 4, 6: 5}.get(len(first.numbers), 3)  # those that may divide
            problem = FAMILIES.get("countdown")().build(first.numbers, first.target, level=level)
            return ImportedProblem(problem, answers)
        source = (first.source or self.source) if self.format.own else self.source
        licence = next((row.licence for row in rows if row.licence), None) if self.format.own else self.format.licence
        words = " ".join(first.question.split())
        problem = Problem(
            id=problem_id(source, words.lower()),
            question=first.question,
            answer=next((row.gold for row in rows if row.gold), "") or _stated(solutions),
            source=source,
            brief=words,
            licence=licence,
            solution=next((row.solution for row in rows if row.solution), None),
            held_out=self.format.held_out,
        )
        return ImportedProblem(problem, answers, solutions)


def _key(read: ReadRow) -> str:
    """What rows of one question have in common, whatever file they are of."""
    if read.numbers:
        return problem_id("countdown", *sorted(read.numbers), read.target)
    return problem_id("question", " ".join(read.question.split()).lower())


def _stated(solutions: tuple[ImportedSolution, ...]) -> str:
    """The gold that a worked solution of a file states; what a model answers is none."""
    worked = (each.text for each in solutions if not each.sampled)
    return next((gold for text in worked if (gold := read_gold(text)) is not None), "")


def placeless(settings: ImportSettings) -> dict[str, Any]:
    """The settings as a manifest holds them: the hash says which bytes a file has, its place does not matter."""
    told = settings.model_dump()
    if settings.solutions is not None and Path(settings.solutions).exists():
        told["solutions"] = Path(settings.solutions).name
    return told


def decidable(totals: dict[str, Any]) -> str:
    """How many mistakes of imported traces are known to be some, and by what."""
    proofs = totals.get("proofs", {})
    mistakes = sum(proofs.values())
    known = sum(count for proof, count in proofs.items() if proof.startswith("checked"))
    rest = ", ".join(f"{proof} {count:,}" for proof, count in sorted(proofs.items()) if not proof.startswith("checked"))
    share = f" ({known / mistakes:.0%})" if mistakes else ""
    return (
        f"{known:,} of {mistakes:,} mistakes{share} are decidable: refuted by computing"
        + (f"; the others: {rest}" if rest else "")
        + f"; {totals.get('equations', 0):,} equations beside them were read, and all hold"
    )
