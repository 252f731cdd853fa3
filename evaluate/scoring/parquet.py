"""samples.parquet: every sample with its grade, cost and reward in one table, for other tools. Rebuilt at will."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from journey.evaluate.scoring.graded import GradedSamples

NAME = "samples.parquet"


def write_parquet(folder: Path, book: GradedSamples) -> Path:
    """Write the table into an evaluation folder; one row group for each run, benchmark and draw."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [
            ("run", pa.string()),
            ("arm", pa.string()),
            ("seed", pa.int64()),
            ("benchmark", pa.string()),
            ("draw", pa.string()),
            ("question", pa.string()),
            ("index", pa.int64()),
            ("text", pa.string()),
            ("finish", pa.string()),
            ("outcome", pa.string()),
            ("answer", pa.string()),
            ("why", pa.string()),
            ("answer_class", pa.int64()),
            ("tokens", pa.int64()),
            ("prompt_tokens", pa.int64()),
            ("flops", pa.int64()),
            ("seconds", pa.float64()),
            ("logprob", pa.float64()),
            ("reward", pa.float64()),
        ]
    )
    path = folder / NAME
    temporary = path.with_name(f"{NAME}.tmp-{os.getpid()}")
    with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        for key in book.cells:
            writer.write_table(pa.Table.from_pylist(list(_rows(book, key)), schema=schema))
    os.replace(temporary, path)
    return path


def _rows(book: GradedSamples, key: tuple[str, str, str]) -> Iterator[dict[str, Any]]:
    run, benchmark, draw = key
    cell = book.cells[key]
    info = next((one for one in book.plan.runs if one.run == run), None)
    for position, question in enumerate(cell.questions):
        for number, (sample, grade) in enumerate(zip(cell.samples[position], cell.grades[position], strict=True)):
            yield {
                "run": run,
                "arm": run if info is None else info.arm,
                "seed": None if info is None else info.seed,
                "benchmark": benchmark,
                "draw": draw,
                "question": question.id,
                "index": sample.index,
                "text": sample.text,
                "finish": sample.finish,
                "outcome": grade.outcome,
                "answer": grade.answer,
                "why": grade.why,
                "answer_class": int(cell.matrix.classes[position, number]),
                "tokens": sample.tokens,
                "prompt_tokens": sample.prompt_tokens or None,
                "flops": sample.flops,
                "seconds": float(cell.seconds[position, number]),
                "logprob": sample.logprob,
                "reward": None if cell.rewards is None else float(cell.rewards[position, number]),
            }
