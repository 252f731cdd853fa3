"""A bundle of a million pairs: seconds, peak memory, shards, and what looking it over costs.

    python -P benchmarks/publish_size.py --pairs 1000000 --work DIR

Real Countdown and slip pairs are copied under new ids until there are enough of them (the text of a pair does not matter
to what is measured), staged in a process of its own, and looked through as before an upload. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from journey.catalog import FAMILIES, METHODS
from journey.formats.curation import LEDGER, FunnelFile, FunnelTotals
from journey.formats.manifest import manifest_hash
from journey.schema import Problem, encode, problem_id
from journey.splits import SPLITS, Split, split_of
from journey.store import ROWS_PER_SHARD, Folder

T = TypeVar("T")
SEEDS = 1000  # different pairs that are copied


def real_pairs() -> list[tuple[bytes, bytes, list[str]]]:
    """(pair, tree, ids to be replaced) of real pairs, as JSON."""
    found = []
    for family, method in (("countdown", "search"), ("arithmetic", "slips")):
        problems, maker = FAMILIES.get(family)(), METHODS.get(method)()
        for index in range(SEEDS):
            made = maker.make(problems.problem(0, index), 0)
            if hasattr(made, "pair"):
                pair = made.pair
                found.append((encode(pair), encode(made.tree), [pair.pair_id, pair.problem.id, pair.tree]))
    return found


def copies(count: int) -> Iterator[tuple[bytes, bytes, Split]]:
    """(pair, tree, split) of so many pairs, the real ones again and again under new ids."""
    originals, probe = real_pairs(), Problem("", "", "", "")
    for index in range(count):
        pair, tree, ids = originals[index % len(originals)]
        for name in ids:
            new = hashlib.blake2b(f"{name}{index // len(originals)}".encode(), digest_size=16).hexdigest()
            pair, tree = pair.replace(name.encode(), new.encode()), tree.replace(name.encode(), new.encode())
        yield pair, tree, split_of(msgspec.structs.replace(probe, id=problem_id("bench", index)))


def write_stages(work: Path, count: int) -> Path:
    """A generate and a curated folder of `count` pairs; returns the latter."""
    generate, curate = work / "generate", work / "curate"
    with Folder.open(generate, "generate", {}) as folder:
        if not folder.finished:
            for key, rows in enumerate(shards(copies(count))):
                folder.write(f"pairs/{key:05d}.jsonl", joined(pair for pair, _, _ in rows))
                folder.write(f"trees/{key:05d}.jsonl", joined(tree for _, tree, _ in rows))
            folder.finish({"pairs": count})
    inputs = {"generate 0": manifest_hash(generate)}
    with Folder.open(curate, "curate", {"benchmarks": []}, inputs=inputs) as folder:
        if not folder.finished:
            kept: dict[Split, int] = dict.fromkeys(SPLITS, 0)
            for split in SPLITS:
                pairs = (pair for pair, _, own in copies(count) if own == split)
                for key, lot in enumerate(shards(pairs)):
                    folder.write(f"{split}/{key:05d}.jsonl", joined(lot))
                    kept[split] += len(lot)
            totals = FunnelTotals(count, count, 0, kept["train"], kept["dev"], kept["test"], 0)
            FunnelFile((), totals).write(folder)
            folder.write(LEDGER, b"")
            folder.finish({"in": count, "kept": count, "dropped": 0})
    return curate


def shards(rows: Iterable[T]) -> Iterator[list[T]]:
    """Rows in the lots that files hold."""
    left = iter(rows)
    while lot := list(islice(left, ROWS_PER_SHARD)):
        yield lot


def joined(lines: Iterable[bytes]) -> bytes:
    """JSON lines."""
    return b"\n".join(lines) + b"\n"


def stage(curate: Path, out: Path) -> dict[str, Any]:
    """Stage the bundle and look it over in this process; seconds and peak memory."""
    from journey.publish.run import publish
    from journey.publish.settings import PublishSettings

    started = time.perf_counter()
    (told,) = publish(str(curate), PublishSettings(repo="tester/million"), out=out, dry_run=True)
    staged = time.perf_counter() - started
    started = time.perf_counter()
    publish(str(curate), PublishSettings(repo="tester/million"), out=out, dry_run=True)
    again = time.perf_counter() - started
    shards: dict[str, int] = {}
    for name in told["files"]:
        if name.endswith(".parquet"):
            shards[name.partition("/")[0]] = shards.get(name.partition("/")[0], 0) + 1
    return {
        "seconds": round(staged, 1),
        "seconds_of_which_looking_over": round(again, 1),
        "cpu_seconds": round(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]), 1),  # of both calls
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "bytes": told["bytes"],
        "shards": shards,
        "largest_file": max(told["files"].values()),
    }


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--pairs", type=int, default=1_000_000)
    asked.add_argument("--work", type=Path, required=True)
    asked.add_argument("--stage", action="store_true", help="only stage what is there, and print")
    given = asked.parse_args()
    work = given.work / str(given.pairs)
    work.mkdir(parents=True, exist_ok=True)
    if given.stage:
        print(json.dumps(stage(work / "curate", work / "out")))
        return
    started = time.perf_counter()
    write_stages(work, given.pairs)
    made = time.perf_counter() - started
    command = [sys.executable, "-P", __file__, "--pairs", str(given.pairs), "--work", str(given.work), "--stage"]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONSAFEPATH": "1"}
    )
    print(json.dumps({"pairs": given.pairs, "making_seconds": round(made, 1), **json.loads(done.stdout)}, indent=2))


if __name__ == "__main__":
    main()
