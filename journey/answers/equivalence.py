"""Answer equivalence: whether two answers that were read are the same, and why.

    judge("(3,4]", "3 < x \\\\le 4", seconds=1)      # Judgement(Outcome.SAME, "the same set of real numbers")

"Different" is said only where both sides were read and are proven to differ; "same" only where they are proven equal, an
equation never by its real solutions. What may be read in two ways has to come out alike in all of them. `docs/answers.md`
has the table of kinds.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from journey.answers.exact import MAX_CHARS, TooBig
from journey.answers.mathworker import SAME, WORKER
from journey.answers.reading.expressions import Doubts
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
from journey.answers.reading.reader import as_region, read_answer
from journey.answers.reading.regions import same_region
from journey.answers.reading.terms import (
    Term,
    ValueMatch,
    agreement,
    exact_value,
    holds_apart,
    letters,
    mapped,
    num,
    operations,
    proportional,
    signs,
    start_work,
    zeros_differ,
)
from journey.answers.reading.tokens import UnreadAnswer, normal

MAX_ASKED = 200  # characters of a text for math-verify
MAX_DOUBTS = 2  # things in one pair of texts that may be read in two ways
MAX_COMPARED = 300  # parts of lists that are compared with each other


class Outcome(StrEnum):
    """What a comparison found. UNDECIDED is neither right nor wrong and is counted apart."""

    SAME = "same"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


class Judgement(NamedTuple):
    """An outcome and the rule behind it, in words."""

    outcome: Outcome
    why: str


def _same(why: str) -> Judgement:
    return Judgement(Outcome.SAME, why)


def _different(why: str) -> Judgement:
    return Judgement(Outcome.DIFFERENT, why)


def _undecided(why: str) -> Judgement:
    return Judgement(Outcome.UNDECIDED, why)


def judge(gold: str, answer: str, seconds: float) -> Judgement:
    """Compare two texts; `seconds` bounds what math-verify gets. Raises JourneyError if its process cannot start."""
    if max(len(gold), len(answer)) > MAX_CHARS:
        return _undecided(f"longer than {MAX_CHARS} characters")
    left, right = normal(gold), normal(answer)
    if not left or not right:
        return _undecided("one of them is empty")
    if _squeezed(left) == _squeezed(right):
        return _same("the same text")
    start_work()
    try:
        found = _every_way(gold, answer)
    except TooBig as error:
        return _undecided(f"too big or too deep to read ({error})")
    except UnreadAnswer as error:
        found = _undecided(f"not read: {error}")
        return _asked(left, right, seconds, found.why)
    except RecursionError:
        return _undecided("too deep to read")
    if found.outcome is Outcome.UNDECIDED and found.why.startswith("expressions"):
        return _asked(left, right, seconds, found.why)
    return found


def _squeezed(text: str) -> str:
    """A normal text without spaces that separate no two words or numbers."""
    return re.sub(r" ?([^\w\s\\,]) ?", r"\1", re.sub(r"([\^_]) ?\{(\w)\}", r"\1\2", text))


def _every_way(gold: str, answer: str) -> Judgement:
    """Both texts read in every way in which they may be."""
    first_gold, first_answer = Doubts(), Doubts()
    pairs = [_attempt(gold, answer, first_gold, first_answer)]
    met = sorted(first_gold.met | first_answer.met)
    if not met:
        return pairs[0]
    if len(met) > MAX_DOUBTS:
        return _undecided("it may be read in several ways")
    ways = [frozenset(way) for size in range(len(met) + 1) for way in itertools.combinations(met, size)]
    alike = [_attempt(gold, answer, Doubts(way), Doubts(way)) for way in ways]
    if all(found.outcome is Outcome.SAME for found in alike):
        return alike[0]
    crossed = [_attempt(gold, answer, Doubts(one), Doubts(other)) for one in ways for other in ways]
    if all(found.outcome is Outcome.DIFFERENT for found in crossed):
        return crossed[0]
    return _undecided(f"it may be read in several ways ({', '.join(met)})")


def _attempt(gold: str, answer: str, one: Doubts, other: Doubts) -> Judgement:
    """Both texts read in one way. A side that cannot be read leaves the pair undecided."""
    sides = [_read(text, doubts.assumed) for text, doubts in ((gold, one), (answer, other))]
    for (_, met), doubts in zip(sides, (one, other), strict=True):
        doubts.met |= met
    (left, _), (right, _) = sides
    for side in (left, right):
        if isinstance(side, Exception):
            raise side
    assert not isinstance(left, Exception) and not isinstance(right, Exception)
    return compare_objects(left, right)


@lru_cache(maxsize=4096)
def _read(text: str, assumed: frozenset[str]) -> tuple[Answer | UnreadAnswer, frozenset[str]]:
    """A text as an object, or why it is none, and the doubts that were met. A gold answer is read once for many answers."""
    doubts = Doubts(assumed)
    try:
        return read_answer(text, doubts), frozenset(doubts.met)
    except UnreadAnswer as error:
        return error, frozenset(doubts.met)


# --- objects ---------------------------------------------------------------------------------------------------------


def compare_objects(gold: Answer, answer: Answer) -> Judgement:
    """Compare two answers that were read. Raises TooBig."""
    return _Comparison().judge(gold, answer)


class _Comparison:
    """The rules by pairs of kinds; `budget` bounds how many parts are compared."""

    def __init__(self) -> None:
        self.budget = MAX_COMPARED

    def judge(self, gold: Answer, answer: Answer) -> Judgement:
        self.budget -= 1
        if self.budget < 0:
            raise TooBig("parts to compare")
        gold, answer = _plain(gold), _plain(answer)
        rules: Sequence[tuple[type | tuple[type, ...], Callable[[Answer, Answer], Judgement]]] = (
            (Collection, self._collections),
            (Prose, self._prose),
            (LetterChoice, self._options),
            (NamedAnswer, self._named),
            (Region, self._regions),
            (Bracketed, self._brackets),
            (Grid, self._grids),
            (Proportion, self._proportions),
            (BasedNumeral, self._based),
            ((ZeroSet, Inequality), self._equations),
            (Measured, self._measured),
        )
        for kind, rule in rules:
            if isinstance(gold, kind) or isinstance(answer, kind):
                return rule(gold, answer)
        return _undecided("kinds that are not compared")

    # --- words and letters

    def _prose(self, gold: Answer, answer: Answer) -> Judgement:
        if isinstance(gold, Prose) and isinstance(answer, Prose):
            return _compare_words(gold.text, answer.text)
        if isinstance(gold, Prose) and isinstance(answer, LetterChoice) and not answer.sure:
            return _undecided("words against a letter")
        if isinstance(gold, Prose) and isinstance(answer, Measured) and _is_number(answer.term):
            if _has_numeral(gold.text):
                return _undecided("a number against words with a number")
            return _different("a number is no name")
        return _undecided("words against something else")

    def _options(self, gold: Answer, answer: Answer) -> Judgement:
        if isinstance(gold, LetterChoice) and isinstance(answer, LetterChoice):
            if gold.letter != answer.letter:
                return _different("different letters")
            if gold.option and answer.option and normal(gold.option) != normal(answer.option):
                found = _quietly(gold.option, answer.option)
                if found.outcome is not Outcome.SAME:
                    return _undecided("the letter is the same, what stands behind it is not")
            return _same("the same letter")
        option, other = (gold, answer) if isinstance(gold, LetterChoice) else (answer, gold)
        assert isinstance(option, LetterChoice)
        if isinstance(other, Measured) and not option.option and not option.sure:
            return self._measured(*(_as_letter(side) for side in (gold, answer)))
        if isinstance(other, Collection) and all(isinstance(item, LetterChoice | Measured) for item in other.items):
            return (
                _different("one letter against several")
                if all(isinstance(item, LetterChoice) for item in other.items)
                else _undecided("letters")
            )
        if isinstance(other, NamedAnswer) and isinstance(other.value, LetterChoice):
            return self.judge(option, other.value)
        return _undecided("a letter against something that is none")

    # --- names and equations

    def _named(self, gold: Answer, answer: Answer) -> Judgement:
        if isinstance(gold, NamedAnswer) and isinstance(answer, NamedAnswer):
            return self._two_named(gold, answer)
        named, other = (gold, answer) if isinstance(gold, NamedAnswer) else (answer, gold)
        assert isinstance(named, NamedAnswer)
        if isinstance(other, ZeroSet):
            if named.term is None:
                return _undecided("a name against an equation")
            return self._zeros(named.term, other.term)
        if isinstance(named.value, LetterChoice) != isinstance(other, LetterChoice):
            return _undecided("a letter against something that is none")
        value = named.value
        return self.judge(value, other) if named is gold else self.judge(other, value)

    def _two_named(self, gold: NamedAnswer, answer: NamedAnswer) -> Judgement:
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
        values = self.judge(one, other)
        if gold.name.replace("\\", "") == answer.name.replace("\\", "") or gold.name.lower() == answer.name.lower():
            return values
        if values.outcome is Outcome.SAME:
            single = all(len(name) == 1 for name in (gold.name, answer.name))
            if any(letters(value.term) for value in (one, other) if isinstance(value, Measured)):
                return (
                    values if {gold.name, answer.name} <= set("yfgh") else _undecided("the same under different names")
                )
            return (
                _different("the same under different letters")
                if single
                else _undecided("the same under different names")
            )
        if gold.term is not None and answer.term is not None and (letters(gold.term) & letters(answer.term)):
            return self._zeros(gold.term, answer.term)
        return values

    def _equations(self, gold: Answer, answer: Answer) -> Judgement:
        if isinstance(gold, ZeroSet) and isinstance(answer, ZeroSet):
            return self._zeros(gold.term, answer.term)
        if isinstance(gold, Inequality) and isinstance(answer, Inequality):
            factor = proportional(gold.term, answer.term)
            if factor is None or not isinstance(factor, Fraction):
                if holds_apart(gold.term, gold.strict, answer.term, answer.strict):
                    return _different("positive values for which one inequality holds alone")
                return _undecided("inequalities that are no multiples of each other")
            if factor < 0:
                return _different("inequalities that point in other directions")
            return (
                _same("the same inequality") if gold.strict == answer.strict else _different("one inequality is strict")
            )
        one = gold if not isinstance(gold, ZeroSet | Inequality) else answer
        if (
            isinstance(one, Measured)
            and _is_number(one.term)
            and isinstance(gold if one is answer else answer, Inequality)
        ):
            return _different("a number is no inequality")
        return _undecided("an equation against something that is none")

    def _zeros(self, gold: Term, answer: Term) -> Judgement:
        if proportional(gold, answer) is not None:
            return _same("the same equation up to a factor")
        folded = _folded(gold), _folded(answer)
        if folded != (gold, answer) and proportional(*folded) is not None:
            return _undecided("letters that differ in case alone")
        if zeros_differ(gold, answer):
            return _different("a solution of one equation is none of the other")
        return _undecided("equations that are no multiples of each other")

    # --- several values

    def _collections(self, gold: Answer, answer: Answer) -> Judgement:
        sides = [side for side in (gold, answer) if not isinstance(side, Collection)]
        if not sides:
            assert isinstance(gold, Collection) and isinstance(answer, Collection)
            return self._lists(gold, answer)
        other = sides[0]
        found = gold if isinstance(gold, Collection) else answer
        assert isinstance(found, Collection)
        if isinstance(other, NamedAnswer):
            return self._named(gold, answer)
        if isinstance(other, LetterChoice):
            return self._options(gold, answer)
        if isinstance(other, Prose):
            clear = all(isinstance(item, Measured) and _is_number(item.term) for item in found.items)
            return (
                _different("numbers are no words")
                if clear and not _has_numeral(other.text)
                else _undecided("words against a list")
            )
        if isinstance(other, Measured):
            if (
                found.number is not None
                and self.judge(Measured(num(found.number)), other).outcome is not Outcome.DIFFERENT
            ):
                return _undecided("one number or a list of two")
            return self._lists(
                *(side if isinstance(side, Collection) else Collection((side,)) for side in (gold, answer))
            )
        if isinstance(other, Bracketed):
            return self._list_and_bracket(found, other)
        if isinstance(other, Region):
            region = as_region(found) if found.braces else None
            if region is None:
                return _undecided("a list against a set of real numbers")
            return self._regions(*(region if side is found else side for side in (gold, answer)))
        if isinstance(other, Grid):
            return _undecided("a list against a matrix")
        return _undecided("a list against something that is none")

    def _lists(self, gold: Collection, answer: Collection) -> Judgement:
        if _coordinates(gold) is not None or _coordinates(answer) is not None:
            return self._named_lists(gold, answer)
        left, unsure = list(answer.items), False
        if len(gold.items) != len(answer.items):
            found = [self._matches(item, answer.items) for item in gold.items]
            found += [self._matches(item, gold.items) for item in answer.items]
            if all(map(_is_clear, gold.items + answer.items)) or Outcome.DIFFERENT in found:
                return _different("another number of answers")
            return _undecided("another number of answers, one of them not clear")
        for item in gold.items:
            outcomes = [self.judge(item, other).outcome for other in left]
            if Outcome.SAME in outcomes:
                del left[outcomes.index(Outcome.SAME)]
            elif Outcome.UNDECIDED in outcomes:
                unsure = True
            else:
                return _different("one of the answers is not in the other list")
        if any(isinstance(item, Prose) for item in gold.items):
            pairs = zip(gold.items, answer.items, strict=True)
            unsure = unsure or any(self.judge(one, other).outcome is not Outcome.SAME for one, other in pairs)
        return _undecided("a part of the list") if unsure else _same("the same answers")

    def _matches(self, item: Answer, others: Sequence[Answer]) -> Outcome:
        """SAME where one of the others is the item, DIFFERENT where none can be."""
        outcomes = {self.judge(item, other).outcome for other in others}
        return next((o for o in (Outcome.SAME, Outcome.UNDECIDED) if o in outcomes), Outcome.DIFFERENT)

    def _named_lists(self, gold: Collection, answer: Collection) -> Judgement:
        """x=1, y=2 against y=2, x=1, or against 1, 2 in the order of the names."""
        if len(gold.items) != len(answer.items):
            return _undecided("another number of named answers")
        one, other = _coordinates(gold), _coordinates(answer)
        if one is not None and other is not None:
            if set(one) != set(other):
                return _undecided("other names")
            return _all([self.judge(one[name], other[name]) for name in one])
        pairs = zip(gold.items, answer.items, strict=True)
        found = _all([self.judge(_value(a), _value(b)) for a, b in pairs])
        return found

    def _list_and_bracket(self, found: Collection, other: Bracketed) -> Judgement:
        named = _coordinates(found)
        if named is not None and (other.opening, other.closing) == ("(", ")"):
            if len(named) != len(other.items):
                return _different("another number of coordinates")
            return _all([self.judge(a, b) for a, b in zip(named.values(), other.items, strict=True)])
        if len(found.items) != len(other.items):
            clear = all(map(_is_clear, found.items + other.items))
            return _different("another number of parts") if clear else _undecided("another number of parts")
        pairs = _all([self.judge(a, b) for a, b in zip(found.items, other.items, strict=True)])
        if pairs.outcome is Outcome.DIFFERENT:
            for item in found.items:
                if self._matches(item, other.items) is Outcome.DIFFERENT:
                    return _different("a part that is not in the other")
        return _undecided("a list against a point or an interval")

    # --- sets, points, matrices

    def _regions(self, gold: Answer, answer: Answer) -> Judgement:
        one, other = as_region(gold), as_region(answer)
        if one is None or other is None:
            odd = answer if one is not None else gold
            if isinstance(odd, Measured) and _is_number(odd.term):
                return _different("a number is no set")
            if isinstance(odd, Bracketed) and len(odd.items) > 2:
                return _different("a point is no set of real numbers")
            return _undecided("a set of real numbers against something that is none")
        try:
            same = same_region(one.numbers, other.numbers)
        except UnreadAnswer as error:
            return _undecided(str(error))
        if not same:
            return _different("a number is in one set alone")
        if one.variable and other.variable and one.variable != other.variable:
            return _undecided("the same set under different letters")
        return _same("the same set of real numbers")

    def _brackets(self, gold: Answer, answer: Answer) -> Judgement:
        if isinstance(gold, Bracketed) and isinstance(answer, Bracketed):
            if len(gold.items) != len(answer.items):
                return _different("another number of parts")
            found = _all([self.judge(a, b) for a, b in zip(gold.items, answer.items, strict=True)])
            if found.outcome is Outcome.SAME and (gold.opening, gold.closing) != (answer.opening, answer.closing):
                return _different("other brackets") if len(gold.items) == 2 else _undecided("other brackets")
            return found
        bracketed, other = (gold, answer) if isinstance(gold, Bracketed) else (answer, gold)
        assert isinstance(bracketed, Bracketed)
        if isinstance(other, Grid):
            return self._vector(bracketed, other)
        if isinstance(other, Measured) and _is_number(other.term):
            return _different("a number is no point or interval")
        return _undecided("a point or interval against something that is none")

    def _vector(self, bracketed: Bracketed, grid: Grid) -> Judgement:
        cells = [Measured(cell) for row in grid.rows for cell in row]
        if min(len(grid.rows), len(grid.rows[0])) > 1:
            return (
                _different("a point is no matrix")
                if len(cells) != len(bracketed.items)
                else _undecided("a point against a matrix")
            )
        if len(cells) != len(bracketed.items):
            return _different("another number of parts")
        found = _all([self.judge(a, b) for a, b in zip(cells, bracketed.items, strict=True)])
        if found.outcome is Outcome.SAME and (len(cells) < 3 or len(grid.rows) == 1 or bracketed.opening != "("):
            return _undecided("a vector against a point or an interval")
        return found

    def _grids(self, gold: Answer, answer: Answer) -> Judgement:
        if isinstance(gold, Grid) and isinstance(answer, Grid):
            if (len(gold.rows), len(gold.rows[0])) != (len(answer.rows), len(answer.rows[0])):
                return _different("matrices of other sizes")
            pairs = zip(itertools.chain(*gold.rows), itertools.chain(*answer.rows), strict=True)
            return _all([self.judge(Measured(a), Measured(b)) for a, b in pairs])
        other = answer if isinstance(gold, Grid) else gold
        if isinstance(other, Measured) and _is_number(other.term):
            return _different("a number is no matrix")
        return _undecided("a matrix against something that is none")

    # --- numbers

    def _proportions(self, gold: Answer, answer: Answer) -> Judgement:
        if isinstance(gold, Proportion) and isinstance(answer, Proportion):
            if gold.half and answer.half and gold.half != answer.half:
                return _different("another half of the day")
            if len(gold.parts) != len(answer.parts):
                return _different("another number of parts")
            if bool(gold.half) != bool(answer.half) and _on_the_clock(gold) == _on_the_clock(answer) is not None:
                return _same("the same time of the day")
            found = _all([_compare_terms(a, b) for a, b in zip(gold.parts, answer.parts, strict=True)])
            if (
                found.outcome is Outcome.DIFFERENT
                and _proportional(gold.parts, answer.parts)
                and not (gold.half or answer.half or num(0) in gold.parts)
            ):
                return _undecided("one ratio in two forms, or two times")
            return found
        ratio, other = (gold, answer) if isinstance(gold, Proportion) else (answer, gold)
        assert isinstance(ratio, Proportion)
        if not isinstance(other, Measured) or not _is_number(other.term):
            return _undecided("a ratio or time against something that is none")
        if len(ratio.parts) == 2 and not ratio.half and _proportional(ratio.parts, (other.term, num(1))):
            return _undecided("a ratio or a time against a number")
        return _different("a ratio or time is not this number")

    def _based(self, gold: Answer, answer: Answer) -> Judgement:
        if isinstance(gold, BasedNumeral) and isinstance(answer, BasedNumeral):
            if gold.base == answer.base:
                return _same("the same numeral") if gold.digits == answer.digits else _different("other digits")
            values = [_based_value(side) for side in (gold, answer)]
            if gold.digits == answer.digits or None in values or values[0] == values[1]:
                return _undecided("numerals of two bases")
            return _different("numerals with other values")
        based, other = (gold, answer) if isinstance(gold, BasedNumeral) else (answer, gold)
        assert isinstance(based, BasedNumeral)
        if isinstance(other, Measured) and other.unit is None:
            shown = exact_value(other.term)
            if shown is not None and based.digits.lstrip("-").isdigit():
                return (
                    _same("the same digits; the base is left out")
                    if shown == int(based.digits)
                    else _different("other digits")
                )
        return _undecided("a numeral with a base against something else")

    def _measured(self, gold: Answer, answer: Answer) -> Judgement:
        if not isinstance(gold, Measured) or not isinstance(answer, Measured):
            return _undecided("kinds that are not compared")
        one, other = gold.unit, answer.unit
        if one is not None and other is not None and one != other:
            return self._two_units(gold, answer)
        found = _compare_terms(gold.term, answer.term)
        if found.outcome is not Outcome.DIFFERENT:
            return found
        unit = one or other
        if (one is None) != (other is None) and unit is not None:
            bare, with_unit = (gold.term, answer.term) if one is None else (answer.term, gold.term)
            if unit.is_percent and any(
                _equal(bare, Term("mul", (with_unit, num(scale)))) for scale in (Fraction(1, 100), Fraction(100))
            ):
                return _undecided("whether a percentage was asked for cannot be seen")
            if unit.is_degree and _equal(
                Term("div", (Term("mul", (with_unit, Term("const", name="pi"))), num(180))), bare
            ):
                return _undecided("degrees or radians")
        if gold.scaled != answer.scaled:
            return _undecided("the question may ask in thousands or millions")
        return found

    def _two_units(self, gold: Measured, answer: Measured) -> Judgement:
        one, other = gold.unit, answer.unit
        assert one is not None and other is not None
        if not one.converts_to(other) or _equal(gold.term, answer.term):
            return _undecided("different units")
        sides = [Term("mul", (side.term, num(unit.size))) for side, unit in ((gold, one), (answer, other))]
        if _compare_terms(*sides).outcome is Outcome.DIFFERENT:
            return _different("different in the same unit")
        return _undecided("equal in the same unit, but whether the question asks for a unit cannot be seen")


def _plain(answer: Answer) -> Answer:
    """A list of one as that one, and a number with a plus-minus sign as a list."""
    if isinstance(answer, Collection) and len(answer.items) == 1 and not answer.braces:
        return answer.items[0]
    if isinstance(answer, Measured) and len(both := signs(answer.term)) == 2:
        return Collection(tuple(replace(answer, term=term, whole_number="") for term in both))
    return answer


def _all(found: Sequence[Judgement]) -> Judgement:
    """The parts together: one that differs decides, one that is not decided spoils."""
    for outcome in (Outcome.DIFFERENT, Outcome.UNDECIDED):
        for judgement in found:
            if judgement.outcome is outcome:
                return judgement
    return _same("the same part by part")


def _compare_terms(gold: Term, answer: Term) -> Judgement:
    if "inf" in {*operations(gold), *operations(answer)}:
        return _infinities(gold, answer)
    poles = [side for side in (gold, answer) if _is_pole(side)]
    if len(poles) == 1 and _is_number(answer if poles[0] is gold else gold):
        return _different("a pole is no number")
    agreed = agreement(gold, answer)
    if agreed is ValueMatch.EQUAL:
        return _same("the same value")
    if agreed is ValueMatch.UNEQUAL:
        one, other = _folded(gold), _folded(answer)
        if (
            letters(gold) != letters(answer)
            and (one, other) != (gold, answer)
            and agreement(one, other) is not ValueMatch.UNEQUAL
        ):
            return _undecided("letters that differ in case alone")
        return _different("another value")
    return _undecided("expressions that agree for some values alone, or have none")


def _infinities(gold: Term, answer: Term) -> Judgement:
    plain = [_signed_infinity(side) for side in (gold, answer)]
    if None not in plain:
        return _same("the same infinity") if plain[0] == plain[1] else _different("the other infinity")
    finite = answer if plain[0] is not None else gold
    if (plain[0] is None) != (plain[1] is None) and exact_value(finite) is not None:
        return _different("infinity is no number")
    return _undecided("infinity in an expression")


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
    return _compare_terms(one, other).outcome is Outcome.SAME


def _is_number(term: Term) -> bool:
    return not letters(term)


def _folded(term: Term) -> Term:
    """A term with all letters in lower case."""
    return mapped(term, lambda t: Term("var", name=t.name.lower()) if t.op == "var" else t)


def _as_letter(side: Answer) -> Answer:
    if isinstance(side, LetterChoice):
        return Measured(Term("var", name=side.letter))
    return side


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


def _based_value(side: Answer) -> int | None:
    assert isinstance(side, BasedNumeral)
    try:
        return int(side.digits, side.base)
    except ValueError:
        return None


def _quietly(one: str, other: str) -> Judgement:
    try:
        return compare_objects(read_answer(one), read_answer(other))
    except (UnreadAnswer, TooBig):
        return _undecided("not read")


# --- words -----------------------------------------------------------------------------------------------------------

_ARTICLES = frozenset(("a", "an", "the"))
_TURNS_TEXT = """
    not no nor neither either never none nobody without except but unless if instead rather than or and wrong incorrect false untrue
    cannot can't isn't aren't doesn't don't didn't won't hardly barely maybe perhaps possibly probably almost less fewer both versus before
    after ruled eliminated excluded impossible unlikely lowest least last slowest smallest
