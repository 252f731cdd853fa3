"""Shared test helpers: where real data lies, and a clean import path."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# The checkout has a folder called `evaluate`; left on the path it would shadow Hugging Face's library of that name.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT]
os.environ.setdefault("PYTHONSAFEPATH", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Started in the background by a shell, this process would pass an ignored Ctrl-C on to every command that it tests.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """`real_data("gsm8k_test.jsonl")`: a real public data file, or skip with the reason."""
    folder = Path(os.environ.get("JOURNEY_REAL_DATA", ROOT.parent / "shared" / "real"))

    def find(name: str) -> Path:
        path = folder / name
        if not path.is_file():
            pytest.skip(f"real data not here: {name} (set JOURNEY_REAL_DATA to a folder that has it)")
        return path

    return find
