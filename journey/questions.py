"""Benchmark questions: the held-out problems of a family, a published test set, or a local file.

    countdown@2          problems of a family and level that belong to the split; nothing is downloaded
    gsm8k                a registered test set, from the Hub at its pinned revision
    gsm8k=FILE.jsonl     the same from a local file; any other NAME=FILE.jsonl is a set of your own
    ORG/NAME             any Hub dataset with a test split and the fields of a local file

A local file has one JSON object a line: {"id": ..., "problem" or "question": ..., "answer": ...}; more fields may
follow. Where it is copied from a registered set, that set's own fields are understood too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from journey.catalog import BENCHMARKS, FAMILIES, Entry
from journey.errors import AuthError, RemoteError, UnknownName, UsageError
from journey.rng import seed_for
from journey.schema import Problem, Question, problem_id
from journey.splits import Split, split_of

Row = Mapping[str, Any]
PROCEDURAL_SIZE = 300  # problems of a family, unless a number is asked for
_DRAWS = 200  # per wanted problem, before a family counts as exhausted
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*")
_HUB = re.compile(r"(?P<id>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")
_SHAPE = 'one object a line: {"id": "1", "problem": "How many ...?", "answer": "18"}'


@dataclass(frozen=True)
class BenchmarkFacts:
    """What a benchmark is: where its problems come from and how answers are judged; no revision means unpinned."""

    name: str
    source: str
    check: str = "value"
    revision: str | None = None
    licence: str | None = None
    summary: str = ""


def load_questions(
    spec: str, *, split: Split = "test", seed: int = 0, limit: int | None = None
) -> tuple[list[Question], BenchmarkFacts]:
    """The questions of a benchmark in a fixed order, ids unique, and the facts on it.

    `split` and `seed` choose among a family's problems; published sets are all test. Without `limit` a family gives
    300 problems, other sets all. Raises UnknownName, UsageError (naming line and field) or RemoteError.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"{spec}: {limit} problems asked for", "give a limit of 1 or more")
    name, equals, file = spec.partition("=")
    if equals:
        if not _NAME.fullmatch(name):
            raise UsageError(f"{spec!r}: {name!r} is no name for a benchmark", "letters, digits and . _ - @")
        entry = BENCHMARKS.entry(name) if name in BENCHMARKS.names() else None
        return _from_file(name, entry, Path(file).expanduser(), limit)
    entry = _entry(spec)
    if entry is None:
        return _from_hub(spec, limit)
    if "family" in entry.facts:
        return _from_family(entry, split, seed, limit or PROCEDURAL_SIZE)
    if split != "test":
        raise UsageError(
            f"{entry.name} is a published test set: it has no {split} problems", "use a family, FAMILY@LEVEL"
        )
    return _from_set(entry, limit)


def _entry(spec: str) -> Entry | None:
    """The catalog entry that a spec names (a family alone means its lowest level), or None for a Hub id."""
    names = BENCHMARKS.names()
    if spec in FAMILIES.names():
        spec = f"{spec}@{min(FAMILIES.entry(spec).facts['levels'])}"
    if spec in names:
        return BENCHMARKS.entry(spec)
    if _HUB.fullmatch(spec):
        return None
    if spec.endswith((".jsonl", ".json", ".parquet")):
        raise UsageError(f"benchmark {spec!r} is a file without a name", f"{Path(spec).stem}={spec}")
    raise UnknownName("benchmark", spec, names)


def _from_family(entry: Entry, split: Split, seed: int, count: int) -> tuple[list[Question], BenchmarkFacts]:
    """Distinct problems of the split that the benchmark wants, in the order of a stream of their own."""
    facts = entry.facts
    family = FAMILIES.get(facts["family"])()
    stream = seed_for("evaluation", split, seed)  # no training seed draws the same problems in the same order
    found: dict[str, Problem] = {}
    for index in range(_DRAWS * count):
        problem = family.problem(stream, index, facts["level"])
        if split_of(problem) == split and entry.target(problem):
            found.setdefault(problem.id, problem)
            if len(found) == count:
                break
    else:
        raise UsageError(
            f"{entry.name} has only {len(found)} {split} problems, {count} are asked for", "lower the limit"
        )
    questions = [Question(problem.id, entry.name, problem) for problem in found.values()]
    source = f"{facts['family']} level {facts['level']}, {split} problems"
    check = questions[0].problem.check
    made = f"made here, seed {seed}"  # nothing to pin: the plan holds the hash of the questions
    return questions, BenchmarkFacts(entry.name, source, check, made, facts["licence"], entry.summary)


