"""The folder contract: how every stage writes its output, and how a finished folder is repaired.

Work happens in `DIR.partial/` (resumed) under the lock `DIR.lock` and is renamed to `DIR` at the end. Each shard is written
to a temporary, synced and renamed, then recorded with its hash in `DIR.partial/.done/`; `manifest.json` is written last and
lists what was written through this class, never what lies about. So a folder called DIR is always complete, and an
interrupted run goes on at the next shard and ends byte-identical. `journey.formats.folders` reads finished folders.

    with Folder.open(out, "generate", config, inputs={}) as folder:
        for k in folder.missing(range(shards)):
            folder.write_shard(k, {f"pairs/{k:05d}.jsonl": records}, counts={"pairs": len(records)})
        folder.finish(counts)
"""

from __future__ import annotations

import errno
import fcntl
import importlib.metadata
import json
import os
import platform
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from journey.errors import JourneyError, PartialError, UsageError
from journey.formats.files import dump_json, inside, json_lines, sha256, sha256_of, write_atomic
from journey.formats.manifest import MANIFEST, ListedFile, Manifest
from journey.formats.marks import DONE, Environment, Identity, ShardMark, Timing
from journey.interrupts import uninterrupted
from journey.schema import SCHEMA_VERSION

ROWS_PER_SHARD = 1000
_WHOLE = "files"  # the mark of the files that are no shard's
_READ_ONLY = {errno.EACCES, errno.EPERM, errno.EROFS}


class OtherRun(UsageError):
    """A folder was begun or finished with other settings or inputs."""


def _differences(old: Any, new: Any, key: str = "") -> list[str]:
    """What differs between two nested mappings, a sentence a key."""
    if isinstance(old, dict) and isinstance(new, dict):
        sentences = []
        for name in sorted({*old, *new}):
            sentences += _differences(old.get(name), new.get(name), f"{key}.{name}" if key else name)
        return sentences
    return [] if old == new else [f"{key}: {old!r} there, {new!r} now"]


class Lock:
    """One writer at a time: an advisory lock on `DIR.lock`, which lies beside the folder so that renames do not move it."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path, self._descriptor = path, descriptor

    @classmethod
    def take(cls, out: Path) -> Lock:
        """The lock of a folder. Raises UsageError where another process holds it, OSError where none can be made."""
        path = out.with_name(out.name + ".lock")
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Its last holder may have removed the file meanwhile: then this is a lock that nobody else will see.
                if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                    return cls(path, descriptor)
            except FileNotFoundError:
                pass
            except BlockingIOError:
                os.close(descriptor)
                raise UsageError(f"{out} is in use by another process", "wait for it, or give another --out") from None
            except OSError:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def release(self) -> None:
        """Give the lock back; the file goes while it is still held, so that no other process can hold it too."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


