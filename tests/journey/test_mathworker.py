"""The process that math-verify runs in: killed on time, replaced, one for each process, and never left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from journey.answers.mathworker import LOST, MEMORY_BYTES, SAME, WORKER, MathWorker
from journey.errors import JourneyError


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone_within(pid: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    return not alive(pid)


def worker_pid() -> int:
    assert WORKER.ask("x+1", "1+x", 5)[0] == SAME  # started if it was not
    assert WORKER._process is not None
    return WORKER._process.pid


def run_script(code: str, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-c", textwrap.dedent(code)],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        **kwargs,
    )


def test_a_hanging_question_is_killed_and_the_next_one_answered() -> None:
    first = worker_pid()
    began = time.monotonic()
    assert WORKER.ask("18", "9^{9^{9}}x", 0.5)[0] == LOST
    assert time.monotonic() - began < 5
    assert gone_within(first, 5)
    assert WORKER.ask("x+2", "2+x", 5)[0] == SAME


def test_a_worker_that_died_while_idle_is_replaced() -> None:
    os.kill(worker_pid(), signal.SIGKILL)
    assert WORKER._process is not None and WORKER._process.wait(5) == -signal.SIGKILL
    assert WORKER.ask("3\\sqrt{13}", "\\sqrt{117}", 5)[0] == SAME


def test_a_worker_that_dies_while_asked_is_undecided() -> None:
    pid = worker_pid()
    threading.Timer(0.3, os.kill, (pid, signal.SIGKILL)).start()
    assert WORKER.ask("18", "9^{9^{9}}x", 20)[0] == LOST
    assert WORKER.ask("x+3", "3+x", 5)[0] == SAME


def test_an_interrupted_question_does_not_shift_the_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = MathWorker()
    assert worker.ask("x", "y", 5)[0] == "different"

    class Interrupted:
        def __init__(self, pipe: Any) -> None:
            self.pipe = pipe

        def __getattr__(self, name: str) -> Any:
            return getattr(self.pipe, name)

        def readline(self) -> bytes:
            raise KeyboardInterrupt

    assert worker._process is not None
    monkeypatch.setattr(worker._process, "stdout", Interrupted(worker._process.stdout))
    with pytest.raises(KeyboardInterrupt):
        worker.ask("x", "x+0", 5)
    assert worker.ask("x", "y", 5)[0] == "different"
    worker.close()


def test_one_worker_is_reused() -> None:
    assert worker_pid() == worker_pid()


def test_threads_and_no_signal_handler() -> None:
    before = signal.getsignal(signal.SIGALRM)
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda k=k: found.append(WORKER.ask(f"x+{k}", f"{k}+x", 5)[0])) for k in range(2, 10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [SAME] * 8
    assert signal.getsignal(signal.SIGALRM) is before and signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_program_that_cannot_start_is_an_error_not_an_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = MathWorker()
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(JourneyError, match="could not start"):
        worker.ask("x", "y", 5)
    assert worker._process is None


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="needs Linux's /proc")
def test_memory_is_limited() -> None:
    limits = Path(f"/proc/{worker_pid()}/limits").read_text()
    assert re.search(rf"Max address space +{MEMORY_BYTES} +{MEMORY_BYTES}", limits)


def test_forked_and_spawned_and_daemonic_processes_get_their_own() -> None:
    done = run_script(
        """
        import multiprocessing, os, sys
        from journey.answers.mathworker import WORKER

        def ask(k):
            same = WORKER.ask(f"x+{k}", f"{k}+x", 5)[0] == "same"
            return same, WORKER._process.pid

        if __name__ == "__main__":
            mine = ask(2)
            with multiprocessing.get_context("fork").Pool(2) as pool:
                others = pool.map(ask, range(3, 9), chunksize=3)
            assert all(same for same, _ in others), others
            assert mine[1] not in {pid for _, pid in others}
            pid = os.fork()
            if pid == 0:
                os._exit(0 if ask(9)[0] else 1)
            assert os.waitpid(pid, 0)[1] == 0
            assert ask(10) == (True, mine[1])
            print(*{mine[1]} | {pid for _, pid in others})
        """
    )
    assert done.returncode == 0, done.stderr
    assert all(gone_within(int(pid), 10) for pid in done.stdout.split())
    assert len(done.stdout.split()) >= 2


def test_no_process_is_left_at_exit() -> None:
    done = run_script(
        """
        from journey.answers.mathworker import WORKER
        WORKER.ask("x", "y", 5)
        print(WORKER._process.pid)
        """
    )
    assert done.returncode == 0 and done.stderr == ""
    assert gone_within(int(done.stdout), 10)


def test_a_busy_worker_ends_after_its_parent_was_killed() -> None:
    done = run_script(
        """
        import os, signal, threading
        from journey.answers.mathworker import WORKER
        WORKER.ask("x", "y", 5)
        print(WORKER._process.pid, flush=True)
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGKILL)).start()
        WORKER.ask("18", "9^{9^{9}}x", 2.0)
        """
    )
    assert done.returncode == -signal.SIGKILL
    assert gone_within(int(done.stdout), 15)


def test_a_worker_in_plain_python_ends_with_its_parent_whatever_the_timeout() -> None:
    done = run_script(
        """
        import os, signal, threading
        from journey.answers.mathworker import WORKER
        WORKER.ask("x", "y", 5)
        print(WORKER._process.pid, flush=True)
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGKILL)).start()
        WORKER.ask("x", "\\\\int \\\\frac{x^3 \\\\sin(x) e^{x^2}}{\\\\sqrt{1+x^5}} dx", 60)
        """
    )
    assert done.returncode == -signal.SIGKILL
    assert gone_within(int(done.stdout), 5)


def test_importing_is_light_and_the_child_needs_no_torch() -> None:
    done = run_script(
        """
        import sys
        import journey.answers
        heavy = {"sympy", "math_verify", "torch", "transformers", "multiprocessing"}
        assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()
        from journey.answers.mathworker import _decider
        assert _decider()("x+1", "1+x") == "same"
        assert not {"torch", "transformers", "numpy"} & sys.modules.keys()
        """
    )
    assert done.returncode == 0, done.stderr


def test_runs_from_a_folder_that_shadows_packages(tmp_path: Path) -> None:
    for name in ("sympy", "json", "journey", "evaluate"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('shadowed')")
    script = "from journey.answers.mathworker import WORKER; print(WORKER.ask('x+1', '1+x', 5)[0])"
    done = run_script(script, cwd=tmp_path)
    assert done.stdout.strip() == "same", done.stderr
