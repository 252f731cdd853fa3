"""Matched journeys: what is the same for the policy's own mistakes and for slips in their place, drawn once a problem.

A problem has one right path, an attempt of the policy that goes on rightly from where a wrong one of its attempts made its first
mistake. The wrong attempt, the right path, the place, and whether the journey is clean (no mistake at all) are drawn by one
stream a problem, whatever the method: `own` puts the policy's wrong step there, `injected` a slip, `profiled` a slip drawn by
the policy's measured profile. So the journeys of one problem differ in the wrong step and in what follows from it alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from pydantic import Field

from journey.config import Settings
from journey.formats.attempts import PolicyInfo
from journey.generate.attempts.moves import OwnMistake, own_mistake, path_of
from journey.generate.first_mistake.searches import ReadMove
from journey.generate.made import Rejection
from journey.rng import digest, rng_for
from journey.schema import Attempt, Problem

WrongStepSource = Literal["own", "injected", "profiled"]
MATCHED: tuple[WrongStepSource, ...] = ("own", "injected", "profiled")


class MatchedSettings(Settings):
    """What is one setting for all kinds of matched journeys."""

    clean: float = Field(
        0.25, ge=0, le=1, description="share of the journeys without a mistake, the same for all kinds"
    )
    rechecks: float = Field(
        0.1, ge=0, le=1, description="share of right steps after which a re-check passes (never after the last step)"
    )
    delay: int | None = Field(
        None, ge=0, le=1_000_000, description="steps between a false equation and its notice, at most; none: 0 or 1"
    )
    oracle_timed: bool = Field(
        False,
        description="also journeys whose wrong step no check on question and text refutes; outside the default arms",
    )


@dataclass(frozen=True)
class AttemptedProblem:
    """A problem with all attempts of one policy at it, and what is known of the policy: who it is, how it errs."""

    problem: Problem
    attempts: tuple[Attempt, ...]
    policy: PolicyInfo
    errors: Mapping[str, int]

    def right(self) -> list[Attempt]:
        """Right attempts in which no check finds a mistake."""
        return [each for each in self.attempts if each.clean]

    def wrong(self) -> list[Attempt]:
        """Wrong attempts drawn by chance and whole, whose first mistake a check has found first."""
        return [
            each
            for each in self.attempts
            if each.outcome == "wrong" and each.index >= 0 and not each.prefix and each.mistake.checked_first
        ]

    @cached_property
    def paths(self) -> dict[int, tuple[ReadMove, ...]]:
        """The moves of right attempts of a search that go straight to the target, by their numbers; read once."""
        whole = [each for each in self.right() if not each.prefix]
        return {each.index: path for each in whole if (path := path_of(self.problem, each))}

    @cached_property
    def own_mistakes(self) -> list[tuple[Attempt, OwnMistake]]:
        """The wrong attempts of a search with their wrong moves, where these are of a usable kind; read once."""
        read = ((each, own_mistake(self.problem, each)) for each in self.wrong())
        return [(each, own) for each, own in read if own is not None]

    def pass_rate(self) -> float | None:
        """The share of right attempts among the decided ones drawn by chance and whole, to 4 places; None without any."""
        drawn = [each for each in self.attempts if each.index >= 0 and not each.prefix and each.outcome != "undecided"]
        return round(sum(each.outcome == "correct" for each in drawn) / len(drawn), 4) if drawn else None

    def shortest(self) -> AttemptedProblem:
        """The same with only those right attempts that have the fewest steps."""
        fewest = min((len(each.steps) for each in self.right()), default=0)
        kept = tuple(each for each in self.attempts if not each.clean or len(each.steps) == fewest)
        return replace(self, attempts=kept)

    def refusal(self) -> Rejection | None:
        """Why no journey can be made, by the outcomes alone; None where there are right and wrong attempts."""
        outcomes = Counter(each.outcome for each in self.attempts if each.index >= 0)
        if not self.attempts:
            return Rejection("no_attempts")
        if not any(each.outcome == "correct" for each in self.attempts):
            return Rejection("never_right", f"{sum(outcomes.values())} attempts")
        if not self.right():
            return Rejection("right_only_with_mistakes")
        if not outcomes["wrong"]:
            return Rejection("never_wrong", f"{sum(outcomes.values())} attempts")
        if not self.wrong():
            return Rejection("not_located", f"{outcomes['wrong']} wrong attempts")
        return None


@dataclass(frozen=True)
class MatchedDraw:
    """What one problem's journeys share: the attempts (by their numbers), the place, and the draws of chance."""

    wrong: Attempt
    right: Attempt
    place: int
    clean: bool
    delay: int
    rechecked: tuple[int, ...]  # places of right steps after which a re-check passes

    def key(self, problem: Problem) -> str:
        """What journeys of different kinds must have in common to be compared."""
        return digest("matched", problem.id, self.right.text, self.place, self.clean, self.delay, *self.rechecked).hex()


def draw(
    attempted: AttemptedProblem,
    fitting: Sequence[tuple[Attempt, int, Sequence[Attempt]]],
    lengths: Mapping[int, int],
    settings: MatchedSettings,
    seed: int,
    attempt: int,
) -> MatchedDraw:
    """The draw of a problem, by a stream of its own.

    `fitting` are wrong attempts, each with the place of its mistake and the right attempts that share what comes before it;
    `lengths` is the number of steps of a right attempt, by its number.
    """
    rng = rng_for("matched", seed, attempted.problem.id, attempt)
    wrong, place, endings = fitting[rng.randrange(len(fitting))]
    right = endings[rng.randrange(len(endings))]
    is_clean = rng.random() < settings.clean
    delay = rng.randrange(2) if settings.delay is None else settings.delay
    steps = range(lengths[right.index] - 1)
    rechecked = tuple(step for step in steps if rng.random() < settings.rechecks)
    return MatchedDraw(wrong, right, place, is_clean, delay, rechecked)


def provenance_of(
    attempted: AttemptedProblem,
    drawn: MatchedDraw,
    source: WrongStepSource,
    settings: MatchedSettings,
    seed: int,
    attempt: int,
) -> dict[str, Any]:
    """What a matched pair says of how it was made."""
    return {
        "seed": seed,
        "attempt": attempt,
        "origin": "own" if source == "own" else "injected",
        "wrong_step": source,
        "policy": policy_of(attempted),
        "matched": drawn.key(attempted.problem),
        "place": drawn.place,
        "ending": "fix",
        "attempts": {"right": drawn.right.index, "wrong": drawn.wrong.index},
        "pass_rate": attempted.pass_rate(),
        "repeated": sum(each.mistake.claim == drawn.wrong.mistake.claim for each in attempted.wrong()),
        "settings": settings.model_dump(mode="json"),
    }


def policy_of(attempted: AttemptedProblem) -> dict[str, str | None]:
    """Who wrote the attempts, by the hashes of its weights."""
    policy = attempted.policy
    return {"name": policy.name, "weights": policy.weights, "adapter": policy.adapter_sha256}
