"""The files of publishing: what was published where, what makes a curated folder again, where a folder was fetched from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import msgspec

from journey.errors import PartialError
from journey.formats.files import dump_json, write_atomic
from journey.formats.record import FileRecord
from journey.splits import SPLITS

PUBLISHED = "published.json"  # beside the bundle, never in its manifest: the bundle is deterministic, this is not
PROVENANCE = "provenance"
_SHARD = re.compile(rf"(?:{'|'.join(SPLITS)})/[0-9]{{5}}\.jsonl")


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """What one publication did; a line of published.json. Hashes are sha256, commits the Hub's ids.

    `downloaded` files were fetched again and hashed here; all were compared by the Hub's hashes (0: no new commit).
    """

    piece: str = ""
    repo: str
    kind: str
    url: str
    commit: str
    changed: bool
    tag: str | None
    revision: str
    pull_request: str | None
    files: int
    bytes: int
    downloaded: int
    manifest_sha256: str  # of the bundle
    source_sha256: str  # of the manifest of the folder that it was made from
    changes: tuple[str, ...] = ()


def read_publications(path: Path) -> list[Publication]:
    """The publications that a log lists, oldest first; none where there is no log, or one that cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Publication])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return []


def add_publication(path: Path, line: Publication) -> None:
    """Append to a log; a publication that changed nothing is not a new line."""
    before = read_publications(path)
    if line.changed or not any(earlier.commit == line.commit and earlier.tag == line.tag for earlier in before):
        write_atomic(path, dump_json([*before, line]))


class PublishedShard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What makes a shard of a curated folder again from published rows: how many, and which state the default check."""

    rows: int
    stated: bool | list[bool]


class PublishedShards(msgspec.Struct, frozen=True):
    """provenance/curate/shards.json: the shards of the curated folder by name."""

    FILE: ClassVar[str] = "shards.json"

    shards: dict[str, PublishedShard]

    @classmethod
    def parse(cls, data: bytes, where: str) -> PublishedShards:
        """The shards. Raises PartialError where this is something else, or names a file that is no shard."""
        try:
            shards = msgspec.json.decode(data, type=dict[str, PublishedShard])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise PartialError(f"{where}: {error}") from None
        strange = [name for name in shards if not _SHARD.fullmatch(name)]
        if strange:
            raise PartialError(f"{where}: {strange[0]!r} is no shard of a curated folder")
        return cls(shards)

    def encoded(self) -> bytes:
        """The file's bytes."""
        return dump_json(self.shards)


class HubOrigin(FileRecord, frozen=True):
    """hub.json of a folder in the cache: the repository and the commit that it was made again from."""

    FILE: ClassVar[str] = "hub.json"
    NEWER: ClassVar[frozenset[str]] = frozenset({"version"})

    piece: str
    repo: str
    commit: str
    manifest_sha256: str
    version: int = 1


class ExportFile(FileRecord, frozen=True):
    """journey_export.json of an exported model: the run, its base, and how far merging moved the first word's logits."""

    FILE: ClassVar[str] = "journey_export.json"
    NEWER: ClassVar[frozenset[str]] = frozenset({"version", "template"})

    run: str
    base: str
    adapter_sha256: str | None
    dtype: str
    largest_logit_difference: float
    share_of_largest_logit: float
    same_first_word: float
    template: tuple[str, ...] = ()  # what the chat template does beside the base's own, in sentences
    version: int = 1
