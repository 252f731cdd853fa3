"""The command line in processes of its own, run to the end or ended by a signal, with an eye on what is left of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil


def journey(*words: str | Path) -> list[str]:
    """The command line in a process of its own."""
    return [sys.executable, "-P", "-m", "journey", *map(str, words)]


def run(*words: str | Path, code: int = 0, **changed: str) -> str:
    """Run a command to its end; what it said on stderr."""
    done = subprocess.run(
        journey(*words), capture_output=True, text=True, timeout=600, check=False, env={**os.environ, **changed}
    )
    assert done.returncode == code, f"code {done.returncode}: {done.stderr[-2000:]}"
    assert "Traceback" not in done.stderr, done.stderr[-2000:]
    return done.stderr


def children_of(process: psutil.Process) -> set[psutil.Process]:
    """The process's children that are alive now, and their children."""
    try:
        return set(process.children(recursive=True))
    except psutil.NoSuchProcess:
        return set()


def end(
    process: subprocess.Popen[bytes], kind: signal.Signals, children: Sequence[psutil.Process]
) -> list[psutil.Process]:
    """Send a signal to the command alone, and wait for all of them; those that are still there after a while."""
    process.send_signal(kind)
    process.wait()
    _, alive = psutil.wait_procs(list(children), timeout=15)
    return alive
