"""Several answers without an order compared with each other, and with what one answer may stand for."""

from __future__ import annotations

from collections.abc import Sequence

from journey.answers.comparing.equations import compare_named
from journey.answers.comparing.numbers import is_number
from journey.answers.comparing.outcomes import Comparer, Judgement, Outcome, different, same, together, undecided
from journey.answers.comparing.regions import compare_regions
from journey.answers.comparing.words import compare_choices, has_numeral
from journey.answers.reading.objects import (
    Answer,
    Bracketed,
    Collection,
    Grid,
    LetterChoice,
    Measured,
    NamedAnswer,
    Prose,
    Region,
)
from journey.answers.reading.real_sets import as_region
from journey.answers.reading.terms import num


def compare_collections(gold: Answer, answer: Answer, comparer: Comparer) -> Judgement:
    """A list of answers against another, or against one of any other kind."""
    sides = [side for side in (gold, answer) if not isinstance(side, Collection)]
    if not sides:
        assert isinstance(gold, Collection) and isinstance(answer, Collection)
        return _lists(gold, answer, comparer)
    other = sides[0]
    found = gold if isinstance(gold, Collection) else answer
    assert isinstance(found, Collection)
    if isinstance(other, NamedAnswer):
        return compare_named(gold, answer, comparer)
    if isinstance(other, LetterChoice):
        return compare_choices(gold, answer, comparer)
    if isinstance(other, Prose):
        clear = all(isinstance(item, Measured) and is_number(item.term) for item in found.items)
        return (
            different("numbers are no words")
            if clear and not has_numeral(other.text)
            else undecided("words against a list")
        )
    if isinstance(other, Measured):
        if (
            found.number is not None
            and comparer.judge(Measured(num(found.number)), other).outcome is not Outcome.DIFFERENT
        ):
            return undecided("one number or a list of two")
        left, right = (side if isinstance(side, Collection) else Collection((side,)) for side in (gold, answer))
        return _lists(left, right, comparer)
    if isinstance(other, Bracketed):
        return _list_and_bracket(found, other, comparer)
    if isinstance(other, Region):
        region = as_region(found) if found.braces else None
        if region is None:
            return undecided("a list against a set of real numbers")
        return compare_regions(*(region if side is found else side for side in (gold, answer)))
    if isinstance(other, Grid):
        return undecided("a list against a matrix")
    return undecided("a list against something that is none")


def _lists(gold: Collection, answer: Collection, comparer: Comparer) -> Judgement:
    if _coordinates(gold) is not None or _coordinates(answer) is not None:
        return _named_lists(gold, answer, comparer)
    left, unsure = list(answer.items), False
    if len(gold.items) != len(answer.items):
        found = [_matches(item, answer.items, comparer) for item in gold.items]
        found += [_matches(item, gold.items, comparer) for item in answer.items]
        if all(map(_is_clear, gold.items + answer.items)) or Outcome.DIFFERENT in found:
            return different("another number of answers")
        return undecided("another number of answers, one of them not clear")
    for item in gold.items:
        outcomes = [comparer.judge(item, other).outcome for other in left]
        if Outcome.SAME in outcomes:
            del left[outcomes.index(Outcome.SAME)]
        elif Outcome.UNDECIDED in outcomes:
            unsure = True
        else:
            return different("one of the answers is not in the other list")
    if any(isinstance(item, Prose) for item in gold.items):
        pairs = zip(gold.items, answer.items, strict=True)
        unsure = unsure or any(comparer.judge(one, other).outcome is not Outcome.SAME for one, other in pairs)
    return undecided("a part of the list") if unsure else same("the same answers")


def _matches(item: Answer, others: Sequence[Answer], comparer: Comparer) -> Outcome:
    """SAME where one of the others is the item, DIFFERENT where none can be."""
    outcomes = {comparer.judge(item, other).outcome for other in others}
    return next((o for o in (Outcome.SAME, Outcome.UNDECIDED) if o in outcomes), Outcome.DIFFERENT)


def _named_lists(gold: Collection, answer: Collection, comparer: Comparer) -> Judgement:
    """x=1, y=2 against y=2, x=1, or against 1, 2 in the order of the names."""
    if len(gold.items) != len(answer.items):
        return undecided("another number of named answers")
    one, other = _coordinates(gold), _coordinates(answer)
    if one is not None and other is not None:
        if set(one) != set(other):
            return undecided("other names")
        return together([comparer.judge(one[name], other[name]) for name in one])
    pairs = zip(gold.items, answer.items, strict=True)
    found = together([comparer.judge(_value(a), _value(b)) for a, b in pairs])
    return found


def _list_and_bracket(found: Collection, other: Bracketed, comparer: Comparer) -> Judgement:
    named = _coordinates(found)
    if named is not None and (other.opening, other.closing) == ("(", ")"):
        if len(named) != len(other.items):
            return different("another number of coordinates")
        return together([comparer.judge(a, b) for a, b in zip(named.values(), other.items, strict=True)])
    if len(found.items) != len(other.items):
        clear = all(map(_is_clear, found.items + other.items))
        return different("another number of parts") if clear else undecided("another number of parts")
    pairs = together([comparer.judge(a, b) for a, b in zip(found.items, other.items, strict=True)])
    if pairs.outcome is Outcome.DIFFERENT:
        for item in found.items:
            if _matches(item, other.items, comparer) is Outcome.DIFFERENT:
                return different("a part that is not in the other")
    return undecided("a list against a point or an interval")


def _is_clear(item: Answer) -> bool:
    """Whether a part of a list is surely one part."""
    return not isinstance(item, Prose) or len(item.text.split()) <= 2


def _value(item: Answer) -> Answer:
    return item.value if isinstance(item, NamedAnswer) else item


def _coordinates(found: Collection) -> dict[str, Answer] | None:
    """Values by name, in the order of the names, where every part of a list has another name."""
    if not all(isinstance(item, NamedAnswer) for item in found.items):
        return None
    named = {item.name: item.value for item in found.items if isinstance(item, NamedAnswer)}
    return named if len(named) == len(found.items) > 1 else None
