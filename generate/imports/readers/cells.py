"""The fields of one row, each asked for by name and kind; what is missing or of another kind makes the row unusable."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from journey.tables import chats
from journey.tables.cells import Unusable, fields_of, lookup, text_of
from journey.tables.files import kind_of

LONGEST = 200_000  # characters of one text: beyond any published trace, and under a second to read
MOST_STEPS = 400  # steps of one answer, or turns of one list

_ANNOTATION = re.compile(r"<<[^<>]{0,200}>>")
_TAGS = re.compile(r"</?think(?:ing)?>|<\|(?:begin|end)_of_(?:thought|solution)\|>", re.IGNORECASE)
_THOUGHT_END = re.compile(r"</think(?:ing)?>|<\|end_of_thought\|>", re.IGNORECASE)
_BOX, _BRACE = re.compile(r"\\boxed\{"), re.compile(r"[{}]")
_BOX_ROOM = 2000  # characters
_BOX_ALONE = re.compile(r"^[ \t$*\\\[\]().]*\\boxed\{[^\n]{0,300}\}[ \t$*\\\[\]().]*$", re.MULTILINE)
_EMPTY_MATH = re.compile(r"\\\[\s*\\\]\.?|\$\$\s*\$\$\.?")
_STATEMENT = re.compile(
    r"\n*^[ \t#*]*(?:(?:so|thus|therefore|hence|and)?,?\s{0,2}(?:the )?(?:final )?answer(?: is)?\b[^\n]{0,200})"
    r"(?:\n+[^\n]{0,100})?\s*\Z",
    re.IGNORECASE | re.MULTILINE,
)
_HASHED = re.compile(r"\s*####[ \t]?[^\n#]{0,200}\s*\Z")  # GSM8K's way to state an answer, behind the last words


class TraceRow:
    """One raw row and the names that the user gave to its fields (`--map`). Every method raises Unusable."""

    def __init__(self, raw: Mapping[str, Any], where: str, mapping: Mapping[str, str]) -> None:
        self.raw, self.where, self.mapping = raw, where, mapping

    def find(self, *names: str) -> tuple[str, Any]:
        """The first of these fields that is there, with its value; the first name and None where none is."""
        tried = [self.mapping.get(name, name) for name in names]
        return next(
            ((name, value) for name in tried if (value := lookup(self.raw, name)) is not None), (tried[0], None)
        )

    def text(self, *names: str) -> str:
        """The text of the first of these fields that is there; a number is its own text."""
        field, value = self.find(*names)
        if value is None:
            raise Unusable(field, "field_missing", f"no field {field!r} (fields: {fields_of(self.raw)})")
        return bounded(text_of(value, "answer", field), field)

    def maybe(self, *names: str) -> str | None:
        """The same, or None where there is none of them or it is empty."""
        field, value = self.find(*names)
        return None if value is None else bounded(text_of(value, "answer", field), field) or None

    def items(self, name: str) -> list[Any]:
        """A list of at most so many entries."""
        field, value = self.find(name)
        if not isinstance(value, list):
            raise Unusable(field, "list_expected", f"field {field!r} is {kind_of(value)}, a list is expected")
        if len(value) > MOST_STEPS:
            raise Unusable(
                field, "too_many_steps", f"field {field!r} has {len(value):,} entries, at most {MOST_STEPS} are read"
            )
        return value

    def texts(self, name: str) -> list[str]:
        """A list of texts."""
        return [bounded(text_of(value, "answer", name), name) for value in self.items(name)]

    def chat(self) -> tuple[str, str] | None:
        """The question and the answer of `messages` or `conversations`; None where there is no such list."""
        field, value = self.find(*chats.FIELDS)
        if not chats.is_chat(value):
            return None
        asked, said = chats.read_chat(value, field)
        if said is None:
            raise Unusable(field, "answer_missing", f"field {field!r} ends with the question")
        return bounded(text_of(asked, "question", field), field), bounded(text_of(said, "answer", field), field)


def objects(values: list[Any], field: str) -> Iterator[Mapping[str, Any]]:
    """The entries of a list that must be objects."""
    for value in values:
        if not isinstance(value, Mapping):
            raise Unusable(
                field, "object_expected", f"an entry of {field!r} is {kind_of(value)}, an object is expected"
            )
        yield value


def bounded(text: str, field: str) -> str:
    """The text, or Unusable where it is longer than anything that is read."""
    if len(text) > LONGEST:
        raise Unusable(field, "too_long", f"field {field!r} has {len(text):,} characters, at most {LONGEST:,} are read")
    return text


def halves(said: str) -> tuple[str, str]:
    """What an answer says while thinking, and after it; all of it is thinking where no tag ends the thoughts."""
    ends = list(_THOUGHT_END.finditer(said))
    return (said[: ends[-1].start()], said[ends[-1].end() :]) if ends else (said, "")


def plain(text: str) -> str:
    """Prose without thinking tags, calculator marks and boxes: a trace has one box, and its answer holds it."""
    text = _ANNOTATION.sub("", _TAGS.sub("", text.replace("\r\n", "\n").replace("\0", "")))
    return unboxed(_EMPTY_MATH.sub("", _BOX_ALONE.sub("", text))).strip()


def stated_away(text: str) -> str:
    """A text without last lines that say no more than the answer: every trace has its own one for that."""
    before, end = text[:-600], text[-600:]
    return f"{before}{_STATEMENT.sub('', _HASHED.sub('', end))}"


def unboxed(text: str) -> str:
    """The text with `\\boxed{x}` as `x`; a box that is not closed within 2,000 characters loses its command alone."""
    closing: dict[int, int] = {}
    opened: list[int] = []
    for brace in _BRACE.finditer(text):
        if brace[0] == "{":
            opened.append(brace.start())
        elif opened:
            closing[opened.pop()] = brace.start()
    left_out: list[tuple[int, int]] = []
    for box in _BOX.finditer(text):
        left_out.append(box.span())
        end = closing.get(box.end() - 1)
        if end is not None and end - box.end() < _BOX_ROOM:
            left_out.append((end, end + 1))
    pieces, done = [], 0
    for start, stop in sorted(left_out):
        pieces.append(text[done:start])
        done = stop
    return "".join([*pieces, text[done:]]).replace("\\boxed", "")
