"""The guard of a server: starts it in a process group of its own, and leaves no process of it when its own stdin ends.

    python -P -m journey.servers.guard GRACE COMMAND...      # GRACE: seconds from SIGTERM to SIGKILL

The other end of its stdin is held by the command that wants the server and by nobody else, so that it ends with that command
however that ends, SIGKILL included. On its stdout it says "started PID" and, in the end, "ended CODE"; what the server prints
goes to its stderr. It stands in a session of its own, where no Ctrl-C reaches it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

import psutil

_SUBREAPER = (
    36  # PR_SET_CHILD_SUBREAPER of Linux: orphans below become children of the guard, whatever group they are in
)


class _Guard:
    def __init__(self, command: Sequence[str], grace: float) -> None:
        self.grace, self._ending = grace, threading.Lock()
        self.server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=2, start_new_session=True)

    def end(self) -> None:
        """End everything below: asked to at first, killed after the grace."""
        with self._ending:
            below = self._below()
            for process in below:
                with contextlib.suppress(psutil.Error):
                    process.terminate()
            psutil.wait_procs(below, timeout=self.grace)
            for process in self._below():  # one that was started meanwhile is among them
                with contextlib.suppress(psutil.Error):
                    process.kill()
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.server.pid, signal.SIGKILL)

    @staticmethod
    def _below() -> list[psutil.Process]:
        return psutil.Process().children(recursive=True)

    def watch(self) -> None:
        """End the server when stdin has ended."""
        with contextlib.suppress(OSError):
            while os.read(0, 4096):
                pass
        self.end()


def main(words: Sequence[str]) -> int:
    """Start the server, wait for its end or for that of stdin, and leave nothing of it. Gives its exit code."""
    with contextlib.suppress(OSError, AttributeError):  # elsewhere than on Linux the process group has to do
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    guard = _Guard(words[1:], float(words[0]))
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=guard.end).start())
    _say(f"started {guard.server.pid}")
    threading.Thread(target=guard.watch, daemon=True).start()
    code = guard.server.wait()
    guard.end()  # workers of a server that has died
    _say(f"ended {code}")
    return 0


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # the command is gone
        os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
