"""Parquet shards written row by row in bounded memory, and read back the same way.

A shard is closed at 500 MB of Arrow data, the size at which `datasets` cuts what it pushes to the Hub
(https://github.com/huggingface/datasets/blob/5.2.0/src/datasets/config.py, MAX_SHARD_SIZE). Pages are cut by content, so
that a later version of a table shares most of its bytes with the earlier one where the Hub stores by content.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journey.errors import PartialError

if TYPE_CHECKING:
    import pyarrow

SHARD_BYTES = 500_000_000
GROUP_BYTES = 32_000_000  # of a row group: what a reader must hold at once
_BATCH = 500  # rows made into Arrow arrays together
_BATCH_BYTES = 2_000_000_000  # of a batch that is read, at the very worst
UNPACKED_RATIO, UNPACKED_FLOOR = (
    200,
    64_000_000,
)  # bytes in memory that a file may have for each of its own; our text has 5 to 20


@dataclass(frozen=True)
class Shard:
    """A finished file: how many rows it has, and how many items of the source are spent after it."""

    number: int
    rows: int
    items: int


def write_shards(
    items: Iterable[Iterable[dict[str, Any]]],
    schema: pyarrow.Schema,
    path_of: Callable[[int], Path],
    *,
    first: int = 0,
    spent: int = 0,
    shard_bytes: int = SHARD_BYTES,
) -> Iterator[Shard]:
    """Write the rows of `items` (each gives none, one or more) into `path_of(first)`, `path_of(first + 1)`, ...

    Yields every shard when its file is whole. `spent` items lie in earlier shards. The cut depends on the rows of the
    shard alone, so going on after a shard gives the same files as writing them all at once.
    """
    stream = iter(items)
    number, done = first, spent
    while True:
        rows, taken, more = _write_one(stream, schema, path_of(number), shard_bytes)
        done += taken
        if rows or number == 0:
            yield Shard(number, rows, done)
        if not more:
            return
        number += 1


def _write_one(
    stream: Iterator[Iterable[dict[str, Any]]], schema: pyarrow.Schema, path: Path, limit: int
) -> tuple[int, int, bool]:
    """(rows, items taken, whether the stream may hold more); no file is left for a shard without rows but the first."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    rows = taken = size = 0
    more = True
    held: list[pa.Table] = []
    with pq.ParquetWriter(
        temporary, schema, compression="zstd", write_page_index=True, use_content_defined_chunking=True
    ) as writer:
        while more and size < limit:
            batch: list[dict[str, Any]] = []
            while len(batch) < _BATCH:
                item = next(stream, None)
                if item is None:
                    more = False
                    break
                taken += 1
                batch += item
            if batch:
                held.append(pa.Table.from_pylist(batch, schema=schema))
                size, rows = size + held[-1].nbytes, rows + len(batch)
            if sum(table.nbytes for table in held) >= GROUP_BYTES:
                writer.write_table(pa.concat_tables(held))
                held = []
        if held:
            writer.write_table(pa.concat_tables(held))
    if rows or path.name.endswith("-00000.parquet"):
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    else:
        temporary.unlink()
    return rows, taken, more


def read_rows(paths: Iterable[Path], columns: list[str] | None = None) -> Iterator[dict[str, Any]]:
    """The rows of parquet files, one batch in memory at a time.

    Raises PartialError naming an unreadable file, or one that unpacks to far more than it is long: a few kilobytes can stand
    for terabytes.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in paths:
        most, unpacked = UNPACKED_FLOOR + UNPACKED_RATIO * path.stat().st_size, 0
        try:
            with pq.ParquetFile(path) as file:
                for group in range(file.num_row_groups):
                    facts = file.metadata.row_group(group)
                    chunks = [facts.column(index).total_uncompressed_size for index in range(facts.num_columns)]
                    if not 0 <= sum(chunks) <= most:
                        raise _bomb(path, sum(chunks), most)
                    # A value is no longer than its column's pages, and may be repeated in every row for nothing.
                    rows = max(1, min(_BATCH, _BATCH_BYTES // max(1, *chunks)))
                    for batch in file.iter_batches(rows, row_groups=[group], columns=columns):
                        unpacked += batch.nbytes
                        if unpacked > most:
                            raise _bomb(path, unpacked, most)
                        yield from batch.to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise PartialError(f"{path}: {error}\n  make or fetch it again") from None


def _bomb(path: Path, size: int, most: int) -> PartialError:
    return PartialError(
        f"{path} unpacks to {size:,} bytes and more, at most {most:,} are read from a file of its length\n  do not use it"
    )


def row_count(path: Path) -> int:
    """Rows of a parquet file, by its footer. Raises PartialError if it has none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError) as error:
        raise PartialError(f"{path}: {error}\n  make or fetch it again") from None
