"""Groups of runs side by side in processes of one thread each: on a CPU two threads in one process can be slower than one.

A process that dies takes only its own group with it; an interrupted command leaves no process behind.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path

import msgspec

from journey import console
from journey.finetune.runs import Run
from journey.finetune.training.worker import Event

_QUIET = {
    "PYTHONSAFEPATH": "1",
    "PYTHONWARNINGS": "ignore",
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def command(plan: Path) -> list[str]:
    """What is started to train runs of a plan."""
    return [sys.executable, "-P", "-m", "journey.finetune.training.worker", str(plan)]


class _Process:
    """One worker process and what it was last told to train."""

    def __init__(self, plan: Path, log: Path, one_thread: bool) -> None:
        self.log = log
        with log.open("ab") as stderr:
            # A session of its own: Ctrl-C reaches this command alone, which then ends the process.
            self.popen = subprocess.Popen(
                command(plan),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env={**os.environ, **_QUIET, **(_ONE_THREAD if one_thread else {})},
                start_new_session=True,
            )

    def train(self, group: Sequence[Run], tell: Callable[[Event], None], done: Callable[[Event], None]) -> None:
        """Train a group. `done` hears how every run of it ended; where the process dies, the rest have failed."""
        assert self.popen.stdin is not None and self.popen.stdout is not None
        left = [run.run for run in group]
        try:
            self.popen.stdin.write(msgspec.json.encode(left) + b"\n")
            self.popen.stdin.flush()
        except BrokenPipeError:
            pass  # it has died: its output ends too
        for line in self.popen.stdout:
            event = msgspec.json.decode(line, type=Event)
            if not event.ends:
                tell(event)
                continue
            left.remove(event.run)
            done(event)
            if not left:
                return
        code = self.popen.wait()
        said = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        for name in left:
            done(Event(name, failed=f"its process ended with code {code}: {said[-1] if said else 'it said nothing'}"))

    @property
    def alive(self) -> bool:
        return self.popen.poll() is None

    def close(self) -> None:
        """End the process, which ends when its input does; it is idle or dead."""
        assert self.popen.stdin is not None and self.popen.stdout is not None
        try:
            self.popen.stdin.close()
        except BrokenPipeError:
            pass
        self.popen.wait()
        self.popen.stdout.close()


def telling(ticker: console.Ticker) -> Callable[[Event], None]:
    """What shows the steps of all runs in one progress bar, and says what a person should know."""
    at: dict[str, int] = {}

    def tell(event: Event) -> None:
        if event.said is not None:
            console.note(event.said)
            return
        ticker.advance(event.step - at.get(event.run, 0), f"{event.run} loss {event.loss:.3f}")
        at[event.run] = event.step

    return tell


def train_all(
    groups: Sequence[Sequence[Run]],
    plan: Path,
    workers: int,
    *,
    one_thread: bool,
    tell: Callable[[Event], None],
    done: Callable[[Event], None],
) -> None:
    """Train the groups in the order given, so many at a time. `tell` hears of steps, `done` of ends, one call at a time."""
    waiting: queue.SimpleQueue[Sequence[Run]] = queue.SimpleQueue()
    for group in groups:
        waiting.put(group)
    lock, stop = threading.Lock(), threading.Event()
    started: list[_Process] = []

    def start(number: int) -> _Process:
        with lock:
            if stop.is_set():
                raise InterruptedError
            started.append(_Process(plan, plan.with_name(f"worker-{number}.log"), one_thread))
            return started[-1]

    def locked(call: Callable[[Event], None], event: Event) -> None:
        with lock:
            if not stop.is_set():
                call(event)

    def serve(number: int) -> None:
        process = None
        try:
            while not stop.is_set():
                group = waiting.get_nowait()
                if process is not None and not process.alive:
                    process.close()
                    process = None
                process = process or start(number)
                process.train(group, partial(locked, tell), partial(locked, done))
        except queue.Empty:
            return
        except BaseException:
            if process is not None:
                process.popen.kill()
            raise
        finally:
            if process is not None:
                process.close()

    count = max(1, min(workers, len(groups)))
    with ThreadPoolExecutor(max_workers=count) as threads:
        try:
            futures = [threads.submit(serve, number) for number in range(count)]
            for future in wait(futures, return_when=FIRST_EXCEPTION).done:
                future.result()
        finally:
            with lock:
                stop.set()
            for process in started:
                process.popen.kill()
