"""manifest.json: what a finished folder was made from, and the hash of every file that it holds.

Deterministic: the same settings and input bytes give the same manifest, whose hash is the name by which later stages
refer to the folder. It holds the hash of its own other content, so that a changed byte of it is noticed too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import msgspec

from journey.errors import PartialError
from journey.formats.files import dump_json, sha256_of
from journey.formats.record import FileRecord

MANIFEST = "manifest.json"


class ListedFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of the folder: the hash of its bytes, and how many they are."""

    sha256: str
    bytes: int


class Manifest(FileRecord, frozen=True):
    """The whole of manifest.json. `inputs` holds hashes by name; `files` are below the folder, by relative name.

    `config` holds the stage's resolved settings and `counts` what it counted; what another stage needs of them is read
    by the folder types of `journey.formats.folders` alone. `content_sha256` is the hash of everything else, as written
    (folders of 0.1 have none).
    """

    FILE: ClassVar[str] = MANIFEST
    NEWER: ClassVar[frozenset[str]] = frozenset({"content_sha256", "version"})

    stage: str
    config: dict[str, Any]
    inputs: dict[str, str]
    seed: int
    schema: int
    counts: dict[str, Any]
    files: dict[str, ListedFile]
    content_sha256: str | None = None
    version: int = 1

    @classmethod
    def parse(cls, data: bytes, where: str) -> Self:
        """The manifest in these bytes. Raises PartialError where they are not what was written."""
        manifest = super().parse(data, where)
        if manifest.encoded() != data or manifest.content_sha256 not in (None, manifest._content_hash()):
            raise PartialError(
                f"{where} was changed after it was written\n  rerun the command that wrote the folder to repair it"
            )
        return manifest

    def sealed(self) -> Self:
        """The same with the hash of its content."""
        return msgspec.structs.replace(self, content_sha256=self._content_hash())

    def _content_hash(self) -> str:
        plain = self.plain()
        plain.pop("content_sha256", None)
        return sha256_of(dump_json(plain))


def manifest_hash(folder: Path) -> str:
    """The hash by which a later stage names this folder as its input."""
    return sha256_of((Path(folder) / MANIFEST).read_bytes())
