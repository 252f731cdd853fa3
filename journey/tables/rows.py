"""The one reader of a user's rows: what a row asks, its gold answer and all else that it says, the same in every verb.

    table = UserTable("mine.csv", {"question": "problem.text", "answer": "reward_model.ground_truth"})
    table.check()                       reads all once: counts what is unusable, says the first ten, refuses what is hopeless
    for row in table.rows(): ...        the usable rows, in order

A row is read by name: `question` (or `problem`, or a chat in `messages` or `conversations`), `answer`, `solution`, `source`,
`licence` (or `license`), `options` (or `choices`, or the columns that public sets have), `language`. `--map NAME=FIELD` names
another field, dotted where it lies inside another; `tolerance` and `unit` are read where they are mapped. Without an answer
the solution is asked for one. A file that cannot be read to its end is an error; a row of the file that is of no use is
counted by its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import cached_property
from typing import Any, Literal

from journey import console
from journey.errors import UsageError
from journey.tables import chats, golds, options
from journey.tables.cells import Unusable, fields_of, lookup, text_of
from journey.tables.files import SHAPE
from journey.tables.source import TableSource, digest, load_hub, locate, raw_rows

FIELDS = (
    *("question", "answer", "solution", "source", "id", "licence", "language"),
    *("options", "tolerance", "unit"),
)
SHOWN = 10  # unusable rows that are told one by one
_OTHER_NAMES = {
    "question": ("question", "problem"),
    "licence": ("licence", "license"),
    "language": ("language", "lang"),
}
_MAPPED_ONLY = ("tolerance", "unit")
_HINT = f"name the fields: --map question=FIELD,answer=FIELD; {SHAPE}"


@dataclass(frozen=True)
class UserRow:
    """One usable row. `answer` is the gold, a letter where `check` is "choice"; `question` shows the options then.

    `facts` holds what the check needs besides: `options`, `tolerance`, `unit`.
    """

    where: str
    question: str
    answer: str
    solution: str | None = None
    source: str | None = None
    id: str | None = None
    licence: str | None = None
    language: str | None = None
    check: Literal["value", "choice"] = "value"
    facts: Mapping[str, Any] = dataclass_field(default_factory=dict)


@dataclass(frozen=True)
class UnusableRow:
    """One row that cannot be used: where it stands, which field, the reason as one word, and what was found."""

    where: str
    field: str
    reason: str
    detail: str


def check_fields(mapping: Mapping[str, str]) -> dict[str, str]:
    """The mapping with `problem` as `question`. Raises UsageError for a name that is no part of a row."""
    mapping = {"question" if name == "problem" else name: path for name, path in mapping.items()}
    for name in mapping:
        if name not in FIELDS:
            raise UsageError(f"--map names an unknown field {name!r}", f"known: {', '.join(FIELDS)}")
    return mapping


class UserTable:
    """The rows of a file, folder or Hub dataset. Raises UsageError for a place or a mapping that cannot be.

    `split` is read where the source has several and names none. With `strict` the first unusable row is an error.
    """

    def __init__(
        self, spec: str, mapping: Mapping[str, str] | None = None, *, split: str = "train", strict: bool = False
    ) -> None:
        self.mapping = check_fields(mapping or {})
        self.source: TableSource = locate(spec)
        self.split, self.strict = split, strict

    def judged(self) -> Iterator[tuple[Mapping[str, Any], UserRow | UnusableRow]]:
        """Every raw row and what it is read as, in order. Raises UsageError for a broken file, RemoteError for the Hub."""
        for where, row in self.raw():
            yield row, read_row(row, where, self.mapping)

    def rows(self) -> Iterator[UserRow]:
        """The usable rows, in order."""
        return (row for _, row in self.judged() if isinstance(row, UserRow))

    def digest(self) -> str:
        """What identifies the rows: a hash of the files, or the Hub dataset with its fingerprint."""
        if self.source.repo is not None:
            return f"hub:{self.source.spec}:{self._dataset._fingerprint}"
        return digest(self.source, self.split)

    @cached_property
    def _dataset(self) -> Any:
        """The split of a Hub dataset, loaded once."""
        source = self.source
        assert source.repo is not None
        return load_hub(source.repo, source.config, source.split or self.split, source.revision)

    def raw(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Every row as it stands there, with its place. Raises UsageError for a broken file, RemoteError for the Hub."""
        if self.source.repo is None:
            return raw_rows(self.source, self.split)
        return ((f"row {number}", row) for number, row in enumerate(self._dataset, start=1))

    def check(self, *, quiet: bool = False) -> dict[str, int]:
        """Read everything once; gives the unusable rows by reason and says the first of them (unless `quiet`).

        Raises UsageError where no row can be used, where a mapped field is in no row, and for any unusable row if strict.
        """
        reasons: Counter[str] = Counter()
        first: list[UnusableRow] = []
        absent, names, count = set(self.mapping.values()), "none", 0
        for row, read in self.judged():
            count += 1
            names = names if count > 1 else fields_of(row)
            absent = {path for path in absent if lookup(row, path) is None}
            if isinstance(read, UnusableRow):
                if self.strict:
                    raise UsageError(
                        f"{self.source.spec}, {read.where}: {read.detail}", f"without --strict it is left out; {_HINT}"
                    )
                reasons[read.reason] += 1
                first += [read] if len(first) < SHOWN else []
        self._refuse_hopeless(count, reasons, first, absent, names)
        if reasons and not quiet:
            for line in self.told(count, reasons, first):
                console.note(line)
        return dict(sorted(reasons.items()))

    def _refuse_hopeless(
        self, count: int, reasons: Counter[str], first: list[UnusableRow], absent: Collection[str], names: str
    ) -> None:
        spec = self.source.spec
        if not count:
            raise UsageError(f"{spec} holds no rows", SHAPE)
        if reasons.total() == count:
            if count == 1:
                raise UsageError(f"{spec}, {first[0].where}: {first[0].detail}", _HINT)
            raise UsageError("\n".join([f"{spec}: no row can be used", *self.told(count, reasons, first)[1:]]), _HINT)
        for name, path in self.mapping.items():
            if path in absent:
                raise UsageError(f"{spec}: --map {name}={path}, and no row has a field {path!r}", f"fields: {names}")

    def told(self, count: int, reasons: Counter[str], first: list[UnusableRow]) -> list[str]:
        """The unusable rows in words: how many by reason, then the first of them with line and field."""
        by_reason = ", ".join(f"{reason} {number:,}" for reason, number in reasons.most_common())
        lines = [f"{self.source.spec}: {reasons.total():,} of {count:,} rows cannot be used ({by_reason})"]
        lines += [f"  {row.where}: {row.detail}" for row in first]
        more = reasons.total() - len(first)
        return [*lines, *([f"  and {more:,} more"] if more else [])]


