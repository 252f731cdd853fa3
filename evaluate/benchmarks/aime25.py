"""AIME 2025: both papers of the American Invitational Mathematics Examination, answers from 0 to 999.

The copy is math-ai/aime25 (30 rows; Apache-2.0 by its card). The revision is the one that several public evaluation
scripts pin. One problem is 3.3 points: descriptive only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from journey.catalog import BENCHMARKS


@BENCHMARKS.add(
    "aime25",
    source="math-ai/aime25",
    split="test",
    fields=("problem", "answer"),
    rows=30,
    licence="Apache-2.0",
    source_revision="563bb8404243c5f09de6ec262f2db674fe5bce9b",
)
def aime25(row: Mapping[str, Any]) -> tuple[str, str]:
    """AIME 2025, both papers; 30 problems, so descriptive only."""
    return row["problem"], str(row["answer"])
