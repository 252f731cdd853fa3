"""The one reader of answers: what kind of object a text is, with its parts.

    read_answer("x \\\\in (3, 4]")     -> Region(...)
    read_answer("5\\\\text{ cm}^2")    -> Measured(5, square centimetres)

A text that is none of the kinds raises UnreadAnswer, and nothing is ever proven about it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from journey.answers.exact import TooBig
from journey.answers.numerals import NUMERALS
from journey.answers.reading import regions
from journey.answers.reading.expressions import Doubts, ExpressionReader
from journey.answers.reading.objects import (
    Answer,
    BasedNumeral,
    Bracketed,
    Collection,
    Grid,
    Inequality,
    LetterChoice,
    Measured,
    NamedAnswer,
    Proportion,
    Prose,
    Region,
    ZeroSet,
)
from journey.answers.reading.terms import (
    INFINITY,
    MINUS_INFINITY,
    NoValue,
    Term,
    ValueMatch,
    agreement,
    contexts,
    exact_value,
    letters,
    minus,
    negative,
    num,
    operations,
    signs,
    value_of,
)
from journey.answers.reading.tokens import JOINTS, Token, UnreadAnswer, is_product, normal, tokens
from journey.answers.reading.units import read_unit

MAX_PARTS = 24  # of a list; without order every pair may be compared
MAX_NESTING = 6


_RELATIONS = {"=": "=", "<": "<", ">": ">", "\\le": "<=", "\\ge": ">=", "\\ne": "!=", "\\in": "in", "\\approx": "~"}
_OPENINGS = ("(", "[", "{", "\\{", "\\langle", "\\lfloor", "\\lceil")
_CLOSINGS = (")", "]", "}", "\\}", "\\rangle", "\\rfloor", "\\rceil")
_BASES = {
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
    "sixteen": 16,
}
_SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_EVERYTHING = frozenset(
    (
        "all real numbers",
        "all reals",
        "the real numbers",
        "all real x",
        "the set of all real numbers",
        "every real number",
    )
)
_NOTHING = frozenset(("the empty set", "empty set"))

_PLAIN = re.compile(
    r"\\(?:text(?:rm|bf|it|normal|sf|tt|up|sl)?|mbox|hbox|mathrm|mathbf|mathsf|mathit|emph|operatorname) ?\{([^{}]*)\}"
)
_OPTION = re.compile(
    r"(?:(?:[Cc]hoice|[Oo]ption|[Aa]nswer):? )?(?:\( ?(?P<round>[A-Z]) ?\)|\[(?P<square>[A-Z])\](?= |$)|(?P<letter>[A-Z])(?P<behind>[.):]|(?= ?$)))(?P<rest>.*)"
)
_CALLED = re.compile(r"(?:[Cc]hoice|[Oo]ption)\b")
_WORDS = re.compile(r"[A-Za-z][A-Za-z'. ,()0-9-]*")
_BASED = re.compile(
    r"\(? ?(-?[0-9A-Z]+) ?\)? ?(?:_ ?\{? ?(?P<base>\d{1,2}|[a-z]+) ?\}?|,? ?\(?(?:in )?[Bb]ase[- ]?(?P<named>\d{1,2}|[a-z]+)\)?)"
)
_CLOCK = re.compile(r"(\d{1,2}) ?: ?(\d{2})(?: ?: ?(\d{2}))? ?(?:([AaPp])\.? ?[Mm]\.?)?")
_LIST_OR_NUMBER = re.compile(r"(\d{1,3}(?:\.\d{3})+|\d+),(\d+)|(\d{1,3}), (\d{3})")
_NAME_WORDS = re.compile(r"[A-Za-z][A-Za-z ]*")


def read_answer(text: str, doubts: Doubts | None = None) -> Answer:
    """What a text is. Raises UnreadAnswer, or TooBig beyond the limits."""
    return _Reading(normal(text), doubts or Doubts()).whole()


def plain_words(text: str) -> str:
    """A normal text without the commands around its words."""
    return re.sub(r" +", " ", _PLAIN.sub(r" \1 ", text)).replace(" ,", ",").strip().rstrip(".,; ")


@dataclass
class _Reading:
    text: str
    doubts: Doubts
    tokens: list[Token] = field(default_factory=list)

    def whole(self) -> Answer:
        if not self.text:
            raise UnreadAnswer("nothing")
        words = plain_words(self.text)
        if words.lower() in NUMERALS:
            return Measured(num(int(NUMERALS[words.lower()])))
        if (special := self._special(words)) is not None:
            return special
        self.tokens = tokens(self.text)
        if not self.tokens:
            raise UnreadAnswer("nothing")
        return self.statement(0, len(self.tokens), 0)

    def _special(self, words: str) -> Answer | None:
        """Words, options, numerals of a base and clock times, which are read as text."""
        lower = words.lower()
        if lower in _EVERYTHING:
            return Region(regions.EVERYTHING)
        if lower in _NOTHING:
            return Region(regions.NOTHING)
        if (clock := _CLOCK.fullmatch(words)) is not None and int(clock[1]) <= 24 and int(clock[2]) < 60:
            half = f"{clock[4].lower()}m" if clock[4] else ""
            return Proportion(tuple(num(int(part)) for part in clock.group(1, 2, 3) if part), half)
        if (based := _BASED.fullmatch(words)) is not None and (found := _based(based)) is not None:
            return found
        if (option := _OPTION.fullmatch(words)) is not None:
            found = self._option(option, words)
            if found is not None:
                return found
        if _WORDS.fullmatch(words) and _is_prose(words):
            return Prose(words)
        return None

    def _option(self, match: re.Match[str], words: str) -> Answer | None:
        letter = match["round"] or match["square"] or match["letter"]
        rest = match["rest"].strip(" .:)")
        if match["letter"] and not match["behind"]:
            return LetterChoice(letter, "", bool(_CALLED.match(words)))
        if rest and (rest[0] in ",;=<>+-*/^_" or rest.startswith(("and ", "or ", "\\cup", "\\to"))):
            return None
        if not rest and match["behind"] == ":":
            return None
        if re.match(r"[A-Z]:\d", words):
            return None
        return LetterChoice(letter, rest)

    # --- statements

    def statement(self, start: int, end: int, depth: int) -> Answer:
        """One answer, or several with joints and commas between."""
        if depth > MAX_NESTING:
            raise TooBig("nesting")
        parts, joints = self._parts(start, end)
        if not parts:
            raise UnreadAnswer("nothing")
        if len(parts) == 1:
            return self.single(*parts[0], depth)
        if len(parts) > MAX_PARTS:
            raise TooBig("parts")
        if any(self._has_relation(*part, ("<", ">", "<=", ">=", "!=", "in")) for part in parts):
            return self._conditions(parts, joints, depth)
        items = [self.single(*part, depth + 1) for part in parts]
        first = items[0]
        if isinstance(first, NamedAnswer) and not any(isinstance(item, NamedAnswer | ZeroSet) for item in items[1:]):
            items[0] = first.value
        elif all(
            isinstance(item, NamedAnswer) and item.name == first.name
            for item in items
            if isinstance(first, NamedAnswer)
        ):
            items = [item.value if isinstance(item, NamedAnswer) else item for item in items]
        number = None
        if depth == 0 and (match := _LIST_OR_NUMBER.fullmatch(self.text)) is not None:
            number = Fraction(f"{match[1].replace('.', '')}.{match[2]}") if match[1] else Fraction(match[3] + match[4])
        return Collection(tuple(_flat(items)), number=number)

    def _parts(self, start: int, end: int) -> tuple[list[tuple[int, int]], list[str]]:
        """The spans between commas and joints that stand in no bracket, and what stands between them."""
        parts: list[tuple[int, int]] = []
        joints: list[str] = []
        level, begin, pending = 0, start, ""
        for index in range(start, end):
            token = self.tokens[index]
            level += _level(token)
            if level == 0 and (token.text == "," or token.kind == "joint"):
                if index > begin:
                    parts.append((begin, index))
                    joints.append(pending)
                    pending = ""
                elif not parts:
                    raise UnreadAnswer("a comma before the first part")
                begin = index + 1
                pending = token.text if token.text != "," else pending or ","
        if begin < end:
            parts.append((begin, end))
            joints.append(pending)
        elif parts and pending:
            raise UnreadAnswer("a comma behind the last part")
        if level:
            raise UnreadAnswer("brackets that do not match")
        return parts, joints[1:]

    def _has_relation(self, start: int, end: int, wanted: Sequence[str]) -> bool:
        return any(_RELATIONS[self.tokens[index].text] in wanted for index in self._relations(start, end))

    def _relations(self, start: int, end: int) -> list[int]:
        level, found = 0, []
        for index in range(start, end):
            token = self.tokens[index]
            level += _level(token)
            if level == 0 and token.kind in ("sign", "command") and token.text in _RELATIONS:
                found.append(index)
        return found

    def _conditions(self, parts: list[tuple[int, int]], joints: list[str], depth: int) -> Answer:
        """Inequalities of one variable joined by "or", "and" or commas."""
        if any(self.tokens[i].kind == "joint" and self.tokens[i].text == "" for i in range(len(self.tokens))):
            raise UnreadAnswer("a joint")
        read = [self.single(*part, depth + 1) for part in parts]
        found = [as_region(item) for item in read]
        total = found[0]
        if any(region is None for region in found) or total is None:
            raise UnreadAnswer("conditions in several variables")
        if len({joint for joint in joints if joint in ("and", "or")}) > 1:
            raise UnreadAnswer("and beside or")
        variable = next((region.variable for region in found if region and region.variable), "")
        for region, joint in zip(found[1:], joints, strict=True):
            assert region is not None
            if region.variable and variable and region.variable != variable:
                raise UnreadAnswer("conditions in several variables")
            union = regions.combined(total.numbers, region.numbers, lambda a, b: a or b)
            both = regions.combined(total.numbers, region.numbers, lambda a, b: a and b)
            if joint == "or" or (joint != "and" and both.is_empty):
                total = Region(union, variable)
            else:
                total = Region(both, variable)
        return total

    def single(self, start: int, end: int, depth: int) -> Answer:
        """One answer: a relation, a set, a bracket, a matrix or a number with its unit."""
        if depth > MAX_NESTING:
            raise TooBig("nesting")
        places = self._relations(start, end)
        if places:
            return self._relation(start, end, places, depth)
        if (found := self._set_operation(start, end, depth)) is not None:
            return found
        if (ratio := self._ratio(start, end)) is not None:
            return ratio
        if (grid := self._grid(start, end)) is not None:
            return grid
        if (group := self._group(start, end, depth)) is not None:
            return group
        kinds = {token.kind for token in self.tokens[start:end]}
        if "text" in kinds and kinds <= {"text", "letter"}:
            words = plain_words(self._source(start, end))
            if _WORDS.fullmatch(words) and _is_prose(words):
                return Prose(words)
        if end - start == 1 and self.tokens[start].text == "\\RR":
            return Region(regions.EVERYTHING)
        if end - start == 1 and self.tokens[start].text == "\\emptyset":
            return Region(regions.NOTHING)
        return self._measured(start, end)

    def _source(self, start: int, end: int) -> str:
        return self.text[self.tokens[start].start : self.tokens[end - 1].end] if start < end else ""

    # --- relations

    def _relation(self, start: int, end: int, places: list[int], depth: int) -> Answer:
        bounds = [start, *(place + 1 for place in places)]
        spans = list(zip(bounds, [*places, end], strict=True))
        kinds = [_RELATIONS[self.tokens[place].text] for place in places]
        if kinds[-1] == "~":
            return self._approximate(spans, kinds, start, places, depth)
        if kinds == ["in"]:
            return self._member(spans, depth)
        if set(kinds) == {"="}:
            return self._equation(spans, depth)
        if kinds == ["!="]:
            return self._unequal(spans)
        if set(kinds) <= {"<", "<=", ">", ">="}:
            return self._chain(spans, kinds)
        raise UnreadAnswer("relations of several kinds")

    def _approximate(
        self, spans: list[tuple[int, int]], kinds: list[str], start: int, places: list[int], depth: int
    ) -> Answer:
        """About a value: the value itself behind a name, and the exact one where both stand."""
        before, behind = (start, places[-1]), spans[-1]
        rounded = self.single(*behind, depth + 1)
        if before[0] == before[1]:
            return rounded
        if len(kinds) == 1 and (name := self._name(*before)) is not None:
            return replace(name, value=rounded, term=None)
        exact = self.single(*before, depth + 1)
        inner = exact.value if isinstance(exact, NamedAnswer) else exact
        if isinstance(inner, Measured) and isinstance(rounded, Measured):
            shown = self._source(*behind)
            decimals = len(match[1]) if (match := re.search(r"\.(\d+)", shown)) else 0
            try:
                one, other = value_of(inner.term), value_of(rounded.term)
                context = contexts()[1]
                if abs(_mp(one) - _mp(other)) <= context.mpf("0.501") * context.mpf(10) ** -decimals:
                    return exact
            except NoValue:
                pass
        raise UnreadAnswer("about a value that it is not")

    def _member(self, spans: list[tuple[int, int]], depth: int) -> Answer:
        name = self._name(*spans[0])
        value = self.statement(*spans[1], depth + 1)
        if name is None:
            raise UnreadAnswer("a member without a name")
        if isinstance(value, Bracketed) and len(value.items) == 2 and (region := as_region(value)) is not None:
            value = region
        if isinstance(value, Region):
            return replace(value, variable=name.name)
        if isinstance(value, Collection | Bracketed):
            return value
        raise UnreadAnswer("a member of no set")

    def _name(self, start: int, end: int) -> NamedAnswer | None:
        """A name on the left of an equation, without its value; None where it is an expression."""
        nothing = Prose("")
        span = self.tokens[start:end]
        if not span:
            return None
        first = span[0]
        source = self._source(start, end)
        index = start + (len(span) > 2 and span[0].text == "m" and span[1].text == "\\angle")
        inverse = re.fullmatch(r"([A-Za-z]) ?\^ ?\{? ?-1 ?\}? ?\( ?([a-z]) ?\)", source)
        if inverse is not None:
            return NamedAnswer(f"{inverse[1]}^-1", nothing, argument=inverse[2])
        while index < end and self.tokens[index].text in ("\\angle", "\\triangle", "\\measuredangle"):
            index += 1
        if index > start + (span[0].text == "m") and all(
            token.kind in ("letter", "text") for token in self.tokens[index:end]
        ):
            return NamedAnswer(source, nothing)
        if all(
            token.kind in ("text",) or (token.kind == "letter" and len(span) > 1 and token.text.isupper())
            for token in span
        ):
            return NamedAnswer(plain_words(source).lower() if first.kind == "text" else source, nothing)
        if all(
            token.kind in ("text", "letter") and (token.kind == "text" or token.spaced or index == 0)
            for index, token in enumerate(span)
        ) and any(token.kind == "text" and not token.roman for token in span):
            return NamedAnswer(plain_words(source).lower(), nothing)
        if first.text == "(" and span[-1].text == ")" and len(span) >= 5:
            return self._coordinates(start, end)
        if first.kind != "letter" or first.text in ("i", "e"):
            return None
        reader = ExpressionReader(self.tokens, start, end, Doubts())
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
        rest = self.tokens[reader.position : end]
        if (
            [token.text for token in (rest[0], rest[-1])] == ["(", ")"]
            and all(token.kind in ("letter", "number") or token.text == "," for token in rest[1:-1])
            and (len(rest) == 3 and rest[1].kind in ("letter", "number") or len(rest) > 3 and rest[2].text == ",")
        ):
            argument = "".join(token.text for token in rest[1:-1])
            return NamedAnswer(name, nothing, argument=argument)
        return None

    def _coordinates(self, start: int, end: int) -> NamedAnswer | None:
        """(x, y) or (x_0, y_0) as names."""
        names, reader = [], ExpressionReader(self.tokens, start + 1, end - 1, Doubts())
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

    def _equation(self, spans: list[tuple[int, int]], depth: int) -> Answer:
        name = self._name(*spans[0])
        if (
            name is None
            and len(spans) == 2
            and (swapped := self._name(*spans[1])) is not None
            and self._is_value(*spans[0])
        ):
            name, spans = swapped, [spans[1], spans[0]]
        if name is not None:
            values = [self.single(*span, depth + 1) for span in spans[1:]]
            value = self._consistent(values)
            term = None
            variable = Term("var", name=name.name)
            if (
                isinstance(value, Measured)
                and not name.argument
                and re.fullmatch(r"\\?[A-Za-z]+(?:_\w+)?", name.name)
                and len(spans[0])
                and spans[0][1] - spans[0][0] <= 5
            ):
                term = minus(variable, value.term)
                if name.name in letters(value.term):
                    return ZeroSet(term)
            return replace(name, value=value, term=term)
        sides = [self._term(*span) for span in spans]
        if not any(letters(side) for side in sides):
            return self._consistent([self.single(*span, depth + 1) for span in spans])
        if len(sides) != 2:
            raise UnreadAnswer("a chain of equations")
        return ZeroSet(minus(*sides))

    def _is_value(self, start: int, end: int) -> bool:
        try:
            self._measured(start, end)
        except UnreadAnswer:
            return False
        return True

    def _consistent(self, values: list[Answer]) -> Answer:
        """The last of several values that are said to be equal."""
        for value in values[:-1]:
            last = values[-1]
            if not isinstance(value, Measured) or not isinstance(last, Measured):
                raise UnreadAnswer("a chain of equations")
            try:
                agreed = agreement(value.term, last.term)
            except NoValue:
                agreed = ValueMatch.UNSURE
            if agreed is not ValueMatch.EQUAL:
                raise UnreadAnswer("an equation that is not true")
        return values[-1]

    def _term(self, start: int, end: int) -> Term:
        measured = self._measured(start, end)
        if measured.unit is not None or measured.scaled:
            raise UnreadAnswer("a unit in an equation")
        if {"pm", "mp"} & set(operations(measured.term)):
            raise UnreadAnswer("a plus-minus sign in an equation")
        return measured.term

    def _unequal(self, spans: list[tuple[int, int]]) -> Answer:
        left, right = self._term(*spans[0]), self._term(*spans[1])
        if left.op != "var":
            left, right = right, left
        if left.op != "var" or letters(right):
            raise UnreadAnswer("not equal, but no number of one variable")
        return Region(regions.complement(regions.isolated([right])), left.name)

    def _chain(self, spans: list[tuple[int, int]], kinds: list[str]) -> Answer:
        """a < x <= b, or one inequality."""
        terms = [self._term(*span) for span in spans]
        if len({kind[0] for kind in kinds}) > 1:
            raise UnreadAnswer("inequalities that point both ways")
        if kinds[0][0] == ">":
            terms.reverse()
            kinds = [kind.replace(">", "<") for kind in reversed(kinds)]
        variables = {term.name for term in terms if term.op == "var"}
        if len(variables) == 1 and len(frozenset().union(*(letters(term) for term in terms))) == 1:
            variable = variables.pop()
            index = next(i for i, term in enumerate(terms) if term.op == "var")
            others = terms[:index] + terms[index + 1 :]
            if not any(letters(term) for term in others) and len(terms) <= 3:
                low = terms[index - 1] if index else MINUS_INFINITY
                high = terms[index + 1] if index + 1 < len(terms) else INFINITY
                if len(terms) == 3 and index != 1:
                    raise UnreadAnswer("a chain with its variable at one end")
                with_low = index > 0 and kinds[index - 1] == "<="
                with_high = index + 1 < len(terms) and kinds[index] == "<="
                return Region(regions.between(low, with_low, high, with_high), variable)
        if len(terms) != 2:
            return self._linear_chain(terms, kinds)
        term = minus(terms[0], terms[1])
        names = letters(term)
        if len(names) == 1:
            return self._linear(term, next(iter(names)), kinds[0] == "<")
        if not names:
            raise UnreadAnswer("a relation between numbers")
        return Inequality(term, kinds[0] == "<")

    def _linear_chain(self, terms: list[Term], kinds: list[str]) -> Answer:
        names = frozenset().union(*(letters(term) for term in terms))
        if len(names) != 1:
            raise UnreadAnswer("a chain in several letters")
        name = next(iter(names))
        found = regions.EVERYTHING
        for low, high, kind in zip(terms, terms[1:], kinds, strict=False):
            part = self._linear(minus(low, high), name, kind == "<")
            if not isinstance(part, Region):
                raise UnreadAnswer("a chain that is not linear")
            found = regions.combined(found, part.numbers, lambda a, b: a and b)
        return Region(found, name)

    def _linear(self, term: Term, name: str, strict: bool) -> Answer:
        """term < 0 of one letter, solved where it is linear."""
        values = [exact_value(term, {name: Fraction(x)}) for x in (0, 1, 2, Fraction(7, 3))]
        zero, one, two, other = values
        if (
            zero is None
            or one is None
            or two is None
            or other is None
            or not set(operations(term)) <= {"num", "var", "add", "mul", "div"}
        ):
            return Inequality(term, strict)
        slope = one - zero
        if slope == 0 or two != zero + 2 * slope or other != zero + Fraction(7, 3) * slope:
            return Inequality(term, strict)
        border = num(-zero / slope)
        if slope > 0:
            return Region(regions.between(MINUS_INFINITY, False, border, not strict), name)
        return Region(regions.between(border, not strict, INFINITY, False), name)

    # --- sets and brackets

    def _set_operation(self, start: int, end: int, depth: int) -> Answer | None:
        level, places = 0, []
        for index in range(start, end):
            level += _level(self.tokens[index])
            if (
                level == 0
                and self.tokens[index].text in ("\\cup", "\\cap", "\\setminus")
                or (
                    level == 0
                    and self.tokens[index].text == "-"
                    and index > start
                    and self.tokens[index - 1].text == "\\RR"
                )
            ):
                places.append(index)
        if not places:
            return None
        if len({self.tokens[place].text for place in places}) > 1:
            raise UnreadAnswer("several operations on sets")
        bounds = [start, *(place + 1 for place in places)]
        sets = [as_region(self.single(a, b, depth + 1)) for a, b in zip(bounds, [*places, end], strict=True)]
        total = sets[0]
        for place, other in zip(places, sets[1:], strict=True):
            if total is None or other is None:
                raise UnreadAnswer("an operation on something that is no set")
            rule = {"\\cup": lambda a, b: a or b, "\\cap": lambda a, b: a and b}.get(
                self.tokens[place].text, lambda a, b: a and not b
            )
            total = Region(regions.combined(total.numbers, other.numbers, rule))
        return total

    def _ratio(self, start: int, end: int) -> Answer | None:
        bounds = [start - 1]
        level = 0
        for index in range(start, end):
            level += _level(self.tokens[index])
            if level == 0 and self.tokens[index].text == ":":
                bounds.append(index)
        if len(bounds) == 1:
            return None
        bounds.append(end)
        return Proportion(tuple(self._term(a + 1, b) for a, b in itertools.pairwise(bounds)))

    def _grid(self, start: int, end: int) -> Answer | None:
        """A matrix or column, perhaps with a factor before it."""
        source = self._source(start, end)
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
            scale = num(-1) if factor == "-" else self._other_term(re.sub(r"(?:\*|\\cdot|\\times) ?$", "", factor))
        cells = [
            [Term("mul", (scale, cell)) if factor else cell for cell in (self._other_term(text) for text in row)]
            for row in rows
        ]
        return Grid(tuple(tuple(row) for row in cells))

    def _other_term(self, text: str) -> Term:
        other = _Reading(text.strip(), self.doubts)
        other.tokens = tokens(other.text)
        return other._term(0, len(other.tokens))

    def _group(self, start: int, end: int, depth: int) -> Answer | None:
        """(a, b), [a, b), {a, b}, {x | ...}, or None for a bracket around an expression."""
        first, last = self.tokens[start], self.tokens[end - 1]
        if (
            first.text not in ("(", "[", "\\{", "\\langle")
            or last.text not in (")", "]", "\\}", "\\rangle")
            or end - start < 2
        ):
            return None
        level = 0
        for index in range(start, end):
            level += _level(self.tokens[index])
            if level == 0 and index < end - 1:
                return None
        if first.text == "\\{":
            return self._braces(start + 1, end - 1, depth)
        parts, joints = self._parts(start + 1, end - 1)
        if len(parts) == 1 and first.text in "([" and (first.text, last.text) in (("(", ")"), ("[", "]")):
            if any(self.tokens[i].kind == "text" for i in range(start, end)) or self._relations(start + 1, end - 1):
                return self.statement(start + 1, end - 1, depth + 1)
            return None
        if len(parts) < 2 or set(joints) != {","}:
            raise UnreadAnswer("a bracket without parts")
        if len(parts) > MAX_PARTS:
            raise TooBig("parts")
        items = tuple(self.single(*part, depth + 1) for part in parts)
        opening, closing = (
            ("(" if first.text == "\\langle" else first.text),
            (")" if last.text == "\\rangle" else last.text),
        )
        return Bracketed(opening, closing, items)

    def _braces(self, start: int, end: int, depth: int) -> Answer:
        if start == end:
            return Region(regions.NOTHING)
        level = 0
        for index in range(start, end):
            token = self.tokens[index]
            level += _level(token)
            if level == 0 and token.text in ("|", ":") and index - start <= 4:
                if self.tokens[start].kind != "letter" or (index - start > 1 and self.tokens[start + 1].text != "\\in"):
                    raise UnreadAnswer("a set of another kind")
                if index - start > 1 and self.tokens[start + 2].text != "\\RR":
                    raise UnreadAnswer("a set of another kind")
                found = self.statement(index + 1, end, depth + 1)
                if isinstance(found, Region) and found.variable in ("", self.tokens[start].text):
                    return found
                raise UnreadAnswer("a set of another kind")
        parts, _ = self._parts(start, end)
        if len(parts) > MAX_PARTS:
            raise TooBig("parts")
        return Collection(tuple(_flat([self.single(*part, depth + 1) for part in parts])), braces=True)

    # --- numbers

    def _measured(self, start: int, end: int) -> Measured:
        """An expression with a unit, a percent sign or a currency."""
        currency, flipped = None, False
        index = start
        if (
            self.tokens[index].text in ("+", "-")
            and end - start > 2
            and self.tokens[index + 1].text in "$\u20ac\u00a3\u00a5\u20b9"
        ):
            flipped, index = self.tokens[index].text == "-", index + 1
        if self.tokens[index].kind == "sign" and self.tokens[index].text in "$\u20ac\u00a3\u00a5\u20b9":
            currency = read_unit(self.tokens[index].text)
            index += 1
        reader = ExpressionReader(self.tokens, index, end, self.doubts)
        term = reader.expression()
        if flipped:
            term = negative(term)
        unit, scale = currency, 1
        tail = self.text[self.tokens[reader.position].start : self.tokens[end - 1].end] if reader.position < end else ""
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
                and _single_letter(self.tokens[reader.position : end])
                and not self.tokens[reader.position].spaced
            ):
                self.doubts.second("unit")
        if scale > 1:
            term = Term("mul", (term, num(scale)))
        whole = self.tokens[index].text if reader.position == index + 1 and self.tokens[index].text.isdigit() else ""
        return Measured(term, unit, scale > 1, whole)


def _single_letter(span: Sequence[Token]) -> bool:
    return len(span) == 1 and span[0].kind == "letter"


def _mp(value: Any) -> Any:
    context = contexts()[1]
    return context.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else value


def _level(token: Token) -> int:
    if token.kind not in ("sign", "command"):
        return 0
    return (token.text in _OPENINGS) - (token.text in _CLOSINGS)


def _flat(items: Sequence[Answer]) -> list[Answer]:
    """Items with a plus-minus sign as the two that they are."""
    found: list[Answer] = []
    for item in items:
        if isinstance(item, Measured) and len(both := signs(item.term)) == 2:
            found += [replace(item, term=term, whole_number="") for term in both]
        else:
            found.append(item)
    return found


def as_region(item: Answer) -> Region | None:
    """An answer as a set of real numbers, or None where it is none."""
    if isinstance(item, Region):
        return item
    try:
        if (
            isinstance(item, Bracketed)
            and len(item.items) == 2
            and all(isinstance(part, Measured) for part in item.items)
        ):
            low, high = (part.term for part in item.items if isinstance(part, Measured))
            low, high = _infinite(low), _infinite(high)
            return Region(regions.between(low, item.opening == "[", high, item.closing == "]"))
        if isinstance(item, Collection) and all(isinstance(part, Measured) for part in item.items):
            return Region(regions.isolated([part.term for part in item.items if isinstance(part, Measured)]))
        if isinstance(item, NamedAnswer) and isinstance(item.value, Measured) and not letters(item.value.term):
            return Region(regions.isolated([item.value.term]), item.name)
    except UnreadAnswer:
        return None
    return None


def _infinite(term: Term) -> Term:
    """Plus or minus infinity as one leaf."""
    if term.op == "mul" and len(term.args) == 2 and term.args[0] == num(-1) and term.args[1].op == "inf":
        return MINUS_INFINITY
    return term


def _based(match: re.Match[str]) -> Answer | None:
    name = match["base"] or match["named"]
    base = int(name) if name.isdigit() else _BASES.get(name)
    digits = match[1]
    if base is None or not 2 <= base <= 36 or len(digits) > 60 or not any(map(str.isdigit, digits)):
        return None
    if any(int(digit, 36) >= base for digit in digits.removeprefix("-")) and not digits.removeprefix("-").isdigit():
        return None
    if any(not (digit.isdigit() or digit.isupper()) for digit in digits.removeprefix("-")):
        return None
    stripped = digits.removeprefix("-").lstrip("0") or "0"
    return BasedNumeral(("-" if digits.startswith("-") else "") + stripped, base)


_FUNCTION_WORDS = frozenset("sin cos tan cot sec csc arcsin arccos arctan log exp sqrt max min gcd lcm det mod".split())


def _is_prose(words: str) -> bool:
    """Whether a text of letters is words, not variables, functions or a list."""
    found = re.findall(r"[A-Za-z]+", words)
    if not found or {word.lower() for word in found} & _FUNCTION_WORDS:
        return False
    if re.match(r"[A-Za-z] ?\(", words) and " " not in words.strip():
        return False
    if "," in words or re.search(r"[A-Za-z]\d|\d[A-Za-z]", words):
        return len(found) > 4 and not re.fullmatch(r"(?:\w+, )+\w+", words)
    if len(found) == 1:
        word = found[0]
        return len(word) > 1 and not is_product(word)
    return any((len(word) > 2 and word not in JOINTS) or word.lower() in ("no", "is") for word in found)
