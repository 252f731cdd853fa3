"""Going on with samples: which shards are still to be drawn, which an earlier folder has already, and what they took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import orjson

from journey import console
from journey.sampling.shards import SamplingShard
from journey.store import Folder, sha256


def unfinished(folder: Folder, shards: Sequence[SamplingShard]) -> tuple[list[SamplingShard], set[str]]:
    """The shards of which a file is missing, and the keys of those files.

    Such a shard is answered again by all its runs, so that batches are what they would have been.
    """
    missing = {str(key) for shard in shards for key in folder.missing(shard.keys.values())}
    return [shard for shard in shards if missing & set(shard.keys.values())], missing


def take_over(folder: Folder, shards: Sequence[SamplingShard], earlier: Iterable[Path]) -> None:
    """Copy the files of finished folders that are the very ones wanted, by their identity."""
    known: dict[str, tuple[Path, dict[str, object]]] = {}
    for there in earlier:
        for mark_file in sorted((there / ".done").glob("samples--*.json")):
            mark = orjson.loads(mark_file.read_bytes())
            identity = mark["counts"].get("identity")
            for name, digest in mark["files"].items():
                path = there / name
                if identity and path.is_file() and sha256(path) == digest:
                    known.setdefault(identity, (path, mark["counts"]))
    wanted: Mapping[str, str] = {key: identity for shard in shards for key, identity in shard.identities.items()}
    taken = [str(key) for key in folder.missing(wanted) if wanted[str(key)] in known]
    for key in taken:
        path, counts = known[wanted[key]]
        folder.write_shard(key, {f"{key}.jsonl": path.read_bytes()}, counts)
    if taken:
        console.note(f"{len(taken)} of {len(wanted)} shards of samples are taken over from earlier evaluations")


def seconds_of(folder: Folder, keys: Iterable[str]) -> dict[str, list[float]]:
    """Seconds of every sample by `samples_folder`, in the order of its files."""
    seconds: dict[str, list[float]] = {}
    for key in keys:
        seconds.setdefault(key.rpartition("/")[0], []).extend(folder.counts(key)["seconds"])
    return seconds
