"""The shipped results, package data beside the recipes; their pages in docs/results/claims are made from them.

`python -m journey.claims.shipped` writes the pages, `--check` compares them.
"""

from __future__ import annotations

import importlib.resources
import sys
from pathlib import Path

from journey.claims import page
from journey.formats.recipes.claims import ClaimResults

PAGES = Path(__file__).resolve().parents[2] / "docs" / "results" / "claims"


def files() -> dict[str, Path]:
    """The shipped results by recipe."""
    folder = Path(str(importlib.resources.files("journey.recipes"))) / "claims"
    return {path.stem: path for path in sorted(folder.glob("*.json"))}


def read(path: Path) -> ClaimResults:
    """The results in a file. Raises UsageError or PartialError for another file."""
    return ClaimResults.read(path.parent, path.name)


def main() -> None:
    """Write or compare the pages."""
    check = sys.argv[1:] == ["--check"]
    for name, path in files().items():
        text, target = page.markdown(read(path)), PAGES / f"{name}.md"
        if not check:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        elif not target.is_file() or target.read_text(encoding="utf-8") != text:
            sys.exit(f"{target} is not what {path.name} says: make golden")


if __name__ == "__main__":
    main()
