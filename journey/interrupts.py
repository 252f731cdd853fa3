"""Handling of Ctrl-C. Once: the file being written is finished, and what is kept is said. Twice: all ends at once.

The command line calls `handle` first of all and `leave` at the end; stages say with `uninterrupted` what is written whole,
and tell what is kept in a note to the KeyboardInterrupt that passes through them (`Folder` does for all that use it).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

from journey.processes import kill_children

EXIT_CODE = 130
_FINISHING = b"\ninterrupted: what is being written is finished first; Ctrl-C again stops at once\n"
_STOPPED = b"\nstopped at once; run the same command again to go on from the last whole file\n"
_SHOW_CURSOR = b"\x1b[?25h"  # a progress bar hides it


class _State:
    """What has happened in this process; changed in the main thread alone, where signal handlers run."""

    received = 0
    protected = 0  # how many `uninterrupted` blocks it is in
    postponed = False


def handle() -> None:
    """From now on Ctrl-C works as above. Where it is ignored, as in a shell's background job, it stays so."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _interrupt)


def received() -> bool:
    """Whether there has been a Ctrl-C."""
    return _State.received > 0


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """A first Ctrl-C within the block is raised at its end, so that what it writes is whole."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _State.protected += 1
    try:
        yield
    finally:
        _State.protected -= 1
        if _State.postponed and not _State.protected:
            _State.postponed = False
            raise KeyboardInterrupt


def kept(error: BaseException) -> list[str]:
    """The notes of the KeyboardInterrupt behind an exception: what is kept, in the words of the stages it passed through."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, KeyboardInterrupt):
        seen = seen.__cause__ or seen.__context__
    return list(getattr(seen, "__notes__", ()))


def leave(code: int = EXIT_CODE) -> NoReturn:
    """End this process and its children now: a thread that waits for a server, say, would hold up an ordinary exit."""
    kill_children()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _interrupt(number: int, frame: FrameType | None) -> None:
    _State.received += 1
    if _State.received > 1:
        kill_children()
        # Not through sys.stderr, whose lock the interrupted code may hold.
        with contextlib.suppress(OSError):
            os.write(2, (_SHOW_CURSOR if os.isatty(2) else b"") + _STOPPED)
        os._exit(EXIT_CODE)
    if not _State.protected:
        raise KeyboardInterrupt
    _State.postponed = True
    with contextlib.suppress(OSError):
        os.write(2, _FINISHING)
