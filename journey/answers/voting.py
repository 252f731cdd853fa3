"""Votes among answers to one problem: which answers count as the same, without looking at the gold answer.

    classes(problem, ["1/2", "0.5", None, "3"])      -> [0, 0, None, 1]

Answers to a problem that is judged by value fall together where the answer checker says so, directly or by way of others (of
multiple choice, where they name one option); a
class that would hold two different units is parted by unit, so that nothing depends on which answer came first. Answers are
compared only where a fingerprint of their values agrees. Where the answer is an expression (Countdown) the classes are
canonical expressions: brackets that change nothing and the order of sums and products do not count, but nothing is computed.
By value every right answer would be in one class and the vote would know the target.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from journey.answers import checker, choices
from journey.answers.checker import Outcome
from journey.answers.exact import MAX_CHARS, MAX_DEPTH
from journey.answers.reading.fingerprints import fingerprints, units_in
from journey.answers.spelling import unspelled
from journey.schema import Problem

_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?)|([-+*/()]))", re.ASCII)
_SIGNS = {"\\times": "*", "\\cdot": "*", "\\div": "/", "\u00d7": "*", "\u00f7": "/", "\u2212": "-", "[": "(", "]": ")"}
_LATEX = re.compile("|".join(map(re.escape, _SIGNS)))
_DROPPED = re.compile(r"\\(?:left|right|[,;! ])|\$")


def classes(problem: Problem, given: Sequence[str | None]) -> list[int | None]:
    """The class of every answer, numbered by first appearance; no answer is in no class.

    What cannot be decided against any other is a class of its own.
    """
    texts = list(dict.fromkeys(answer for answer in given if answer is not None))
    names: dict[str, object] = {text: _by_form(text) for text in texts}
    if problem.check == "value":
        read = {text: unspelled(text) if problem.facts.get("spelled") else text for text in texts}
        by_value = _by_value(list(dict.fromkeys(read.values())))
        names = {text: by_value[read[text]] for text in texts}
    elif problem.check == "choice":
        names = {text: choices.class_of(problem.facts.get("options", ()), text) for text in texts}
    numbers: dict[object, int] = {}
    return [None if answer is None else numbers.setdefault(names[answer], len(numbers)) for answer in given]


def _by_form(text: str) -> str:
    return canonical_expression(text) or " ".join(text.split())


def _by_value(texts: Sequence[str]) -> dict[str, tuple[int, str]]:
    """The class of each text: the number of its component, and its unit where the component has several."""
    parents = list(range(len(texts)))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    alike: dict[object, list[int]] = defaultdict(list)
    for index, text in enumerate(texts):
        for mark in fingerprints(text):
            alike[mark].append(index)
    for members in alike.values():
        for position, index in enumerate(members):
            for other in members[:position]:
                if root(index) != root(other) and _same(texts[other], texts[index]):
                    parents[root(index)] = root(other)
    units: dict[int, set[str]] = defaultdict(set)
    for index, text in enumerate(texts):
        units[root(index)].add(units_in(text))
    parted = {index for index, found in units.items() if len(found - {""}) > 1}
    return {text: (root(index), units_in(text) if root(index) in parted else "") for index, text in enumerate(texts)}


def _same(one: str, other: str) -> bool:
    """Whether two answers are the same, whichever is taken for the gold one; math-verify is not asked."""
    return Outcome.SAME in (checker.compare(one, other, timeout=0), checker.compare(other, one, timeout=0))


def canonical_expression(text: str) -> str | None:
    """One spelling of + - * / over numbers: flat sums and products in sorted order; None for anything else.

    What stands behind an equals sign is left out. Nothing is computed: `2 * 3` and `6` stay different.
    """
    text = _LATEX.sub(lambda sign: _SIGNS[sign[0]], _DROPPED.sub(" ", text)).partition("=")[0].strip()
    if not text or len(text) > MAX_CHARS:
        return None
    tokens, position = [], 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            return None
        tokens.append(match[1] or match[2])
        position = match.end()
        if not text[position:].strip():
            break
    try:
        parser = _Expression(tokens)
        terms = parser.sum()
        return _shown(terms) if parser.at == len(tokens) else None
    except _NoExpression:
        return None


class _NoExpression(ValueError):
    """The text is no expression, or nested too deeply."""


Factor = tuple[str, int]  # what it is, and 1 (multiplied) or -1 (divided by)
Term = tuple[tuple[Factor, ...], int]  # sorted factors, and 1 (added) or -1 (subtracted)


class _Expression:
    """Recursive descent into sums of products; brackets around a sum within a sum, or a product within one, dissolve."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens, self.at, self.depth = tokens, 0, 0

    def _next(self, *signs: str) -> str | None:
        if self.at < len(self.tokens) and self.tokens[self.at] in signs:
            self.at += 1
            return self.tokens[self.at - 1]
        return None

    def sum(self) -> list[Term]:
        """Terms with their signs."""
        terms = self._product()
        while sign := self._next("+", "-"):
            way = 1 if sign == "+" else -1
            terms += [(factors, way * own) for factors, own in self._product()]
        return terms

    def _product(self) -> list[Term]:
        first = self._atom()
        factors, way, alone = _as_factors(first), _sign_of(first), True
        while sign := self._next("*", "/"):
            right = self._atom()
            power = 1 if sign == "*" else -1
            factors += [(what, power * own) for what, own in _as_factors(right)]
            way, alone = way * _sign_of(right), False
        return first if alone else [(tuple(sorted(factors)), way)]

    def _atom(self) -> list[Term]:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _NoExpression
        if sign := self._next("-", "+"):
            inside = [(factors, -way if sign == "-" else way) for factors, way in self._atom()]
        elif self._next("("):
            inside = self.sum()
            if not self._next(")"):
                raise _NoExpression
        elif self.at < len(self.tokens) and self.tokens[self.at][0].isdigit():
            inside = [(((self.tokens[self.at], 1),), 1)]
            self.at += 1
        else:
            raise _NoExpression
        self.depth -= 1
        return inside


def _as_factors(terms: list[Term]) -> list[Factor]:
    """A single term's factors, or a sum as one factor."""
    return list(terms[0][0]) if len(terms) == 1 else [(f"({_shown(terms)})", 1)]


def _sign_of(terms: list[Term]) -> int:
    return terms[0][1] if len(terms) == 1 else 1


def _shown(terms: list[Term]) -> str:
    shown = []
    for factors, way in terms:
        above = "*".join(sorted(what for what, power in factors if power > 0))
        below = "".join(f"/{what}" for what in sorted(what for what, power in factors if power < 0))
        shown.append(("+" if way > 0 else "-") + (above or "1") + below)
    return "".join(sorted(shown))
