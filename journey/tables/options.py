"""RowOptions of a multiple-choice row, in the spellings that public sets use: read as texts, rendered into the question.

    options / choices: ["12", "15"], {"A": "12", "B": "15"}, {"text": [...], "label": [...]}, [{"label": "A", "text": "12"}], "A) 12 , B) 15"
    columns A, B, C; option_a, option_b; opa, opb; option1, option2; choice_a; correct_answer with distractor1 ... (put in an order by hash)

The gold is a letter or label, an option's own text, "B. 15", or a position counted from 0; what could be two of these is
unusable. Whatever the spelling, the row's answer is the letter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from journey.answers.choices import LETTERS, letter_of, plain
from journey.rng import digest
from journey.tables.cells import Unusable, lookup, text_of

FIELDS = ("options", "choices")
ANSWERS = (
    *("answer", "answerKey", "answer_key", "correct", "correct_option", "label", "target", "cop"),
    *("answer_index", "answer_idx"),
)
_COLUMNS = (
    *("{A}", "option_{a}", "option_{A}", "option{A}", "Option {A}", "op{a}"),
    *("choice_{a}", "choice_{A}", "option{n}", "choice{n}"),
)
_MIXED = (("correct_answer", "distractor{n}"), ("Correct Answer", "Incorrect Answer {n}"))
_LETTERED = re.compile(r"(?:^|[\s,;|]+)\(?([A-Za-z]) ?[).:](?= |\S)")


class RowOptions(NamedTuple):
    """The options in order, their labels as the row has them, the text of the right one where a column says it, the field."""

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    right: str | None = None
    field: str = ""


def read_options(row: Mapping[str, Any], field: str | None, question: str) -> RowOptions | None:
    """A row's options; None where it has none. Raises Unusable where the field named for them holds something else."""
    for name in [field] if field else FIELDS:
        value = lookup(row, name)
        if value is None:
            continue
        found = _listed(value, name)
        if found is not None and 2 <= len(found.texts) <= len(LETTERS) and all(found.texts):
            return found._replace(field=name)
        if field:
            raise Unusable(name, "options_not_understood", f"field {name!r} is no list of two options or more")
    return None if field else _columns(row) or _mixed(row, question)


def letter_of_answer(value: Any, options: RowOptions, field: str) -> str:
    """The letter of the gold. Raises Unusable where it is no option, or may be two."""
    letters = {LETTERS[index] for index in _positions(value, options, field)}
    if len(letters) == 1:
        return letters.pop()
    if not letters:
        raise Unusable(
            field, "answer_not_an_option", f"field {field!r} is {str(value)[:60]!r}, which is none of the options"
        )
    said = " or ".join(sorted(letters))
    raise Unusable(field, "answer_ambiguous", f"field {field!r} is {str(value)[:60]!r}: option {said}")


def rendered(question: str, options: RowOptions) -> str:
    """The question with its options below it, unless it shows them already."""
    inline = [match[1].upper() for match in _LETTERED.finditer(question)]
    shown = inline[-len(options.texts) :] == list(LETTERS[: len(options.texts)])
    if shown and all(text in question for text in options.texts):
        return question
    lines = [f"({letter}) {text}" for letter, text in zip(LETTERS, options.texts, strict=False)]
    return "\n".join([f"{question}\n", *lines])


def inline_options(question: str) -> RowOptions | None:
    """The options that a question ends in, `... (A) 12 (B) 15`; None where it ends in none."""
    found = _split(plain(question))
    return None if found is None or len(found.texts) < 3 else found


def _positions(value: Any, options: RowOptions, field: str) -> set[int]:
    """The options that a gold may mean."""
    count = len(options.texts)
    folded = [plain(text).casefold() for text in options.texts]
    if isinstance(value, int) and not isinstance(value, bool):
        same = {index for index, text in enumerate(folded) if text == str(value)}
        labelled = {index for index, label in enumerate(options.labels) if label == str(value)}
        return labelled or same | ({value} if 0 <= value < count else set())
    text = plain(text_of(value, "answer", field))
    labelled = {index for index, label in enumerate(options.labels) if label.casefold() == text.casefold()}
    letter, rest = letter_of(text, count)
    if letter is not None and (not rest or rest.casefold() == folded[LETTERS.index(letter)]):
        labelled = labelled or {LETTERS.index(letter)}
    same = {index for index, option in enumerate(folded) if option == text.casefold()}
    if labelled or same:
        return labelled | same
    return {int(text)} if text.isdecimal() and int(text) < count else set()


