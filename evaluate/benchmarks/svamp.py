"""SVAMP: one-step word problems with varied structure (Patel et al. 2021, arXiv 2103.07191).

The Hub copy parts the 1,000 problems into 700 and 300; the test split is used. The revision is the one that several
public evaluation harnesses pin.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from journey.catalog import BENCHMARKS


@BENCHMARKS.add(
    "svamp",
    source="ChilleD/SVAMP",
    split="test",
    fields=("Body", "Question", "Answer"),
    rows=300,
    licence="MIT",
    source_revision="5e0bf1e5e7c0e9c4bc39180d224f41f3f801b7ef",
)
def svamp(row: Mapping[str, Any]) -> tuple[str, str]:
    """One-step word problems of varied structure, test split of the Hub copy."""
    body = str(row["Body"]).strip()
    joined = f"{body} {row['Question']}" if body.endswith((".", "?", "!")) else f"{body}. {row['Question']}"
    return joined, str(row["Answer"]).removesuffix(".0")
