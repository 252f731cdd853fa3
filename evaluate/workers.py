"""Processes that split the problems, never the arms: each takes the next piece of work, whichever run it is for.

What a piece contains is fixed beforehand, so the samples are the same for any number of workers. On a CPU every
worker has one thread: two threads in one process are slower than one on a small model.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journey.catalog import STRATEGIES
from journey.errors import JourneyError, ResourceError
from journey.models import ModelRef

if TYPE_CHECKING:
    from journey.sampling import Completion

_LESS = "use fewer --workers or a smaller --batch"
_ENVIRONMENT = {"PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


@dataclass(frozen=True)
class Base:
    """What every worker loads: the base on a device, and the cap of new tokens."""

    ref: ModelRef
    device: str
    cap: int


@dataclass(frozen=True)
class Piece:
    """One piece of work: batches of prompts (token ids) for one adapter (None: the base) with one strategy."""

    key: str
    adapter: Path | None
    strategy: str
    batches: tuple[tuple[tuple[int, ...], ...], ...]


@dataclass(frozen=True)
class Done:
    """What was written to a piece's prompts, in their order, and the seconds that it took."""

    key: str
    completions: list[Completion]
    seconds: float


class Worker:
    """A loaded base that keeps the adapter of the last piece on it."""

    def __init__(self, base: Base) -> None:
        from transformers.utils import logging

        from journey import models

        logging.disable_progress_bar()  # a bar for each load of the weights would break into ours
        self.base = base
        self.tokenizer = models.load_tokenizer(base.ref)
        self.model = models.load_model(base.ref, device=base.device)
        self.adapter: Path | None = None
        self.current: Any = self.model
        self.stack = ExitStack()

    def do(self, piece: Piece) -> Done:
        """Write the completions of a piece. Raises ResourceError when memory runs out, JourneyError on NaN."""
        import torch

        from journey.sampling import Decoder, adapted

        if piece.adapter != self.adapter:
            self.stack.close()
            self.current = self.stack.enter_context(adapted(self.model, piece.adapter))
            self.adapter = piece.adapter
        decoder = Decoder.of(self.current, self.tokenizer, self.base.cap)
        strategy = STRATEGIES.get(piece.strategy)
        written: list[Completion] = []
        started = time.perf_counter()
        try:
            for batch in piece.batches:
                written += strategy(decoder, batch)
        except (torch.OutOfMemoryError, MemoryError):
            raise ResourceError(f"memory ran out while sampling {piece.key}\n  {_LESS}") from None
        except FloatingPointError as error:
            raise JourneyError(f"{piece.key}: {error}; did the training diverge?") from None
        return Done(piece.key, written, time.perf_counter() - started)


def do_all(base: Base, pieces: Sequence[Piece], workers: int) -> Iterator[Done]:
    """Do all pieces, in any order; with one worker in this very process.

    Raises ResourceError when a worker runs out of memory or dies.
    """
    workers = min(workers, len(pieces))
    if workers > 1:
        yield from _in_processes(base, pieces, workers)
    elif pieces:
        with _threads(1 if base.device == "cpu" else None):
            worker = Worker(base)
            with worker.stack:
                for piece in pieces:
                    yield worker.do(piece)


def default_workers(device: str) -> int:
    """One a physical core that this process may use on a CPU, one on a GPU."""
    import psutil

    if device != "cpu":
        return 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


def _in_processes(base: Base, pieces: Sequence[Piece], workers: int) -> Iterator[Done]:
    context = multiprocessing.get_context("spawn")  # a fork would copy torch's threads half
    with (
        _environ(_ENVIRONMENT),
        ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(base.device,)) as pool,
    ):
        futures = [pool.submit(_do, base, piece) for piece in pieces]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            raise ResourceError(f"a sampling process died, most likely of too little memory\n  {_LESS}") from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


_worker: list[Worker] = []  # of this process, loaded for its first piece


def _start(device: str) -> None:
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as in a shell's background job
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends a worker at once; finished shards are on disk
    if device == "cpu":
        _set_threads(1)


def _do(base: Base, piece: Piece) -> Done:
    if not _worker:
        _worker.append(Worker(base))
    return _worker[0].do(piece)


def _set_threads(count: int) -> None:
    import torch

    torch.set_num_threads(count)


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """So many threads for torch (None: as they are), put back afterwards."""
    import torch

    before = torch.get_num_threads()
    _set_threads(count or before)
    try:
        yield
    finally:
        _set_threads(before)


@contextmanager
def _environ(changed: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for the processes started inside, put back afterwards."""
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