def _listed(value: Any, field: str) -> RowOptions | None:
    if isinstance(value, str):
        return _split(value)
    if isinstance(value, Mapping):
        texts, labels = value.get("text"), value.get("label")
        if isinstance(texts, list) and isinstance(labels, list) and len(texts) == len(labels):
            return _made(texts, [str(label) for label in labels], field)
        keys = [key for key, one in value.items() if one is not None]
        alone = [re.sub(r"(?i)^(?:option|choice)[ _]?", "", str(key)) for key in keys]
        if len(keys) > 1 and all(len(key) == 1 for key in alone):
            return _made([value[key] for key in keys], alone, field)
        return None
    if not isinstance(value, list):
        return None
    if value and all(isinstance(one, Mapping) for one in value):
        return _objects(value, field)
    made = _made(value, list(LETTERS[: len(value)]), field)
    joined = None if made is None else _split(" ".join(made.texts))  # each with its letter in front
    return joined if made and joined and len(joined.texts) == len(made.texts) else made


def _objects(value: Sequence[Mapping[str, Any]], field: str) -> RowOptions | None:
    for label, text in (("label", "text"), ("key", "value"), ("key", "text"), ("id", "text"), ("letter", "text")):
        if all(one.get(label) is not None and one.get(text) is not None for one in value):
            return _made([one[text] for one in value], [str(one[label]) for one in value], field)
    return None


def _made(texts: Sequence[Any], labels: Sequence[str], field: str) -> RowOptions | None:
    try:
        return RowOptions(tuple(text_of(text, "option", field) for text in texts), tuple(labels))
    except Unusable:
        return None


def _split(text: str) -> RowOptions | None:
    """RowOptions in one text, each behind its letter, A first."""
    marks = list(_LETTERED.finditer(text))
    starts = [number for number, mark in enumerate(marks) if mark[1].upper() == "A"]
    for start in reversed(starts):
        run = [mark for mark, letter in zip(marks[start:], LETTERS, strict=False) if mark[1].upper() == letter]
        if len(run) < 2 or len(run) < len(marks) - start:
            continue
        ends = [mark.start() for mark in run[1:]] + [len(text)]
        parts = [text[mark.end() : end].strip(" ,;|\n") for mark, end in zip(run, ends, strict=True)]
        return RowOptions(tuple(parts), tuple(LETTERS[: len(parts)])) if all(parts) else None
    return None


def _columns(row: Mapping[str, Any]) -> RowOptions | None:
    for pattern in _COLUMNS:
        names = [pattern.format(A=letter, a=letter.lower(), n=index + 1) for index, letter in enumerate(LETTERS)]
        values = []
        for name in names:
            if row.get(name) is None:
                break
            values.append(row[name])
        if len(values) > (2 if pattern == "{A}" else 1):
            made = _made(values, list(LETTERS[: len(values)]), names[0])
            return made and made._replace(field=", ".join(names[: len(values)]))
    return None


def _mixed(row: Mapping[str, Any], question: str) -> RowOptions | None:
    """The right answer and the wrong ones in columns of their own, in an order that depends on the texts alone."""
    for right, pattern in _MIXED:
        wrong = [row.get(pattern.format(n=number)) for number in range(1, 10)]
        texts = [text for text in (row.get(right), *wrong) if text is not None]
        if row.get(right) is None or len(texts) < 2:
            continue
        made = _made(texts, LETTERS[: len(texts)], right)
        if made is not None:
            order = sorted(made.texts, key=lambda text: digest("options", question, text))
            return RowOptions(tuple(order), tuple(LETTERS[: len(order)]), made.texts[0], right)
    return None
