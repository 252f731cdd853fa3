"""Benchmark questions: the held-out problems of a family, a published test set, or a local file.

    countdown@2            problems of a family and level that belong to the split; nothing is downloaded
    reasoning-gym:TASK     a task of the reasoning-gym package, judged by our own checker
    gsm8k                  a registered test set, from the Hub at its pinned revision
    gsm8k=FILE.jsonl       the same from a local file; any other NAME=FILE.jsonl is a set of your own
    ORG/NAME[:CONFIG[:SPLIT]][@REVISION]     any Hub dataset; the split is test where none is named

A local file has one JSON object a line: {"id": ..., "problem" or "question": ..., "answer": ...}; more fields may
follow. Where it is copied from a registered set, that set's own fields are understood too. Files and Hub datasets with
other field names are mapped: `fields={"question": "prompt", "answer": "gold"}` (`--map question=prompt,answer=gold`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from journey.catalog import BENCHMARKS, FAMILIES, Entry
from journey.errors import AuthError, RemoteError, UnknownName, UsageError
from journey.rng import digest, seed_for
from journey.schema import Problem, Question, problem_id
from journey.splits import Split, split_of

Row = Mapping[str, Any]
PROCEDURAL_SIZE = 300  # problems of a family or task, unless a number is asked for
_DRAWS = 200  # per wanted problem, before a family counts as exhausted
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*")
_HUB = re.compile(
    r"(?P<id>[\w.-]+/[\w.-]+)(?::(?P<config>[\w.-]*)(?::(?P<split>[\w.-]+))?)?(?:@(?P<revision>[\w./-]+))?"
)
_SHAPE = 'one object a line: {"id": "1", "problem": "How many ...?", "answer": "18"}'
_MAPPED = ("question", "answer")


class Asked(NamedTuple):
    """One row of a set as it is asked; `facts` go into the problem (`tolerance`: see `journey.answers.grading`)."""

    question: str
    answer: str
    facts: Mapping[str, Any] = {}


@dataclass(frozen=True)
class BenchmarkFacts:
    """What a benchmark is: where its problems come from and how answers are judged; no revision means unpinned."""

    name: str
    source: str
    check: str = "value"
    revision: str | None = None
    licence: str | None = None
    summary: str = ""


@dataclass(frozen=True)
class Wanted:
    """Which problems are asked for: see `load_questions`."""

    split: Split = "test"
    seed: int = 0
    limit: int | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    fresh: int | None = None
    seen: Collection[str] = frozenset()

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
) -> tuple[list[Question], BenchmarkFacts]:
    """The questions of a benchmark in a fixed order, ids unique, and the facts on it.

    `split` and `seed` choose among a family's problems; published sets are all test. Without `limit` a family gives
    300 problems, other sets all. `fields` maps question and answer to the field names of a file or Hub dataset. With
    `fresh`, a family or task gives new problems: of another stream, none of them in `seen` (ids of training problems)
    and none that `seed` alone would ask. Raises UnknownName, UsageError (naming line and field) or RemoteError.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"{spec}: {limit} problems asked for", "give a limit of 1 or more")
    check_fields(fields or {})
    wanted = Wanted(split, seed, limit, fields or {}, fresh, seen)
    if "=" in spec:
        return _from_file(*_file(spec), wanted)
    entry, task = _entry(spec)
    if entry is None:
        return _from_hub(spec, wanted)
    _check_split(entry, split)
    if "family" in entry.facts:
        return _from_family(entry, wanted)
    return _from_package(entry, task, wanted) if "package" in entry.facts else _from_set(entry, wanted)


def check_fields(fields: Mapping[str, str]) -> None:
    """Raises UsageError for a name in `fields` that is none of a question's."""
    for name in fields:
        if name not in _MAPPED:
            raise UsageError(f"--map names an unknown field {name!r}", f"known: {', '.join(_MAPPED)}")


