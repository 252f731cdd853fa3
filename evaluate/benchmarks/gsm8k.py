"""GSM8K: grade-school word problems (Cobbe et al. 2021, arXiv 2110.14168).

The revision is the one that the UK AI Security Institute's inspect_evals pins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from journey.catalog import BENCHMARKS


@BENCHMARKS.add(
    "gsm8k",
    source="openai/gsm8k",
    config="main",
    split="test",
    fields=("question", "answer"),
    rows=1319,
    content="76dd175709627d575b1cf70c6ec72b42",
    licence="MIT",
    source_revision="cc7b047b6e5bb11b4f1af84efc572db110a51b3c",
)
def gsm8k(row: Mapping[str, Any]) -> tuple[str, str]:
    """Grade-school word problems, test split."""
    return row["question"], str(row["answer"]).rpartition("####")[2].strip()
