"""The folder contract: how every stage writes its output, and how the next one reads it.

Work happens in `DIR.partial/` (locked, resumed) and is renamed to `DIR` at the end. Each shard is written to a
temporary, synced and renamed, then recorded with its hash in `DIR.partial/.done/`; `manifest.json` is written last.
So a folder called DIR is always complete, and an interrupted run goes on at the next shard and ends byte-identical.

    with Folder.open(out, "generate", config, inputs={}) as folder:
        for k in folder.missing(range(shards)):
            folder.write_shard(k, {f"pairs/{k:05d}.jsonl": records}, counts={"pairs": len(records)})
        folder.finish(counts)
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import importlib.metadata
import io
import json
import os
import platform
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import jsonlines
import msgspec
import orjson

from journey.errors import PartialError, ResourceError, UsageError
from journey.interrupts import uninterrupted
from journey.schema import SCHEMA_VERSION, encode

T = TypeVar("T")
ROWS_PER_SHARD = 1000
_NEVER_HASHED = {
    "manifest.json",
    "environment.json",
    "timing.json",
    "report.html",
    "report.md",
    "samples.parquet",
    "behaviour.json",
    "judge.jsonl",
    "training.json",
}


class OtherRun(UsageError):
    """A folder was begun or finished with other settings or inputs."""


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


def inside(root: Path, name: str) -> Path:
    """Where a name that a file gives lies below `root`. Raises UsageError for `..`, absolute names and links out of it."""
    path, top = root / name, root.resolve()
    if not name or "\0" in name or Path(name).is_absolute() or ".." in Path(name).parts:
        raise UsageError(f"{root} names {name!r}, which is no file below it", "do not use this folder")
    if not path.resolve().is_relative_to(top):
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


def _first_difference(old: Any, new: Any, at: str = "") -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        found = []
        for key in sorted({*old, *new}):
            found += _first_difference(old.get(key), new.get(key), f"{at}.{key}" if at else key)
        return found
    return [] if old == new else [f"{at}: {old!r} there, {new!r} now"]


class Folder:
    """One stage folder being written; use `Folder.open`."""

    def __init__(self, out: Path, stage: str, config: Mapping[str, Any], inputs: Mapping[str, str], seed: int) -> None:
        self.out, self.work = out, out.with_name(out.name + ".partial")
        self.identity = json.loads(
            dump_json(
                {
                    "stage": stage,
                    "config": config,
                    "inputs": inputs,
                    "seed": seed,
                    "schema": SCHEMA_VERSION,
                }
            )
        )
        self.finished = False
        self.started = time.time()
        self._goes_on = False  # whether shards that are there are kept: somebody has asked which are missing
        self._lock: Any = None

    @classmethod
    def open(
        cls, out: Path, stage: str, config: Mapping[str, Any], *, inputs: Mapping[str, str] | None = None, seed: int = 0
    ) -> Folder:
        """Start or resume. `finished` is true if DIR is already complete with this very config.

        Raises UsageError if DIR (or its partial) holds another config, naming the keys, or is in use.
        """
        folder = cls(Path(out), stage, config, inputs or {}, seed)
        if folder.out.exists() and not folder.out.is_dir():
            raise UsageError(f"{folder.out} is a file, a folder is to be written", "give another --out")
        if folder.out.exists():
            folder._check_finished()
            if folder.finished:
                return folder
        try:
            folder.work.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot write {folder.work}: {error.strerror}", "give another --out") from None
        folder._take_lock()
        for name in ("identity.json", "manifest.json"):  # the latter alone if a kill fell just before the rename
            folder._check_identity(folder.work / name)
        write_atomic(folder.work / "identity.json", dump_json(folder.identity))
        for stray in folder.work.rglob("*.tmp-*"):
            stray.unlink()
        return folder

    def _check_finished(self) -> None:
        manifest = self.out / "manifest.json"
        if not manifest.is_file():
            if any(self.out.iterdir()):
                raise UsageError(
                    f"{self.out} exists and is not a finished {self.identity['stage']} folder",
                    "give another --out, or remove it",
                )
            self.out.rmdir()
            return
        self._check_identity(manifest)
        broken = corrupt_files(self.out)
        if not broken:
            self.finished = True
            return
        # Our own bytes have gone bad: take the folder back to its partial state and make those shards again.
        os.rename(self.out, self.work)
        (self.work / "manifest.json").unlink()
        self._quarantine(broken)

    def _check_identity(self, path: Path) -> None:
        if not path.is_file():
            return
        try:
            there = json.loads(path.read_bytes())
        except ValueError:
            return
        there = {key: there.get(key) for key in self.identity}
        changed = _first_difference(there, self.identity)
        if changed:
            raise OtherRun(
                f"{self.out} holds another run:\n    " + "\n    ".join(changed[:8]),
                "give another --out, or the same settings to resume it",
            )

    def _take_lock(self) -> None:
        self._lock = (self.work / ".lock").open("a+")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            self._lock = None
            raise UsageError(
                f"{self.work} is in use by another process", "wait for it, or give another --out"
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if isinstance(error, UsageError) and self._is_untouched():
            shutil.rmtree(self.work)  # a bad input must not stand in the way of the corrected one
        if isinstance(error, KeyboardInterrupt) and not self.finished:
            error.add_note(self._kept())
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _kept(self) -> str:
        """What an interrupted run leaves for the next one, in words."""
        whole = len(list((self.work / ".done").glob("*.json"))) if self._goes_on else 0
        if not whole:
            return f"nothing of {self.out} is finished yet"
        return f"{whole} finished part{'' if whole == 1 else 's'} of {self.out} {'is' if whole == 1 else 'are'} kept in {self.work}"

    def _is_untouched(self) -> bool:
        """Whether nothing but our own bookkeeping lies in the partial folder."""
        files = {path.name for path in self.work.rglob("*") if path.is_file()} if self.work.is_dir() else None
        return files is not None and files <= {"identity.json", ".lock"}

    def path(self, name: str) -> Path:
        """Where a file of this folder lies while it is being written (or in the finished folder)."""
        return (self.out if self.finished else self.work) / name

    def _mark(self, key: str) -> Path:
        return self.work / ".done" / f"{key}.json"

    def missing(self, keys: Iterable[int | str]) -> list[int | str]:
        """Those shards that are not there whole; files whose bytes do not match their mark are quarantined first."""
        self._goes_on = True
        left = []
        for key in keys:
            mark = self._mark(_key(key))
            if not mark.is_file():
                left.append(key)
                continue
            files = json.loads(mark.read_bytes())["files"]
            broken = [n for n, h in files.items() if not (self.work / n).is_file() or sha256(self.work / n) != h]
            if broken:
                self._quarantine(broken)
                left.append(key)
        return left

    def _quarantine(self, names: list[str]) -> None:
        for name in names:
            there = inside(self.work, name)
            if there.is_file():
                aside = self.work.with_name(self.out.name + ".quarantine") / name
                aside.parent.mkdir(parents=True, exist_ok=True)
                os.replace(there, aside)
        for mark in (self.work / ".done").glob("*.json"):
            if any(name in names for name in json.loads(mark.read_bytes())["files"]):
                mark.unlink()

    def write_shard(
        self, key: int | str, files: Mapping[str, Iterable[Any] | bytes], counts: Mapping[str, Any] | None = None
    ) -> None:
        """Write the shard's files (records, or bytes as they are) and mark the shard as whole. Ctrl-C waits for it."""
        with uninterrupted():
            hashes = {}
            for name, content in files.items():
                data = content if isinstance(content, bytes) else json_lines(content)
                write_atomic(self.work / name, data)
                hashes[name] = hashlib.sha256(data).hexdigest()
            write_atomic(self._mark(_key(key)), dump_json({"files": hashes, "counts": counts or {}}))

    def mark_files(self, key: int | str, names: Iterable[str], counts: Mapping[str, Any] | None = None) -> None:
        """Mark files that something else wrote into the work folder (e.g. an adapter) as a whole shard."""
        hashes = {name: sha256(self.work / name) for name in names}
        write_atomic(self._mark(_key(key)), dump_json({"files": hashes, "counts": counts or {}}))

    def counts(self, key: int | str) -> dict[str, Any]:
        """What was counted when the shard was written."""
        return json.loads(self._mark(_key(key)).read_bytes())["counts"]

    def write(self, name: str, content: Iterable[Any] | bytes | Mapping[str, Any]) -> None:
        """Write one whole-folder file: bytes, a JSON object, or records."""
        if isinstance(content, bytes):
            data = content
        elif isinstance(content, Mapping):
            data = dump_json(content)
        else:
            data = json_lines(content)
        write_atomic(self.work / name, data)

    def finish(self, counts: Mapping[str, Any], timing: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Write timing, environment and the manifest, then rename the folder to its final name."""
        for name in ("identity.json", ".lock"):
            (self.work / name).unlink(missing_ok=True)
        write_atomic(self.work / "timing.json", dump_json(timing or {}))
        write_atomic(self.work / "environment.json", dump_json(environment(time.time() - self.started)))
        files = {}
        for path in sorted(self.work.rglob("*")):
            name = path.relative_to(self.work).as_posix()
            if path.is_file() and name not in _NEVER_HASHED and not name.startswith(".done/"):
                files[name] = {"sha256": sha256(path), "bytes": path.stat().st_size}
        manifest = {**self.identity, "counts": dict(counts), "files": files}
        with uninterrupted():
            write_atomic(self.work / "manifest.json", dump_json(manifest))
            os.rename(self.work, self.out)  # the marks in .done stay: a later repair makes only broken shards again
            self.finished = True
        return manifest


def _key(key: int | str) -> str:
    return f"{key:05d}" if isinstance(key, int) else key.replace("/", "--")


def environment(seconds: float) -> dict[str, Any]:
    """Versions, machine and wall time; never hashed."""
    wanted = ("journey-learning", "torch", "transformers", "peft", "trl", "datasets", "scipy", "math-verify")
    versions = {}
    for name in wanted:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "versions": versions,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
        "cores": os.cpu_count(),
        "wall_seconds": round(seconds, 1),
    }


def read_manifest(folder: Path, stage: str | None = None) -> dict[str, Any]:
    """The manifest of a finished folder. Raises UsageError if the folder is missing, unfinished or of another stage."""
    folder = Path(folder)
    path = folder / "manifest.json"
    if not path.is_file():
        partial = folder.with_name(folder.name + ".partial")
        if partial.is_dir():
            raise UsageError(f"{folder} is not finished", f"rerun the command that writes it; {partial} holds its work")
        inner = next((name for name in (stage, "generate", "evaluate") if name and (folder / name).is_dir()), None)
        hint = f"did you mean {folder / inner}?" if inner else "check the path"
        raise UsageError(f"{folder} is not a finished folder (it has no manifest.json)", hint)
    try:
        manifest = json.loads(path.read_bytes())
    except ValueError:
        raise UsageError(f"{path} is not JSON", "make the folder again") from None
    if stage is not None and manifest.get("stage") != stage:
        raise UsageError(
            f"{folder} was written by `journey {manifest.get('stage')}`, a {stage} folder is wanted",
            f"give the folder that `journey {stage}` wrote",
        )
    return manifest


def manifest_hash(folder: Path) -> str:
    """The hash by which a later stage names this folder as its input."""
    return sha256(Path(folder) / "manifest.json")


def corrupt_files(folder: Path) -> list[str]:
    """Names of files whose bytes are not what the manifest says."""
    files = read_manifest(folder)["files"]
    paths = {name: inside(folder, name) for name in files}
    return [n for n, path in paths.items() if not path.is_file() or sha256(path) != files[n]["sha256"]]


def shards(folder: Path, kind: str) -> list[Path]:
    """The shard files of one kind (e.g. "pairs", "train"), in order."""
    return sorted((Path(folder) / kind).glob("*.jsonl"))


def read_shard(path: Path, kind: type[T]) -> Iterator[T]:
    """The records of one file. Raises PartialError naming file and line where a line does not decode."""
    decoder = msgspec.json.Decoder(kind)
    with path.open("rb") as file, jsonlines.Reader(file, loads=lambda line: line) as reader:
        for number, line in enumerate(reader.iter(), start=1):
            try:
                yield decoder.decode(line)  # type: ignore[arg-type]
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise PartialError(
                    f"{path} line {number}: {error}\n  rerun the command that wrote it to repair it"
                ) from None


def read_records(folder: Path, kind: str, record: type[T]) -> Iterator[T]:
    """All records of one kind in a finished folder, shard after shard."""
    for path in shards(folder, kind):
        yield from read_shard(path, record)
