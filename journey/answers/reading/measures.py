"""Expressions within a span: with a unit or currency, as the parts of a ratio, as the cells of a matrix."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from journey.answers.reading.expressions import ExpressionReader
from journey.answers.reading.objects import Answer, Grid, Measured, Proportion
from journey.answers.reading.spans import MAX_PARTS, TokenizedText, level_of
from journey.answers.reading.terms import Term, negative, num, operations
from journey.answers.reading.tokens import Token, UnreadAnswer, tokens
from journey.answers.reading.units import read_unit
from journey.answers.reading.wordings import plain_words

_SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}


def read_measured(within: TokenizedText, start: int, end: int) -> Measured:
    """An expression with a unit, a percent sign or a currency."""
    if start >= end:
        raise UnreadAnswer("nothing where a value should be")
    currency, flipped = None, False
    index = start
    if (
        within.tokens[index].text in ("+", "-")
        and end - start > 2
        and within.tokens[index + 1].text in "$\u20ac\u00a3\u00a5\u20b9"
    ):
        flipped, index = within.tokens[index].text == "-", index + 1
    if within.tokens[index].kind == "sign" and within.tokens[index].text in "$\u20ac\u00a3\u00a5\u20b9":
        currency = read_unit(within.tokens[index].text)
        index += 1
    reader = ExpressionReader(within.tokens, index, end, within.doubts)
    term = reader.expression()
    if flipped:
        term = negative(term)
    unit, scale = currency, 1
    tail = (
        within.text[within.tokens[reader.position].start : within.tokens[end - 1].end] if reader.position < end else ""
    )
    if tail:
        words = plain_words(tail).split(" ", 1)
        scale = _SCALES.get(words[0].lower(), 1)
        rest = (words[1] if len(words) > 1 else "") if scale > 1 else tail
        if rest:
            behind = read_unit(rest)
            if behind is None:
                raise UnreadAnswer(f"{tail[:30]!a} behind an expression")
            unit = behind if currency is None or behind == currency else currency.times(behind)
        if (
            unit is not None
            and _single_letter(within.tokens[reader.position : end])
            and not within.tokens[reader.position].spaced
        ):
            within.doubts.second("unit")
    if scale > 1:
        term = Term("mul", (term, num(scale)))
    whole = within.tokens[index].text if reader.position == index + 1 and within.tokens[index].text.isdigit() else ""
    return Measured(term, unit, scale > 1, whole)


def _single_letter(span: Sequence[Token]) -> bool:
    return len(span) == 1 and span[0].kind == "letter"


def is_measured(within: TokenizedText, start: int, end: int) -> bool:
    """Whether a span is an expression, perhaps with a unit."""
    try:
        read_measured(within, start, end)
    except UnreadAnswer:
        return False
    return True


def term_of(within: TokenizedText, start: int, end: int) -> Term:
    """The expression that a span is; a unit or a plus-minus sign is refused."""
    measured = read_measured(within, start, end)
    if measured.unit is not None or measured.scaled:
        raise UnreadAnswer("a unit in an equation")
    if {"pm", "mp"} & set(operations(measured.term)):
        raise UnreadAnswer("a plus-minus sign in an equation")
    return measured.term


def read_ratio(within: TokenizedText, start: int, end: int) -> Answer | None:
    """Expressions with colons between, or None where there is no colon."""
    bounds = [start - 1]
    level = 0
    for index in range(start, end):
        level += level_of(within.tokens[index])
        if level == 0 and within.tokens[index].text == ":":
            bounds.append(index)
    if len(bounds) == 1:
        return None
    bounds.append(end)
    return Proportion(tuple(term_of(within, a + 1, b) for a, b in itertools.pairwise(bounds)))


def read_grid(within: TokenizedText, start: int, end: int) -> Answer | None:
    """A matrix or column, perhaps with a factor before it."""
    source = within.source(start, end)
    match = re.fullmatch(
        r"(?P<factor>[^&]*?)(?P<wrap>[\[(]?) ?\\begin ?\{(?P<kind>[pbB]?matrix|smallmatrix|array)\}(?P<columns> ?\{[lcr| ]*\})?(?P<body>.*)\\end ?\{(?P=kind)\} ?[\])]?",
        source,
    )
    if match is None:
        if "\\begin" in source:
            raise UnreadAnswer("a matrix of another kind")
        return None
    if "\\begin" in match["body"] or (match["kind"] in ("matrix", "array", "smallmatrix") and not match["wrap"]):
        raise UnreadAnswer("a matrix in a matrix, or without brackets")
    body = re.sub(r"\\hline", "", match["body"]).strip()
    body = re.sub(r"(?:\\\\ ?)+$", "", body).strip()
    rows = [row.split("&") for row in body.split("\\\\")]
    if len({len(row) for row in rows}) != 1 or len(rows) * len(rows[0]) > 4 * MAX_PARTS:
        raise UnreadAnswer("rows of several lengths")
    factor = match["factor"].strip()
    scale = num(1)
    if factor:
        scale = num(-1) if factor == "-" else _other_term(within, re.sub(r"(?:\*|\\cdot|\\times) ?$", "", factor))
    cells = [
        [Term("mul", (scale, cell)) if factor else cell for cell in (_other_term(within, text) for text in row)]
        for row in rows
    ]
    return Grid(tuple(tuple(row) for row in cells))


def _other_term(within: TokenizedText, text: str) -> Term:
    other = TokenizedText(text.strip(), within.doubts)
    other.tokens = tokens(other.text)
    return term_of(other, 0, len(other.tokens))
