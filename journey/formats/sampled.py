"""The record of stored samples' identities, by which a later evaluation reuses them instead of drawing them again."""

from __future__ import annotations

from typing import ClassVar

from journey.formats.record import FileRecord


class SampleIdentities(FileRecord, frozen=True):
    """identities.json of an evaluate folder: by file of samples, the hash of all that they depend on.

    `journey.sampling.identity` says what that is. 0.1 kept it in its marks alone.
    """

    FILE: ClassVar[str] = "identities.json"

    samples: dict[str, str]
    version: int = 1
