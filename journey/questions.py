"""Benchmark questions: the held-out problems of a family, a published test set, or a local file.

    countdown@2            problems of a family and level that belong to the split; nothing is downloaded
    reasoning-gym:TASK     a task of the reasoning-gym package, judged by our own checker
    gsm8k                  a registered test set, from the Hub at its pinned revision
    gsm8k=FILE             the same from a local file; any other NAME=FILE is a set of your own
    ORG/NAME[:CONFIG[:SPLIT]][@REVISION]     any Hub dataset; the split is test where none is named

A file (or folder, or Hub dataset) is read as `journey.tables.rows` reads it, with the field names that are mapped:
`fields={"question": "prompt", "answer": "gold"}` (`--map question=prompt,answer=gold`). Where it is copied from a
registered set, that set's own fields are understood too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from journey.catalog import BENCHMARKS, FAMILIES, Entry
from journey.errors import RemoteError, UnknownName, UsageError
from journey.rng import digest, seed_for
from journey.schema import Problem, Question, problem_id
from journey.splits import Split, split_of
from journey.tables import files
from journey.tables.cells import Unusable, text_of
from journey.tables.rows import UserTable, check_fields
from journey.tables.source import is_hub_id, load_hub, locate, raw_rows

Row = Mapping[str, Any]
__all__ = ["BenchmarkFacts", "check_fields", "is_made_here", "load_questions", "name_of"]
PROCEDURAL_SIZE = 300  # problems of a family or task, unless a number is asked for
_DRAWS = 200  # per wanted problem, before a family counts as exhausted
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*")


class Asked(NamedTuple):
    """One row of a set as it is asked; `facts` go into the problem (`tolerance`: see `journey.answers.grading`)."""

    question: str
    answer: str
    facts: Mapping[str, Any] = {}
    check: str = "value"
    licence: str | None = None


@dataclass(frozen=True)
class BenchmarkFacts:
    """What a benchmark is: where its problems come from and how answers are judged; no revision means unpinned.

    `own` is a user's own set; `unusable` counts the rows of it that cannot be used, by reason.
    """

    name: str
    source: str
    check: str = "value"
    revision: str | None = None
    licence: str | None = None
    summary: str = ""
    own: bool = False
    unusable: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """Which problems are asked for: see `load_questions`."""

    split: Split = "test"
    seed: int = 0
    limit: int | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    fresh: int | None = None
    seen: Collection[str] = frozenset()
    strict: bool = False

    @property
    def count(self) -> int:
        """How many problems of a set that is made here."""
        return self.limit or PROCEDURAL_SIZE

    @property
    def made(self) -> str:
        """What stands for the revision of a set that is made here: the plan holds the hash of the questions."""
        return f"made here, seed {self.seed}" if self.fresh is None else f"made here, fresh seed {self.fresh}"


def load_questions(
    spec: str,
    *,
    split: Split = "test",
    seed: int = 0,
    limit: int | None = None,
    fields: Mapping[str, str] | None = None,
    fresh: int | None = None,
    seen: Collection[str] = frozenset(),
    strict: bool = False,
) -> tuple[list[Question], BenchmarkFacts]:
    """The questions of a benchmark in a fixed order, ids unique, and the facts on it.

    `split` and `seed` choose among a family's problems; published sets are all test. Without `limit` a family gives
    300 problems, other sets all. `fields` maps parts of a row to the field names of a file or Hub dataset; rows that cannot
    be used are said and counted, or an error if `strict`. With `fresh`, a family or task gives new problems: of another
    stream, none of them in `seen` (ids of training problems) and none that `seed` alone would ask. Raises UnknownName,
    UsageError (naming line and field) or RemoteError.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"{spec}: {limit} problems asked for", "give a limit of 1 or more")
    check_fields(fields or {})
    wanted = Wanted(split, seed, limit, fields or {}, fresh, seen, strict)
    if "=" in spec:
        return _from_file(*_file(spec), wanted)
    entry, task = _entry(spec)
    if entry is None:
        return _from_hub(spec, wanted)
    _check_split(entry, split)
    if "family" in entry.facts:
        return _from_family(entry, wanted)
    return _from_package(entry, task, wanted) if "package" in entry.facts else _from_set(entry, wanted)


def name_of(spec: str, split: Split = "test") -> str:
    """The name of the benchmark that a spec asks for; its rows are not read.

    Raises UnknownName or UsageError for a name, level, task, split, file or Hub id that cannot be.
    """
    if "=" in spec:
        name, _, place = _file(spec)
        locate(place)
        return name
    entry, task = _entry(spec)
    if entry is None:
        return spec.partition("@")[0].partition(":")[0].rpartition("/")[2]
    _check_split(entry, split)
    if "package" not in entry.facts:
        return entry.name
    if task not in entry.facts["tasks"]:
        raise UnknownName(f"task of {entry.name}", task, entry.facts["tasks"], f"write {entry.name}:TASK")
    return f"{entry.name}-{task}"


def _check_split(entry: Entry, split: Split) -> None:
    if split != "test" and "family" not in entry.facts:
        raise UsageError(
            f"{entry.name} is a published test set: it has no {split} problems", "use a family, FAMILY@LEVEL"
        )


