"""The name on the left of an equation: a letter, words, an angle, a function of a letter, coordinates."""

from __future__ import annotations

import re

from journey.answers.reading.atoms import Doubts
from journey.answers.reading.expressions import ExpressionReader
from journey.answers.reading.objects import NamedAnswer, Prose
from journey.answers.reading.spans import TokenizedText
from journey.answers.reading.terms import Term
from journey.answers.reading.tokens import UnreadAnswer
from journey.answers.reading.wordings import plain_words


def name_of(within: TokenizedText, start: int, end: int) -> NamedAnswer | None:
    """A name on the left of an equation, without its value; None where it is an expression."""
    nothing = Prose("")
    span = within.tokens[start:end]
    if not span:
        return None
    first = span[0]
    source = within.source(start, end)
    index = start + (len(span) > 2 and span[0].text == "m" and span[1].text == "\\angle")
    inverse = re.fullmatch(r"([A-Za-z]) ?\^ ?\{? ?-1 ?\}? ?\( ?([a-z]) ?\)", source)
    if inverse is not None:
        return NamedAnswer(f"{inverse[1]}^-1", nothing, argument=inverse[2])
    while index < end and within.tokens[index].text in ("\\angle", "\\triangle", "\\measuredangle"):
        index += 1
    if index > start + (span[0].text == "m") and all(
        token.kind in ("letter", "text") for token in within.tokens[index:end]
    ):
        return NamedAnswer(source, nothing)
    if all(
        token.kind in ("text",) or (token.kind == "letter" and len(span) > 1 and token.text.isupper()) for token in span
    ):
        return NamedAnswer(plain_words(source).lower() if first.kind == "text" else source, nothing)
    if all(
        token.kind in ("text", "letter") and (token.kind == "text" or token.spaced or index == 0)
        for index, token in enumerate(span)
    ) and any(token.kind == "text" and not token.roman for token in span):
        return NamedAnswer(plain_words(source).lower(), nothing)
    if first.text == "(" and span[-1].text == ")" and len(span) >= 5:
        return _coordinates(within, start, end)
    if first.kind != "letter" or first.text in ("i", "e"):
        return None
    reader = ExpressionReader(within.tokens, start, end, Doubts())
    try:
        if first.text in "fgFGhPp" and len(span) > 1 and span[1].text == "(":
            reader.position += 1
            name = first.text
        else:
            term = reader.letter(first)
            name = term.name
    except UnreadAnswer:
        name = first.text
        reader.position = start + 1
    while reader.take("'"):
        name += "'"
    if reader.position == end:
        return NamedAnswer(name, nothing)
    rest = within.tokens[reader.position : end]
    if (
        [token.text for token in (rest[0], rest[-1])] == ["(", ")"]
        and all(token.kind in ("letter", "number") or token.text == "," for token in rest[1:-1])
        and (len(rest) == 3 and rest[1].kind in ("letter", "number") or len(rest) > 3 and rest[2].text == ",")
    ):
        argument = "".join(token.text for token in rest[1:-1])
        return NamedAnswer(name, nothing, argument=argument)
    return None


def _coordinates(within: TokenizedText, start: int, end: int) -> NamedAnswer | None:
    """(x, y) or (x_0, y_0) as names."""
    names, reader = [], ExpressionReader(within.tokens, start + 1, end - 1, Doubts())
    try:
        while (token := reader.peek()) is not None:
            if token.kind != "letter":
                return None
            names.append(Term("var", name=token.text).name)
            reader.letter(token)
            if reader.peek() is not None:
                reader.expect(",")
    except UnreadAnswer:
        return None
    return NamedAnswer("(" + ",".join(names) + ")", Prose(""), coordinates=tuple(names)) if len(names) > 1 else None
