"""Child processes: what pools and programs promise, with real processes that are really killed."""

from __future__ import annotations

import ast
import math
import operator
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from zipfile import BadZipFile

import psutil
import pytest

from journey import processes
from journey.errors import UsageError
from journey.processes import WorkerDied, WorkerPool


def gone(pid: int, seconds: float) -> bool:
    """Whether a process ends in time; one that its new parent has not reaped yet has ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., list[str]]:
    """`script(code)`: the command that runs it from a file, so that its functions are found in child processes."""

    def command(code: str, name: str = "script") -> list[str]:
        path = tmp_path / f"{name}.py"
        path.write_text(textwrap.dedent(code))
        return [sys.executable, "-P", str(path)]

    return command


def run(command: list[str], timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


class TestTheEnvironmentOfChildren:
    def test_what_is_fixed_and_what_a_user_may_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PYTHONSAFEPATH", "")
        monkeypatch.setenv("TRANSFORMERS_VERBOSITY", "debug")
        monkeypatch.setenv("OMP_NUM_THREADS", "7")
        monkeypatch.delenv("HF_HUB_DISABLE_PROGRESS_BARS", raising=False)
        free, bound = processes.environment(), processes.environment(2)
        assert free["PYTHONSAFEPATH"] == "1" and free["TOKENIZERS_PARALLELISM"] == "false"
        assert free["TRANSFORMERS_VERBOSITY"] == "debug" and free["HF_HUB_DISABLE_PROGRESS_BARS"] == "1"
        assert free["OMP_NUM_THREADS"] == "7"
        assert [bound[f"{name}_NUM_THREADS"] for name in ("OMP", "MKL", "OPENBLAS")] == ["2"] * 3

    def test_a_worker_has_it_and_the_parent_keeps_its_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OMP_NUM_THREADS", "7")
        monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
        before = dict(os.environ)
        with WorkerPool(1, threads=3) as pool:
            names = ["PYTHONSAFEPATH", "OMP_NUM_THREADS", "MKL_NUM_THREADS"]
            assert list(pool.ordered(os.getenv, names)) == ["1", "3", "3"]
        assert dict(os.environ) == before

    @pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux's affinity")
    def test_cores_are_those_that_this_process_may_use(self) -> None:
        code = """
            import os
            from journey.processes import cores
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
            print(cores(), cores(logical=True))
        """
        assert run([sys.executable, "-P", "-c", textwrap.dedent(code)]).stdout.split() == ["1", "1"]

    def test_hardware_threads_are_counted_where_they_help(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
        monkeypatch.setattr(psutil, "cpu_count", lambda logical: 8 if logical else 4)
        assert (processes.cores(), processes.cores(logical=True)) == (4, 8)
        monkeypatch.setattr(psutil, "cpu_count", lambda logical: None)
        assert processes.cores() == 8


class TestPools:
    def test_results_in_order_and_as_they_come(self) -> None:
        with WorkerPool(2) as pool:
            assert list(pool.ordered(math.factorial, range(30))) == [math.factorial(n) for n in range(30)]
        with WorkerPool(2) as pool:
            assert sorted(pool.unordered(math.factorial, range(30))) == [math.factorial(n) for n in range(30)]
        with WorkerPool(2) as pool:
            slow_first = [partial(time.sleep, 1.0), partial(math.factorial, 3), partial(math.factorial, 4)]
            assert list(pool.ordered(operator.call, slow_first)) == [None, 6, 24]
        with WorkerPool(2) as pool:
            assert list(pool.unordered(operator.call, slow_first)) == [6, 24, None]

    @pytest.mark.parametrize("way", ["ordered", "unordered"])
    def test_items_are_taken_as_they_are_needed(self, way: str) -> None:
        taken: list[int] = []

        def items() -> Iterator[int]:
            for number in range(40):
                taken.append(number)
                yield number

        with WorkerPool(2) as pool:
            for given, _ in enumerate(getattr(pool, way)(math.factorial, items())):
                assert len(taken) <= given + 3

    def test_no_more_processes_than_items(self) -> None:
        with WorkerPool(8) as pool:
            assert len(set(pool.ordered(operator.call, [os.getpid] * 2))) <= 2 and len(pool._processes) == 2

    def test_an_exception_is_raised_here_with_its_traceback(self) -> None:
        with WorkerPool(1) as pool, pytest.raises(ValueError, match="negative") as caught:
            list(pool.ordered(math.factorial, [1, -1]))
        assert "in a worker process" in caught.value.__notes__[0] and "Traceback" in caught.value.__notes__[0]

    def test_an_error_of_ours_that_cannot_be_sent_is_the_nearest_kind(self) -> None:
        from journey.catalog import STRATEGIES  # its UnknownName wants three arguments

        with WorkerPool(1) as pool, pytest.raises(UsageError, match="^unknown strategy 'gready'"):
            list(pool.ordered(STRATEGIES.get, ["gready"]))

    def test_an_exception_that_cannot_be_sent_is_put_into_words(self) -> None:
        assert isinstance(processes._portable(BadZipFile()), BadZipFile)

        class Odd(Exception):
            pass

        portable = processes._portable(Odd("as it was"))
        assert type(portable) is RuntimeError and "Odd: as it was" in str(portable)

    def test_an_item_or_a_result_that_cannot_be_sent(self) -> None:
        with WorkerPool(1) as pool, pytest.raises(Exception, match="lambda"):
            list(pool.ordered(operator.call, [lambda: 1]))
        with WorkerPool(1) as pool, pytest.raises(Exception, match="pickle"):
            list(pool.ordered(open, [os.devnull]))

    def test_a_worker_that_dies_says_how_and_what_to_do(self) -> None:
        with WorkerPool(2, hint="use less") as pool, pytest.raises(WorkerDied) as died:
            list(pool.ordered(signal.raise_signal, [signal.SIGKILL]))
        assert (
            str(died.value) == "a worker process ended with code -9 (SIGKILL), perhaps for lack of memory\n  use less"
        )
        assert died.value.exit_code == 6

    def test_one_that_is_killed_while_it_sends_a_result_does_not_hang(self, script: Callable[..., list[str]]) -> None:
        """The standard library's executor waits for the rest of the result for good."""
        code = """
            import os, signal, struct, sys
            from journey.processes import WorkerDied, WorkerPool

            def half(_):
                connection = sys._getframe(1).f_locals["connection"]
                os.write(connection.fileno(), struct.pack("!i", 1000) + b"half of it")
                os.kill(os.getpid(), signal.SIGKILL)

            if __name__ == "__main__":
                try:
                    with WorkerPool(2) as pool:
                        list(pool.ordered(half, [1]))
                except WorkerDied:
                    print("died")
        """
        done = run(script(code), timeout=30)
        assert done.stdout.strip() == "died", done.stderr

    def test_leaving_ends_the_workers_at_once(self) -> None:
        began = time.monotonic()
        with WorkerPool(2) as pool, pytest.raises(KeyboardInterrupt):
            for _ in pool.unordered(time.sleep, [0, 600, 600]):
                pids = [process.pid for process in pool._processes]
                raise KeyboardInterrupt
        assert time.monotonic() - began < 10
        assert pids and not any(psutil.pid_exists(pid) for pid in pids)

    def test_ctrl_c_and_prints_do_not_reach_workers(self, capfd: pytest.CaptureFixture[str]) -> None:
        with WorkerPool(1) as pool:
            blocked = next(iter(pool.ordered(partial(signal.pthread_sigmask, signal.SIG_BLOCK), [()])))
        assert signal.SIGINT in blocked and signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
        with WorkerPool(1) as pool:
            list(pool.ordered(partial(os.write, 1), [b"printed by a library"]))
        assert capfd.readouterr() == ("", "printed by a library")

    @pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGTERM])
    def test_workers_end_with_their_parent(self, kind: signal.Signals, script: Callable[..., list[str]]) -> None:
        code = """
            import os, time
            from journey.processes import WorkerPool

            def wait(_):
                os.write(2, b"%d\\n" % os.getpid())  # in one piece, or two workers' lines run into each other
                time.sleep(600)

            if __name__ == "__main__":
                with WorkerPool(2) as pool:
                    list(pool.ordered(wait, [1, 2]))
        """
        parent = subprocess.Popen(script(code), stderr=subprocess.PIPE, text=True)
        assert parent.stderr is not None
        pids = [int(parent.stderr.readline()) for _ in range(2)]
        parent.send_signal(kind)
        assert parent.wait() == -kind
        assert all(gone(pid, 10) for pid in pids)
        assert parent.stderr.read() == ""  # no traceback, no warning of a resource tracker
        parent.stderr.close()


