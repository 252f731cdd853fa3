"""Minerva's undergraduate problems (OCWCourses; Lewkowycz et al. 2022, arXiv 2206.14858): science with short answers.

The copy is math-ai/minervamath (272 rows, the whole set; its card states no licence). The revision is the one that several
public evaluation scripts pin. Answers are LaTeX, some of them long formulas; units stand in the question.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from journey.catalog import BENCHMARKS


@BENCHMARKS.add(
    "minerva",
    source="math-ai/minervamath",
    split="test",
    fields=("question", "answer"),
    rows=272,
    licence=None,
    source_revision="ee46ddc498933b1977577953250ca5c66be64f96",
)
def minerva(row: Mapping[str, Any]) -> tuple[str, str]:
    """Undergraduate science and mathematics with LaTeX answers."""
    return row["question"], str(row["answer"])
