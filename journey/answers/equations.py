"""The one reader of equations in text: where they stand, their exact value, and whether they are true. No text is run.

    [one] = equations("The candles cost $19 * 2 = $38.")    # one.left, one.exact, one.claimed, one.true

One record, read in two ways on purpose, because a mistake of the reader costs its users different things:

- `equations` is for judging what anybody wrote. It yields false equations too, so it must not take algebra or prose for
  one: nothing but blanks, brackets and signs stands between the numbers; what touches a letter, a power or a percent sign
  is left out (`x^2 + 3 = 7`, `2m = 6`); a value with fewer decimals than the exact one is true if it is that one rounded.
- `read_solution` is for solutions whose numbers are to be changed one by one (GSM8K's). Units, currency and a few words may
  stand between the numbers (`3 boxes * $5 = $15`), percents are read, and annotations (`<<3*5=15>>`) say what is meant. A
  number taken from prose by mistake would make a false equation, so only those that hold exactly are given.
"""

from __future__ import annotations

import bisect
import itertools
import math
import operator
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from journey.answers.exact import MAX_CHARS, NotANumber, decimal, evaluate
from journey.answers.prose_numbers import MONEY, Numeral, numerals

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
_SIGNS = {"\u00d7": "*", "\u00f7": "/", "\u2212": "-", "\u2013": "-"}  # both ways of reading; each has more of its own
_OPERATORS = ("+", "-", "*", "/")
_BRACKETS = ("(", ")")
Span = tuple[int, int]


@dataclass(frozen=True)
class Equation:
    """One equation as written, at characters `[start, end)` of its text.

    `left` is the calculation in + - * / and brackets, `exact` its value; `right` is the value as written, `claimed` as a
    number. `tokens` are the numbers (without thousands commas), signs and brackets of the calculation, `spans` the
    characters of each one that is written out in the text, by its index, in the order in which they were read; `result`
    are those of the value where they are known.
    """

    left: str
    right: str
    exact: Fraction
    claimed: Fraction
    start: int
    end: int
    tokens: tuple[str, ...]
    spans: Mapping[int, Span]
    result: Span | None = None

    @property
    def true(self) -> bool:
        """Whether the value is the exact one, or that rounded to the decimals that are written."""
        if self.exact == self.claimed:
            return True
        decimals = len(self.right.rpartition(".")[2]) if "." in self.right else 0
        return decimals > 0 and abs(self.exact - self.claimed) <= Fraction(1, 2 * 10**decimals)

    @property
    def numbers(self) -> list[Fraction]:
        """The numbers of the calculation, in order."""
        return [decimal(token) for token in self.tokens if is_number(token)]


