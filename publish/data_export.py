"""Pairs as files that `load_dataset` opens, without a repository's name: parquet, or JSON lines.

    journey export data/runs/demo/curate --parquet OUT --config journey     then load_dataset("OUT")

OUT holds one table, a file a split; the tables are those of a published dataset (`docs/publish.md`).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from journey.errors import UnknownName, UsageError
from journey.formats.files import json_lines, write_atomic
from journey.formats.folders import CuratedFolder, FinishedFolder, GeneratedFolder, open_finished
from journey.formats.manifest import MANIFEST
from journey.publish.bundle import provenance
from journey.publish.tables import columns, parquet
from journey.publish.tables.columns import Config
from journey.schema import Pair, Tree
from journey.splits import SPLITS
from journey.views import View

FileKind = Literal["parquet", "jsonl"]
CONFIGS: tuple[Config, ...] = tuple(name for name in columns.CONFIGS if name != "preference")


def write(
    folder: Path, out: Path, kind: FileKind, config: str = columns.DEFAULT, view: View = "think"
) -> dict[str, Any]:
    """Write one table of a generate or curate folder (or of a run) into the folder `out`; gives rows by split.

    Raises UsageError if `out` is there, or the folder holds no pairs; UnknownName for a table that there is not.
    """
    if config not in CONFIGS:
        raise UnknownName("config", config, CONFIGS)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} exists", f"give another --{kind} folder, or remove it")
    opened = _with_pairs(folder)
    work = out.with_name(f"{out.name}.partial")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        chosen: Config = next(name for name in CONFIGS if name == config)
        counts = {
            split: _write_split(_rows(opened, split, chosen, view), chosen, view, work, split, kind)
            for split in _splits(opened)
        }
        if out.is_dir():
            out.rmdir()
        os.rename(work, out)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return {"folder": str(out), "config": config, "rows": counts, "columns": columns.schema(chosen, view).names}


def _with_pairs(folder: Path) -> CuratedFolder | GeneratedFolder:
    place = next(
        (each for each in (folder, folder / "curate", folder / "generate") if (each / MANIFEST).is_file()), folder
    )
    opened: FinishedFolder = open_finished(place)
    if not isinstance(opened, CuratedFolder | GeneratedFolder):
        raise UsageError(
            f"{place} was written by `journey {opened.manifest.stage}` and holds no pairs",
            "give a folder of `journey generate` or `journey curate`",
        )
    return opened


def _splits(opened: CuratedFolder | GeneratedFolder) -> list[str]:
    """The splits that hold pairs; what is not split yet is all train."""
    return ["train"] if isinstance(opened, GeneratedFolder) else [split for split in SPLITS if opened.shards(split)]


def _rows(
    opened: CuratedFolder | GeneratedFolder, split: str, config: Config, view: View
) -> Iterator[list[dict[str, Any]]]:
    """The rows that each pair of a split gives."""
    both: Iterator[tuple[Pair, Tree | None]]
    if isinstance(opened, GeneratedFolder):
        both = zip(opened.pairs(), opened.trees(), strict=True)
    elif config in columns.NEEDS_TREE:
        both = iter(provenance.joined(opened, provenance.trees_of(opened), next(s for s in SPLITS if s == split)))
    else:
        both = ((pair, None) for pair in opened.records(split, Pair))
    return (columns.rows_of(config, pair, tree, view) for pair, tree in both)


def _write_split(
    rows: Iterator[list[dict[str, Any]]], config: Config, view: View, work: Path, split: str, kind: FileKind
) -> int:
    if kind == "parquet":
        schema = columns.schema(config, view)
        return sum(
            shard.rows
            for shard in parquet.write_shards(rows, schema, lambda number: work / f"{split}-{number:05d}.parquet")
        )
    data = json_lines(row for of_pair in rows for row in of_pair)
    write_atomic(work / f"{split}.jsonl", data)
    return data.count(b"\n")
