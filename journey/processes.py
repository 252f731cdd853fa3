"""Child processes of every stage: their environment, pools of workers, programs of our own, and how all of them end.

    with WorkerPool(4) as pool:                             # functions on items, in processes of `multiprocessing`
        for shard in pool.ordered(make_shard, jobs): ...

    program = start_program(python("journey.finetune.training.worker", "plan.json"))   # JSON lines in and out
    for line in requests(): ...                             # in the program: what its parent asks for

No child outlives its parent, however that ends: a pool's worker watches the parent itself, a program its stdin. Ctrl-C is
the parent's business (`journey.interrupts`): a terminal sends it to children too, which are started with it blocked.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, NoReturn, Self, TypeVar

from journey.errors import JourneyError, ResourceError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

T = TypeVar("T")
R = TypeVar("R")

# A folder called `evaluate` in the current directory would shadow Hugging Face's library; and tokenizers warn in children.
_ALWAYS = {"PYTHONSAFEPATH": "1", "TOKENIZERS_PARALLELISM": "false"}
# What libraries say in a child would break into the parent's progress. A value that the user has set stands.
_QUIET = {"PYTHONWARNINGS": "ignore", "TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_LAST_LINES = 3  # of a child's stderr, that say why it died
_GRACE = 1.0  # seconds that a program has to come to the end of its request when its stdin has ended


def environment(threads: int | None = None) -> dict[str, str]:
    """The environment variables of a child; with `threads`, how many its numeric libraries may use."""
    counts = {} if threads is None else dict.fromkeys(_THREADS, str(threads))
    return {**_QUIET, **os.environ, **_ALWAYS, **counts}


def cores(*, logical: bool = False) -> int:
    """How many cores this process may use: physical ones, or with `logical` every hardware thread.

    Physical ones are what counts for torch: the two threads of a core share its floating-point units, so a second process
    there only makes the first one wait. Plain Python leaves those units alone, and takes every thread there is.
    """
    import psutil

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, allowed if logical else min(allowed, psutil.cpu_count(logical=False) or allowed))


def how_it_ended(code: int | None, log: Path | None = None) -> str:
    """Why a child died: its exit code, the signal's name where one ended it, and the last lines of its stderr in `log`."""
    words = f"ended with code {code}"
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):  # a number that is no signal here
            words += f" ({signal.Signals(-code).name})"
    if log is None:
        return words
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n") if log.is_file() else []
    last = [line.strip() for line in lines if line.strip()][-_LAST_LINES:]
    return f"{words}: {' / '.join(last) or 'it wrote nothing to stderr'}"


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Processes that are started inside never see a Ctrl-C: they inherit that it is blocked.

    Blocked in this thread alone, and not ignored, so that one which comes just then is not lost.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextlib.contextmanager