class TestPrograms:
    SERVER = """
        import atexit, os, sys, time
        from journey import processes
        answers = processes.own_stdout()
        atexit.register(lambda: os.write(2, b"ended in order"))
        print("printed by a library", file=sys.stderr if os.environ.get("QUIET") else sys.stdout, flush=True)
        for line in processes.requests():
            answers.write(line.upper())
            answers.flush()
            time.sleep(float(os.environ.get("SLEEP", "0")))
    """

    def test_requests_and_answers(self, script: Callable[..., list[str]]) -> None:
        with processes.start_program(script(self.SERVER), stderr=subprocess.PIPE) as program:
            assert program.stdin and program.stdout and program.stderr
            for word in (b"one\n", b"two\n"):
                program.stdin.write(word)
                program.stdin.flush()
                assert program.stdout.readline() == word.upper()
            program.stdin.close()
            assert program.stdout.read() == b""
            assert program.stderr.read() == b"printed by a library\nended in order"
        assert program.returncode == 0

    def test_one_that_is_busy_ends_when_its_parent_is_gone(
        self, script: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SLEEP", "600")
        with processes.start_program(script(self.SERVER), stderr=subprocess.DEVNULL) as program:
            assert program.stdin and program.stdout
            program.stdin.write(b"one\n")
            program.stdin.flush()
            assert program.stdout.readline() == b"ONE\n"
            began = time.monotonic()
            program.stdin.close()
            assert program.wait(10) == 1 and time.monotonic() - began < 5

    def test_a_program_of_a_program_ends_too(self, script: Callable[..., list[str]]) -> None:
        """As under `accelerate launch`, which knows nothing of its parent and hands its stdin on."""
        worker = script(
            """
            import os, time
            from journey import processes
            processes.end_with_stdin()
            print(os.getpid(), flush=True)
            time.sleep(600)
            """,
            "worker",
        )
        launcher = [sys.executable, "-c", f"import subprocess; subprocess.run({worker!r}, start_new_session=True)"]
        parent = script(
            f"""
            from journey import processes
            program = processes.start_program({launcher!r})
            print(program.pid, program.stdout.readline().decode(), flush=True)
            program.wait()
            """
        )
        process = subprocess.Popen(parent, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        pids = [int(word) for word in process.stdout.readline().split()]
        assert len(pids) == 2
        process.kill()
        process.wait()
        process.stdout.close()
        assert all(gone(pid, 10) for pid in pids)

    def test_ctrl_c_does_not_reach_programs(self, script: Callable[..., list[str]]) -> None:
        with processes.start_program(script(self.SERVER), stderr=subprocess.DEVNULL) as program:
            assert program.stdin and program.stdout
            program.send_signal(signal.SIGINT)  # while Python starts, when it would end in a traceback
            program.stdin.write(b"one\n")
            program.stdin.flush()
            assert program.stdout.readline() == b"ONE\n"
            program.send_signal(signal.SIGINT)
            program.stdin.write(b"two\n")
            program.stdin.flush()
            assert program.stdout.readline() == b"TWO\n"

    def test_kill_children(self, script: Callable[..., list[str]]) -> None:
        program = processes.start_program(script(self.SERVER), stderr=subprocess.DEVNULL)
        with WorkerPool(1) as pool:
            next(pool.ordered(math.factorial, [3]))
            worker = pool._processes[0]
            processes.kill_children()
            assert program.wait(10) == -signal.SIGKILL
            worker.join(10)
            assert worker.exitcode == -signal.SIGKILL
        for pipe in (program.stdin, program.stdout):
            assert pipe is not None
            pipe.close()


def test_how_a_child_ended(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert processes.how_it_ended(3) == "ended with code 3"
    assert processes.how_it_ended(-15, log) == "ended with code -15 (SIGTERM): it wrote nothing to stderr"
    log.write_text("loading\n\nTraceback:\n  File\n\nRuntimeError: no\n")
    assert processes.how_it_ended(1, log) == "ended with code 1: Traceback: / File / RuntimeError: no"


def test_nothing_is_begun_after_a_failure() -> None:
    """Each of ten is a request that is paid for; the fourth fails."""
    for _ in range(50):
        begun: list[int] = []

        def one(item: int, begun: list[int] = begun) -> int:
            begun.append(item)
            if item == 3:
                raise ValueError("the fourth")
            return item

        with pytest.raises(ValueError, match="the fourth"):
            list(processes.map_in_threads(one, range(10), 1))
        time.sleep(0.002)  # threads that go on would go on now
        assert begun == [0, 1, 2, 3]


def test_requests_to_a_server_are_not_waited_for_after_an_error() -> None:
    assert list(processes.map_in_threads(math.factorial, range(50), 4)) == [math.factorial(n) for n in range(50)]
    began = time.monotonic()

    def one(seconds: float) -> None:
        if not seconds:
            raise OSError("refused")
        time.sleep(seconds)

    with pytest.raises(OSError, match="refused"):
        list(processes.map_in_threads(one, [0, 3, 3, 3], 2))
    assert time.monotonic() - began < 2


def test_processes_are_started_here_alone() -> None:
    root = Path(__file__).parents[2]
    servers = {
        f"journey/servers/{name}.py" for name in ("guard", "started", "vllm")
    }  # a program that is not Python of ours
    allowed = {  # the pipe constants and types of a program's parent, and a converter of llama.cpp's
        "subprocess": {"journey/processes.py", "journey/answers/mathworker.py", "publish/export.py", *servers},
        "multiprocessing": {"journey/processes.py"},
        "concurrent.futures.process": set(),
    }
    found: dict[str, set[str]] = {name: set() for name in allowed}
    for top in ("journey", "generate", "curate", "finetune", "evaluate", "publish"):
        for path in (root / top).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
                module = getattr(node, "module", None) or ""
                used = {*names, *(f"{module}.{name}" for name in names), module}
                if "ProcessPoolExecutor" in names:
                    used.add("concurrent.futures.process")
                for name, files in found.items():
                    if any(one == name or one.startswith(f"{name}.") for one in used):
                        files.add(path.relative_to(root).as_posix())
    assert found == allowed
