"""OlympiadBench (He et al. 2024, arXiv 2402.14008): the open-ended, text-only, English mathematics part.

The copy is Hothan/OlympiadBench, config OE_TO_maths_en_COMP (674 rows, its only split is called train; Apache-2.0 by its
card; older copies have 675). The revision is the one that several public evaluation scripts pin.

`final_answer` is a list of LaTeX texts, nearly always one, which may itself list several answers (`$(1,8), (2,7)$`).
All of them are wanted, in any order; a tuple keeps its order. Some rows allow an error (`error`), which becomes the
tolerance of the check.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from journey.catalog import BENCHMARKS


@BENCHMARKS.add(
    "olympiadbench",
    source="Hothan/OlympiadBench",
    config="OE_TO_maths_en_COMP",
    split="train",
    fields=("question", "final_answer"),
    rows=674,
    licence="Apache-2.0",
    source_revision="91184b52131e7fc9455fef848035173aea8cc01a",
)
def olympiadbench(row: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """Olympiad problems in words alone; several answers in any order."""
    given = row["final_answer"]
    answers = [str(one).strip() for one in (given if isinstance(given, list | tuple) else [given])]
    bare = [one[1:-1].strip() if one.count("$") == 2 and one[0] == one[-1] == "$" else one for one in answers]
    tolerance = str(row.get("error") or "").strip()
    return row["question"], ", ".join(bare), {"tolerance": tolerance} if tolerance else {}
