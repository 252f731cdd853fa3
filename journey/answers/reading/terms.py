"""Expressions of an answer as trees: how they are built, taken apart and changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Term:
    """One operation on terms, or a leaf: a number (`value`), a letter or constant (`name`)."""

    op: str
    args: tuple[Term, ...] = ()
    value: Fraction = Fraction(0)
    name: str = ""


def num(value: Fraction | int) -> Term:
    """A number."""
    return Term("num", value=Fraction(value))


INFINITY, MINUS_INFINITY = Term("inf", value=Fraction(1)), Term("inf", value=Fraction(-1))


def negative(term: Term) -> Term:
    """The term with the other sign."""
    if term.op in ("num", "inf"):
        return Term(term.op, value=-term.value)
    return Term("mul", (num(-1), term))


def minus(left: Term, right: Term) -> Term:
    """left - right."""
    return Term("add", (left, negative(right)))


def letters(term: Term) -> frozenset[str]:
    """The letters that a term depends on."""
    if term.op == "var":
        return frozenset((term.name,))
    return frozenset().union(*(letters(arg) for arg in term.args)) if term.args else frozenset()


def operations(term: Term) -> Iterator[str]:
    """The operations and function names in a term."""
    yield term.op
    if term.op == "fun":
        yield term.name
    for arg in term.args:
        yield from operations(arg)


def mapped(term: Term, change: Callable[[Term], Term]) -> Term:
    """A term with every part changed, the innermost first."""
    return change(Term(term.op, tuple(mapped(arg, change) for arg in term.args), term.value, term.name))


def signs(term: Term) -> list[Term]:
    """Both values of a term with plus-minus signs (upper signs, lower signs), or the term alone."""
    if not {"pm", "mp"} & set(operations(term)):
        return [term]
    flips = {"pm": num(-1), "mp": num(1)}, {"pm": num(1), "mp": num(-1)}

    def chosen(lower: bool) -> Term:
        flip = flips[0] if lower else flips[1]
        return mapped(term, lambda t: Term("mul", (flip[t.op], t.args[0])) if t.op in flip else t)

    return [chosen(False), chosen(True)]
