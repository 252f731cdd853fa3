"""Readers of single files: JSON lines, JSON, CSV and TSV, parquet, arrow. A row is a dictionary, as it stands there.

Numbers keep every digit: whole numbers of any length are exact, and a decimal that a float would change is a Decimal. A
file that cannot be read to its end is one error that names the line; whether a row is of use is not asked here.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from journey.errors import UsageError

SHAPE = 'a row looks like {"question": "...", "answer": "72", "solution": "... #### 72"}'
SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".arrow", ".feather")
RawRows = Iterator[tuple[str, dict[str, Any]]]
_LONGEST_CELL = 1 << 27  # characters; the csv module's own limit is 131,072
_MOST_DIGITS = 4000  # of an int; Python refuses to read longer ones


def read(path: Path) -> RawRows:
    """(place, row) of every row of a file; the kind is told by its first bytes, else by its ending.

    Raises UsageError for an empty or broken file.
    """
    with path.open("rb") as file:
        start = file.read(6)
    suffix = path.suffix.lower()
    if not start:
        raise UsageError(f"{path} is empty", SHAPE)
    if start.startswith(b"PAR1") or suffix == ".parquet":
        return _parquet(path)
    if start == b"ARROW1" or suffix in (".arrow", ".feather"):
        return _arrow(path, start == b"ARROW1")
    if suffix in (".csv", ".tsv"):
        return _separated(path, "\t" if suffix == ".tsv" else None)
    return _json(path) if suffix == ".json" else _json_lines(path)


def kind_of(value: object) -> str:
    """What a value is, in words."""
    return _KINDS.get(type(value).__name__, type(value).__name__)


_KINDS = {"NoneType": "null", "bool": "true or false", "int": "a number", "float": "a number", "str": "text"}
_KINDS |= {"list": "a list", "dict": "an object", "Decimal": "a number", "bytes": "binary data"}


def _json_lines(path: Path) -> RawRows:
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            where = f"line {number}"
            line = _decoded(raw, f"{path}, {where}").strip()
            if line:
                yield where, _object(_parsed(line, f"{path}, {where}"), f"{path}, {where}")


def _json(path: Path) -> RawRows:
    text = _decoded(path.read_bytes(), str(path))
    first, _, rest = text.strip().partition("\n")
    if first.startswith("{") and first.endswith("}") and rest.strip().startswith("{"):  # JSON lines under this name
        yield from _json_lines(path)
        return
    data = _parsed(text, str(path))
    if isinstance(data, dict):  # {"data": [...]}, {"train": [...]}
        lists = [value for value in data.values() if isinstance(value, list)]
        data = lists[0] if len(lists) == 1 else data
    if not isinstance(data, list):
        raise UsageError(f"{path} holds {kind_of(data)}, a list of problems is expected", SHAPE)
    for number, row in enumerate(data, start=1):
        yield f"row {number}", _object(row, f"{path}, row {number}")


def _separated(path: Path, separator: str | None) -> RawRows:
    """Rows of a CSV or TSV file; an empty cell is missing. Without `separator` the first line shows it: , ; or tab."""
    csv.field_size_limit(_LONGEST_CELL)
    with path.open("rb") as raw:
        head = _decoded(raw.readline(), f"{path}, line 1")
    if separator is None:
        separator = max(",;\t", key=head.count)
    reader = csv.reader(_text_lines(path), delimiter=separator, strict=True)
    names: list[str] | None = None
    try:
        for cells in reader:
            where = f"line {reader.line_num}"
            if names is None:
                names = [cell.strip() for cell in cells]
                twice = [name for name in names if names.count(name) > 1]
                if twice:
                    raise UsageError(f"{path}, line 1: two columns are called {twice[0]!r}", "give each its own name")
            elif len(cells) > len(names):
                raise UsageError(
                    f"{path}, {where}: {len(cells)} cells, the first line has {len(names)}",
                    'a cell that holds a separator or a line break stands in "quotes"',
                )
            elif any(cells):
                yield where, {name: cell or None for name, cell in zip(names, cells, strict=False)}
    except csv.Error as error:
        raise UsageError(f"{path}, line {reader.line_num}: {error}", "save it again as CSV in UTF-8") from None


def _text_lines(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            yield _decoded(raw, f"{path}, line {number}")


def _parquet(path: Path) -> RawRows:
    import pyarrow.parquet

    def batches() -> Iterator[Any]:
        with pyarrow.parquet.ParquetFile(path) as file:
            yield from file.iter_batches(batch_size=1024)

    return _batches(path, "parquet", batches)


def _arrow(path: Path, with_footer: bool) -> RawRows:
    """Arrow's file format (with a footer; feather) or its stream format, which `datasets` writes."""
    import pyarrow

    def batches() -> Iterator[Any]:
        with pyarrow.memory_map(str(path)) as file:
            if with_footer:
                opened = pyarrow.ipc.open_file(file)
                yield from map(opened.get_batch, range(opened.num_record_batches))
            else:
                yield from pyarrow.ipc.open_stream(file)

    return _batches(path, "arrow", batches)


def _batches(path: Path, kind: str, batches: Callable[[], Iterator[Any]]) -> RawRows:
    import pyarrow

    number = 0
    try:
        for batch in batches():
            for row in batch.to_pylist():
                number += 1
                yield f"row {number}", row
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise UsageError(
            f"{path} is no readable {kind} file: {reason}", "write it again, or give a jsonl file"
        ) from error


def _decoded(raw: bytes, where: str) -> str:
    if b"\0" in raw:
        raise UsageError(f"{where}: binary data, text is expected", f"a file in UTF-8; {SHAPE}")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{where}: not UTF-8 (byte {error.start})", f"a file in UTF-8; {SHAPE}") from error


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text, parse_int=_whole, parse_float=_decimal)
    except (ValueError, RecursionError, ArithmeticError) as error:
        reason = f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)[:60]
        raise UsageError(f"{where}: not JSON ({reason})", SHAPE) from error


def _whole(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= _MOST_DIGITS else Decimal(digits)


def _decimal(digits: str) -> float | Decimal:
    """A float where it says what was written (0.50 is 0.5), else the digits."""
    exact = Decimal(digits)
    return float(digits) if Decimal(repr(float(digits))) == exact else exact


def _object(row: Any, where: str) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise UsageError(f"{where}: {kind_of(row)}, an object is expected", SHAPE)
    return row
