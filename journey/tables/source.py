"""The place of a user's rows: a file, a folder or a Hub dataset; what it names, what identifies its bytes, its raw rows.

    mine.jsonl  mine.json  mine.csv  mine.tsv  mine.parquet  mine.arrow       one file
    DIR[:CONFIG[:SPLIT]]                                                      a folder as `datasets` lays it out or saves it
    ORG/NAME[:CONFIG[:SPLIT]][@REVISION]                                      a dataset on the Hugging Face Hub

The `datasets` library says which files of a folder make up a configuration and a split; every file is then read by the same
readers as one that stands alone, so that a row means the same wherever it lies.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from journey.errors import AuthError, RemoteError, UsageError
from journey.tables import files

_HUB = re.compile(
    r"(?P<id>[\w.-]+/[\w.-]+)(?::(?P<config>[\w.-]*)(?::(?P<split>[\w.-]+))?)?(?:@(?P<revision>[\w./-]+))?"
)
_FOLDER = re.compile(r"(?P<path>.+?)(?::(?P<config>[\w.-]*)(?::(?P<split>[\w.-]+))?)?")
_HUB_CONFIGS = {"openai/gsm8k": "main"}  # datasets that have no default
_KINDS = f"{', '.join(files.SUFFIXES[:-1])} or {files.SUFFIXES[-1]}"


@dataclass(frozen=True)
class TableSource:
    """Where rows lie: a file or folder (`path`), or a Hub dataset (`repo`). `split` is None where none is named."""

    spec: str
    path: Path | None = None
    repo: str | None = None
    config: str | None = None
    split: str | None = None
    revision: str | None = None

    @property
    def name(self) -> str:
        """A short name: the file without its ending, the folder, or the dataset's own."""
        if self.repo is not None:
            return self.repo.rpartition("/")[2]
        assert self.path is not None
        return self.path.resolve().name if self.path.is_dir() else self.path.stem

    @property
    def file_name(self) -> str:
        """What a reader of a report is told: the file's or folder's name, or the Hub id, with what was named of it."""
        place = self.repo or (self.path.name if self.path is not None else self.spec)
        named = [self.config if self.config != _HUB_CONFIGS.get(place) else None, self.split]
        return ", ".join([place, *filter(None, named)])


def is_hub_id(spec: str) -> bool:
    """Whether a text is written as the id of a Hub dataset."""
    return _HUB.fullmatch(spec) is not None


def locate(spec: str) -> TableSource:
    """What a spec names. Nothing is opened. Raises UsageError where it is neither a file, a folder nor a Hub id."""
    path = Path(spec).expanduser()
    if path.is_file() or path.is_dir():
        return TableSource(spec, path)
    inside = _FOLDER.fullmatch(spec)
    if inside is not None and inside["config"] is not None and Path(inside["path"]).expanduser().is_dir():
        return TableSource(
            spec, Path(inside["path"]).expanduser(), config=inside["config"] or None, split=inside["split"]
        )
    hub = _HUB.fullmatch(spec)
    if hub is None or path.suffix.lower() in files.SUFFIXES or spec.startswith((".", "/", "~")):
        raise UsageError(
            f"no file {spec}", f"give a file ({_KINDS}), a folder, or a Hub dataset id such as openai/gsm8k"
        )
    config = hub["config"] or _HUB_CONFIGS.get(hub["id"])
    return TableSource(spec, None, hub["id"], config, hub["split"], hub["revision"])


def raw_rows(source: TableSource, split: str = "train") -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, row) of every row of a file or folder, in order; `split` is read where a folder has several and names none.

    Raises UsageError for a file that is empty, broken or of no known kind, and for a folder without such a split.
    """
    paths = _files(source, split)
    for path in paths:
        beside = f"{path.name}, " if path != source.path else ""
        for where, row in files.read(path):
            yield beside + where, row


def digest(source: TableSource, split: str = "train") -> str:
    """What identifies the rows of a file or folder: sha256 of the file, or of the hashes of the split's files."""
    paths = _files(source, split)
    if source.path in paths:
        return _sha256(paths[0])
    return hashlib.sha256("".join(f"{_sha256(path)} {path.name}\n" for path in paths).encode()).hexdigest()


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _files(source: TableSource, split: str) -> list[Path]:
    """The files that hold the rows: the file itself, or those of a folder's split."""
    folder = source.path
    assert folder is not None, f"{source.spec} lies on the Hub"
    if folder.is_file():
        return [folder]
    import datasets

    hint = f"give one file ({_KINDS}), or a folder as the datasets library reads it: DIR[:CONFIG[:SPLIT]]"
    try:
        if (folder / "state.json").is_file() or (folder / "dataset_dict.json").is_file():  # of save_to_disk
            saved = datasets.load_from_disk(str(folder))
            by_split = saved if isinstance(saved, dict) else {"train": saved}
            found = {str(name): [one["filename"] for one in part.cache_files] for name, part in by_split.items()}
        else:
            builder = datasets.load_dataset_builder(str(folder), source.config)
            found = {str(name): list(map(str, paths)) for name, paths in (builder.config.data_files or {}).items()}
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        lines = str(error).strip().splitlines()
        raise UsageError(f"folder {source.spec}: {lines[0] if lines else type(error).__name__}", hint) from None
    wanted = source.split or (split if split in found or len(found) != 1 else next(iter(found)))
    if wanted not in found:
        known = ", ".join(found) or "none"
        raise UsageError(
            f"folder {source.spec} has no split {wanted}; it has: {known}",
            f"name one: {folder}:{source.config or ''}:SPLIT",
        )
    return [Path(path) for path in found[wanted]]


def load_hub(repo: str, config: str | None, split: str, revision: str | None, instead: str = "") -> Any:
    """A split of a Hub dataset. Raises RemoteError, AuthError or UsageError, saying what to do (`instead`)."""
    import datasets

    instead = instead or "where there is no network give a local file, e.g. mine.jsonl"
    try:
        return datasets.load_dataset(repo, config, split=split, revision=revision)
    except (OSError, ValueError) as error:
        lines = str(error).strip().splitlines()
        reason = lines[0] if lines else type(error).__name__
        if "gated" in str(error):
            raise AuthError(f"{repo} is gated: {reason}\n  accept its conditions, then `hf auth login`") from None
        if isinstance(error, datasets.exceptions.DatasetNotFoundError):
            raise UsageError(
                f"the Hub has no dataset {repo!r}, or it needs a login: {reason}", "hf auth login"
            ) from None
        if isinstance(error, ValueError):
            raise UsageError(
                f"cannot load {repo} ({split} split) from the Hub: {reason}",
                f"name what it has, {repo}:CONFIG:SPLIT@REVISION; {instead}",
            ) from None
        raise RemoteError(f"cannot load {repo} ({split} split) from the Hub: {reason}\n  {instead}") from None