def _file(spec: str) -> tuple[str, Entry | None, str]:
    """The parts of NAME=FILE: the name, the registered set of that name, and where its rows lie. Raises UsageError."""
    name, _, file = spec.partition("=")
    if not _NAME.fullmatch(name):
        raise UsageError(f"{spec!r}: {name!r} is no name for a benchmark", "letters, digits and . _ - @")
    entry = BENCHMARKS.entry(name) if name in BENCHMARKS.names() else None
    if entry is not None and {"family", "package"} & set(entry.facts):
        raise UsageError(f"{name} is made here and reads no file", f"give another name, e.g. my-{name}={file}")
    return name, entry, file


def is_made_here(spec: str) -> bool:
    """Whether a benchmark's problems are made on the spot, so that fresh ones can be had. Raises UnknownName."""
    entry = None if "=" in spec else _entry(spec)[0]
    return entry is not None and bool({"family", "package"} & set(entry.facts))


def _entry(spec: str) -> tuple[Entry | None, str]:
    """The catalog entry that a spec names and the task after its colon; None for a Hub id.

    A family alone means its lowest level.
    """
    names = BENCHMARKS.names()
    if spec in FAMILIES.names():
        spec = f"{spec}@{min(FAMILIES.entry(spec).facts['levels'])}"
    package, _, task = spec.partition(":")
    if package in names and "package" in BENCHMARKS.entry(package).facts:
        return BENCHMARKS.entry(package), task
    if spec in names:
        return BENCHMARKS.entry(spec), ""
    if spec.lower().endswith(files.SUFFIXES) or spec.startswith((".", "/", "~")):
        name = re.sub(r"\.\w+$", "", spec.rstrip("/").rpartition("/")[2])
        raise UsageError(f"benchmark {spec!r} is a file without a name", f"{name}={spec}")
    if is_hub_id(spec):
        return None, ""
    raise UnknownName("benchmark", spec, names)


def _from_family(entry: Entry, wanted: Wanted) -> tuple[list[Question], BenchmarkFacts]:
    """Distinct problems of the split that the benchmark wants, in the order of a stream of their own."""
    facts, split = entry.facts, wanted.split
    family = FAMILIES.get(facts["family"])()
    stream = seed_for("evaluation", split, wanted.seed)  # no training seed draws the same problems in the same order

    def draw(stream: int, left_out: Collection[str]) -> dict[str, Problem]:
        problems: dict[str, Problem] = {}
        for index in range(_DRAWS * wanted.count):
            problem = family.problem(stream, index, facts["level"])
            if split_of(problem) == split and entry.target(problem) and problem.id not in left_out:
                problems.setdefault(problem.id, problem)
                if len(problems) == wanted.count:
                    return problems
        new = "" if wanted.fresh is None else "new "
        raise UsageError(
            f"{entry.name} has only {len(problems)} {new}{split} problems, {wanted.count} are asked for",
            "lower the limit",
        )

    problems = draw(stream, ())
    if wanted.fresh is not None:
        problems = draw(seed_for("fresh evaluation", split, wanted.fresh), problems.keys() | set(wanted.seen))
    questions = [Question(problem.id, entry.name, problem) for problem in problems.values()]
    source = f"{facts['family']} level {facts['level']}, {split} problems"
    check = questions[0].problem.check
    return questions, BenchmarkFacts(entry.name, source, check, wanted.made, facts["licence"], entry.summary)


def _from_package(entry: Entry, task: str, wanted: Wanted) -> tuple[list[Question], BenchmarkFacts]:
    """Problems of a task that an installed package makes."""
    stream = seed_for("evaluation", entry.name, task, wanted.seed)
    problems: list[Problem] = entry.target(task, stream, wanted.count, frozenset())
    if wanted.fresh is not None:
        left_out = {problem.id for problem in problems} | set(wanted.seen)
        problems = entry.target(
            task, seed_for("fresh evaluation", entry.name, task, wanted.fresh), wanted.count, left_out
        )
    name = f"{entry.name}-{task}"
    questions = [Question(problem.id, name, problem) for problem in problems]
    source = f"{entry.facts['package']}, task {task}"
    return questions, BenchmarkFacts(name, source, "value", wanted.made, entry.facts["licence"], entry.summary)


def _from_set(entry: Entry, wanted: Wanted) -> tuple[list[Question], BenchmarkFacts]:
    facts = entry.facts
    rows = hub_rows(facts["source"], facts.get("config"), facts["split"], facts["source_revision"], entry.name)
    if len(rows) != facts["rows"]:
        raise RemoteError(f"{facts['source']} has {len(rows)} rows, {facts['rows']} were expected of {entry.name}")
    contents = (_asked(entry, row, f"{entry.name}, row {number}") for number, row in rows)
    benchmark = BenchmarkFacts(
        entry.name, facts["source"], revision=facts["source_revision"], licence=facts["licence"], summary=entry.summary
    )
    return _questions(entry.name, facts["licence"], contents, wanted.limit), benchmark