def read_row(row: Mapping[str, Any], where: str, mapping: Mapping[str, str]) -> UserRow | UnusableRow:
    """What a row says. The same row gives the same result, whoever asks."""
    try:
        return _Reader(row, where, mapping).read()
    except Unusable as unusable:
        return UnusableRow(where, unusable.field, unusable.reason, unusable.detail)


def found_in(row: Mapping[str, Any], mapping: Mapping[str, str]) -> dict[str, str]:
    """The field that each part of a usable row is read from, by the part's name; parts that the row lacks are left out."""
    reader = _Reader(row, "", mapping)
    found = {name: path for name in FIELDS for path, value in [reader._find(name)] if value is not None}
    if "question" not in found:
        found["question"] = next((name for name in chats.FIELDS if row.get(name) is not None), "")
    if "options" not in found and (given := options.read_options(row, None, "")) is not None:
        found["options"] = given.field
    if "answer" not in found:
        asked = found.get("options") and next((name for name in options.ANSWERS if row.get(name) is not None), None)
        found["answer"] = asked or found.get("solution") or found["question"]
    return {name: found[name] for name in FIELDS if name in found}


class _Reader:
    """One row on its way to a UserRow; every method raises Unusable."""

    def __init__(self, row: Mapping[str, Any], where: str, mapping: Mapping[str, str]) -> None:
        self.row, self.where, self.mapping = row, where, mapping

    def read(self) -> UserRow:
        field, asked, said = self._question()
        question = text_of(asked, "question", field)
        if not question:
            raise Unusable(field, "question_empty", f"field {field!r} is empty")
        found = options.read_options(self.row, self.mapping.get("options"), question)
        solution = self._text("solution")
        if found is not None:
            letter = options.letter_of_answer(*self._answer_of(found))
            return self._row(options.rendered(question, found), letter, solution, found)
        answer, worked = self._answer(said, solution)
        if golds.is_choice(answer) and (inline := options.inline_options(question)) is not None:
            return self._row(question, options.letter_of_answer(answer, inline, "answer"), worked, inline)
        return self._row(question, answer, worked, None)

    def _row(self, question: str, answer: str, solution: str | None, found: options.RowOptions | None) -> UserRow:
        facts: dict[str, Any] = {} if found is None else {"options": list(found.texts)}
        facts |= {name: text for name in _MAPPED_ONLY if (text := self._text(name))}
        texts = {name: self._text(name) for name in ("source", "id", "licence", "language")}
        check: Literal["value", "choice"] = "value" if found is None else "choice"
        return UserRow(self.where, question, answer, solution, **texts, check=check, facts=facts)

    def _find(self, name: str) -> tuple[str, Any]:
        """The field that a part of the row lies in, and its value; None where it is missing."""
        if name in self.mapping:
            return self.mapping[name], lookup(self.row, self.mapping[name])
        if name in _MAPPED_ONLY:
            return name, None
        tried = _OTHER_NAMES.get(name, (name,))
        return next(((key, self.row[key]) for key in tried if self.row.get(key) is not None), (tried[0], None))

    def _text(self, name: str) -> str | None:
        """An optional part as text; None where it is missing or empty."""
        field, value = self._find(name)
        if value is None:
            return None
        if chats.is_chat(value):
            value = chats.read_chat(value, field).answer
            if value is None:
                return None
        return text_of(value, name, field) or None

    def _question(self) -> tuple[str, Any, Any]:
        """The field of the question, what it asks, and what a chat there answers."""
        field, value = self._find("question")
        if value is None and "question" not in self.mapping:
            chat = next((name for name in chats.FIELDS if self.row.get(name) is not None), None)
            field, value = (chat, self.row[chat]) if chat else (field, value)
        if value is None:
            raise Unusable(field, "question_missing", self._missing(field))
        if chats.is_chat(value):
            asked, said = chats.read_chat(value, field)
            return field, asked, said
        return field, value, None

    def _answer(self, said: Any, solution: str | None) -> tuple[str, str | None]:
        """The gold and the solution: from the answer's field, else from a chat's answer, else from the solution."""
        field, value = self._find("answer")
        if chats.is_chat(value):
            value = chats.read_chat(value, field).answer
        if value is None and "answer" not in self.mapping and said is not None:
            value, field = said, "the assistant's turn"
        if value is None:
            stated = None if solution is None else golds.read_gold(solution)
            if stated is None:
                missing = self._missing(field) + (", and the solution states no answer" if solution else "")
                raise Unusable(field, "answer_missing", missing)
            return stated, solution
        text = text_of(value, "answer", field)
        if not text:
            raise Unusable(field, "answer_empty", f"field {field!r} is empty")
        stated = golds.read_gold(text)
        if stated is not None:
            return stated, solution or text
        return text, solution or (said if isinstance(said, str) else None)

    def _answer_of(self, found: options.RowOptions) -> tuple[Any, options.RowOptions, str]:
        """The gold of a multiple-choice row as it stands there, the options, and its field."""
        tried = (self.mapping["answer"],) if "answer" in self.mapping else options.ANSWERS
        for field in tried:
            value = lookup(self.row, field)
            if value is not None and value != "":
                return value, found, field
        if found.right is not None:
            return found.right, found, "correct_answer"
        raise Unusable(tried[0], "answer_missing", self._missing(tried[0]))

    def _missing(self, field: str) -> str:
        if field in self.row:
            return f"field {field!r} is null"
        return f"no field {field!r} (fields: {fields_of(self.row)})"
