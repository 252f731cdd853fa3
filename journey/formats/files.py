"""File input and output: deterministic JSON, JSON lines, hashes, atomic writes, and names confined to their folder."""

from __future__ import annotations

import argparse
import errno
import hashlib
import io
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import jsonlines
import msgspec
import orjson

from journey.errors import PartialError, ResourceError, UsageError
from journey.schema import encode

T = TypeVar("T")


def dump_json(data: Any) -> bytes:
    """Deterministic JSON: sorted keys, two blanks, newline at the end."""
    return orjson.dumps(msgspec.to_builtins(data), option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2) + b"\n"


def json_lines(records: Iterable[Any]) -> bytes:
    """The bytes of a JSON-lines file of records."""
    buffer = io.BytesIO()
    with jsonlines.Writer(buffer, dumps=encode) as writer:
        writer.write_all(records)
    return buffer.getvalue()


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of(data: bytes) -> str:
    """Hex digest of bytes."""
    return hashlib.sha256(data).hexdigest()


def inside(root: Path, name: str) -> Path:
    """Where a name that a file gives lies below `root`. Raises UsageError for `..`, absolute names and links out of it."""
    parts = Path(name).parts
    if not parts or "\0" in name or "\\" in name or Path(name).is_absolute() or ".." in parts:
        raise UsageError(f"{root} names {name!r}, which is no file below it", "do not use this folder")
    path = root / name
    if not path.resolve().is_relative_to(root.resolve()):
        raise UsageError(f"{root}: {name} leads out of it, to {path.resolve()}", "do not use this folder")
    return path


def write_atomic(path: Path, data: bytes) -> None:
    """Write beside, sync, rename. Raises ResourceError when the disk is full; the old file stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.errno == errno.ENOSPC:
            free = shutil.disk_usage(path.parent).free
            raise ResourceError(f"no space left for {path} ({len(data):,} bytes needed, {free:,} free)") from error
        raise


def read_lines(path: Path, kind: type[T]) -> Iterator[T]:
    """The records of a JSON-lines file. Raises PartialError naming file and line where a line does not decode."""
    decoder = msgspec.json.Decoder(kind)
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise PartialError(
                    f"{path} line {number}: {error}\n  rerun the command that wrote it to repair it"
                ) from None


def write_or_check(path: Path, content: Callable[[], str], source: str, description: str | None) -> None:
    """A committed file that is derived from the code (`make golden`, `make check`): write it or, with --check, exit with 1 where it is not what its source (in words) says."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="only compare")
    check, now = parser.parse_args().check, content()
    if not check:
        path.write_text(now, encoding="utf-8")
    elif not path.is_file() or path.read_text(encoding="utf-8") != now:
        sys.exit(f"{path} is not what {source} say: make golden")