"""
_TURNS = frozenset(_TURNS_TEXT.split())
_VERBS = frozenset("is are was were has had wins won gets got will would makes made runs ran".split())
_NUMERAL_WORDS = frozenset(
    "zero one two three four five six seven eight nine ten eleven twelve twenty hundred half".split()
)


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"[a-z0-9']+", text.lower()) if word not in _ARTICLES]


def _has_numeral(text: str) -> bool:
    found = _words(text)
    return bool(set(found) & _NUMERAL_WORDS) or any(char.isdigit() for char in text)


def _compare_words(gold: str, answer: str) -> Judgement:
    left, right = _words(gold), _words(answer)
    if left == right:
        return _same("the same words")
    if sorted(left) == sorted(right):
        return _undecided("the same words in another order")
    for short, long_ in ((gold, answer), (answer, gold)):
        if _says(long_, _words(short)):
            return _same("a sentence that says it")
    if set(left) & set(right) or not left or not right:
        return _undecided("words in common")
    if {*left, *right} & _TURNS and max(len(left), len(right)) > 1:
        return _undecided("words that turn a meaning")
    return _different("other words")


def _says(sentence: str, wanted: Sequence[str]) -> bool:
    """Whether a sentence is "WANTED has ...", "... is WANTED" or "WANTED (with ...)", and turns nothing round."""
    if not 0 < len(wanted) <= 4 or set(wanted) & _TURNS:
        return False
    outside = re.sub(r"\([^()]*\)", " ", re.sub(r"\b[a-zA-Z]\([a-z]\)", "it", sentence))
    everything = _words(sentence)
    if set(everything) & _TURNS or "," in outside or len(everything) > 14:
        return False
    found = _words(outside)
    if found == list(wanted):
        return True
    if found[: len(wanted)] == list(wanted) and len(found) > len(wanted) + 1 and found[len(wanted)] in _VERBS:
        rest = re.findall(r"[A-Za-z']+", outside)[1:]
        return not any(word[0].isupper() and word.lower() not in wanted for word in rest)
    if len(found) > len(wanted) + 1 and found[-len(wanted) :] == list(wanted):
        return found[-len(wanted) - 1] in ("is", "are", "was", "were") and not set(found[: -len(wanted)]) & {
            "one",
            "two",
        }
    return False


# --- math-verify -----------------------------------------------------------------------------------------------------

# What math-verify misreads or nobody can read: "5 6" would be 5 + 6, "5'" is 5, 50% is both 50 and 0.5, degrees are dropped,
# and so are indices of numbers; an equation or relation would be compared by its real solutions.
_UNSAFE = re.compile(
    r"[^\x20-\x7e]|['\"`@#$?:;%<>=]|\\(?:text|approx|circ|pmod|le|ge|ne|in|begin|pm|mp|mathrm|operatorname|cup|cap|setminus|log)(?![A-Za-z])|\d \d|\d[_\[]|\.\d+\.|/ ?\w+ ?[A-Za-z\\(]"
    r"|\\sqrt ?\d\d|\d\\frac\{-?\d|\d ?\(\d+/\d+\)|(?<![_^\d])\d+\{|(?<![\w}\]^_])\{|_\w_|,|\d{5}|\^ ?\{?[^{}]*\^|!|\\binom"
)
_BOUNDS = re.compile(r"(\\(?:sum|prod)) ?_ ?\{[a-z]=\d{1,3}\}")
_COMMAND = re.compile(r"\\(?:begin|end)\{[a-z]+\}|\\[A-Za-z]+")
_PLAIN_WORD = re.compile(r"[A-Za-z]{3,}")


def _asked(gold: str, answer: str, seconds: float, why: str) -> Judgement:
    """math-verify's word for two expressions that were not read here. It can say "same" alone: it proves no difference."""
    if seconds <= 0 or not (_is_safe(gold) and _is_safe(answer)):
        return _undecided(why)
    verdict, _ = WORKER.ask(gold, answer, seconds)
    if verdict == SAME and _same_case(gold, answer):
        return _same("math-verify finds them equal")
    return _undecided(f"{why}; math-verify does not find them equal")


def _is_safe(text: str) -> bool:
    """Whether math-verify would read the whole text as one expression."""
    text = _BOUNDS.sub(r"\1", text)
    if len(text) > MAX_ASKED or "\\\\" in text or _UNSAFE.search(text) or not re.search(r"\w", _COMMAND.sub(" ", text)):
        return False
    if sum(map(text.count, "([{")) != sum(map(text.count, ")]}")):
        return False
    return not _PLAIN_WORD.search(_COMMAND.sub(" ", text))


def _same_case(gold: str, answer: str) -> bool:
    """Whether no variable is upper case in one text and lower case in the other; math-verify does not tell them apart."""
    found = [set(re.findall("[A-Za-z]", _COMMAND.sub(" ", text))) for text in (gold, answer)]
    differing = found[0] ^ found[1]
    return not any(letter.swapcase() in differing for letter in differing)
