"""The base class of records that fill one file: how they are written, and how versions are read or refused.

A record names its file (`FILE`) and the versions that it reads (`READS`). A field newer than 0.1 stands in `NEWER` and is
left out of the JSON where it has its default, so that what 0.1 wrote and published comes back byte for byte.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import msgspec

from journey.errors import PartialError, UsageError
from journey.formats.files import dump_json


class Written(Protocol):
    """A folder that is being written (`journey.store.Folder`), as far as records need it."""

    def write(self, name: str, content: bytes) -> None:
        """Write one file of the folder."""


class _Version(msgspec.Struct):
    version: int = 1


class FileRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the records that fill one JSON file of a stage folder."""

    FILE: ClassVar[str]
    READS: ClassVar[tuple[int, ...]] = (1,)
    NEWER: ClassVar[frozenset[str]] = frozenset()  # fields that 0.1 did not write: left out at their default

    @classmethod
    def read(cls, folder: Path, name: str | None = None) -> Self:
        """The record in a folder's file. Raises what `parse` raises, and UsageError if the file is not there."""
        path = folder / (name or cls.FILE)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise UsageError(f"{path} is missing", "rerun the command that wrote the folder") from None
        return cls.parse(data, str(path))

    @classmethod
    def parse(cls, data: bytes, where: str) -> Self:
        """The record in these bytes. Raises PartialError where they are damaged, UsageError for a foreign version."""
        try:
            version = msgspec.json.decode(data, type=_Version).version
            if version not in cls.READS:
                known = " and ".join(map(str, cls.READS))
                raise UsageError(
                    f"{where} is of version {version}, this program reads version {known}",
                    "use the version of journey that wrote it, or make the folder again",
                )
            return msgspec.json.decode(data, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise PartialError(f"{where}: {error}\n  rerun the command that wrote it to repair it") from None

    def plain(self) -> dict[str, Any]:
        """The record as plain data, as it stands in the file."""
        data: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        for field in msgspec.structs.fields(self):
            default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
            if field.name in self.NEWER and getattr(self, field.name) == default:
                del data[field.encode_name]
        return data

    def encoded(self) -> bytes:
        """The file's bytes."""
        return dump_json(self.plain())

    def write(self, folder: Written, name: str | None = None) -> None:
        """Write the file into a folder that is being written."""
        folder.write(name or self.FILE, self.encoded())
