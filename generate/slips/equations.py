"""Steps of a solution read as equations: annotations, calculations written out, and where each number stands.

`Total: 3 * $5 = $<<3*5=15>>15.` gives the text without the mark, the equation 3 * 5 = 15, and the spans in the text of
its operands, its operator and its result, so that each can be changed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from journey.answers.claims import evaluate
from journey.generate.slips.written import MONEY, Numeral, numerals

_ANNOTATION = re.compile(r"<<([^<>]*)>>")
_TOKEN = re.compile(r"\d+\.?\d*|\.\d+|[-+*/()]")
_PLAIN = {"x": "*", "X": "*", "\u00d7": "*", "\u00f7": "/", "\u2212": "-", "\u2013": "-", "\u2014": "-"}
_SIGN = re.compile(
    r"(?<=[\s\d%)])[xX](?=[\s$\d(])|/(?=[\s$\d(.])(?<![A-Za-z]/)|[*\u00d7\u00f7+=()]"
    r"|[-\u2212\u2013\u2014](?=[\s$\d(.])"
)
_BREAK = re.compile(r"[;:?!]|[.,](?:\s|$)")
_LABEL = re.compile(r"[A-Za-z]{2,}[)\s]*$")  # `Total = 5 + 3 = 8`
_LEAD = re.compile(rf"[\s{MONEY}(]*")


class Unreadable(ValueError):
    """A solution that cannot be read as a graph; `reason` is the word it is counted under."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


@dataclass(frozen=True)
class Operand:
    """A number of a calculation: `token` is its place there, `shown` its numeral in the step's text (None: in words).

    `sources` are the (quantity id, expression over it) pairs it could come from: one is a link, two are ambiguous.
    """

    token: int
    value: Fraction
    shown: int | None
    sources: tuple[tuple[str, str], ...] = ()

    @property
    def link(self) -> str | None:
        """The id of the one quantity it comes from."""
        return self.sources[0][0] if len(self.sources) == 1 else None


@dataclass(frozen=True)
class Equation:
    """One calculation of a step. `signs` gives the text span of each operator token that is written out."""

    id: str
    tokens: tuple[str, ...]
    value: Fraction
    operands: tuple[Operand, ...]
    signs: dict[int, tuple[int, int]]
    result: int | None
    span: tuple[int, int] | None

    @cached_property
    def expression(self) -> str:
        """The calculation over literals, e.g. `48 / 2`."""
        return join(self.tokens)

    @cached_property
    def linked(self) -> str:
        """The calculation over quantity ids where the link is clear."""
        tokens = list(self.tokens)
        for operand in self.operands:
            if operand.link:
                tokens[operand.token] = operand.sources[0][1]
        return join(tokens)


@dataclass(frozen=True)
class Step:
    """A part of the solution with a calculation, usually a sentence; `text` is `raw` without the annotations.

    `joint` is the white space before it.
    `opaque`: it holds an equals sign that could not be read, so nothing may be changed in it.
    """

    raw: str
    text: str
    joint: str
    numerals: tuple[Numeral, ...]
    equations: tuple[Equation, ...]
    opaque: bool


def join(tokens: Sequence[str]) -> str:
    """Tokens as a readable expression: `(2 + 3) * 4`, `5 + -3`."""
    text = ""
    for at, token in enumerate(tokens):
        unary = token in "+-" and (at == 0 or tokens[at - 1] in ("(", "+", "-", "*", "/"))
        tight = not text or text.endswith("(") or token == ")" or (at and _is_unary(tokens, at - 1))
        text += token if tight or (unary and text.endswith("(")) else f" {token}"
    return text


def in_words(tokens: Sequence[str]) -> str:
    """A calculation for prose: as `join`, with `140 * .01` said as `140%`."""
    return re.sub(r"(?<![\d.])(\d+(?:\.\d+)?) \* 0?\.01(?!\d)", r"\1%", join(tokens))


