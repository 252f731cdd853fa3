"""Sets of real numbers, points and matrices compared."""

from __future__ import annotations

import itertools

from journey.answers.comparing.numbers import is_number
from journey.answers.comparing.outcomes import Comparer, Judgement, Outcome, different, same, together, undecided
from journey.answers.reading.objects import Answer, Bracketed, Grid, Measured
from journey.answers.reading.real_sets import as_region
from journey.answers.reading.regions import same_region
from journey.answers.reading.tokens import UnreadAnswer


def compare_regions(gold: Answer, answer: Answer) -> Judgement:
    """Two sets of real numbers, an interval in brackets among them."""
    one, other = as_region(gold), as_region(answer)
    if one is None or other is None:
        odd = answer if one is not None else gold
        if isinstance(odd, Measured) and is_number(odd.term):
            return different("a number is no set")
        if isinstance(odd, Bracketed) and len(odd.items) > 2:
            return different("a point is no set of real numbers")
        return undecided("a set of real numbers against something that is none")
    try:
        alike = same_region(one.numbers, other.numbers)
    except UnreadAnswer as error:
        return undecided(str(error))
    if not alike:
        return different("a number is in one set alone")
    if one.variable and other.variable and one.variable != other.variable:
        return undecided("the same set under different letters")
    return same("the same set of real numbers")


def compare_brackets(gold: Answer, answer: Answer, comparer: Comparer) -> Judgement:
    """Two points or intervals, or one against something else."""
    if isinstance(gold, Bracketed) and isinstance(answer, Bracketed):
        if len(gold.items) != len(answer.items):
            return different("another number of parts")
        found = together([comparer.judge(a, b) for a, b in zip(gold.items, answer.items, strict=True)])
        if found.outcome is Outcome.SAME and (gold.opening, gold.closing) != (answer.opening, answer.closing):
            return different("other brackets") if len(gold.items) == 2 else undecided("other brackets")
        return found
    bracketed, other = (gold, answer) if isinstance(gold, Bracketed) else (answer, gold)
    assert isinstance(bracketed, Bracketed)
    if isinstance(other, Grid):
        return _vector(bracketed, other, comparer)
    if isinstance(other, Measured) and is_number(other.term):
        return different("a number is no point or interval")
    return undecided("a point or interval against something that is none")


def _vector(bracketed: Bracketed, grid: Grid, comparer: Comparer) -> Judgement:
    cells = [Measured(cell) for row in grid.rows for cell in row]
    if min(len(grid.rows), len(grid.rows[0])) > 1:
        return (
            different("a point is no matrix")
            if len(cells) != len(bracketed.items)
            else undecided("a point against a matrix")
        )
    if len(cells) != len(bracketed.items):
        return different("another number of parts")
    found = together([comparer.judge(a, b) for a, b in zip(cells, bracketed.items, strict=True)])
    if found.outcome is Outcome.SAME and (len(cells) < 3 or len(grid.rows) == 1 or bracketed.opening != "("):
        return undecided("a vector against a point or an interval")
    return found


def compare_grids(gold: Answer, answer: Answer, comparer: Comparer) -> Judgement:
    """Two matrices, or one against something else."""
    if isinstance(gold, Grid) and isinstance(answer, Grid):
        if (len(gold.rows), len(gold.rows[0])) != (len(answer.rows), len(answer.rows[0])):
            return different("matrices of other sizes")
        pairs = zip(itertools.chain(*gold.rows), itertools.chain(*answer.rows), strict=True)
        return together([comparer.judge(Measured(a), Measured(b)) for a, b in pairs])
    other = answer if isinstance(gold, Grid) else gold
    if isinstance(other, Measured) and is_number(other.term):
        return different("a number is no matrix")
    return undecided("a matrix against something that is none")