def name_of(spec: str, split: Split = "test") -> str:
    """The name of the benchmark that a spec asks for; its rows are not read.

    Raises UnknownName or UsageError for a name, level, task, split, file or Hub id that cannot be.
    """
    if "=" in spec:
        name, _, path = _file(spec)
        if not path.is_file():
            raise UsageError(f"no file {path}", f"give a .jsonl file, {_SHAPE}")
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


def _file(spec: str) -> tuple[str, Entry | None, Path]:
    """The parts of NAME=FILE: the name, the registered set of that name, and the file. Raises UsageError."""
    name, _, file = spec.partition("=")
    if not _NAME.fullmatch(name):
        raise UsageError(f"{spec!r}: {name!r} is no name for a benchmark", "letters, digits and . _ - @")
    entry = BENCHMARKS.entry(name) if name in BENCHMARKS.names() else None
    if entry is not None and {"family", "package"} & set(entry.facts):
        raise UsageError(f"{name} is made here and reads no file", f"give another name, e.g. my-{name}={file}")
    return name, entry, Path(file).expanduser()


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
    if _HUB.fullmatch(spec):
        return None, ""
    if spec.endswith((".jsonl", ".json", ".parquet")):
        raise UsageError(f"benchmark {spec!r} is a file without a name", f"{Path(spec).stem}={spec}")
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
    match = _HUB.fullmatch(spec)
    assert match is not None
    name, config, split = match["id"].rpartition("/")[2], match["config"] or None, match["split"] or "test"
    rows = hub_rows(match["id"], config, split, match["revision"], name)
    contents = (_plain(row, f"{spec}, row {number}", wanted.fields) for number, row in rows)
    source = match["id"] + "".join(f", {part}" for part in (config, match["split"]) if part)
    return _questions(name, None, contents, wanted.limit), BenchmarkFacts(name, source, revision=match["revision"])


def _from_file(name: str, entry: Entry | None, path: Path, wanted: Wanted) -> tuple[list[Question], BenchmarkFacts]:
    """A local file: rows in the fields of the registered set of that name, or in the common shape."""
    facts = {} if entry is None else entry.facts

    def contents() -> Iterator[Asked]:
        for number, row in read_rows(path):
            where = f"{path}, line {number}"
            own = entry is not None and all(field in row for field in facts["fields"])
            yield _asked(entry, row, where) if own and entry is not None else _plain(row, where, wanted.fields)

    rows: Iterable[Asked] = contents()
    source = path.name
    if entry is not None:
        rows = list(rows)
        other = _unlike(entry, rows)
        source = f"{path.name}, a file of {other}" if other else f"{facts['source']}, from {path.name}"
    questions = _questions(name, facts.get("licence"), rows, wanted.limit)
    summary = "" if entry is None or source.startswith(path.name) else entry.summary
    return questions, BenchmarkFacts(name, source, licence=facts.get("licence"), summary=summary)


def content_hash(rows: Iterable[Asked]) -> str:
    """What identifies the problems of a set, whatever their order, spacing, fields and the commas in their answers."""
    plain = ((row.question.casefold(), row.answer.replace(",", "")) for row in rows)
    lines = sorted("\t".join(" ".join(part.split()) for part in parts) for parts in plain)
    return digest(*lines).hex()


def _unlike(entry: Entry, rows: Sequence[Asked]) -> str:
    """Why a file is not the registered set whose name it has, in words; "" where it is that set."""
    if len(rows) != entry.facts["rows"]:
        return f"{len(rows):,} rows, not the {entry.facts['rows']:,} of {entry.name}"
    known = entry.facts.get("content")
    return "" if known in (None, content_hash(rows)) else f"other problems than those of {entry.name}"