def _is_unary(tokens: Sequence[str], at: int) -> bool:
    return tokens[at] in ("+", "-") and (at == 0 or tokens[at - 1] in ("(", "+", "-", "*", "/"))


@dataclass(frozen=True)
class _Token:
    """A numeral (`at` is its index) or an operator sign of a text."""

    sign: str
    start: int
    end: int
    at: int = -1


def read_step(joint: str, raw: str) -> Step:
    """A step with its equations; their ids and links are still open. Raises Unreadable."""
    text, marks, done = "", [], 0
    for match in _ANNOTATION.finditer(raw):
        text += raw[done : match.start()]
        marks.append((len(text), match.group(1)))
        done = match.end()
    text += raw[done:]
    found = numerals(text)
    tokens = [_Token("", each.start, each.end, at) for at, each in enumerate(found)]
    tokens += [_Token(_PLAIN.get(m.group(), m.group()), *m.span()) for m in _SIGN.finditer(text)]
    tokens.sort(key=lambda token: token.start)
    reader = _Reader(text, found, tokens)
    equations = [(at, reader.marked(at, content)) for at, content in marks]
    for sign in [token for token in tokens if token.sign == "="]:
        if sign.start not in reader.used:
            equation = reader.unmarked(sign)
            if equation is not None:
                equations.append((sign.end, equation))
    unread = [token.start for token in tokens if token.sign == "=" and token.start not in reader.used]
    opaque = any(not _LABEL.search(text, 0, start) for start in unread)
    opaque = opaque or any(number.glued and not text[number.end + 1 : number.end + 2].isalpha() for number in found)
    equations.sort(key=lambda pair: pair[0])
    return Step(raw, text, joint, found, tuple(equation for _, equation in equations), opaque)


