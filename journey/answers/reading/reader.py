"""The one reader of answers: what kind of object a text is, with its parts.

    read_answer("x \\\\in (3, 4]")     -> Region(...)
    read_answer("5\\\\text{ cm}^2")    -> Measured(5, square centimetres)

A text that is none of the kinds raises UnreadAnswer, and nothing is ever proven about it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from journey.answers.exact import TooBig
from journey.answers.reading import regions
from journey.answers.reading.agreement import ValueMatch, agreement
from journey.answers.reading.atoms import Doubts
from journey.answers.reading.measures import is_measured, read_grid, read_measured, read_ratio, term_of
from journey.answers.reading.names import name_of
from journey.answers.reading.objects import (
    Answer,
    Bracketed,
    Collection,
    Measured,
    NamedAnswer,
    Prose,
    Region,
    ZeroSet,
)
from journey.answers.reading.real_sets import as_region, chain, unequal
from journey.answers.reading.spans import MAX_PARTS, RELATIONS, TokenizedText, level_of
from journey.answers.reading.terms import Term, letters, minus, num, signs
from journey.answers.reading.tokens import UnreadAnswer, normal, tokens
from journey.answers.reading.values import NoValue, contexts, value_of
from journey.answers.reading.wordings import WRITTEN_OUT, is_prose, plain_words, read_words

MAX_NESTING = 6
_LIST_OR_NUMBER = re.compile(r"(\d{1,3}(?:\.\d{3})+|\d+),(\d+)|(\d{1,3}), (\d{3})")


def read_answer(text: str, doubts: Doubts | None = None) -> Answer:
    """What a text is. Raises UnreadAnswer, or TooBig beyond the limits."""
    return _Reading(normal(text), doubts or Doubts()).whole()


class _Reading(TokenizedText):
    def whole(self) -> Answer:
        if not self.text:
            raise UnreadAnswer("nothing")
        words = plain_words(self.text)
        if words.lower() in WRITTEN_OUT:
            return Measured(num(WRITTEN_OUT[words.lower()]))
        if (special := read_words(words)) is not None:
            return special
        self.tokens = tokens(self.text)
        if not self.tokens:
            raise UnreadAnswer("nothing")
        return self.statement(0, len(self.tokens), 0)

    def statement(self, start: int, end: int, depth: int) -> Answer:
        """One answer, or several with joints and commas between."""
        if depth > MAX_NESTING:
            raise TooBig("nesting")
        parts, joints = self.parts(start, end)
        if not parts:
            raise UnreadAnswer("nothing")
        if len(parts) == 1:
            return self.single(*parts[0], depth)
        if len(parts) > MAX_PARTS:
            raise TooBig("parts")
        if any(self.has_relation(*part, ("<", ">", "<=", ">=", "!=", "in")) for part in parts):
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
        if start >= end:
            raise UnreadAnswer("nothing where an answer should be")
        places = self.relations(start, end)
        if places:
            return self._relation(start, end, places, depth)
        if (found := self._set_operation(start, end, depth)) is not None:
            return found
        if (ratio := read_ratio(self, start, end)) is not None:
            return ratio
        if (grid := read_grid(self, start, end)) is not None:
            return grid
        if (group := self._group(start, end, depth)) is not None:
            return group
        kinds = {token.kind for token in self.tokens[start:end]}
        if "text" in kinds and kinds <= {"text", "letter"}:
            words = plain_words(self.source(start, end))
            if is_prose(words):
                return Prose(words)
        if end - start == 1 and self.tokens[start].text == "\\RR":
            return Region(regions.EVERYTHING)
        if end - start == 1 and self.tokens[start].text == "\\emptyset":
            return Region(regions.NOTHING)
        return read_measured(self, start, end)

    def _relation(self, start: int, end: int, places: list[int], depth: int) -> Answer:
        bounds = [start, *(place + 1 for place in places)]
        spans = list(zip(bounds, [*places, end], strict=True))
        kinds = [RELATIONS[self.tokens[place].text] for place in places]
        if kinds[-1] == "~":
            return self._approximate(spans, kinds, start, places, depth)
        if kinds == ["in"]:
            return self._member(spans, depth)
        if set(kinds) == {"="}:
            return self._equation(spans, depth)
        if kinds == ["!="]:
            return unequal(*(term_of(self, *span) for span in spans))
        if set(kinds) <= {"<", "<=", ">", ">="}:
            return chain([term_of(self, *span) for span in spans], kinds)
        raise UnreadAnswer("relations of several kinds")

    def _approximate(
        self, spans: list[tuple[int, int]], kinds: list[str], start: int, places: list[int], depth: int
    ) -> Answer:
        """About a value: the value itself behind a name, and the exact one where both stand."""
        before, behind = (start, places[-1]), spans[-1]
        rounded = self.single(*behind, depth + 1)
        if before[0] == before[1]:
            return rounded
        if len(kinds) == 1 and (name := name_of(self, *before)) is not None:
            return replace(name, value=rounded, term=None)
        exact = self.single(*before, depth + 1)
        inner = exact.value if isinstance(exact, NamedAnswer) else exact
        if isinstance(inner, Measured) and isinstance(rounded, Measured):
            shown = self.source(*behind)
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
        name = name_of(self, *spans[0])
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

    def _equation(self, spans: list[tuple[int, int]], depth: int) -> Answer:
        name = name_of(self, *spans[0])
        if (
            name is None
            and len(spans) == 2
            and (swapped := name_of(self, *spans[1])) is not None
            and is_measured(self, *spans[0])
        ):
            name, spans = swapped, [spans[1], spans[0]]
        if name is not None:
            values = [self.single(*span, depth + 1) for span in spans[1:]]
            value = _consistent(values)
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
        sides = [term_of(self, *span) for span in spans]
        if not any(letters(side) for side in sides):
            return _consistent([self.single(*span, depth + 1) for span in spans])
        if len(sides) != 2:
            raise UnreadAnswer("a chain of equations")
        return ZeroSet(minus(*sides))

    def _set_operation(self, start: int, end: int, depth: int) -> Answer | None:
        level, places = 0, []
        for index in range(start, end):
            level += level_of(self.tokens[index])
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
            level += level_of(self.tokens[index])
            if level == 0 and index < end - 1:
                return None
        if first.text == "\\{":
            return self._braces(start + 1, end - 1, depth)
        parts, joints = self.parts(start + 1, end - 1)
        if len(parts) == 1 and first.text in "([" and (first.text, last.text) in (("(", ")"), ("[", "]")):
            if any(self.tokens[i].kind == "text" for i in range(start, end)) or self.relations(start + 1, end - 1):
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
            level += level_of(token)
            if level == 0 and token.text in ("|", ":") and index - start <= 4:
                if self.tokens[start].kind != "letter" or (index - start > 1 and self.tokens[start + 1].text != "\\in"):
                    raise UnreadAnswer("a set of another kind")
                if index - start > 1 and self.tokens[start + 2].text != "\\RR":
                    raise UnreadAnswer("a set of another kind")
                found = self.statement(index + 1, end, depth + 1)
                if isinstance(found, Region) and found.variable in ("", self.tokens[start].text):
                    return found
                raise UnreadAnswer("a set of another kind")
        parts, _ = self.parts(start, end)
        if len(parts) > MAX_PARTS:
            raise TooBig("parts")
        return Collection(tuple(_flat([self.single(*part, depth + 1) for part in parts])), braces=True)


def _consistent(values: list[Answer]) -> Answer:
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


def _mp(value: Any) -> Any:
    context = contexts()[1]
    return context.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else value


def _flat(items: Sequence[Answer]) -> list[Answer]:
    """Items with a plus-minus sign as the two that they are."""
    found: list[Answer] = []
    for item in items:
        if isinstance(item, Measured) and len(both := signs(item.term)) == 2:
            found += [replace(item, term=term, whole_number="") for term in both]
        else:
            found.append(item)
    return found
