"""MATH-500: 500 problems of the MATH test set (Hendrycks et al. 2021; Lightman et al. 2023). Answers are LaTeX.

The revision is the one that several public evaluation harnesses pin.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from journey.catalog import BENCHMARKS


@BENCHMARKS.add(
    "math500",
    source="HuggingFaceH4/MATH-500",
    split="test",
    fields=("problem", "answer"),
    rows=500,
    content="2297c6659b7c016a02feed192f213ba4",
    licence="MIT",
    source_revision="6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be",
)
def math500(row: Mapping[str, Any]) -> tuple[str, str]:
    """Competition mathematics, 500 problems with LaTeX answers."""
    return row["problem"], str(row["answer"])
