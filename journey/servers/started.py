"""A server that a command starts for itself, on a free port of this machine, and that ends with the command.

    with StartedServer("vLLM", lambda port: [python, "-m", ..., "--port", str(port)], environ, log) as server:
        server.start()          # waits until it answers; then Endpoint(EndpointRef("base", server.url)) ...

Between both stands `journey.servers.guard`, which ends the server when this process has ended, however that was.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from journey import console
from journey.errors import RemoteError, ResourceError
from journey.processes import how_it_ended, python, start_program

HOST = "127.0.0.1"
START_SECONDS = 1800.0  # until it answers: weights may have to come from a slow disk
GRACE = 10.0  # seconds that it has to end in order
_ERROR = re.compile(r"\b\w*(?:Error|Exception)\b: .*")
_SHOWN = 2  # lines of its log that say why it ended


class StartedServer:
    """A server of this command. `command` gives its words for a port, `log` is where what it prints goes.

    Leaving the `with` ends it, and removes the log unless something went wrong.
    """

    def __init__(
        self,
        name: str,
        command: Callable[[int], Sequence[str]],
        environ: Mapping[str, str],
        log: Path,
        *,
        seconds: float = START_SECONDS,
        grace: float = GRACE,
    ) -> None:
        self.name, self.command, self.environ, self.log = name, command, dict(environ), log
        self.seconds, self.grace = seconds, grace
        self.url = ""
        self._guard: subprocess.Popen[bytes] | None = None
        self._group: int | None = None
        self._code: int | None = None
        self._gone = threading.Event()
        self._closing = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        died = self._gone.is_set() and not self._closing
        self.close()
        if died and isinstance(error, RemoteError):
            raise self._ended() from error
        if error is None:
            with contextlib.suppress(OSError):
                self.log.unlink()

    def start(self) -> None:
        """Start it and wait until it answers. Raises ResourceError where it ends before, or takes too long."""
        began = time.monotonic()
        port = free_port()
        console.note(f"starting {self.name} on port {port}; what it prints: {self.log}")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        command = [*python("journey.servers.guard", str(self.grace)), *self.command(port)]
        with self.log.open("wb") as log:
            self._guard = start_program(command, stderr=log, environ=self.environ, apart=True)
        threading.Thread(target=self._listen, args=(self._guard,), daemon=True).start()
        while not answers(f"http://{HOST}:{port}/health"):
            if self._gone.wait(0.3):
                raise self._ended()
            if time.monotonic() - began > self.seconds:
                raise ResourceError(f"{self.name} did not answer within {self.seconds:g} seconds\n  see {self.log}")
        self.url = f"http://{HOST}:{port}/v1"
        console.note(f"{self.name} answers after {time.monotonic() - began:.0f} s")

    def close(self) -> None:
        """End it and wait until nothing of it is left; so the memory that it held is free."""
        self._closing = True
        if self._guard is None:
            return
        assert self._guard.stdin is not None
        with contextlib.suppress(OSError):
            self._guard.stdin.close()
        try:
            self._guard.wait(self.grace + 30)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._kill_group()
        self._guard.wait()
        self._gone.wait(5)

    def _listen(self, guard: subprocess.Popen[bytes]) -> None:
        """Read what the guard says. Where it ends before it should, somebody has killed it, and its work is done here."""
        assert guard.stdout is not None
        for line in guard.stdout:
            word, _, number = line.decode().strip().partition(" ")
            if word == "started":
                self._group = int(number)
            elif word == "ended":
                self._code = int(number)
        if self._code is None:
            self._kill_group()
        guard.stdout.close()
        self._gone.set()

    def _kill_group(self) -> None:
        if self._group is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._group, signal.SIGKILL)

    def _ended(self) -> ResourceError:
        self._gone.wait(1)
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.is_file() else ""
        errors = list(dict.fromkeys(found[0] for found in _ERROR.finditer(text)))[:_SHOWN]
        words = f"{how_it_ended(self._code)}: {' / '.join(errors)}" if errors else how_it_ended(self._code, self.log)
        return ResourceError(f"{self.name} {words}\n  see {self.log}")


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        return int(listening.getsockname()[1])


def answers(address: str) -> bool:
    """Whether an address on this machine answers with status 200; no proxy is asked."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False