class _Reader:
    """Finds the written form of calculations in one text; `used` holds the equals signs that were understood."""

    def __init__(self, text: str, found: tuple[Numeral, ...], tokens: list[_Token]) -> None:
        self.text, self.found, self.tokens = text, found, tokens
        self.used: set[int] = set()

    def marked(self, at: int, content: str) -> Equation:
        """The equation of an annotation at position `at` of the text."""
        left, equals, right = content.replace(",", "").replace(" ", "").rpartition("=")
        tokens = tuple(_TOKEN.findall(left))
        if not equals or not tokens or "".join(tokens) != left:
            raise Unreadable("unreadable_annotation", f"<<{content}>>")
        try:
            value, computed = Fraction(right), evaluate(left)
        except ValueError as error:
            raise Unreadable("unreadable_annotation", f"<<{content}>>") from error
        if computed != value:
            raise Unreadable("false_annotation", f"<<{content}>>: {left} is {computed}")
        before = [token for token in self.tokens if token.end <= at]
        sign = before[-1] if before and before[-1].sign == "=" else None
        if sign and not _LEAD.fullmatch(self.text, sign.end, at):
            sign = None
        result = self._numeral_after(at, value)
        if sign is not None:
            self.used.add(sign.start)
            if len(tokens) == 1 and (written := self._run(before[:-1], value)):
                return self._equation(*written, value, result)
            matched = self._match(tokens, before[:-1])
            if matched is not None:
                return self._equation(tokens, *matched, value, result)
        return self._equation(tokens, {}, {}, value, result)

    def unmarked(self, sign: _Token) -> Equation | None:
        """The equation around a bare equals sign, if it is written out in numbers and true."""
        after = [number for number in self.found if number.start >= sign.end]
        if not after or not _LEAD.fullmatch(self.text, sign.end, after[0].start):
            return None
        value = after[0].value
        written = self._run([token for token in self.tokens if token.end <= sign.start], value)
        if written is None:
            return None
        self.used.add(sign.start)
        return self._equation(*written, value, self.found.index(after[0]))

    def _numeral_after(self, at: int, value: Fraction) -> int | None:
        for place, number in enumerate(self.found):
            if number.start >= at:
                return place if number.value == value and _LEAD.fullmatch(self.text, at, number.start) else None
        return None

    def _match(self, tokens: tuple[str, ...], before: list[_Token]) -> tuple[dict[int, int], dict[int, _Token]] | None:
        """Numeral of each operand and sign of each operator, matched backwards from the equals sign."""
        shown: dict[int, int] = {}
        signs: dict[int, _Token] = {}
        at, place = len(tokens) - 1, len(before) - 1
        right = before[place].end if before else 0
        while at >= 0:
            if place >= 0 and before[place].sign in ("(", ")") and before[place].sign != tokens[at]:
                place -= 1
                continue
            if tokens[at] in ("(", ")"):
                if place >= 0 and before[place].sign == tokens[at]:
                    place -= 1
                at -= 1
                continue
            if place < 0 or _BREAK.search(self.text, before[place].end, right):
                return None
            token = before[place]
            used = self._fits(tokens, at, token)
            if not used:
                return None
            if token.at >= 0:
                shown[at - used + 1] = token.at
            else:
                signs[at] = token
            right, at, place = token.start, at - used, place - 1
        return shown, signs

    def _fits(self, tokens: tuple[str, ...], at: int, token: _Token) -> int:
        """How many expression tokens, ending at `at`, one text token stands for (25% may be `25/100`); 0 is none."""
        if token.at < 0:
            return int(tokens[at] == token.sign)
        number = self.found[token.at]
        if not tokens[at][-1].isdigit() and not tokens[at][0].isdigit():
            return 0
        value = Fraction(tokens[at].rstrip("."))
        if value == number.value and not number.percent:
            return 1
        if number.percent and value == number.value / 100:
            return 1
        hundredth = (tokens[at - 1], value) in (("/", 100), ("*", Fraction(1, 100)))
        if number.percent and at >= 2 and hundredth and tokens[at - 2].rstrip(".") == str(number.value):
            return 3
        return int(value == number.value)

    def _run(
        self, before: list[_Token], value: Fraction
    ) -> tuple[tuple[str, ...], dict[int, int], dict[int, _Token]] | None:
        """The longest written-out calculation that ends at the equals sign, if it has this value."""
        run: list[_Token] = []
        right = before[-1].end if before else 0
        for token in reversed(before):
            number_next = not run or run[0].sign in tuple("+-*/")
            if token.sign in ("(", ")", "=") or (token.at >= 0) != number_next:
                break
            if len(self.text[token.end : right]) > 25 or _BREAK.search(self.text, token.end, right):
                break
            run.insert(0, token)
            right = token.start
        if run and run[0].at < 0:
            run.pop(0)
        if len(run) < 3:
            return None
        tokens: list[str] = []
        shown: dict[int, int] = {}
        signs: dict[int, _Token] = {}
        for token in run:
            if token.at < 0:
                signs[len(tokens)] = token
                tokens.append(token.sign)
                continue
            number = self.found[token.at]
            literal = self.text[token.start : token.end].replace(",", "")
            shown[len(tokens) + number.percent] = token.at
            tokens += ["(", literal, "/", "100", ")"] if number.percent else [literal]
        try:
            return (tuple(tokens), shown, signs) if evaluate(join(tokens)) == value else None
        except ValueError:
            return None

    def _equation(
        self,
        tokens: tuple[str, ...],
        shown: dict[int, int],
        signs: dict[int, _Token],
        value: Fraction,
        result: int | None,
    ) -> Equation:
        operands = tuple(
            Operand(at, Fraction(token.rstrip(".")), shown.get(at))
            for at, token in enumerate(tokens)
            if token not in ("(", ")", "+", "-", "*", "/")
        )
        spans = [(self.found[at].start, self.found[at].end) for at in shown.values()]
        span = (min(spans)[0], max(end for _, end in spans)) if spans else None
        return Equation("", tokens, value, operands, {at: (t.start, t.end) for at, t in signs.items()}, result, span)