def _environ(variables: dict[str, str]) -> Iterator[None]:
    """Other environment variables for the processes that are started inside: `multiprocessing` takes none of its own."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


# --- pools of workers ------------------------------------------------------------------------------------------------


class WorkerDied(ResourceError):
    """A worker process ended without an answer."""


@dataclass(frozen=True)
class _Failure:
    """An item that gave an exception."""

    error: BaseException


class WorkerPool:
    """Processes that call functions on items, each started when there is an item for it. Leaving the `with` ends them.

    `setup(*arguments)` is called once in every worker, whose numeric libraries get `threads` threads each. Results do not
    depend on the number of workers. An exception is raised here as it was there; WorkerDied, with `hint` about what to do,
    for a worker that ended without an answer. One call of `ordered` or `unordered` a pool.

    The standard library's ProcessPoolExecutor is not used: a worker that is killed while it sends a result leaves its
    parent waiting for the rest of it for good (`docs/decisions.md`).
    """

    def __init__(
        self,
        workers: int,
        *,
        setup: Callable[..., None] | None = None,
        arguments: tuple[Any, ...] = (),
        threads: int | None = 1,
        hint: str = "use fewer --workers",
    ) -> None:
        self.workers, self.threads, self.hint = workers, threads, hint
        self._setup, self._arguments = setup, arguments
        self._processes: list[SpawnProcess] = []
        self._tasks: queue.SimpleQueue[tuple[int, Callable[[Any], Any], Any] | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ordered(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """The results in the order of the items.

        Items are taken as they are needed: at most one more than there are workers is under way, so memory does not grow
        with their number.
        """
        early: dict[int, R] = {}  # results whose turn has not come
        sent = given = 0
        for item in items:
            self._ask(sent, function, item)
            sent += 1
            if sent - given > self.workers:
                yield self._result(given, early)
                given += 1
        while given < sent:
            yield self._result(given, early)
            given += 1

    def unordered(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """The results as they come; items are taken as they are needed."""
        under_way = 0
        for number, item in enumerate(items):
            self._ask(number, function, item)
            under_way += 1
            if under_way > self.workers:
                yield self._next()[1]
                under_way -= 1
        for _ in range(under_way):
            yield self._next()[1]

    def close(self) -> None:
        """End the workers at once: what they are at is dropped, and an idle one has nothing to finish."""
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.join(10)
        for _ in self._processes:
            self._tasks.put(None)
        self._processes = []

    def _result(self, number: int, early: dict[int, R]) -> R:
        while number not in early:
            index, result = self._next()
            early[index] = result
        return early.pop(number)

    def _next(self) -> tuple[int, Any]:
        number, result = self._results.get()
        if isinstance(result, _Failure):
            raise result.error
        return number, result

    def _ask(self, number: int, function: Callable[[Any], Any], item: Any) -> None:
        self._tasks.put((number, function, item))
        if len(self._processes) < self.workers:
            self._start()

    def _start(self) -> None:
        import multiprocessing
        from multiprocessing import resource_tracker

        context = multiprocessing.get_context("spawn")  # a fork would copy torch's threads half
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, self._setup, self._arguments), daemon=True)
        with _environ(environment(self.threads)):
            resource_tracker.ensure_running()  # starting it unblocks Ctrl-C, so it is not left to the first worker
            with _without_interrupts():
                process.start()
        theirs.close()  # the worker has the only other end now: when it dies, reading from ours ends too
        self._processes.append(process)
        # A thread a worker takes results while the caller writes files; as a daemon it never holds up the end.
        threading.Thread(target=self._serve, args=(process, ours), daemon=True).start()

    def _serve(self, process: SpawnProcess, connection: Connection) -> None:
        """Hand tasks to one worker, one at a time, until there are no more or it has died."""
        with connection:
            while (task := self._tasks.get()) is not None:
                number, function, item = task
                try:
                    connection.send((function, item))
                    result = connection.recv()
                except (EOFError, OSError):
                    process.join()
                    words = f"a worker process {how_it_ended(process.exitcode)}, perhaps for lack of memory"
                    self._results.put((number, _Failure(WorkerDied(f"{words}\n  {self.hint}"))))
                    return
                except Exception as error:  # noqa: BLE001 - an item or a result that cannot be sent
                    result = _Failure(error)
                self._results.put((number, result))


def _work(connection: Connection, setup: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    """The whole life of a worker."""
    end_with_parent()
    os.dup2(2, 1)  # what a library prints is no result of the command
    if setup is not None:
        setup(*arguments)
    while True:
        try:
            function, item = connection.recv()
        except EOFError:
            return
        try:
            result = function(item)
        except Exception as error:  # noqa: BLE001 - raised again in the parent
            result = _Failure(_portable(error))
        try:
            connection.send(result)
        except OSError:  # nobody reads any more
            return
        except Exception as error:  # noqa: BLE001 - the result cannot be sent; nothing of it has been
            connection.send(_Failure(_portable(error)))


def _portable(error: Exception) -> Exception:
    """The exception with its traceback as a note, as far as it can be sent to another process.

    Sending one calls its constructor with its message alone. Where that does not do, an error of ours becomes the nearest
    kind for which it does, and any other is put into words.
    """
    text = "".join(traceback.format_exception(error))
    if _can_be_sent(error):
        error.add_note(f"in a worker process:\n{text}")
        return error
    for kind in type(error).__mro__:
        if issubclass(kind, JourneyError):
            with contextlib.suppress(TypeError):
                return kind(str(error))
    return RuntimeError(text)


def _can_be_sent(error: Exception) -> bool:
    from multiprocessing.reduction import ForkingPickler

    try:
        ForkingPickler.loads(ForkingPickler.dumps(error))
    except Exception:  # noqa: BLE001 - its constructor may want anything
        return False
    return True


def end_with_parent() -> None:
    """Call in a worker process of `multiprocessing`: it ends as soon as its parent has ended, however that was killed."""
    import multiprocessing

    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_when_gone, args=(parent.sentinel,), daemon=True).start()


def _exit_when_gone(sentinel: int) -> NoReturn:
    from multiprocessing.connection import wait

    wait([sentinel])
    os._exit(1)


def map_in_threads(function: Callable[[T], R], items: Iterable[T], at_once: int) -> Generator[R, None, None]:
    """The results in order as they come, from so many threads: for requests to a server.

    An exception does not wait for the requests that are under way, and none is begun after it: it would be paid for in vain.
    """
    pool, failures = ThreadPoolExecutor(at_once), list[BaseException]()

    def one(item: T) -> R:
        if failures:  # seen in its place, where that comes first
            raise failures[0]
        try:
            return function(item)
        except BaseException as error:
            failures.append(error)
            raise

    try:
        yield from pool.map(one, items)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


# --- programs of our own ---------------------------------------------------------------------------------------------

_programs: weakref.WeakSet[subprocess.Popen[bytes]] = weakref.WeakSet()


def python(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of this project as a program."""
    return [sys.executable, "-P", "-m", module, *arguments]


