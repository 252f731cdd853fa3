"""Texts kept in tests/golden/: what a file or a rendered row must look like, to be read by a person when it changes."""

from __future__ import annotations

import os
from pathlib import Path

GOLDEN = Path(__file__).resolve().parents[2] / "golden"


def check_golden(name: str, text: str) -> None:
    """The text is that of `tests/golden/NAME`; with JOURNEY_WRITE_GOLDEN=1 it is written there first."""
    path = GOLDEN / name
    if os.environ.get("JOURNEY_WRITE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    kept = path.read_text(encoding="utf-8") if path.is_file() else ""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0]
    assert text == kept, (
        f"{path} differs; if this is meant: JOURNEY_WRITE_GOLDEN=1 .venv/bin/pytest '{test}', read the diff"
    )
