"""Reader of countdown-backtracking (Self-Backtracking, Yang et al. 2025, arXiv 2502.04404): nums, target, search_path."""

from __future__ import annotations

from journey.generate.imports.readers.cells import TraceRow
from journey.generate.imports.records import ImportedAnswer, ReadRow
from journey.tables.cells import Unusable

_MOST_NUMBERS, _LARGEST = 6, 100_000


def countdown(row: TraceRow) -> ReadRow:
    """A path of moves, one a line; it is left at `<backtrack>`, where the move before it is wrong."""
    numbers = [_number(each, "nums") for each in row.items("nums")]
    if not 2 <= len(numbers) <= _MOST_NUMBERS:
        raise Unusable("nums", "numbers_too_many", f"{len(numbers)} numbers, 2 to {_MOST_NUMBERS} are read")
    target = _number(row.find("target")[1], "target")
    path = row.text("search_path")
    answer = ImportedAnswer(row.where, thinking=path, right="<backtrack>" not in path)
    return ReadRow("", str(target), (answer,), numbers=tuple(numbers), target=target)


def _number(value: object, field: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _LARGEST:
        raise Unusable(field, "number_expected", f"field {field!r} holds {str(value)[:40]}, a whole number is expected")
    return value
