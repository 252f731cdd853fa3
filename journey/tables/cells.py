"""Cells of a user's row by one rule: where a field is found, which values are missing, what a value says as text.

Null, a missing field and (in CSV) an empty cell are the same. A number is its own text, whole numbers digit for digit; NaN
and infinities are no answers, whether they are numbers or the words that a CSV writer makes of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from journey.answers.exact import MAX_CHARS
from journey.tables.files import kind_of

_NOT_FINITE = frozenset(("nan", "inf", "+inf", "-inf"))


class Unusable(Exception):
    """A row cannot be used: the field, the reason as one word, and what was found there."""

    def __init__(self, field: str, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.field, self.reason, self.detail = field, reason, detail


def lookup(row: Mapping[str, Any], path: str) -> Any:
    """The value of a field, or of a dotted path into objects and lists (`reward_model.ground_truth`); None if missing.

    A field whose own name holds the dots comes first.
    """
    if path in row:
        return row[path]
    value: Any = row
    for part in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, Sequence) and not isinstance(value, str | bytes) and part.isdecimal():
            value = value[int(part)] if int(part) < len(value) else None
        else:
            return None
    return value


def fields_of(row: Mapping[str, Any]) -> str:
    """The fields of a row for an error: objects with what is inside them, as `--map` would name it."""
    names = []
    for name, value in row.items():
        inner = value if isinstance(value, Mapping) else {}
        names += [f"{name}.{part}" for part in inner] or [str(name)]
    return ", ".join(map(str, names)) or "none"


def text_of(value: Any, name: str, field: str) -> str:
    """A value as text, stripped, with line breaks as one character. `name` is the part of the row that it is for.

    Raises Unusable for anything but text and finite numbers, and for numbers where a question is wanted.
    """
    if isinstance(value, bytes):
        try:
            value = value.decode("utf-8")
        except UnicodeDecodeError:
            raise Unusable(field, f"{name}_not_text", f"field {field!r} is binary data, text is expected") from None
    if isinstance(value, list) and len(value) == 1 and not isinstance(value[0], list | dict):
        value = value[0]
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool) and name != "question":
        value = _number(value, name, field)
    if not isinstance(value, str):
        raise Unusable(field, f"{name}_not_text", f"field {field!r} is {kind_of(value)}, text is expected")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise Unusable(field, "half_a_character", f"field {field!r} holds half a character (a lone surrogate)")
    value = value.replace("\r\n", "\n").strip()
    if name == "answer" and value.lower() in _NOT_FINITE:
        raise Unusable(field, "answer_not_finite", f"field {field!r} is {value}")
    return value


def _number(value: float | Decimal, name: str, field: str) -> str:
    finite = value.is_finite() if isinstance(value, Decimal) else isinstance(value, int) or math.isfinite(value)
    if not finite:
        raise Unusable(field, f"{name}_not_finite", f"field {field!r} is {value}")
    text = str(value)
    if len(text) > MAX_CHARS:
        raise Unusable(field, f"{name}_too_long", f"field {field!r} is a number of {len(text):,} digits")
    return text
