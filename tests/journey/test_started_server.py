"""A server that a command starts for itself: nothing of it is left when the command has ended, however that was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from journey.errors import RemoteError, ResourceError
from journey.servers.started import StartedServer, answers

# A stand-in: it answers on its port, and has a child in a session of its own; neither minds SIGTERM.
SERVER = """
    import os, signal, subprocess, sys, time
    from http.server import BaseHTTPRequestHandler, HTTPServer

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    started = subprocess.Popen([sys.executable, "-c", child], start_new_session=True, stdout=subprocess.PIPE)
    started.stdout.readline()
    open(sys.argv[2], "w").write(f"{os.getpid()} {started.pid}")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()

    HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
COMMAND = """
    import sys, time
    from pathlib import Path
    from journey import interrupts
    from journey.servers.started import StartedServer

    if __name__ == "__main__":
        interrupts.handle()
        server, pids, log = sys.argv[1:]
        words = lambda port: [sys.executable, server, str(port), pids]
        with StartedServer("it", words, {}, Path(log), grace=0.1) as started:
            started.start()
            print(started._guard.pid, flush=True)
            with interrupts.uninterrupted():
                time.sleep(600)
"""


def ended(pids: list[int], seconds: float = 10) -> bool:
    """Whether processes have ended in time; one that is not reaped yet has."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not any(map(_lives, pids)):
            return True
        time.sleep(0.02)
    return False


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # it can end while it is looked at
        return False


@pytest.fixture
def server(tmp_path: Path) -> Path:
    path = tmp_path / "server.py"
    path.write_text(textwrap.dedent(SERVER))
    return path


@pytest.fixture
def pids(tmp_path: Path) -> Iterator[Callable[[], list[int]]]:
    """The pids of the stand-in and its child; they are killed where a test leaves them."""
    path = tmp_path / "pids"
    yield lambda: [int(pid) for pid in path.read_text().split()]
    for pid in path.read_text().split() if path.is_file() else ():
        if psutil.pid_exists(int(pid)):
            os.kill(int(pid), signal.SIGKILL)


@pytest.mark.parametrize("kinds", [[signal.SIGKILL], [signal.SIGTERM], [signal.SIGINT, signal.SIGINT]], ids=str)
def test_nothing_is_left_when_the_command_is_killed(
    kinds: list[signal.Signals], server: Path, pids: Callable[[], list[int]], tmp_path: Path
) -> None:
    script = tmp_path / "command.py"
    script.write_text(textwrap.dedent(COMMAND))
    words = [sys.executable, "-P", str(script), str(server), str(tmp_path / "pids"), str(tmp_path / "log")]
    command = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert command.stdout is not None
    guard = int(command.stdout.readline())
    everything = [*pids(), guard]
    assert len(everything) == 3 and not ended(everything, 0)
    for kind in kinds:
        time.sleep(0.1)
        command.send_signal(kind)
    assert command.wait(10) != 0
    assert ended(everything)
    command.stdout.close()


def started(server: Path, tmp_path: Path, **more: float) -> StartedServer:
    words = lambda port: [sys.executable, str(server), str(port), str(tmp_path / "pids")]
    return StartedServer("it", words, {}, tmp_path / "log", grace=0.1, **more)


class TestTheStart:
    def test_it_answers_within_and_is_gone_after(
        self, server: Path, pids: Callable[[], list[int]], tmp_path: Path
    ) -> None:
        with started(server, tmp_path) as it:
            it.start()
            address = it.url.replace("/v1", "/health")
            assert answers(address) and it.log.exists()
        assert ended(pids(), 0.1) and not answers(address) and not it.log.exists()

    def test_a_guard_that_is_killed_takes_the_server_with_it_and_it_is_said(
        self, server: Path, pids: Callable[[], list[int]], tmp_path: Path
    ) -> None:
        it = started(server, tmp_path)
        with pytest.raises(ResourceError, match=r"it ended with code None"), it:
            it.start()
            assert it._guard is not None
            it._guard.kill()
            assert it._gone.wait(10) and ended(pids()[:1])
            raise RemoteError("cannot reach it")

    def test_one_that_dies_at_once_is_told_by_its_own_error(self, tmp_path: Path) -> None:
        bad = tmp_path / "bad.py"
        bad.write_text("raise ValueError('no room for it')")
        with pytest.raises(
            ResourceError, match=r"it ended with code 1: ValueError: no room for it\n  see "
        ), started(bad, tmp_path) as it:  # fmt: skip
            it.start()
        assert it.log.is_file()

    def test_one_that_never_answers(self, tmp_path: Path) -> None:
        slow = tmp_path / "slow.py"
        slow.write_text("import time; time.sleep(600)")
        with pytest.raises(ResourceError, match=r"did not answer within 0.5 seconds"), started(
            slow, tmp_path, seconds=0.5
        ) as it:  # fmt: skip
            it.start()
        assert it._guard is not None and it._guard.poll() == 0
