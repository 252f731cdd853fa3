"""Answers of servers that are paid for, in a SQLite file beside a folder until that folder is finished.

The folder's own files are the record; this one is for a command that was killed, or stopped at its `--max-cost`: the same
command asks for what is missing alone. A damaged file is begun anew.
"""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from journey import console
from journey.errors import ResourceError

_TABLES = """
CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, body BLOB NOT NULL, seconds REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS used (
    server TEXT, finish TEXT, answers INTEGER, prompt INTEGER, completion INTEGER, PRIMARY KEY (server, finish)
) WITHOUT ROWID;
"""
_COUNT = """
INSERT INTO used VALUES (?, ?, 1, ?, ?) ON CONFLICT DO UPDATE
SET answers = answers + 1, prompt = prompt + excluded.prompt, completion = completion + excluded.completion
"""


@dataclass(frozen=True)
class UsedTokens:
    """Answers of one server that ended for one reason, and their tokens."""

    server: str
    finish: str
    answers: int
    prompt: int
    completion: int


class KeptAnswers:
    """Answers by key, and what all of them used. Without a path they are kept in memory."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._opened: sqlite3.Connection | None = None

    @classmethod
    def beside(cls, folder: Path, of: str = "requests") -> KeptAnswers:
        """Those of a stage folder: `DIR.requests.sqlite` (`DIR.OF.sqlite`), made when the first answer comes."""
        return cls(folder.with_name(f"{folder.name}.{of}.sqlite"))

    def get(self, key: str) -> tuple[bytes, float] | None:
        """The body of an answer and the seconds that it took; None where there is none."""
        if not self._is_there():
            return None
        row = self._connection().execute("SELECT body, seconds FROM answers WHERE key = ?", (key,)).fetchone()
        return None if row is None else (bytes(row[0]), float(row[1]))

    def put(self, key: str | None, body: bytes, seconds: float, used: UsedTokens) -> None:
        """Keep an answer (without a key, only count it). On disk when this returns, whatever happens to the process."""
        try:
            with self._connection() as connection:
                connection.execute(_COUNT, (used.server, used.finish, used.prompt, used.completion))
                if key is not None:
                    connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", (key, body, seconds))
        except sqlite3.DatabaseError as error:
            raise ResourceError(f"cannot write {self.path}: {error}") from None

    def used(self) -> list[UsedTokens]:
        """What all answers used, those of earlier calls of the command included."""
        if not self._is_there():
            return []
        rows = self._connection().execute("SELECT * FROM used ORDER BY server, finish")
        return [UsedTokens(*row) for row in rows]

    def close(self) -> None:
        """Close the file; it stays."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def remove(self) -> None:
        """Delete the file: the folder is finished, or another one is begun."""
        self.close()
        for end in ("", "-wal", "-shm", "-journal") if self.path else ():
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self.path}{end}").unlink()

    def _is_there(self) -> bool:
        return self._opened is not None or (self.path is not None and self.path.is_file())

    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            try:
                self._opened = self._open()
            except sqlite3.OperationalError as error:
                raise ResourceError(f"cannot write {self.path}: {error}") from None
            except sqlite3.DatabaseError as error:
                console.note(f"{self.path} is damaged ({error}): it is begun anew")
                self.remove()
                self._opened = self._open()
        return self._opened

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path or ":memory:", timeout=30, check_same_thread=False)
        try:
            # A log ahead of the file: an answer costs no wait for the disk, and a killed process loses none.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(_TABLES)
            connection.execute("SELECT count(*) FROM answers").fetchone()
        except sqlite3.DatabaseError:
            connection.close()
            raise
        return connection
