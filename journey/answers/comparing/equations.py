"""Equations, inequalities and named values compared: by factors and zeros, never by real solutions alone."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from journey.answers.comparing.numbers import in_lower_case, is_number
from journey.answers.comparing.outcomes import Comparer, Judgement, Outcome, different, same, undecided
from journey.answers.reading.agreement import holds_apart, proportional, zeros_differ
from journey.answers.reading.objects import Answer, Inequality, LetterChoice, Measured, NamedAnswer, ZeroSet
from journey.answers.reading.terms import Term, letters, mapped


def compare_named(gold: Answer, answer: Answer, comparer: Comparer) -> Judgement:
    """A name with its value against another, an equation, or a bare value."""
    if isinstance(gold, NamedAnswer) and isinstance(answer, NamedAnswer):
        return _two_named(gold, answer, comparer)
    named, other = (gold, answer) if isinstance(gold, NamedAnswer) else (answer, gold)
    assert isinstance(named, NamedAnswer)
    if isinstance(other, ZeroSet):
        if named.term is None:
            return undecided("a name against an equation")
        return _zeros(named.term, other.term)
    if isinstance(named.value, LetterChoice) != isinstance(other, LetterChoice):
        return undecided("a letter against something that is none")
    value = named.value
    return comparer.judge(value, other) if named is gold else comparer.judge(other, value)


def _two_named(gold: NamedAnswer, answer: NamedAnswer, comparer: Comparer) -> Judgement:
    one, other = gold.value, answer.value
    if (
        gold.argument != answer.argument
        and gold.argument
        and answer.argument
        and isinstance(one, Measured)
        and isinstance(other, Measured)
    ):
        renamed = mapped(
            other.term,
            lambda t: Term("var", name=gold.argument) if t.op == "var" and t.name == answer.argument else t,
        )
        if gold.argument.isalpha() and answer.argument.isalpha() and gold.argument not in letters(other.term):
            other = replace(other, term=renamed)
    values = comparer.judge(one, other)
    if gold.name.replace("\\", "") == answer.name.replace("\\", "") or gold.name.lower() == answer.name.lower():
        return values
    if values.outcome is Outcome.SAME:
        single = all(len(name) == 1 for name in (gold.name, answer.name))
        if any(letters(value.term) for value in (one, other) if isinstance(value, Measured)):
            return values if {gold.name, answer.name} <= set("yfgh") else undecided("the same under different names")
        return different("the same under different letters") if single else undecided("the same under different names")
    if gold.term is not None and answer.term is not None and (letters(gold.term) & letters(answer.term)):
        return _zeros(gold.term, answer.term)
    return values


def compare_equations(gold: Answer, answer: Answer) -> Judgement:
    """Two equations or two inequalities, or one against something else."""
    if isinstance(gold, ZeroSet) and isinstance(answer, ZeroSet):
        return _zeros(gold.term, answer.term)
    if isinstance(gold, Inequality) and isinstance(answer, Inequality):
        factor = proportional(gold.term, answer.term)
        if factor is None or not isinstance(factor, Fraction):
            if holds_apart(gold.term, gold.strict, answer.term, answer.strict):
                return different("positive values for which one inequality holds alone")
            return undecided("inequalities that are no multiples of each other")
        if factor < 0:
            return different("inequalities that point in other directions")
        return same("the same inequality") if gold.strict == answer.strict else different("one inequality is strict")
    one = gold if not isinstance(gold, ZeroSet | Inequality) else answer
    if isinstance(one, Measured) and is_number(one.term) and isinstance(gold if one is answer else answer, Inequality):
        return different("a number is no inequality")
    return undecided("an equation against something that is none")


def _zeros(gold: Term, answer: Term) -> Judgement:
    if proportional(gold, answer) is not None:
        return same("the same equation up to a factor")
    folded = in_lower_case(gold), in_lower_case(answer)
    if folded != (gold, answer) and proportional(*folded) is not None:
        return undecided("letters that differ in case alone")
    if zeros_differ(gold, answer):
        return different("a solution of one equation is none of the other")
    return undecided("equations that are no multiples of each other")
