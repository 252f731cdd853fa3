"""Committed files that are derived from the code: written again by `make golden`, compared by `make check`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path


def write_or_check(path: Path, content: Callable[[], str], source: str, description: str | None) -> None:
    """Write the file or, with --check, exit with 1 where it is not what its source (in words) says."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="only compare")
    check, now = parser.parse_args().check, content()
    if not check:
        path.write_text(now, encoding="utf-8")
    elif not path.is_file() or path.read_text(encoding="utf-8") != now:
        sys.exit(f"{path} is not what {source} say: make golden")
