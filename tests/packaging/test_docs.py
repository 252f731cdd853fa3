"""The docs name files that are there."""

from __future__ import annotations

import re

from journey_testing.sources import ROOT, TOPS

MADE = ("data/runs", "publish/dataset")  # folders that a run makes
TOP = "|".join([*TOPS, "tests", "benchmarks", "docs"])


def test_files_named_in_the_docs_exist() -> None:
    docs = [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").rglob("*.md")),
        ROOT / "data/README.md",
    ]
    found = [
        f"{doc.relative_to(ROOT)} names {name}"
        for doc in docs
        for name in re.findall(rf"`((?:{TOP})/[\w./-]+)`", doc.read_text())
        if not name.startswith(MADE) and "NAME" not in name and not (ROOT / name.rstrip("/")).exists()
    ]
    assert not found, "\n  ".join(["no such file:", *found])
