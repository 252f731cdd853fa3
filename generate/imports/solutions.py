"""Right answers to the same questions from elsewhere: a file of worked solutions, or a folder of `journey sample`.

They end wrong answers that have no right one beside them, and are shortcuts where one is `sampled`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from journey.formats.folders import open_finished
from journey.formats.manifest import MANIFEST
from journey.generate.imports.records import ImportedSolution
from journey.tables.rows import UserTable


class GivenSolutions:
    """What `import.solutions` names. Raises UsageError for a place that cannot be, or a folder of several policies."""

    def __init__(self, spec: str) -> None:
        self.spec = spec
        place = Path(spec).expanduser()
        self._folder = open_finished(place, "sample") if (place / MANIFEST).is_file() else None
        self._policy = "" if self._folder is None else self._folder.policy(None)
        self._table = None if self._folder is not None else UserTable(spec)

    def digest(self) -> str:
        """What identifies them: the hash of the folder's manifest, or of the file."""
        if self._folder is not None:
            return self._folder.sha256
        assert self._table is not None
        return self._table.digest()

    def read(self) -> Iterator[tuple[str, ImportedSolution]]:
        """(question, solution) of each worked row, or of each attempt that is right and in which no check finds a mistake."""
        if self._folder is not None:
            attempts = self._folder.attempts(self._policy)
            for problem in self._folder.problems():
                for attempt in attempts.get(problem.id, ()):
                    if attempt.clean and not attempt.prefix:
                        yield problem.question, ImportedSolution(self._policy, attempt.text, sampled=True)
            return
        assert self._table is not None
        for row in self._table.rows():
            if row.solution:
                yield row.question, ImportedSolution(self._table.source.name, row.solution)
