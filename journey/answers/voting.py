"""Votes among answers to one problem: which answers count as the same, without looking at the gold answer.

    classes(problem, ["1/2", "0.5", None, "3"])      -> [0, 0, None, 1]

Answers to a problem that is judged by value fall together where the answer checker says so; of multiple choice, where they
name one option. Where the answer is an
expression (Countdown) the classes are canonical expressions: brackets that change nothing and the order of sums and
products do not count, but nothing is computed. By value every right answer would be in one class and the vote would
know the target.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from journey.answers import checker, choices
from journey.answers.checker import Outcome
from journey.answers.exact import MAX_CHARS, MAX_DEPTH
from journey.answers.numerals import canonical
from journey.schema import Problem

_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?)|([-+*/()]))", re.ASCII)
_SIGNS = {"\\times": "*", "\\cdot": "*", "\\div": "/", "\u00d7": "*", "\u00f7": "/", "\u2212": "-", "[": "(", "]": ")"}
_LATEX = re.compile("|".join(map(re.escape, _SIGNS)))
_DROPPED = re.compile(r"\\(?:left|right|[,;! ])|\$")


def classes(problem: Problem, given: Sequence[str | None]) -> list[int | None]:
    """The class of every answer, numbered by first appearance; no answer is in no class.

    Comparison by value is asked of the first answer of each class; what it cannot decide is a class of its own.
    """
    known: dict[str, int] = {}
    firsts: list[str] = []
    numbers: list[int | None] = []
    for answer in given:
        if answer is None:
            numbers.append(None)
            continue
        name = class_name(problem, answer)
        if name not in known:
            same = None
            if problem.check == "value":
                same = next(
                    (n for n, first in enumerate(firsts) if checker.compare(first, answer) is Outcome.SAME), None
                )
            known[name] = len(firsts) if same is None else same
            if same is None:
                firsts.append(answer)
        numbers.append(known[name])
    return numbers


def class_name(problem: Problem, answer: str) -> str:
    """One spelling of an answer: of its number or words, or of its expression where the answer is one."""
    if problem.check == "value":
        return canonical(answer) if len(answer) <= MAX_CHARS else answer
    if problem.check == "choice":
        return choices.class_of(problem.facts.get("options", ()), answer)
    return canonical_expression(answer) or " ".join(answer.split())


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