def start_program(
    command: Sequence[str],
    *,
    stderr: int | IO[bytes] | None = None,
    threads: int | None = None,
    bufsize: int = -1,
    environ: Mapping[str, str] | None = None,
    apart: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a program that reads requests from its stdin and writes answers to its stdout, both pipes.

    It must end when its stdin does (`requests`, `end_with_stdin`), which is what ties it to its parent. With `apart` that is
    all that ends it: it has a session of its own, and is not killed by `kill_children`, so that it can end others in order.
    """
    with _without_interrupts():
        program = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={**environment(threads), **(environ or {})},
            bufsize=bufsize,
            start_new_session=apart,
        )
    if not apart:
        _programs.add(program)
    return program


def own_stdout() -> BinaryIO:
    """In a program: its stdout for answers alone. What libraries print goes to stderr from now on."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def requests() -> Iterator[bytes]:
    """In a program: the lines of its stdin. When that ends while a request is being worked on, the process ends at once.

    The parent closes stdin when nothing is left to do, and the iterator ends. Anything else means that it is gone.
    """
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    counts = {"read": 0, "done": 0}  # each is written by one thread only

    def read() -> None:
        for line in sys.stdin.buffer:
            counts["read"] += 1
            lines.put(line)
        lines.put(None)
        time.sleep(_GRACE)  # the answer to the last request may be on its way
        if counts["done"] < counts["read"]:
            os._exit(1)

    threading.Thread(target=read, daemon=True).start()
    while (line := lines.get()) is not None:
        yield line
        counts["done"] += 1


def end_with_stdin() -> None:
    """Call in a program that reads no requests, or in a child of it: it ends when its stdin does, which its parent holds."""
    threading.Thread(target=_exit_at_end, daemon=True).start()


def _exit_at_end() -> NoReturn:
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    os._exit(1)


def kill_children() -> None:
    """SIGKILL every worker and program of this process; safe to call in a signal handler."""
    for program in list(_programs):
        if program.poll() is None:
            program.kill()
    if "multiprocessing" in sys.modules:
        import multiprocessing

        for process in multiprocessing.active_children():
            process.kill()
