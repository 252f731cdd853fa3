"""Numbers and expressions compared: by their values, with units, as ratios or times, and as numerals of a base."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from journey.answers.comparing.outcomes import Judgement, Outcome, different, same, together, undecided
from journey.answers.reading.agreement import ValueMatch, agreement
from journey.answers.reading.objects import Answer, BasedNumeral, Measured, Proportion
from journey.answers.reading.terms import Term, letters, mapped, num, operations
from journey.answers.reading.values import exact_value


def compare_measured(gold: Answer, answer: Answer) -> Judgement:
    """Two expressions, each perhaps with a unit."""
    if not isinstance(gold, Measured) or not isinstance(answer, Measured):
        return undecided("kinds that are not compared")
    one, other = gold.unit, answer.unit
    if one is not None and other is not None and one != other:
        return _two_units(gold, answer)
    found = compare_terms(gold.term, answer.term)
    if found.outcome is not Outcome.DIFFERENT:
        return found
    unit = one or other
    if (one is None) != (other is None) and unit is not None:
        bare, with_unit = (gold.term, answer.term) if one is None else (answer.term, gold.term)
        if unit.is_percent and any(
            _equal(bare, Term("mul", (with_unit, num(scale)))) for scale in (Fraction(1, 100), Fraction(100))
        ):
            return undecided("whether a percentage was asked for cannot be seen")
        if unit.is_degree and _equal(Term("div", (Term("mul", (with_unit, Term("const", name="pi"))), num(180))), bare):
            return undecided("degrees or radians")
    if gold.scaled != answer.scaled:
        return undecided("the question may ask in thousands or millions")
    return found


def _two_units(gold: Measured, answer: Measured) -> Judgement:
    one, other = gold.unit, answer.unit
    assert one is not None and other is not None
    if not one.converts_to(other) or _equal(gold.term, answer.term):
        return undecided("different units")
    sides = [Term("mul", (side.term, num(unit.size))) for side, unit in ((gold, one), (answer, other))]
    if compare_terms(*sides).outcome is Outcome.DIFFERENT:
        return different("different in the same unit")
    return undecided("equal in the same unit, but whether the question asks for a unit cannot be seen")


def compare_proportions(gold: Answer, answer: Answer) -> Judgement:
    """Two ratios or times, or one against a number."""
    if isinstance(gold, Proportion) and isinstance(answer, Proportion):
        if gold.half and answer.half and gold.half != answer.half:
            return different("another half of the day")
        if len(gold.parts) != len(answer.parts):
            return different("another number of parts")
        if bool(gold.half) != bool(answer.half) and _on_the_clock(gold) == _on_the_clock(answer) is not None:
            return same("the same time of the day")
        found = together([compare_terms(a, b) for a, b in zip(gold.parts, answer.parts, strict=True)])
        if (
            found.outcome is Outcome.DIFFERENT
            and _proportional(gold.parts, answer.parts)
            and not (gold.half or answer.half or num(0) in gold.parts)
        ):
            return undecided("one ratio in two forms, or two times")
        return found
    ratio, other = (gold, answer) if isinstance(gold, Proportion) else (answer, gold)
    assert isinstance(ratio, Proportion)
    if not isinstance(other, Measured) or not is_number(other.term):
        return undecided("a ratio or time against something that is none")
    if len(ratio.parts) == 2 and not ratio.half and _proportional(ratio.parts, (other.term, num(1))):
        return undecided("a ratio or a time against a number")
    return different("a ratio or time is not this number")


def _on_the_clock(time: Proportion) -> tuple[Fraction, ...] | None:
    """The parts of a time on a clock of 24 hours, or None where it is no time."""
    parts = [part for part in map(exact_value, time.parts) if part is not None]
    if len(parts) < len(time.parts):
        return None
    hour = parts[0] % 12 + (12 if time.half == "pm" else 0) if time.half else parts[0]
    return hour, *parts[1:]


def _proportional(one: Sequence[Term], other: Sequence[Term]) -> bool:
    if len(one) != len(other):
        return False
    return all(_equal(Term("mul", (a, other[0])), Term("mul", (b, one[0]))) for a, b in zip(one, other, strict=True))


def compare_based(gold: Answer, answer: Answer) -> Judgement:
    """Two numerals of a base, or one against a number."""
    if isinstance(gold, BasedNumeral) and isinstance(answer, BasedNumeral):
        if gold.base == answer.base:
            return same("the same numeral") if gold.digits == answer.digits else different("other digits")
        values = [_based_value(side) for side in (gold, answer)]
        if gold.digits == answer.digits or None in values or values[0] == values[1]:
            return undecided("numerals of two bases")
        return different("numerals with other values")
    based, other = (gold, answer) if isinstance(gold, BasedNumeral) else (answer, gold)
    assert isinstance(based, BasedNumeral)
    if isinstance(other, Measured) and other.unit is None:
        shown = exact_value(other.term)
        if shown is not None and based.digits.lstrip("-").isdigit():
            return (
                same("the same digits; the base is left out")
                if shown == int(based.digits)
                else different("other digits")
            )
    return undecided("a numeral with a base against something else")


def _based_value(side: Answer) -> int | None:
    assert isinstance(side, BasedNumeral)
    try:
        return int(side.digits, side.base)
    except ValueError:
        return None


def compare_terms(gold: Term, answer: Term) -> Judgement:
    """Two expressions by their values, infinities and poles among them."""
    if "inf" in {*operations(gold), *operations(answer)}:
        return _infinities(gold, answer)
    poles = [side for side in (gold, answer) if _is_pole(side)]
    if len(poles) == 1 and is_number(answer if poles[0] is gold else gold):
        return different("a pole is no number")
    agreed = agreement(gold, answer)
    if agreed is ValueMatch.EQUAL:
        return same("the same value")
    if agreed is ValueMatch.UNEQUAL:
        one, other = in_lower_case(gold), in_lower_case(answer)
        if (
            letters(gold) != letters(answer)
            and (one, other) != (gold, answer)
            and agreement(one, other) is not ValueMatch.UNEQUAL
        ):
            return undecided("letters that differ in case alone")
        return different("another value")
    return undecided("expressions that agree for some values alone, or have none")


def _infinities(gold: Term, answer: Term) -> Judgement:
    plain = [_signed_infinity(side) for side in (gold, answer)]
    if None not in plain:
        return same("the same infinity") if plain[0] == plain[1] else different("the other infinity")
    finite = answer if plain[0] is not None else gold
    if (plain[0] is None) != (plain[1] is None) and exact_value(finite) is not None:
        return different("infinity is no number")
    return undecided("infinity in an expression")


def _signed_infinity(term: Term) -> int | None:
    if term.op == "inf":
        return int(term.value)
    return None


def _is_pole(term: Term) -> bool:
    """A division by exactly nothing, such as 1/0."""
    if term.op == "div" and not letters(term) and exact_value(term.args[1]) == 0:
        return True
    return term.op in ("mul", "add") and any(map(_is_pole, term.args))


def _equal(one: Term, other: Term) -> bool:
    return compare_terms(one, other).outcome is Outcome.SAME


def is_number(term: Term) -> bool:
    """Whether an expression has no letters."""
    return not letters(term)


def in_lower_case(term: Term) -> Term:
    """A term with all letters in lower case."""
    return mapped(term, lambda t: Term("var", name=t.name.lower()) if t.op == "var" else t)
