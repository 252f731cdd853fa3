"""Sets of real numbers out of what is read: inequalities solved, and points and lists taken as sets."""

from __future__ import annotations

from fractions import Fraction

from journey.answers.reading import regions
from journey.answers.reading.objects import Answer, Bracketed, Collection, Inequality, Measured, NamedAnswer, Region
from journey.answers.reading.terms import INFINITY, MINUS_INFINITY, Term, letters, minus, num, operations
from journey.answers.reading.tokens import UnreadAnswer
from journey.answers.reading.values import exact_value


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


def unequal(left: Term, right: Term) -> Answer:
    """A letter that is not a number."""
    if left.op != "var":
        left, right = right, left
    if left.op != "var" or letters(right):
        raise UnreadAnswer("not equal, but no number of one variable")
    return Region(regions.complement(regions.isolated([right])), left.name)


def chain(terms: list[Term], kinds: list[str]) -> Answer:
    """a < x <= b, or one inequality."""
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
        return _linear_chain(terms, kinds)
    term = minus(terms[0], terms[1])
    names = letters(term)
    if len(names) == 1:
        return _linear(term, next(iter(names)), kinds[0] == "<")
    if not names:
        raise UnreadAnswer("a relation between numbers")
    return Inequality(term, kinds[0] == "<")


def _linear_chain(terms: list[Term], kinds: list[str]) -> Answer:
    names = frozenset().union(*(letters(term) for term in terms))
    if len(names) != 1:
        raise UnreadAnswer("a chain in several letters")
    name = next(iter(names))
    found = regions.EVERYTHING
    for low, high, kind in zip(terms, terms[1:], kinds, strict=False):
        part = _linear(minus(low, high), name, kind == "<")
        if not isinstance(part, Region):
            raise UnreadAnswer("a chain that is not linear")
        found = regions.combined(found, part.numbers, lambda a, b: a and b)
    return Region(found, name)


def _linear(term: Term, name: str, strict: bool) -> Answer:
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
