"""Two answers that were read, compared by the rule for their kinds. `docs/answers.md` has the table of kinds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from journey.answers.comparing.equations import compare_equations, compare_named
from journey.answers.comparing.lists import compare_collections
from journey.answers.comparing.numbers import compare_based, compare_measured, compare_proportions
from journey.answers.comparing.outcomes import Judgement, undecided
from journey.answers.comparing.regions import compare_brackets, compare_grids, compare_regions
from journey.answers.comparing.words import compare_choices, compare_prose
from journey.answers.exact import TooBig
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
from journey.answers.reading.reader import read_answer
from journey.answers.reading.terms import signs
from journey.answers.reading.tokens import UnreadAnswer

MAX_COMPARED = 300  # parts of lists that are compared with each other


def compare_objects(gold: Answer, answer: Answer) -> Judgement:
    """Compare two answers that were read. Raises TooBig."""
    return AnswerComparison().judge(gold, answer)


class AnswerComparison:
    """The rules by pairs of kinds; `budget` bounds how many parts are compared."""

    def __init__(self) -> None:
        self.budget = MAX_COMPARED

    def judge(self, gold: Answer, answer: Answer) -> Judgement:
        """Compare two answers or parts of them. Raises TooBig where there are too many."""
        self.budget -= 1
        if self.budget < 0:
            raise TooBig("parts to compare")
        gold, answer = _plain(gold), _plain(answer)
        rules: Sequence[tuple[type | tuple[type, ...], Callable[[Answer, Answer], Judgement]]] = (
            (Collection, partial(compare_collections, comparer=self)),
            (Prose, compare_prose),
            (LetterChoice, partial(compare_choices, comparer=self)),
            (NamedAnswer, partial(compare_named, comparer=self)),
            (Region, compare_regions),
            (Bracketed, partial(compare_brackets, comparer=self)),
            (Grid, partial(compare_grids, comparer=self)),
            (Proportion, compare_proportions),
            (BasedNumeral, compare_based),
            ((ZeroSet, Inequality), compare_equations),
            (Measured, compare_measured),
        )
        for kind, rule in rules:
            if isinstance(gold, kind) or isinstance(answer, kind):
                return rule(gold, answer)
        return undecided("kinds that are not compared")

    def texts(self, gold: str, answer: str) -> Judgement:
        """Compare two texts with a budget of their own."""
        try:
            return compare_objects(read_answer(gold), read_answer(answer))
        except (UnreadAnswer, TooBig):
            return undecided("not read")


def _plain(answer: Answer) -> Answer:
    """A list of one as that one, and a number with a plus-minus sign as a list."""
    if isinstance(answer, Collection) and len(answer.items) == 1 and not answer.braces:
        return answer.items[0]
    if isinstance(answer, Measured) and len(both := signs(answer.term)) == 2:
        return Collection(tuple(replace(answer, term=term, whole_number="") for term in both))
    return answer
