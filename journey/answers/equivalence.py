"""Answer equivalence: whether two answers that were read are the same, and why.

    judge("(3,4]", "3 < x \\\\le 4", seconds=1)      # Judgement(Outcome.SAME, "the same set of real numbers")

"Different" is said only where both sides were read and are proven to differ; "same" only where they are proven equal, an
equation never by its real solutions. What may be read in two ways has to come out alike in all of them. `docs/answers.md`
has the table of kinds.
"""

from __future__ import annotations

import itertools
import re
from functools import lru_cache

from journey.answers.comparing import last_resort
from journey.answers.comparing.kinds import compare_objects
from journey.answers.comparing.outcomes import Judgement, Outcome, same, undecided
from journey.answers.exact import MAX_CHARS, TooBig
from journey.answers.reading.atoms import Doubts
from journey.answers.reading.objects import Answer
from journey.answers.reading.reader import read_answer
from journey.answers.reading.tokens import UnreadAnswer, normal
from journey.answers.reading.values import start_work

MAX_DOUBTS = 2  # things in one pair of texts that may be read in two ways


def judge(gold: str, answer: str, seconds: float) -> Judgement:
    """Compare two texts; `seconds` bounds what math-verify gets. Raises JourneyError if its process cannot start."""
    if max(len(gold), len(answer)) > MAX_CHARS:
        return undecided(f"longer than {MAX_CHARS} characters")
    left, right = normal(gold), normal(answer)
    if not left or not right:
        return undecided("one of them is empty")
    if _squeezed(left) == _squeezed(right):
        return same("the same text")
    start_work()
    try:
        found = _every_way(gold, answer)
    except TooBig as error:
        return undecided(f"too big or too deep to read ({error})")
    except UnreadAnswer as error:
        found = undecided(f"not read: {error}")
        return last_resort.ask_math_verify(left, right, seconds, found.why)
    except RecursionError:
        return undecided("too deep to read")
    if found.outcome is Outcome.UNDECIDED and found.why.startswith("expressions"):
        return last_resort.ask_math_verify(left, right, seconds, found.why)
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
        return undecided("it may be read in several ways")
    ways = [frozenset(way) for size in range(len(met) + 1) for way in itertools.combinations(met, size)]
    alike = [_attempt(gold, answer, Doubts(way), Doubts(way)) for way in ways]
    if all(found.outcome is Outcome.SAME for found in alike):
        return alike[0]
    crossed = [_attempt(gold, answer, Doubts(one), Doubts(other)) for one in ways for other in ways]
    if all(found.outcome is Outcome.DIFFERENT for found in crossed):
        return crossed[0]
    return undecided(f"it may be read in several ways ({', '.join(met)})")


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
