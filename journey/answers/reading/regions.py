"""Sets of real numbers with finitely many borders: intervals, rays, unions, points left out.

A set is its borders in order and one truth value for each border and each gap between: (0,1] is ((0, 1), (F, F, T, T, F)).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cmp_to_key

from journey.answers.reading.agreement import ValueMatch, same_value
from journey.answers.reading.terms import Term, letters
from journey.answers.reading.tokens import UnreadAnswer
from journey.answers.reading.values import NoValue, contexts, value_of


@dataclass(frozen=True)
class RealSet:
    """`inside` has one entry for each gap and border, from the left: gap, border, gap, ..., gap."""

    borders: tuple[Term, ...] = ()
    inside: tuple[bool, ...] = (False,)

    def with_borders(self, borders: Sequence[Term]) -> tuple[bool, ...]:
        """The truth values where more borders are marked; `borders` has all of this set's."""
        found, index = [self.inside[0]], 0
        for border in borders:
            if index < len(self.borders) and order(border, self.borders[index]) == 0:
                found += [self.inside[2 * index + 1], self.inside[2 * index + 2]]
                index += 1
            else:
                found += [self.inside[2 * index], self.inside[2 * index]]
        return tuple(found)

    @property
    def is_empty(self) -> bool:
        """Whether no number is in it."""
        return not any(self.inside)


EVERYTHING, NOTHING = RealSet((), (True,)), RealSet()


def order(left: Term, right: Term) -> int:
    """-1, 0 or 1: which of two numbers is the smaller. Raises UnreadAnswer where that is not sure."""
    try:
        agreed = same_value(left, right)
        if agreed is ValueMatch.EQUAL:
            return 0
        one, other = value_of(left), value_of(right)
    except NoValue as error:
        raise UnreadAnswer(f"a border without a value ({error})") from None
    context = contexts()[1]
    if agreed is ValueMatch.UNSURE or any(not _is_real(value) for value in (one, other)):
        raise UnreadAnswer("borders that cannot be put in order")
    one, other = (context.mpf(v.numerator) / v.denominator if hasattr(v, "denominator") else v for v in (one, other))
    return -1 if context.re(one) < context.re(other) else 1


def _is_real(value: object) -> bool:
    context = contexts()[1]
    return hasattr(value, "denominator") or not context.im(value)


def between(low: Term, with_low: bool, high: Term, with_high: bool) -> RealSet:
    """An interval; an infinite border is none. Raises UnreadAnswer for one that is empty or the wrong way round."""
    if letters(low) | letters(high):
        raise UnreadAnswer("a border with letters")
    left, right = low.op != "inf", high.op != "inf"
    if (not left and low.value > 0) or (not right and high.value < 0):
        raise UnreadAnswer("an interval the wrong way round")
    if left and right:
        way = order(low, high)
        if way > 0 or (way == 0 and not (with_low and with_high)):
            raise UnreadAnswer("an interval the wrong way round")
        if way == 0:
            return RealSet((low,), (False, True, False))
        return RealSet((low, high), (False, with_low, True, with_high, False))
    if left:
        order(low, low)
        return RealSet((low,), (False, with_low, True))
    if right:
        order(high, high)
        return RealSet((high,), (True, with_high, False))
    return EVERYTHING


def isolated(numbers: Sequence[Term]) -> RealSet:
    """Some numbers alone."""
    found = NOTHING
    for number in numbers:
        found = combined(found, between(number, True, number, True), lambda a, b: a or b)
    return found


def combined(left: RealSet, right: RealSet, rule: Callable[[bool, bool], bool]) -> RealSet:
    """Union, intersection or difference, as `rule` says for a number that is in them or not."""
    borders: list[Term] = []
    for border in sorted([*left.borders, *right.borders], key=cmp_to_key(order)):
        if not borders or order(borders[-1], border) != 0:
            borders.append(border)
    inside = [rule(a, b) for a, b in zip(left.with_borders(borders), right.with_borders(borders), strict=True)]
    kept, flags = [], [inside[0]]
    for index, border in enumerate(borders):
        before, here, after = inside[2 * index : 2 * index + 3]
        if not before == here == after:
            kept.append(border)
            flags += [here, after]
    return RealSet(tuple(kept), tuple(flags))


def complement(region: RealSet) -> RealSet:
    """All other real numbers."""
    return RealSet(region.borders, tuple(not flag for flag in region.inside))


def same_region(left: RealSet, right: RealSet) -> bool:
    """Whether two sets have the same numbers."""
    return not any(combined(left, right, lambda a, b: a != b).inside)