class Unreadable(ValueError):
    """A solution that cannot be read; `reason` is the word it is counted under."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


def is_number(token: str) -> bool:
    """Whether a token of a calculation is a number, not a sign or a bracket."""
    return token not in _OPERATORS and token not in _BRACKETS


def join(tokens: Sequence[str]) -> str:
    """Tokens as a readable expression: `(2 + 3) * 4`, `5 + -3`."""
    text = ""
    for index, token in enumerate(tokens):
        unary = _is_unary(tokens, index)
        tight = not text or text.endswith("(") or token == ")" or (index and _is_unary(tokens, index - 1))
        text += token if tight or (unary and text.endswith("(")) else f" {token}"
    return text


def _is_unary(tokens: Sequence[str], index: int) -> bool:
    return tokens[index] in ("+", "-") and (index == 0 or tokens[index - 1] in ("(", *_OPERATORS))


# --- anybody's text: every equation, true or false -------------------------------------------------------------------

# A run begins where its first sign does: begun at every one of a thousand dashes, reading would take their square.
_RUN = re.compile(rf"(?<![-( ])[-( ]*+{_NUMBER}(?:[ =+*/()-]|{_NUMBER})*")
_RUN_OR_PLUS = re.compile(rf"(?<![-+( ])[-+( ]*+{_NUMBER}(?:[ =+*/()-]|{_NUMBER})*")
_WORDS = re.compile(
    r"\\(?:times|cdot)(?![A-Za-z])|\\div(?![A-Za-z])|\\left|\\right|\\[,;! ()\[\]]|[$\u20ac]|<<[^<>]*>>"
)
_PLAIN = str.maketrans({**_SIGNS, "\u00b7": "*", "\t": " "})
_LETTER_X = re.compile(r"(?<=[\d)])( *)[xX](?= *[\d(.])")
_INTEGERS = re.compile(r" *\d{1,9}(?: *[-+*] *\d{1,9}){1,8} *", re.ASCII)
_PAIR = re.compile(r" *(\d{1,9}) *([-+*]) *(\d{1,9}) *", re.ASCII)
_SHORT = re.compile(rf"{_PAIR.pattern}= *(\d{{1,9}}) *", re.ASCII)
_TWO_NUMBERS = re.compile(r"\d +\.?\d++(?! */)")  # side by side and no mixed number: no arithmetic
_CALCULATES = re.compile(r"(?<=[\d)]) *[-+*/]")
_TOKEN = re.compile(rf"{_NUMBER}|[-+*/()]")
_NEAR = 80  # characters around a run that are looked at: blanks, and a sign or a letter


def equations(text: str, *, terse: bool = False) -> Iterator[Equation]:
    """Every equation of the text between two sides of which the left one calculates something, in order.

    `terse`: the text is the terse notation of this project's own traces, where a plus sign may begin a calculation; in
    anybody's prose one that begins goes on from something that was not read.
    """
    text = plain(text)
    for run in (_RUN_OR_PLUS if terse else _RUN).finditer(text):
        if "=" not in run[0]:
            continue
        if short := _SHORT.fullmatch(run[0]):
            if not _goes_on_before(text, run.start()) and not _goes_on_after(text, run.end()):
                yield _short(short, run.start())
            continue
        sides = _sides(text, run)
        for (left, start, _), (right, after, end) in itertools.pairwise(sides):
            if left is None or right is None or not _CALCULATES.search(left):
                continue
            try:
                exact, claimed = _exact(left), _exact(right)
            except NotANumber:
                continue
            matches = list(_TOKEN.finditer(left))
            tokens = tuple(token[0].replace(",", "") for token in matches)
            spans = {index: (start + token.start(), start + token.end()) for index, token in enumerate(matches)}
            yield Equation(left, right, exact, claimed, start, end, tokens, spans, (after, end))


def _short(match: re.Match[str], start: int) -> Equation:
    """The equation of two plain integers and their value, which most are, at a place of the text."""
    first, sign, second, value = match.groups()
    exact = _calculated(first, sign, second)
    spans = {place: (start + match.start(place + 1), start + match.end(place + 1)) for place in range(3)}
    result = (start + match.start(4), start + match.end(4))
    left = match.string[match.start(1) : match.end(3)]
    claimed = Fraction(int(value))
    return Equation(left, value, Fraction(exact), claimed, spans[0][0], result[1], (first, sign, second), spans, result)


def _calculated(first: str, sign: str, second: str) -> int:
    a, b = int(first), int(second)
    return a + b if sign == "+" else a - b if sign == "-" else a * b


def plain(text: str) -> str:
    """The text with its signs as + - * / and currency and LaTeX spacing blanked, each character in its old place."""

    def same_length(match: re.Match[str]) -> str:
        sign = "*" if match[0] in ("\\times", "\\cdot") else "/" if match[0] == "\\div" else ""
        return sign.ljust(len(match[0]))

    text = _WORDS.sub(same_length, text).translate(_PLAIN)
    return _LETTER_X.sub(lambda match: f"{match[1]}*", text)


def _exact(side: str) -> Fraction:
    """The value of a side: plain integers and a few operations on them at once, the rest by the parser."""
    if side.isdecimal() and len(side) < 19:
        return Fraction(int(side))
    if pair := _PAIR.fullmatch(side):
        return Fraction(_calculated(*pair.groups()))
    if _INTEGERS.fullmatch(side):
        terms = side.replace("-", "+-").split("+")
        if "*" not in side:
            return Fraction(sum(map(int, [term.replace(" ", "") for term in terms])))
        return Fraction(sum(math.prod(map(int, term.replace(" ", "").split("*"))) for term in terms))
    if _TWO_NUMBERS.search(side):
        raise NotANumber(side)
    return evaluate(side)


def _sides(text: str, run: re.Match[str]) -> list[tuple[str | None, int, int]]:
    """The sides of a chain of equations with their spans; a side that goes on outside the run is None."""
    sides: list[tuple[str | None, int, int]] = []
    start = run.start()
    for part in run[0].split("="):
        end = start + len(part)
        stripped = part.strip()
        first = start + len(part) - len(part.lstrip())
        if len(stripped) > MAX_CHARS:  # nothing of that length is evaluated
            stripped = ""
        # A full stop or a bracket that closes something outside is no part of the side.
        while stripped.endswith(")") and stripped.count(")") > stripped.count("("):
            stripped = stripped[:-1].rstrip()
        while stripped.startswith("(") and stripped.count("(") > stripped.count(")"):
            stripped, first = stripped[1:].lstrip(), first + 1
        sides.append((stripped or None, first, first + len(stripped)))
        start = end + 1
    if sides and _goes_on_before(text, run.start()):
        sides[0] = (None, *sides[0][1:])
    if sides and _goes_on_after(text, run.end()):
        sides[-1] = (None, *sides[-1][1:])
    return sides


def _goes_on_before(text: str, position: int) -> bool:
    """Whether what stands before a run belongs to its first side: an operator, a bracket, a letter without a blank."""
    before = text[max(position - _NEAR, 0) : position]
    if before and not text[position].isspace() and (before[-1].isalnum() or before[-1] in "_.\\}"):
        return True
    last = before.rstrip()[-1:]
    return last in "+-*/^_<>\u221a\u2248~}%" and bool(last)


def _goes_on_after(text: str, position: int) -> bool:
    """Whether what stands after a run belongs to its last side: algebra, a power, a percent sign, a single letter."""
    after = text[position : position + _NEAR]
    touching = not text[position - 1].isspace()
    if touching and after[:1] and (after[0] in "^%_\\{" or (after[0].isalpha() and not _unit(after))):
        return True
    rest = after.lstrip()
    return rest[:1] in tuple("^%*/+\u221a\\") or bool(re.match(r"[b-zB-HJ-Z](?![A-Za-z'])", rest))


def _unit(after: str) -> bool:
    """Whether letters right after a number look like a unit (`5km`), not a variable (`5x`)."""
    return bool(re.match(r"[A-Za-z]{2,}", after))


# --- solutions: annotations, and calculations written out among units and words ---------------------------------------

_ANNOTATION = re.compile(r"<<([^<>]*)>>")
_ANNOTATED = re.compile(r"\d+\.?\d*|\.\d+|[-+*/()]")
# The letter x and the em dash are signs between numbers only, where prose has them too.
_WRITTEN = {**_SIGNS, "x": "*", "X": "*", "\u2014": "-"}
_SIGN = re.compile(
    r"(?<=[\s\d%)])[xX](?=[\s$\d(])|/(?=[\s$\d(.])(?<![A-Za-z]/)|[*\u00d7\u00f7+=()]"
    r"|[-\u2212\u2013\u2014](?=[\s$\d(.])"
)
_BREAK = re.compile(r"[;:?!]|[.,](?:\s|$)")
_LEAD = re.compile(rf"[\s{MONEY}(]*")
_APART = 25  # characters of units and words between a number and its sign


class Solution(NamedTuple):
    """A solution's text without its annotations, and what was read in it.

    `equations` hold exactly and are in order; `unread` are the positions of equals signs that belong to none of them.
    """

    text: str
    numerals: tuple[Numeral, ...]
    equations: tuple[Equation, ...]
    unread: tuple[int, ...]


class _Written(NamedTuple):
    """A calculation found in the text: its tokens and the spans of those that are written out."""

    tokens: tuple[str, ...]
    spans: dict[int, Span]


class _Token(NamedTuple):
    """A number (`numeral` is its index among the text's numerals) or a sign of a text."""

    sign: str
    start: int
    end: int
    numeral: int = -1


def read_solution(raw: str) -> Solution:
    """The equations of a solution, annotated or written out. Raises Unreadable for an annotation that is no equation."""
    text, marks, done = "", [], 0
    for match in _ANNOTATION.finditer(raw):
        text += raw[done : match.start()]
        marks.append((len(text), match.group(1)))
        done = match.end()
    text += raw[done:]
    reader = _SolutionReader(text)
    placed = [(position, reader.marked(position, content)) for position, content in marks]
    equals = [token for token in reader.tokens if token.sign == "="]
    for sign in equals:
        if sign.start not in reader.used and (equation := reader.unmarked(sign)) is not None:
            placed.append((sign.end, equation))
    placed.sort(key=lambda pair: pair[0])
    unread = tuple(sign.start for sign in equals if sign.start not in reader.used)
    return Solution(text, reader.numerals, tuple(equation for _, equation in placed), unread)


class _SolutionReader:
    """Finds the written form of calculations in one text; `used` holds the equals signs that were understood."""

    def __init__(self, text: str) -> None:
        self.text, self.numerals = text, numerals(text)
        tokens = [_Token("", each.start, each.end, index) for index, each in enumerate(self.numerals)]
        tokens += [_Token(_WRITTEN.get(m.group(), m.group()), *m.span()) for m in _SIGN.finditer(text)]
        self.tokens = sorted(tokens, key=operator.attrgetter("start"))
        self._ends = [token.end for token in self.tokens]
        self._starts = [number.start for number in self.numerals]
        self.used: set[int] = set()

    def marked(self, position: int, content: str) -> Equation:
        """The equation of an annotation at a position of the text."""
        left, equals, right = content.replace(",", "").replace(" ", "").rpartition("=")
        tokens = tuple(_ANNOTATED.findall(left))
        if not equals or not tokens or "".join(tokens) != left:
            raise Unreadable("unreadable_annotation", f"<<{content}>>")
        try:
            value, computed = decimal(right), _exact(left)
        except ValueError as error:
            raise Unreadable("unreadable_annotation", f"<<{content}>>") from error
        if computed != value:
            raise Unreadable("false_annotation", f"<<{content}>>: {left} is {computed}")
        before = self._before(position)
        sign = self.tokens[before - 1] if before and self.tokens[before - 1].sign == "=" else None
        if sign and not _LEAD.fullmatch(self.text, sign.end, position):
            sign = None
        written = None
        if sign is not None:
            self.used.add(sign.start)
            written = self._run(before - 1, value) if len(tokens) == 1 else None
            written = written or self._match(tokens, before - 1)
        return self._equation(
            written or _Written(tokens, {}), right, value, position, self._numeral_after(position, value)
        )

    def unmarked(self, sign: _Token) -> Equation | None:
        """The equation around a bare equals sign, if it is written out in numbers and true."""
        after = self._after(sign.end)
        if after is None or not _LEAD.fullmatch(self.text, sign.end, after.start):
            return None
        written = self._run(self._before(sign.start), after.value)
        if written is None:
            return None
        self.used.add(sign.start)
        right = self.text[after.start : after.end]
        return self._equation(written, right, after.value, sign.end, (after.start, after.end))

    def _numeral_after(self, position: int, value: Fraction) -> Span | None:
        """Where the value is written right after a position."""
        number = self._after(position)
        near = number and number.value == value and _LEAD.fullmatch(self.text, position, number.start)
        return (number.start, number.end) if number and near else None

    def _before(self, position: int) -> int:
        """How many tokens end before a position: those that count are the last of them."""
        return bisect.bisect_right(self._ends, position)

    def _after(self, position: int) -> Numeral | None:
        """The first number that begins at a position or after it."""
        index = bisect.bisect_left(self._starts, position)
        return self.numerals[index] if index < len(self.numerals) else None

    def _match(self, tokens: tuple[str, ...], count: int) -> _Written | None:
        """An annotation's tokens with the spans of its numbers and signs, matched backwards among the first `count` tokens."""
        spans: dict[int, Span] = {}
        before = self.tokens
        index, nearest = len(tokens) - 1, count - 1
        right = before[nearest].end if count else 0
        while index >= 0:
            if nearest >= 0 and before[nearest].sign in _BRACKETS and before[nearest].sign != tokens[index]:
                nearest -= 1
                continue
            if tokens[index] in _BRACKETS:
                if nearest >= 0 and before[nearest].sign == tokens[index]:
                    nearest -= 1
                index -= 1
                continue
            if nearest < 0 or _BREAK.search(self.text, before[nearest].end, right):
                return None
            token = before[nearest]
            used = self._fits(tokens, index, token)
            if not used:
                return None
            spans[index - used + 1] = (token.start, token.end)
            right, index, nearest = token.start, index - used, nearest - 1
        return _Written(tokens, spans)

    def _fits(self, tokens: tuple[str, ...], index: int, token: _Token) -> int:
        """How many tokens of the annotation, up to `index`, one of the text stands for (25% may be `25/100`); 0 is none."""
        if token.numeral < 0:
            return int(tokens[index] == token.sign)
        number = self.numerals[token.numeral]
        if not number.percent and tokens[index] == self.text[token.start : token.end]:
            return 1
        if not tokens[index][-1].isdigit() and not tokens[index][0].isdigit():
            return 0
        value = decimal(tokens[index].rstrip("."))
        if value == number.value and not number.percent:
            return 1
        if number.percent and value == number.value / 100:
            return 1
        hundredth = (tokens[index - 1], value) in (("/", 100), ("*", Fraction(1, 100)))
        if number.percent and index >= 2 and hundredth and tokens[index - 2].rstrip(".") == str(number.value):
            return 3
        return int(value == number.value)

    def _run(self, count: int, value: Fraction) -> _Written | None:
        """The longest written-out calculation that ends with the first `count` tokens, if it has this value."""
        run: list[_Token] = []
        right = self.tokens[count - 1].end if count else 0
        for index in range(count - 1, -1, -1):
            token = self.tokens[index]
            number_next = not run or run[0].sign in _OPERATORS
            if token.sign in ("(", ")", "=") or (token.numeral >= 0) != number_next:
                break
            if len(self.text[token.end : right]) > _APART or _BREAK.search(self.text, token.end, right):
                break
            run.insert(0, token)
            right = token.start
        if run and run[0].numeral < 0:
            run.pop(0)
        if len(run) < 3:
            return None
        tokens: list[str] = []
        spans: dict[int, Span] = {}
        for token in run:
            percent = token.numeral >= 0 and self.numerals[token.numeral].percent
            literal = self.text[token.start : token.end].replace(",", "") if token.numeral >= 0 else token.sign
            spans[len(tokens) + percent] = (token.start, token.end)
            tokens += ["(", literal, "/", "100", ")"] if percent else [literal]
        try:
            return _Written(tuple(tokens), spans) if evaluate(join(tokens)) == value else None
        except ValueError:
            return None

    def _equation(self, written: _Written, right: str, value: Fraction, position: int, result: Span | None) -> Equation:
        """The equation of a true calculation; `position` is where its equals sign or annotation ends."""
        start = min((first for first, _ in written.spans.values()), default=position)
        end = max(result[1] if result else position, *(last for _, last in written.spans.values()), start)
        return Equation(join(written.tokens), right, value, value, start, end, *written, result)
