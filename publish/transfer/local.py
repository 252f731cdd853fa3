"""A file that is published, with the hashes by which the Hub knows it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from journey.formats.files import sha256


@dataclass(frozen=True)
class Local:
    """A file here, with its hash as the Hub keeps it for large files, and as git does for small ones."""

    path: Path
    size: int
    sha256: str
    git: str

    @classmethod
    def of(cls, path: Path) -> Local:
        """A file with the two hashes that the Hub knows: SHA-256 for LFS files, git's blob id for all others."""
        size, hashed = path.stat().st_size, hashlib.sha1()
        hashed.update(b"blob %d\0" % size)
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                hashed.update(block)
        return cls(path, size, sha256(path), hashed.hexdigest())

    def same_as(self, remote: Any) -> bool:
        """Whether a file of the Hub has these bytes."""
        if remote.lfs is not None:
            return bool(remote.lfs.sha256 == self.sha256 and remote.lfs.size == self.size)
        return bool(remote.blob_id == self.git and remote.size == self.size)
