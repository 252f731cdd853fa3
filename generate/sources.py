"""Problems from a file or a Hub dataset: jsonl, json, parquet, or `ID[:CONFIG][@REVISION]` on the Hugging Face Hub.

    {"id": "gsm8k-train-0", "problem": "Natalia sold ...", "answer": "72", "solution": "... #### 72", "source": "gsm8k"}

`question` may stand for `problem`. The shape of openai/gsm8k is understood too: an `answer` that ends in `#### 72` is
the solution, and 72 the answer. Other field names are mapped: `--map question=q,answer=a`. A row of the wrong shape is
an error that names line and field; a row of the right shape that no method can use is counted by reason later.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from journey.errors import RemoteError, UsageError
from journey.schema import Problem, problem_id

FIELDS = ("question", "answer", "solution", "source", "id", "licence")
LICENCES = {"gsm8k": "MIT"}
_SUFFIXES = (".jsonl", ".ndjson", ".json", ".parquet")
_HUB = re.compile(r"(?P<id>[\w.-]+/[\w.-]+)(?::(?P<config>[\w.-]+))?(?:@(?P<revision>[\w./-]+))?")
_HUB_CONFIGS = {"openai/gsm8k": "main"}  # datasets that have no default
_SHAPE = 'a row looks like {"question": "...", "answer": "72", "solution": "... #### 72"}'


@dataclass
class RowCount:
    """How many rows of a file have been read, those that repeat an earlier question among them."""

    rows: int = 0


def read_problems(
    spec: str, mapping: Mapping[str, str] | None = None, counted: RowCount | None = None
) -> Iterator[Problem]:
    """The problems of a file or Hub dataset, in order; a question that comes twice comes once. `counted` is kept up to date.

    A file is read through once before anything is returned, so that a bad row is an error before any work is done.
    Raises UsageError for a missing, empty, unreadable or misshapen file, and RemoteError where the Hub is not reached.
    """
    fields = _fields(mapping or {})
    path = _local(spec)
    if path is None:
        rows = _hub_rows(spec)
        return _problems(rows, fields, spec, spec.partition(":")[0].partition("@")[0], counted)
    for _ in _problems(_file_rows(path), fields, spec, path.stem):
        pass
    return _problems(_file_rows(path), fields, spec, path.stem, counted)


def check(spec: str, mapping: Mapping[str, str] | None = None) -> None:
    """Raises UsageError for a problem file that is not there, or field names that are none; reads no row."""
    _fields(mapping or {})
    _local(spec)


def source_hash(spec: str) -> str:
    """What identifies the input: sha256 of a file, or the Hub dataset with its revision and fingerprint."""
    path = _local(spec)
    if path is None:
        return f"hub:{spec}:{_load(spec)._fingerprint}"
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _problems(
    rows: Iterator[tuple[str, dict[str, Any]]],
    fields: dict[str, str],
    spec: str,
    name: str,
    counted: RowCount | None = None,
) -> Iterator[Problem]:
    seen: set[str] = set()
    count = counted or RowCount()
    for where, row in rows:
        count.rows += 1
        problem = _problem(row, fields, f"{spec}, {where}", name)
        if problem.id not in seen:
            seen.add(problem.id)
            yield problem
    if not count.rows:
        raise UsageError(f"{spec} holds no rows", _SHAPE)


def _problem(row: dict[str, Any], fields: dict[str, str], where: str, name: str) -> Problem:
    question = _text(row, fields, "question", where)
    answer = _text(row, fields, "answer", where)
    solution = _text(row, fields, "solution", where) if fields["solution"] in row else None
    if "####" in answer:
        solution, answer = answer, answer.rpartition("####")[2].strip()
    source = _text(row, fields, "source", where) if fields["source"] in row else _short(name)
    licence = _text(row, fields, "licence", where) if fields["licence"] in row else LICENCES.get(source)
    return Problem(
        id=problem_id(source, " ".join(question.split()).lower()),
        question=question.strip(),
        answer=answer,
        source=source,
        brief=" ".join(question.split()),
        licence=licence,
        solution=solution,
    )


def _text(row: dict[str, Any], fields: dict[str, str], name: str, where: str) -> str:
    """A field as text. Raises UsageError with line and field."""
    key = fields[name]
    if key == "question" and key not in row and "problem" in row:
        key = "problem"
    if key not in row:
        known = ", ".join(map(str, row)) or "none"
        raise UsageError(f"{where}: no field {key!r} (fields: {known})", f"name it: --map {name}=FIELD; {_SHAPE}")
    value = row[key]
    if isinstance(value, int | float) and not isinstance(value, bool) and name == "answer":
        value = str(value)
    if not isinstance(value, str):
        raise UsageError(f"{where}: field {key!r} is {_kind(value)}, text is expected", _SHAPE)
    if not value.strip() and name == "question":
        raise UsageError(f"{where}: field {key!r} is empty", _SHAPE)
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise UsageError(f"{where}: field {key!r} holds half a character (a lone surrogate)", _SHAPE)
    return value


def _fields(mapping: Mapping[str, str]) -> dict[str, str]:
    mapping = {"question" if name == "problem" else name: field for name, field in mapping.items()}
    for name in mapping:
        if name not in FIELDS:
            raise UsageError(f"--map names an unknown field {name!r}", f"known: {', '.join(FIELDS)}")
    return {name: mapping.get(name, name) for name in FIELDS}


def _short(name: str) -> str:
    """`gsm8k_train` and `openai/gsm8k` are gsm8k; any other file or dataset keeps its name."""
    last = name.rpartition("/")[2]
    return "gsm8k" if re.fullmatch(r"gsm8k([_-]\w+)?", last, re.IGNORECASE) else last


_KINDS = {"NoneType": "null", "bool": "true or false", "int": "a number", "float": "a number", "str": "text"}
_KINDS |= {"list": "a list", "dict": "an object"}


def _kind(value: object) -> str:
    return _KINDS.get(type(value).__name__, type(value).__name__)


def _local(spec: str) -> Path | None:
    """The file that a spec names, or None for a Hub dataset. Raises UsageError if it is neither."""
    path = Path(spec).expanduser()
    if path.is_dir():
        raise UsageError(f"{spec} is a folder, a problem file is expected", f"one of {', '.join(_SUFFIXES)}")
    if path.is_file():
        return path
    if path.suffix.lower() in _SUFFIXES or not _HUB.fullmatch(spec) or spec.startswith((".", "/", "~")):
        raise UsageError(
            f"no file {spec}", "give a .jsonl, .json or .parquet file, or a Hub dataset id such as openai/gsm8k"
        )
    return None


def _file_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, row) of every row of a file."""
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        raise UsageError(f"{path} is empty", _SHAPE)
    if start == b"PAR1" or path.suffix.lower() == ".parquet":
        return _parquet_rows(path)
    return _json_rows(path) if path.suffix.lower() == ".json" else _jsonl_rows(path)