def _from_set(entry: Entry, limit: int | None) -> tuple[list[Question], BenchmarkFacts]:
    facts = entry.facts
    rows = _hub_rows(facts["source"], facts.get("config"), facts["split"], facts["revision"], entry.name)
    if len(rows) != facts["rows"]:
        raise RemoteError(f"{facts['source']} has {len(rows)} rows, {facts['rows']} were expected of {entry.name}")
    questions = _questions(entry.name, facts["licence"], ((f"row {n}", entry.target(row)) for n, row in rows), limit)
    told = BenchmarkFacts(
        entry.name, facts["source"], revision=facts["revision"], licence=facts["licence"], summary=entry.summary
    )
    return questions, told


def _from_hub(spec: str, limit: int | None) -> tuple[list[Question], BenchmarkFacts]:
    match = _HUB.fullmatch(spec)
    assert match is not None
    name = match["id"].rpartition("/")[2]
    rows = _hub_rows(match["id"], None, "test", match["revision"], name)
    questions = _questions(name, None, ((f"row {n}", _plain(row, f"{spec}, row {n}")) for n, row in rows), limit)
    return questions, BenchmarkFacts(name, match["id"], revision=match["revision"])


def _from_file(name: str, entry: Entry | None, path: Path, limit: int | None) -> tuple[list[Question], BenchmarkFacts]:
    """A local file: rows in the fields of the registered set of that name, or in the common shape."""
    facts = {} if entry is None else entry.facts
    if "family" in facts:
        raise UsageError(f"{name} is made here and reads no file", f"give another name, e.g. my-{name}={path}")
    read: Callable[[Row], tuple[str, str]] | None = None if entry is None else entry.target

    def asked() -> Iterator[tuple[str, tuple[str, str]]]:
        for number, row in read_rows(path):
            where = f"{path}, line {number}"
            own = read is not None and all(field in row for field in facts["fields"])
            yield where, _checked(read(row), where) if own and read is not None else _plain(row, where)

    questions = _questions(name, facts.get("licence"), asked(), limit)
    source = f"{facts['source']}, from {path.name}" if facts else path.name
    summary = "" if entry is None else entry.summary
    return questions, BenchmarkFacts(name, source, licence=facts.get("licence"), summary=summary)


def _questions(
    name: str, licence: str | None, asked: Iterable[tuple[str, tuple[str, str]]], limit: int | None
) -> list[Question]:
    """Questions of a set that is all test; a question asked twice gets two ids."""
    found: dict[str, Question] = {}
    for _, (text, answer) in islice(asked, limit):
        words = " ".join(text.split())
        identity, again = problem_id(name, words.lower()), 1
        while identity in found:
            again += 1
            identity = problem_id(name, words.lower(), again)
        problem = Problem(
            id=identity, question=text.strip(), answer=answer, source=name, brief=words, licence=licence, held_out=True
        )
        found[identity] = Question(identity, name, problem)
    return list(found.values())


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


def _plain(row: Row, where: str) -> tuple[str, str]:
    """(question, answer) of a row in the common shape."""
    key = next((key for key in ("problem", "question") if key in row), None)
    if key is None or "answer" not in row:
        missing = "answer" if key else "problem (or question)"
        raise UsageError(f"{where}: no field {missing}; fields: {', '.join(map(str, row)) or 'none'}", _SHAPE)
    answer = row["answer"]
    if isinstance(answer, int | float) and not isinstance(answer, bool):
        answer = str(answer)
    return _checked((row[key], answer), where)


def _checked(asked: tuple[str, str], where: str) -> tuple[str, str]:
    for field, value in zip(("problem", "answer"), asked, strict=True):
        if not isinstance(value, str):
            raise UsageError(f"{where}: field {field!r} is {type(value).__name__}, text is expected", _SHAPE)
        if not value.strip():
            raise UsageError(f"{where}: field {field!r} is empty", _SHAPE)
    return asked


def _hub_rows(
    source: str, config: str | None, split: str, revision: str | None, name: str
) -> list[tuple[int, dict[str, Any]]]:
    """(row number from 1, row) of a Hub dataset. Raises RemoteError, AuthError or UsageError, saying what to do."""
    import datasets

    instead = f"where there is no network give a local file: {name}=FILE.jsonl"
    try:
        rows = datasets.load_dataset(source, config, split=split, revision=revision)
    except (OSError, ValueError) as error:
        said = str(error).strip().splitlines()
        reason = said[0] if said else type(error).__name__
        if "gated" in str(error):
            raise AuthError(f"{source} is gated: {reason}\n  accept its conditions, then `hf auth login`") from None
        raise RemoteError(f"cannot load {source} ({split} split) from the Hub: {reason}\n  {instead}") from None
    return list(enumerate(rows, start=1))
