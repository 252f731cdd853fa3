"""A second opinion on the same answers: math-verify alone, as it is used elsewhere, with its own reading of both texts.

second_opinion("1/2", "0.5")     -> Judgement(Outcome.SAME, "math-verify: equal")
"""

from __future__ import annotations

from journey.answers.comparing.outcomes import Judgement, Outcome
from journey.answers.mathworker import DIFFERENT, SAME, WORKER

GRADERS = ("math-verify",)
SECONDS = 5.0  # of an answer
MAX_READ = 4000  # characters

_WORDS = {
    SAME: Judgement(Outcome.SAME, "math-verify: equal"),
    DIFFERENT: Judgement(Outcome.DIFFERENT, "math-verify: not equal"),
}


def second_opinion(gold: str, answer: str, *, seconds: float = SECONDS) -> Judgement:
    """What math-verify says by itself: it knows no "undecided", so that is what it could not read, or not in time."""
    if max(len(gold), len(answer)) > MAX_READ:
        return Judgement(Outcome.UNDECIDED, "too long for math-verify")
    verdict, _ = WORKER.ask(gold, answer, seconds, alone=True)
    return _WORDS.get(verdict, Judgement(Outcome.UNDECIDED, f"math-verify: {verdict}"))
