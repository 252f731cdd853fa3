"""The math-verify worker: a child process that compares two answers, and that can be killed.

Parsing LaTeX with sympy may hang, eat memory or crash, and math-verify's own time limit is a signal that works in the
main thread only. So one child process answers all questions of its parent: started at the first question, reused,
killed at the deadline and replaced, gone when the parent is. Run as a program this module is that child; it imports
math-verify and next to nothing of this project, and evaluates no text of a model as Python.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from typing import Any, BinaryIO

from journey import processes
from journey.errors import JourneyError

START_SECONDS = 120.0  # importing sympy on a busy machine
MEMORY_BYTES = 4 << 30  # address space of the child
SAME, DIFFERENT, UNREADABLE, LOST = "same", "different", "unreadable", "lost"


class MathWorker:
    """The parent's end. Safe to use from threads (one question at a time) and in forked children (each gets its own)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = False
        atexit.register(self.close)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def ask(self, gold: str, answer: str, timeout: float, *, alone: bool = False) -> tuple[str, float]:
        """(SAME, DIFFERENT, UNREADABLE or LOST, seconds it took). LOST: over the timeout, or the child died.

        `alone`: math-verify as it is used elsewhere, which takes the answer out of the text itself.

        Raises JourneyError if the child cannot start at all, because then no answer would ever be compared.
        """
        with self._lock:
            process = self._started()
            began = time.monotonic()
            request = json.dumps([gold, answer, timeout, alone]).encode() + b"\n"
            reply = self._exchange(process, request, timeout)
            return reply or LOST, time.monotonic() - began

    def close(self) -> None:
        """End the child. The next question starts another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            _close_pipes(process)

    def _started(self) -> subprocess.Popen[bytes]:
        """A child that is ready for a question."""
        if self._process is not None and self._process.poll() is not None:
            self.close()
        if self._process is None:
            self._spawn()
        process = self._process
        assert process is not None
        if not self._ready:
            greeting = self._exchange(process, b"", START_SECONDS)
            if greeting != "ready":
                self.close()
                raise JourneyError(f"the answer checker's process could not start: {greeting or 'it died or hung'}")
            self._ready = True
        return process

    def _spawn(self) -> None:
        self._ready = False
        self._process = processes.start_program(
            processes.python("journey.answers.mathworker"),
            stderr=subprocess.DEVNULL,
            bufsize=0,  # nothing buffered that a forked child could send a second time
        )

    def _exchange(self, process: subprocess.Popen[bytes], request: bytes, timeout: float) -> str:
        """Send a request, read one line; "" if none came in time. Whatever went wrong, the child is replaced."""
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            process.kill()

        assert process.stdin is not None and process.stdout is not None
        timer = threading.Timer(timeout, expire)
        timer.daemon = True
        timer.start()
        reply, intact = b"", False
        try:
            with contextlib.suppress(OSError):  # a dead child: reply stays empty
                process.stdin.write(request)
                reply = process.stdout.readline()
            timer.cancel()
            timer.join()
            intact = reply.endswith(b"\n") and not expired.is_set()
        finally:  # an interrupt here would leave a reply in the pipe for the next question
            timer.cancel()
            if not intact:
                self.close()
        if not intact:
            self._spawn()
        return reply.decode().strip() if reply.endswith(b"\n") else ""

    def _forget(self) -> None:
        """In a forked child: leave the parent's worker alone and let the next question start one of its own."""
        self._lock = threading.Lock()
        process, self._process = self._process, None
        if process is not None:
            process.returncode = 0  # not this process's child: neither wait for it nor warn about it
            _close_pipes(process)


def _close_pipes(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


WORKER = MathWorker()


def serve() -> None:
    """The child: a line `[gold, answer, seconds, alone]` in, one word out, until the input ends."""
    replies = processes.own_stdout()
    requests = processes.requests()
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    try:
        decide = _decider()
    except ImportError as error:
        _reply(replies, f"{error} (pip install math-verify)")
        return
    decide("\\int_{0}^{1} x dx", "\\frac{1}{2}")  # what is slow the first time is no answer's fault
    _reply(replies, "ready")
    for line in requests:
        gold, answer, seconds, alone = json.loads(line)
        # Should the parent die while one long operation on huge numbers keeps every other thread waiting, the one that
        # watches stdin too, SIGALRM ends this process.
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, seconds + 1)
        verdict = decide(gold, answer, alone)
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
        _reply(replies, verdict)


def _reply(stream: BinaryIO, word: str) -> None:
    stream.write(word.encode() + b"\n")
    stream.flush()


def _decider() -> Any:
    """A function (gold, answer, alone) -> SAME, DIFFERENT or UNREADABLE."""
    from latex2sympy2_extended import NormalizationConfig
    from math_verify import LatexExtractionConfig, parse, verify
    from sympy import Expr

    # No unit stripping and no boxes: both are decided before a question comes here.
    spelling = NormalizationConfig(
        basic_latex=True, units=False, malformed_operators=True, nits=True, boxed="none", equations=False
    )
    # LaTeX only: the other extractor takes the last number out of a sentence.
    latex = [LatexExtractionConfig(boxed_match_priority=-1, normalization_config=spelling)]

    def read(text: str) -> list[Any]:
        parsed = parse(
            f"${text}$",
            latex,
            fallback_mode="no_fallback",
            extraction_mode="first_match",
            parsing_timeout=None,
            raise_on_error=True,
        )
        return [item.doit() if isinstance(item, Expr) else item for item in parsed]  # math-verify: x is not 1x

    def by_itself(gold: str, answer: str) -> str:
        left, right = (
            parse(
                text if any(sign in text for sign in ("$", "\\(", "\\[", "\\boxed")) else f"${text}$",
                parsing_timeout=None,
            )
            for text in (gold, answer)
        )
        if not left or not right:
            return UNREADABLE
        return SAME if verify(left, right, timeout_seconds=None) else DIFFERENT

    def decide(gold: str, answer: str, alone: bool = False) -> str:
        try:
            if alone:
                return by_itself(gold, answer)
            left, right = read(gold), read(answer)
            if len(left) != 1 or len(right) != 1:
                return UNREADABLE
            same = verify(
                left,
                right,
                float_rounding=12,
                allow_set_relation_comp=True,
                timeout_seconds=None,
                raise_on_error=True,
            )
            return SAME if same else DIFFERENT
        except MemoryError:
            os._exit(1)
        except Exception:  # noqa: BLE001 - sympy raises anything at all on text that it cannot handle
            return UNREADABLE

    return decide


if __name__ == "__main__":
    serve()