def _questions(name: str, licence: str | None, contents: Iterable[Asked], limit: int | None) -> list[Question]:
    """Questions of a set that is all test; a question asked twice gets two ids."""
    questions: dict[str, Question] = {}
    for text, answer, facts in islice(contents, limit):
        words = " ".join(text.split())
        identity, again = problem_id(name, words.lower()), 1
        while identity in questions:
            again += 1
            identity = problem_id(name, words.lower(), again)
        problem = Problem(
            id=identity,
            question=text.strip(),
            answer=answer,
            source=name,
            brief=words,
            licence=licence,
            held_out=True,
            facts=dict(facts),
        )
        questions[identity] = Question(identity, name, problem)
    return list(questions.values())


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of a JSON-lines file. Raises UsageError naming the line that is none, or an empty file."""
    if not path.is_file():
        raise UsageError(f"no file {path}", f"give a .jsonl file, {_SHAPE}")
    rows = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = orjson.loads(line.removeprefix(b"\xef\xbb\xbf"))
            except orjson.JSONDecodeError as error:
                raise UsageError(f"{path}, line {number}: not JSON ({error.msg})", _SHAPE) from None
            if not isinstance(row, dict):
                raise UsageError(f"{path}, line {number}: {type(row).__name__}, an object is expected", _SHAPE)
            rows += 1
            yield number, row
    if not rows:
        raise UsageError(f"{path} is empty", _SHAPE)


def _plain(row: Row, where: str, fields: Mapping[str, str]) -> Asked:
    """A row in the common shape, or with its fields named."""
    key = fields.get("question") or next((key for key in ("problem", "question") if key in row), None)
    gold = fields.get("answer", "answer")
    if key is None or key not in row or gold not in row:
        missing = (key or "problem (or question)") if key not in row else gold
        hint = f"name the fields: --map question=FIELD,answer=FIELD; {_SHAPE}"
        raise UsageError(f"{where}: no field {missing}; fields: {', '.join(map(str, row)) or 'none'}", hint)
    answer = row[gold]
    if isinstance(answer, int | float) and not isinstance(answer, bool):
        answer = str(answer)
    elif isinstance(answer, str) and re.search(r"^#### *\S", answer, re.MULTILINE):  # a solution in the shape of GSM8K
        answer = answer.rpartition("####")[2].strip()
    return _checked(Asked(row[key], answer), where, (key, gold))


def _asked(entry: Entry, row: Row, where: str) -> Asked:
    """A row of a registered set. Raises UsageError naming the field that is missing or wrong."""
    missing = [name for name in entry.facts["fields"] if name not in row]
    if missing:
        raise UsageError(f"{where}: no field {missing[0]}; fields: {', '.join(map(str, row)) or 'none'}", _SHAPE)
    return _checked(Asked(*entry.target(row)), where, ("problem", "answer"))


def _checked(content: Asked, where: str, names: tuple[str, str]) -> Asked:
    for name, value in zip(names, content[:2], strict=True):
        if not isinstance(value, str):
            raise UsageError(f"{where}: field {name!r} is {type(value).__name__}, text is expected", _SHAPE)
        if not value.strip():
            raise UsageError(f"{where}: field {name!r} is empty", _SHAPE)
    return content


def hub_rows(
    source: str, config: str | None, split: str, revision: str | None, name: str
) -> list[tuple[int, dict[str, Any]]]:
    """(row number from 1, row) of a Hub dataset. Raises RemoteError, AuthError or UsageError, saying what to do."""
    import datasets

    instead = f"where there is no network give a local file: {name}=FILE.jsonl"
    try:
        rows = datasets.load_dataset(source, config, split=split, revision=revision)
    except (OSError, ValueError) as error:
        lines = str(error).strip().splitlines()
        reason = lines[0] if lines else type(error).__name__
        if "gated" in str(error):
            raise AuthError(f"{source} is gated: {reason}\n  accept its conditions, then `hf auth login`") from None
        raise RemoteError(f"cannot load {source} ({split} split) from the Hub: {reason}\n  {instead}") from None
    return list(enumerate(rows, start=1))
