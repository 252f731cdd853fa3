"""Processes that split the problems, never the arms: each takes the next piece of work, which holds every run.

What a piece contains is fixed beforehand, so the samples are the same for any number of workers. On a CPU every
worker has one thread: two threads in one process are slower than one on a small model.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journey import console
from journey.catalog import STRATEGIES
from journey.errors import JourneyError, ResourceError
from journey.models.load import ModelRef
from journey.processes import end_with_parent
from journey.sampling.requests import Asked, Numbers, Sampler, Text
from journey.views import View

if TYPE_CHECKING:
    from journey.sampling.requests import Written

_LESS = "use fewer --workers or a smaller --batch"
_ENVIRONMENT = {"PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


@dataclass(frozen=True)
class Base:
    """What every worker loads: the base on a device, how it is asked, and the cap of new tokens.

    With `one_by_one` adapters that cannot be stacked take turns. `server` answers instead of the base, which then gives
    its tokenizer only.
    """

    ref: ModelRef
    device: str
    cap: int
    view: View
    seed: int
    numbers: Numbers
    positions: int | None = None
    dtype: str | None = None
    one_by_one: bool = False
    server: str | None = None


@dataclass(frozen=True)
class Piece:
    """One piece of work: questions for some runs (name, folder of the adapter or None), with some draws.

    `batch` is how many answers of each run are written together.
    """

    key: str
    runs: tuple[tuple[str, Path | None], ...]
    draws: tuple[str, ...]
    asked: tuple[Asked, ...]
    batch: int


@dataclass(frozen=True)
class Done:
    """What was written for a piece: draw -> texts by run, question and number."""

    key: str
    written: dict[str, Written]


class Worker:
    """A loaded base that keeps the adapters of the last piece on it."""

    def __init__(self, base: Base) -> None:
        import torch
        from transformers.utils import logging

        from journey.models import flops, load

        logging.disable_progress_bar()  # a bar for each load of the weights would break into ours
        self.base = base
        self.tokenizer = load.load_tokenizer(base.ref)
        dtype = None if base.dtype is None else getattr(torch, base.dtype)
        self.model: Any = None if base.server else load.load_model(base.ref, device=base.device, dtype=dtype)
        self.cost = flops.cost_of(base.ref)
        self.adapters: tuple[Path | None, ...] | None = None
        self.writer: Any = None
        self.stack = ExitStack()
        self.other: tuple[Path, Any] | None = None

    def do(self, piece: Piece) -> Done:
        """Write what a piece asks for, in smaller batches where memory runs out.

        Raises ResourceError where it does even so, JourneyError on NaN.
        """
        import torch

        from journey.models.batch import NotNumbers

        try:
            return Done(piece.key, self._draw(piece))
        except NotNumbers as error:
            name = piece.runs[error.run if len(piece.runs) > 1 else 0][0]
            raise JourneyError(f"{name}: {error}; did the training diverge?") from None
        except (torch.OutOfMemoryError, MemoryError):
            pass  # outside, where nothing holds the tensors of the attempt any more
        smaller = min(piece.batch, len(piece.asked)) // 2
        if not smaller:
            raise ResourceError(f"memory ran out while sampling {piece.key}\n  {_LESS}")
        self.close()
        if self.base.device != "cpu":
            torch.cuda.empty_cache()
        console.note(f"memory ran out: {piece.key} is sampled {smaller} answers of each run at a time")
        return self.do(replace(piece, batch=smaller))

    def _draw(self, piece: Piece) -> dict[str, Written]:
        """All draws of a piece; those that start from the greedy answers get them written once."""
        names = tuple(name for name, _ in piece.runs)
        sampler = Sampler(
            self._writer(piece),
            self.tokenizer,
            self.base.view,
            names,
            self.base.seed,
            self.cost,
            self.base.positions,
            piece.batch,
        )
        numbers, greedy = self.base.numbers, STRATEGIES.get("greedy")()
        first: Written = []
        if set(piece.draws) != {"samples"}:
            first = greedy.write(sampler, piece.asked, numbers, [])
        found: dict[str, Written] = {}
        for draw in piece.draws:
            made = first if draw == "greedy" else STRATEGIES.get(draw)().write(sampler, piece.asked, numbers, first)
            found[draw] = [[[_sent(text) for text in of_one] for of_one in texts] for texts in made]
        return found

    def _writer(self, piece: Piece) -> Any:
        """The decoder with the piece's adapters on the base, or the server that knows its runs by name."""
        from journey.models.decode import Decoder
        from journey.models.endpoints import Endpoint, EndpointRef, EndpointWriter
        from journey.models.load import adapted, own_base
        from journey.models.lora import stacked

        if self.base.server:
            endpoint = Endpoint(EndpointRef(piece.runs[0][0], self.base.server))
            return EndpointWriter(endpoint, tuple(name for name, _ in piece.runs), self.tokenizer, self.base.cap)
        adapters = tuple(folder for _, folder in piece.runs)
        if adapters == self.adapters:
            return self.writer
        self.close()
        own = next((own_base(folder) for folder in adapters if folder is not None), None)
        # The model that the others were trained on may be a run itself, without an adapter.
        on_it = [None if f is None or (own and f.resolve() == own.resolve()) else f for f in adapters]
        if self.base.one_by_one or not any(on_it):
            model = self.stack.enter_context(adapted(self.model, adapters[0]))
            self.writer = Decoder.of(model, self.tokenizer, self.base.cap)
        else:
            model = self.model if own is None else self._other(own)
            stack = self.stack.enter_context(stacked(model, on_it))
            self.writer = Decoder.of(model, self.tokenizer, self.base.cap, stack)
        self.adapters = adapters
        return self.writer

    def _other(self, folder: Path) -> Any:
        """Another base of adapters (the arms' common start), kept until yet another is wanted."""
        from journey.models import load

        if self.other is None or self.other[0] != folder.resolve():
            ref = ModelRef(folder.name, str(folder))
            self.other = folder.resolve(), load.load_model(ref, device=self.base.device, dtype=self.model.dtype)
        return self.other[1]

    def close(self) -> None:
        """The base is as before."""
        self.adapters = self.writer = None
        self.stack.close()


def _sent(text: Text) -> Text:
    """A text without its tokens, which nobody needs any more."""
    return replace(text, ids=())


def do_all(base: Base, pieces: Sequence[Piece], workers: int) -> Iterator[Done]:
    """Do all pieces, in any order; with one worker in this very process.

    Raises ResourceError when a worker runs out of memory or dies.
    """
    workers = min(1 if base.server else workers, len(pieces))  # a server has its own
    if workers > 1:
        yield from _in_processes(base, pieces, workers)
    elif pieces:
        with _threads(1 if base.device == "cpu" else None):
            worker = Worker(base)
            try:
                for piece in pieces:
                    yield worker.do(piece)
            finally:
                worker.close()


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
    end_with_parent()
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