def _from_hub(spec: str, wanted: Wanted) -> tuple[list[Question], BenchmarkFacts]:
    table = UserTable(spec, wanted.fields, split="test", strict=wanted.strict)
    return _of_table(table.source.name, table, wanted)


def _from_file(name: str, entry: Entry | None, place: str, wanted: Wanted) -> tuple[list[Question], BenchmarkFacts]:
    """A local file: rows in the fields of the registered set of that name, or as any user's rows."""
    own = UserTable(place, wanted.fields, split="test", strict=wanted.strict)
    if entry is None:
        return _of_table(name, own, wanted)
    facts = entry.facts
    rows = list(raw_rows(own.source, own.split))
    if not rows or not all(row.get(field) is not None for field in facts["fields"] for _, row in rows):
        return _of_table(name, own, wanted, entry)
    contents = [_asked(entry, row, f"{own.source.spec}, {where}") for where, row in rows]
    questions = _questions(name, facts["licence"], contents, wanted.limit)
    source, summary = _source_of(entry, contents, own.source.file_name)
    return questions, BenchmarkFacts(name, source, licence=facts["licence"], summary=summary)


def _of_table(
    name: str, table: UserTable, wanted: Wanted, entry: Entry | None = None
) -> tuple[list[Question], BenchmarkFacts]:
    """A user's own rows; those of a registered set keep its licence and its place."""
    unusable = table.check()
    facts = {} if entry is None else entry.facts
    contents = [Asked(row.question, row.answer, row.facts, row.check, row.licence) for row in table.rows()]
    questions = _questions(name, facts.get("licence"), contents, wanted.limit)
    checks = {question.problem.check for question in questions}
    licences = sorted({question.problem.licence or "not stated" for question in questions} - {"not stated"})
    source, summary = _source_of(entry, contents, table.source.file_name)
    return questions, BenchmarkFacts(
        name,
        source,
        check=checks.pop() if len(checks) == 1 else "value",
        revision=table.source.revision,
        licence=facts.get("licence") or ", ".join(licences) or None,
        summary=summary,
        own=True,
        unusable=unusable,
    )


def content_hash(rows: Iterable[Asked]) -> str:
    """What identifies the problems of a set, whatever their order, spacing, fields and the commas in their answers."""
    plain = ((row.question.casefold(), row.answer.replace(",", "")) for row in rows)
    lines = sorted("\t".join(" ".join(part.split()) for part in parts) for parts in plain)
    return digest(*lines).hex()


def _source_of(entry: Entry | None, rows: Sequence[Asked], file: str) -> tuple[str, str]:
    """Where the rows of a file come from, and the summary of the registered set where they are that set."""
    if entry is None:
        return file, ""
    other = _unlike(entry, rows)
    return (f"{file}, a file of {other}", "") if other else (f"{entry.facts['source']}, from {file}", entry.summary)


def _unlike(entry: Entry, rows: Sequence[Asked]) -> str:
    """Why a file is not the registered set whose name it has, in words; "" where it is that set."""
    if len(rows) != entry.facts["rows"]:
        return f"{len(rows):,} rows, not the {entry.facts['rows']:,} of {entry.name}"
    known = entry.facts.get("content")
    return "" if known in (None, content_hash(rows)) else f"other problems than those of {entry.name}"


def _questions(name: str, licence: str | None, contents: Iterable[Asked], limit: int | None) -> list[Question]:
    """Questions of a set that is all test; a question asked twice gets two ids."""
    questions: dict[str, Question] = {}
    for asked in islice(contents, limit):
        words = " ".join(asked.question.split())
        identity, again = problem_id(name, words.lower()), 1
        while identity in questions:
            again += 1
            identity = problem_id(name, words.lower(), again)
        problem = Problem(
            id=identity,
            question=asked.question.strip(),
            answer=asked.answer,
            source=name,
            brief=words,
            check=asked.check,
            licence=licence or asked.licence,
            held_out=True,
            facts=dict(asked.facts),
        )
        questions[identity] = Question(identity, name, problem)
    return list(questions.values())


def _asked(entry: Entry, row: Row, where: str) -> Asked:
    """A row of a registered set. Raises UsageError naming the field that is missing or wrong."""
    missing = [name for name in entry.facts["fields"] if name not in row]
    if missing:
        raise UsageError(f"{where}: no field {missing[0]}; fields: {', '.join(map(str, row)) or 'none'}", files.SHAPE)
    asked = Asked(*entry.target(row))
    for name, value in (("question", asked.question), ("answer", asked.answer)):
        try:
            empty = not text_of(value, name, name)
        except Unusable as unusable:
            raise UsageError(f"{where}: {unusable.detail}", files.SHAPE) from None
        if empty:
            raise UsageError(f"{where}: field {name!r} is empty", files.SHAPE)
    return asked


def hub_rows(
    source: str, config: str | None, split: str, revision: str | None, name: str
) -> list[tuple[int, dict[str, Any]]]:
    """(row number from 1, row) of a Hub dataset. Raises RemoteError, AuthError or UsageError, saying what to do."""
    instead = f"where there is no network give a local file: {name}=FILE.jsonl"
    return list(enumerate(load_hub(source, config, split, revision, instead), start=1))
