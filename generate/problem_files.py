"""Problem files to begin with: small sets that are shipped with the package, and published sets from the Hub.

journey problems words --out words_train.jsonl          40 word problems with annotated solutions; asks no network
journey problems first-grade --out first_grade.csv      44 questions and answers, four with a solution, as a csv file of one's own
journey problems gsm8k --out gsm8k_train.jsonl          the train split at the pinned revision
journey problems gsm8k --split test --out gsm8k_test.jsonl
"""

from __future__ import annotations

import importlib.resources
import json
from pathlib import Path

from journey.catalog import BENCHMARKS
from journey.errors import UnknownName, UsageError
from journey.formats.files import write_atomic
from journey.questions import hub_rows

SHIPPED = {
    "words": {"train": "words_train.jsonl", "test": "words_test.jsonl"},
    "first-grade": {"train": "first-grade_train.csv"},
}
SPLITS = ("train", "test")


def published() -> list[str]:
    """The registered sets that lie on the Hub."""
    return [entry.name for entry in BENCHMARKS.entries() if "source_revision" in entry.facts]


def write(name: str, split: str, out: Path) -> int:
    """Write the problems of a set, as JSON lines or as the csv file that is shipped, and return how many there are.

    Raises UnknownName for a set or split that there is not, UsageError if `out` holds something else or is named as another kind
    of file, and RemoteError or AuthError where the Hub does not give the rows.
    """
    splits = SHIPPED.get(name, SPLITS)
    if split not in splits:
        raise UnknownName(f"split of {name}", split, splits)
    shipped = SHIPPED[name][split] if name in SHIPPED else ""
    of_table = shipped.endswith(".csv")
    if of_table != (out.suffix == ".csv"):
        kind, suffix = ("a csv file", ".csv") if of_table else ("JSON lines", ".jsonl")
        raise UsageError(f"{name} is {kind}, and {out} is named as another kind", f"--out {out.with_suffix(suffix)}")
    if shipped:
        data = (importlib.resources.files("journey.data") / "problems" / shipped).read_bytes()
    elif name in published():
        facts = BENCHMARKS.entry(name).facts
        rows = hub_rows(facts["source"], facts.get("config"), split, facts["source_revision"], name)
        licence = {"licence": facts["licence"]} if facts["licence"] else {}
        objects = ({**row, "source": name, **licence} for _, row in rows)
        data = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in objects).encode()
    else:
        raise UnknownName("problem set", name, [*SHIPPED, *published()])
    if out.is_dir() or (out.is_file() and out.read_bytes() != data):
        raise UsageError(f"{out} is there and holds something else", "give another --out FILE")
    write_atomic(out, data)
    return data.count(b"\n") - of_table  # whose first line names its columns
