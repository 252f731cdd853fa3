"""Sample identities: what a run's samples depend on, as one hash, by which a later command reuses stored samples."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from journey.models.load import ModelRef
from journey.store import sha256

SAMPLER = 1  # raised whenever the same request may be answered otherwise


@dataclass(frozen=True)
class SampleOrigin:
    """Everything that the samples of one run, of one draw, in one shard depend on.

    `weights` names the base's weights (`weights_of`), `adapter` is the hash of the run's own, `prompts` that of the prompts'
    token ids in their order. `randomness` is what names the stream of chance (seed, run, temperature and top-p); it is
    empty where the answers are greedy. The batch is part of it, because it decides how sums are rounded.
    """

    weights: str
    adapter: str | None
    prompts: str
    draw: str
    samples: int
    options: Mapping[str, Any]
    randomness: tuple[Any, ...]
    view: str
    cap: int
    batch: int
    dtype: str
    backend: str

    def digest(self) -> str:
        """The identity: samples of the same one are the same bytes. Stored in the marks of evaluate folders."""
        drawn = [self.draw, self.samples, dict(self.options)]
        run = [SAMPLER, self.weights, self.adapter, self.prompts, drawn, list(self.randomness)]
        return content_hash([*run, self.view, self.cap, self.batch, self.dtype, self.backend])


def content_hash(data: object) -> str:
    """The hash of JSON data, as 32 hexadecimal digits."""
    return hashlib.blake2b(orjson.dumps(data), digest_size=16).hexdigest()


@cache
def weights_of(ref: ModelRef) -> str:
    """What names a base's weights: the hash of a local folder's files, or a Hub id with its revision."""
    if not ref.local:
        return f"{ref.source}@{ref.revision}"
    hashed = hashlib.sha256()
    for path in sorted(Path(ref.source).glob("*.safetensors")):
        hashed.update(f"{path.name} {sha256(path)}\n".encode())
    return hashed.hexdigest()
