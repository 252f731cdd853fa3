"""AIME 2024: both papers of the American Invitational Mathematics Examination, answers from 0 to 999.

The copy is HuggingFaceH4/aime_2024 (30 rows, its only split is called train), which open-r1 evaluates on; its card states
no licence. The revision is the one that several public evaluation scripts pin. One problem is 3.3 points: descriptive only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from journey.catalog import BENCHMARKS


@BENCHMARKS.add(
    "aime24",
    source="HuggingFaceH4/aime_2024",
    split="train",
    fields=("problem", "answer"),
    rows=30,
    licence=None,
    source_revision="2fe88a2f1091d5048c0f36abc874fb997b3dd99a",
)
def aime24(row: Mapping[str, Any]) -> tuple[str, str]:
    """AIME 2024, both papers; 30 problems, so descriptive only."""
    return row["problem"], str(row["answer"])