class Folder:
    """One stage folder being written; use `Folder.open`."""

    def __init__(self, out: Path, stage: str, config: Mapping[str, Any], inputs: Mapping[str, str], seed: int) -> None:
        self.out, self.work = out, out.with_name(out.name + ".partial")
        plain: dict[str, Any] = json.loads(dump_json(config))
        self.identity = Identity(stage, plain, dict(inputs), seed, SCHEMA_VERSION)
        self.base_place: str | None = None  # see `Environment.base`
        self.finished = False
        self.started = time.time()
        self._goes_on = False  # whether shards that are there are kept: somebody has asked which are missing
        self._lock: Lock | None = None
        self._marks: dict[str, ShardMark] | None = None

    @classmethod
    def open(
        cls, out: Path, stage: str, config: Mapping[str, Any], *, inputs: Mapping[str, str] | None = None, seed: int = 0
    ) -> Folder:
        """Start or resume. `finished` is true if DIR is already complete with this very config.

        A finished folder whose bytes have gone bad is taken back to its partial state, so that the caller makes the
        damaged shards again. Raises UsageError if DIR (or its partial) holds another config, naming the keys, or is in use.
        """
        folder = cls(Path(out), stage, config, inputs or {}, seed)
        if folder.out.exists() and not folder.out.is_dir():
            raise UsageError(f"{folder.out} is a file, a folder is to be written", "give another --out")
        try:
            folder.out.parent.mkdir(parents=True, exist_ok=True)
            folder._lock = Lock.take(folder.out)
        except OSError as error:
            if error.errno in _READ_ONLY and (folder.out / MANIFEST).is_file():
                folder._look_at_finished(repair=False)
                return folder
            raise UsageError(f"cannot write {folder.work}: {error.strerror}", "give another --out") from None
        try:
            folder._begin()
        except BaseException:
            folder._release()
            raise
        return folder

    def _begin(self) -> None:
        """Under the lock: see what is there, and make the partial folder ready unless the folder is finished."""
        if self.out.exists():
            self._look_at_finished(repair=True)
            if self.finished:
                self._release()  # a finished folder never changes, so readers need not wait for each other
                return
        try:
            self.work.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot write {self.work}: {error.strerror}", "give another --out") from None
        for known in self._known_identities(self.work):
            self._check_identity(known)
        write_atomic(self.work / Identity.FILE, self.identity.encoded())
        (self.work / MANIFEST).unlink(missing_ok=True)  # of a call that was killed just before the rename
        for stray in self.work.rglob("*.tmp-*"):
            stray.unlink()

    def _look_at_finished(self, *, repair: bool) -> None:
        if not (self.out / MANIFEST).is_file():
            if any(self.out.iterdir()):
                raise UsageError(
                    f"{self.out} exists and is not a finished {self.identity.stage} folder",
                    "give another --out, or remove it",
                )
            self.out.rmdir()
            return
        try:
            manifest = Manifest.read(self.out)
        except PartialError:
            manifest = None
        known = list(self._known_identities(self.out))
        if not known:
            raise PartialError(f"{self.out}: its {MANIFEST} is damaged\n  remove the folder and make it again")
        for identity in known:
            self._check_identity(identity)
        broken = None if manifest is None else damaged_files(self.out, manifest)
        if broken == []:
            self.finished = True
        elif not repair:
            raise PartialError(f"{self.out} is damaged and cannot be written\n  {', '.join(broken or [MANIFEST])}")
        else:  # our own bytes have gone bad: back to the partial state, where those shards are made again
            os.rename(self.out, self.work)
            (self.work / MANIFEST).unlink()
            self._quarantine(broken or [])

    @staticmethod
    def _known_identities(folder: Path) -> Iterator[Identity]:
        """What a folder says that it was made from, where that can be read."""
        for path in (folder / Identity.FILE, folder / DONE / Identity.FILE):
            try:
                yield Identity.parse(path.read_bytes(), str(path))
            except (OSError, JourneyError):
                continue
        try:
            manifest = Manifest.read(folder)
        except JourneyError:
            return
        yield Identity(manifest.stage, manifest.config, manifest.inputs, manifest.seed, manifest.schema)

    def begun(self) -> Identity | None:
        """What the folder, finished or not, says that it was made from; None where there is none that can be read."""
        return next((known for folder in (self.out, self.work) for known in self._known_identities(folder)), None)

    def _check_identity(self, known: Identity) -> None:
        changed = _differences(known.plain(), self.identity.plain())
        if changed:
            raise OtherRun(
                f"{self.out} holds another run:\n    " + "\n    ".join(changed[:8]),
                "give another --out, or the same settings to resume it",
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, UsageError) and self._lock is not None and self._is_untouched():
            shutil.rmtree(self.work)  # a bad input must not stand in the way of the corrected one
        if isinstance(error, KeyboardInterrupt) and not self.finished:
            error.add_note(self._kept())
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _kept(self) -> str:
        """What an interrupted run leaves for the next one, in words."""
        whole = len(self.marks().keys() - {_WHOLE}) if self._goes_on else 0
        if not whole:
            return f"nothing of {self.out} is finished yet"
        return f"{whole} finished part{'' if whole == 1 else 's'} of {self.out} {'is' if whole == 1 else 'are'} kept in {self.work}"

    def _is_untouched(self) -> bool:
        """Whether nothing but our own bookkeeping lies in the partial folder."""
        files = {path.name for path in self.work.rglob("*") if path.is_file()} if self.work.is_dir() else None
        return files is not None and files <= {Identity.FILE}

    def path(self, name: str) -> Path:
        """Where a file of this folder lies while it is being written (or in the finished folder)."""
        return (self.out if self.finished else self.work) / name

    # --- marks: which shards are there whole

    def marks(self) -> dict[str, ShardMark]:
        """The marks by key; one that cannot be read counts as missing, and its shard is made again."""
        if self._marks is None:
            self._marks = {}
            for path in sorted((self.path(DONE)).glob("*.json")):
                if path.name == Identity.FILE:
                    continue
                try:
                    self._marks[path.stem] = ShardMark.parse(path.read_bytes(), str(path))
                except JourneyError:
                    path.unlink()
        return self._marks

    def _mark(self, key: str, files: Mapping[str, str], counts: Mapping[str, Any]) -> None:
        mark = ShardMark(dict(files), json.loads(dump_json(counts)))
        write_atomic(self.work / DONE / f"{key}.json", mark.encoded())
        self.marks()[key] = mark

    def missing(self, keys: Iterable[int | str]) -> list[int | str]:
        """Those shards that are not there whole; files whose bytes do not match their mark are quarantined first."""
        self._goes_on = True
        left = []
        for key in keys:
            mark = self.marks().get(_key(key))
            if mark is None:
                left.append(key)
                continue
            paths = {name: inside(self.work, name) for name in mark.files}
            broken = [n for n, path in paths.items() if not path.is_file() or sha256(path) != mark.files[n]]
            if broken:
                self._quarantine(broken)
                left.append(key)
        return left

    def _quarantine(self, names: Iterable[str]) -> None:
        """Put damaged files aside, and take back the marks of the shards that they belong to."""
        damaged = set(names)
        for name in damaged:
            path = inside(self.work, name)
            if path.is_file():
                aside = self.work.with_name(self.out.name + ".quarantine") / name
                aside.parent.mkdir(parents=True, exist_ok=True)
                os.replace(path, aside)
        self._marks = None  # read again: the folder may have been renamed
        for key, mark in list(self.marks().items()):
            if damaged & mark.files.keys():
                (self.work / DONE / f"{key}.json").unlink()
                del self.marks()[key]
                if key == _WHOLE:
                    rest = {name: digest for name, digest in mark.files.items() if name not in damaged}
                    self._mark(_WHOLE, rest, {})

    def write_shard(
        self, key: int | str, files: Mapping[str, Iterable[Any] | bytes], counts: Mapping[str, Any] | None = None
    ) -> None:
        """Write the shard's files (records, or bytes as they are) and mark the shard as whole. Ctrl-C waits for it."""
        with uninterrupted():
            hashes = {}
            for name, content in files.items():
                data = content if isinstance(content, bytes) else json_lines(content)
                write_atomic(self.work / name, data)
                hashes[name] = sha256_of(data)
            self._mark(_key(key), hashes, counts or {})

    def mark_files(self, key: int | str, names: Iterable[str], counts: Mapping[str, Any] | None = None) -> None:
        """Mark files that something else wrote into the work folder (e.g. an adapter) as a whole shard."""
        self._mark(_key(key), {name: sha256(self.work / name) for name in names}, counts or {})

    def has(self, name: str) -> bool:
        """Whether a file of this name was written or marked."""
        return any(name in mark.files for mark in self.marks().values())

    def file(self, name: str) -> Path:
        """Where a file of this folder lies, as `FinishedFolder.file`."""
        return inside(self.out if self.finished else self.work, name)

    def shards(self, kind: str) -> list[Path]:
        """The marked shard files of one kind, in order, as `FinishedFolder.shards`."""
        names = (name for mark in self.marks().values() for name in mark.files)
        wanted = re.compile(rf"{re.escape(kind)}/[^/]+\.jsonl")
        return [self.file(name) for name in sorted({name for name in names if wanted.fullmatch(name)})]

    def counts(self, key: int | str) -> dict[str, Any]:
        """What was counted when the shard was written."""
        return self.marks()[_key(key)].counts

    def write(self, name: str, content: Iterable[Any] | bytes | Mapping[str, Any]) -> None:
        """Write one file that is no shard's: bytes, a JSON object, or records."""
        if isinstance(content, bytes):
            data = content
        elif isinstance(content, Mapping):
            data = dump_json(content)
        else:
            data = json_lines(content)
        write_atomic(self.work / name, data)
        self._list(name, sha256_of(data))

    def keep(self, name: str) -> None:
        """List a file that something else wrote into the work folder and that is no shard's."""
        self._list(name, sha256(self.work / name))

    def _list(self, name: str, digest: str) -> None:
        before = self.marks().get(_WHOLE)
        self._mark(_WHOLE, {**(before.files if before else {}), name: digest}, {})

    def finish(self, counts: Mapping[str, Any], timing: Timing | None = None) -> Manifest:
        """Write timing, environment and the manifest, then rename the folder to its final name; the lock is held past that.

        The manifest lists every file that was written or marked through this folder, with the hash that it had then.
        """
        write_atomic(self.work / Timing.FILE, (timing or Timing()).encoded())
        write_atomic(self.work / Environment.FILE, environment(time.time() - self.started, self.base_place).encoded())
        hashes = {name: digest for mark in self.marks().values() for name, digest in mark.files.items()}
        files = {
            name: ListedFile(digest, (self.work / name).stat().st_size)
            for name, digest in sorted(hashes.items())
            if not name.startswith(f"{DONE}/")
        }
        of = self.identity
        plain: dict[str, Any] = json.loads(dump_json(counts))
        manifest = Manifest(of.stage, of.config, of.inputs, of.seed, of.schema, plain, files).sealed()
        with uninterrupted():
            write_atomic(self.work / MANIFEST, manifest.encoded())
            (self.work / DONE).mkdir(exist_ok=True)
            os.replace(
                self.work / Identity.FILE, self.work / DONE / Identity.FILE
            )  # with the marks, for a later repair
            os.rename(self.work, self.out)
            self.finished = True
        return manifest


def _key(key: int | str) -> str:
    return f"{key:05d}" if isinstance(key, int) else key.replace("/", "--")


def damaged_files(folder: Path, manifest: Manifest) -> list[str]:
    """Names of listed files whose bytes are not what the manifest says. Raises UsageError for a name that leads out."""
    paths = {name: inside(folder, name) for name in manifest.files}
    return [name for name, path in paths.items() if not path.is_file() or sha256(path) != manifest.files[name].sha256]


def environment(seconds: float, base: str | None = None) -> Environment:
    """Versions, machine, place of the base and wall time; never hashed."""
    wanted = ("journey-learning", "torch", "transformers", "peft", "trl", "datasets", "scipy", "math-verify")
    versions = {}
    for name in wanted:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return Environment(
        versions=versions,
        python=platform.python_version(),
        machine=platform.machine(),
        system=platform.system(),
        cores=os.cpu_count(),
        wall_seconds=round(seconds, 1),
        base=base,
    )
