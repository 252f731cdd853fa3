"""Resumption of sampling: which shards are still to be drawn, which an earlier folder has, and what they took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from journey import console
from journey.answers.checker import TURN_TOKEN, turn_end
from journey.formats.files import read_lines
from journey.formats.folders import EvaluatedFolder
from journey.formats.plan import SampleIdentities
from journey.sampling.shards import NO_SECONDS, SamplingShard
from journey.schema import Sample
from journey.store import Folder


def unfinished(folder: Folder, shards: Sequence[SamplingShard]) -> tuple[list[SamplingShard], set[str]]:
    """The shards of which a file is missing, and the keys of those files.

    Such a shard is answered again by all its runs, so that batches are what they would have been.
    """
    missing = {str(key) for shard in shards for key in folder.missing(shard.keys.values())}
    return [shard for shard in shards if missing & set(shard.keys.values())], missing


def take_over(folder: Folder, shards: Sequence[SamplingShard], earlier: Iterable[EvaluatedFolder]) -> None:
    """Copy the files of finished evaluations that are the very ones wanted, by their identity."""
    known: dict[str, tuple[Path, list[float]]] = {}
    for evaluated in earlier:
        seconds = evaluated.timing.seconds_per_sample or {}
        rows = Counter[str]()
        for name, identity in sorted(evaluated.identities().items()):
            where = name.rpartition("/")[0]
            path = evaluated.file(name)
            samples = list(read_lines(path, Sample))
            count = len(samples)
            spent = seconds.get(where, [])[rows[where] : rows[where] + count]
            rows[where] += count
            # Samplers before 0.2 went on behind the mark of another turn; texts without one are what they would be now.
            if not any(turn_end(one.text) is not None or TURN_TOKEN.search(one.text) for one in samples):
                known.setdefault(identity, (path, spent or [NO_SECONDS] * count))
    wanted: Mapping[str, str] = {key: identity for shard in shards for key, identity in shard.identities.items()}
    questions = {key: len(shard.questions) for shard in shards for key in shard.keys.values()}
    taken = [str(key) for key in folder.missing(wanted) if wanted[str(key)] in known]
    for key in taken:
        path, spent = known[wanted[key]]
        counts = {"questions": questions[key], "seconds": spent, "identity": wanted[key]}
        folder.write_shard(key, {f"{key}.jsonl": path.read_bytes()}, counts)
    if taken:
        console.note(f"{len(taken)} of {len(wanted)} shards of samples are taken over from earlier evaluations")


def identities_of(folder: Folder, keys: Iterable[str]) -> SampleIdentities:
    """The identities of the samples under these keys, for a later evaluation; of a larger model's there are none."""
    identities = {f"{key}.jsonl": folder.counts(key).get("identity") for key in keys}
    return SampleIdentities({name: identity for name, identity in sorted(identities.items()) if identity})


def seconds_of(folder: Folder, keys: Iterable[str]) -> dict[str, list[float]]:
    """Seconds of every sample by `samples_folder`, in the order of its files."""
    seconds: dict[str, list[float]] = {}
    for key in keys:
        seconds.setdefault(key.rpartition("/")[0], []).extend(folder.counts(key)["seconds"])
    return seconds