def _jsonl_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            line = _decoded(raw, f"{path}, line {number}").strip()
            if line:
                yield f"line {number}", _object(_parsed(line, f"{path}, line {number}"), f"{path}, line {number}")


def _json_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    data = _parsed(_decoded(path.read_bytes(), str(path)), str(path))
    if isinstance(data, dict):  # {"data": [...]}, {"train": [...]}
        lists = [value for value in data.values() if isinstance(value, list)]
        data = lists[0] if len(lists) == 1 else data
    if not isinstance(data, list):
        raise UsageError(f"{path} holds {_kind(data)}, a list of problems is expected", _SHAPE)
    for number, row in enumerate(data, start=1):
        yield f"row {number}", _object(row, f"{path}, row {number}")


def _parquet_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=1024):
                for row in batch.to_pylist():
                    number += 1
                    yield f"row {number}", row
    except (pyarrow.ArrowException, OSError) as error:
        raise UsageError(
            f"{path} is no readable parquet file: {error}", "write it again, or give a jsonl file"
        ) from error


def _decoded(raw: bytes, where: str) -> str:
    if b"\0" in raw:
        raise UsageError(f"{where}: binary data, text is expected", f"a .jsonl file in UTF-8; {_SHAPE}")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{where}: not UTF-8 (byte {error.start})", f"a .jsonl file in UTF-8; {_SHAPE}") from error


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)[:60]
        raise UsageError(f"{where}: not JSON ({reason})", _SHAPE) from error


def _object(row: Any, where: str) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise UsageError(f"{where}: {_kind(row)}, an object is expected", _SHAPE)
    return row


def _hub_rows(spec: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, row in enumerate(_load(spec), start=1):
        yield f"row {number}", dict(row)


def _load(spec: str) -> Any:
    """The train split of a Hub dataset."""
    import datasets

    match = _HUB.fullmatch(spec)
    assert match is not None
    config = match["config"] or _HUB_CONFIGS.get(match["id"])
    try:
        return datasets.load_dataset(match["id"], config, split="train", revision=match["revision"])
    except datasets.exceptions.DatasetNotFoundError as error:
        raise UsageError(
            f"the Hub has no dataset {match['id']!r}, or it needs a login: {error}", "huggingface-cli login"
        ) from error
    except ValueError as error:
        raise UsageError(f"{spec}: {error}", "ID[:CONFIG][@REVISION]; the split used is train") from error
    except OSError as error:
        raise RemoteError(f"the Hub dataset {spec} cannot be loaded: {error}") from error
