"""The worker pool: groups of runs in processes of one thread each; on a CPU two threads in one process can be slower.

A worker that dies takes only its own group with it; an interrupted command leaves no worker behind.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path

import msgspec

from journey import console, processes
from journey.finetune.runs import Run
from journey.finetune.training.events import Event, read_events

EventHandler = Callable[[Event], None]


def command(plan: Path) -> list[str]:
    """The command of a worker for the runs of a plan."""
    return processes.python("journey.finetune.training.worker", str(plan))


class TrainingWorker:
    """One worker process; its stderr goes to `log`."""

    def __init__(self, plan: Path, log: Path, one_thread: bool) -> None:
        self.log = log
        with log.open("ab") as stderr:
            self.program = processes.start_program(command(plan), stderr=stderr, threads=1 if one_thread else None)

    def train(self, group: Sequence[Run], on_step: EventHandler, on_end: EventHandler) -> None:
        """Train a group. `on_end` gets the end of every run; where the worker dies, the rest have failed."""
        assert self.program.stdin is not None and self.program.stdout is not None
        left = [run.run for run in group]
        try:
            self.program.stdin.write(msgspec.json.encode(left) + b"\n")
            self.program.stdin.flush()
        except BrokenPipeError:
            pass  # it has died: its events end too
        for event in read_events(self.program.stdout):
            if not event.ends:
                on_step(event)
                continue
            left.remove(event.run)
            on_end(event)
            if not left:
                return
        why = f"its process {processes.how_it_ended(self.program.wait(), self.log)}"
        for name in left:
            on_end(Event(name, failed=why))

    @property
    def alive(self) -> bool:
        return self.program.poll() is None

    def close(self) -> None:
        """End the worker, which is idle or dead: it ends when its stdin does."""
        assert self.program.stdin is not None and self.program.stdout is not None
        try:
            self.program.stdin.close()
        except BrokenPipeError:
            pass
        self.program.wait()
        self.program.stdout.close()


def show_on(ticker: console.Ticker) -> EventHandler:
    """A handler that shows the steps of all runs in one progress bar, and the messages for a person."""
    shown: dict[str, int] = {}  # the last step of each run

    def show(event: Event) -> None:
        if event.message is not None:
            console.note(event.message)
            return
        ticker.advance(event.step - shown.get(event.run, 0), f"{event.run} loss {event.loss:.3f}")
        shown[event.run] = event.step

    return show


def train_all(
    groups: Sequence[Sequence[Run]],
    plan: Path,
    workers: int,
    *,
    one_thread: bool,
    on_step: EventHandler,
    on_end: EventHandler,
) -> None:
    """Train the groups in the order given, so many at a time. The handlers are called one at a time, from any thread."""
    waiting: queue.SimpleQueue[Sequence[Run]] = queue.SimpleQueue()
    for group in groups:
        waiting.put(group)
    lock, stop = threading.Lock(), threading.Event()
    started: list[TrainingWorker] = []

    def start(number: int) -> TrainingWorker:
        with lock:
            if stop.is_set():
                raise InterruptedError
            started.append(TrainingWorker(plan, plan.with_name(f"worker-{number}.log"), one_thread))
            return started[-1]

    def locked(handler: EventHandler, event: Event) -> None:
        with lock:
            if not stop.is_set():
                handler(event)

    def serve(number: int) -> None:
        worker = None
        try:
            while not stop.is_set():
                group = waiting.get_nowait()
                if worker is not None and not worker.alive:
                    worker.close()
                    worker = None
                worker = worker or start(number)
                worker.train(group, partial(locked, on_step), partial(locked, on_end))
        except queue.Empty:
            return
        except BaseException:
            if worker is not None:
                worker.program.kill()
            raise
        finally:
            if worker is not None:
                worker.close()

    count = max(1, min(workers, len(groups)))
    with ThreadPoolExecutor(max_workers=count) as threads:
        try:
            futures = [threads.submit(serve, number) for number in range(count)]
            for future in wait(futures, return_when=FIRST_EXCEPTION).done:
                future.result()
        finally:
            with lock:  # what a handler is writing is finished first
                stop.set()
            for worker in started:
                worker.program.kill()
