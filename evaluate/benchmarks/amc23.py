"""AMC 2023: problems of the American Mathematics Competitions 12 of 2023, rewritten so that the answer is a number.

The copy is math-ai/amc23 (40 rows, the 40 of most published figures; its card states no licence). AI-MO/aimo-validation-amc
holds the same 40 among 83 of two years. The revision is the one that several public evaluation scripts pin.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from journey.catalog import BENCHMARKS


@BENCHMARKS.add(
    "amc23",
    source="math-ai/amc23",
    split="test",
    fields=("question", "answer"),
    rows=40,
    licence=None,
    source_revision="80815d37005feb82cd7f8fbc6901d5d3eff43057",
)
def amc23(row: Mapping[str, Any]) -> tuple[str, str]:
    """AMC 12 of 2023 with numbers as answers; 40 problems, so descriptive only."""
    return row["question"], str(row["answer"]).removesuffix(".0")
