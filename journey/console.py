"""Console output: progress and messages on stderr, results on stdout. Model output is stripped of control codes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from journey.errors import redacted

out = Console()
err = Console(stderr=True)
_LINE_EVERY = 1000  # where the total is not known
# Escape sequences and control characters; marks that turn the direction of writing, and characters without a width.
_CONTROL = re.compile(
    "\x1b\\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)


def clean(text: str) -> str:
    """Text without what drives a terminal or hides in it: a model wrote it, and it shall be seen as it is."""
    return _CONTROL.sub("", text)


def note(message: str) -> None:
    """One line for the person, on stderr."""
    err.print(redacted(message), markup=False, highlight=False, soft_wrap=True)


class Ticker:
    """Advances one progress bar; without a terminal it says a line at every tenth."""

    def __init__(self, bar: Progress | None, task: TaskID | None, what: str, total: int) -> None:
        self._bar, self._task, self._what, self._total = bar, task, what, total
        self._done, self._said = 0, 0

    def advance(self, steps: int = 1, detail: str = "") -> None:
        """So many more are done."""
        self._done += steps
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=steps, detail=detail)
        elif not self._total and self._done // _LINE_EVERY > self._said:
            self._said = self._done // _LINE_EVERY
            note(f"{self._what}: {self._done} {detail}".rstrip())
        elif self._total and self._done * 10 // self._total > self._said:
            self._said = self._done * 10 // self._total
            note(f"{self._what}: {self._done}/{self._total} {detail}".rstrip())


@contextmanager
def progress(what: str, total: int, done: int = 0) -> Iterator[Ticker]:
    """A progress bar on a terminal, a line at every tenth elsewhere; a total of 0 is one that nobody knows yet."""
    if not err.is_terminal:
        ticker = Ticker(None, None, what, total)
        ticker._done, ticker._said = done, done * 10 // total if total else 0
        yield ticker
        return
    known = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    counted = (TextColumn("{task.completed}"), TimeElapsedColumn())
    columns = (TextColumn("{task.description}"), *(known if total else counted))
    with Progress(*columns, TextColumn("{task.fields[detail]}"), console=err, transient=True) as bar:
        task = bar.add_task(what, total=total or None, completed=done, detail="")
        yield Ticker(bar, task, what, total)
