"""Matched journeys: what is the same for the policy's own mistakes and for slips in their place, drawn once a problem.

A problem has one right path, the policy's own: a right attempt that begins as a wrong one does before its first mistake, or a
continuation from there (`fix`), else a right attempt whole, begun again (`fresh`). The wrong attempt, the right path, the place, and
whether the journey is clean (no mistake at all) are drawn by one stream a problem, whatever the method: `own` puts the policy's
wrong step there, `injected` a slip, `profiled` a slip drawn by the policy's measured profile. So the journeys of one problem
differ in the wrong step and in what follows from it alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic, Literal, TypeVar

from pydantic import Field, field_validator

from journey.config import Settings
from journey.formats.attempts import PolicyInfo, pass_rate
from journey.generate.attempts.moves import OwnMistake, own_mistake, path_of
from journey.generate.first_mistake.searches import ReadMove
from journey.generate.made import Rejection
from journey.rng import digest, rng_for
from journey.schema import Arith, Attempt, Claim, Problem

WrongStepSource = Literal["own", "injected", "profiled"]
MATCHED: tuple[WrongStepSource, ...] = ("own", "injected", "profiled")
Ending = Literal["fix", "fresh"]
Located = Literal["checked", "estimated"]
CHECKED: tuple[Located, ...] = ("checked",)
T = TypeVar("T")


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
    ending: Literal["either", "fix", "fresh"] = Field(
        "either",
        description="the right path: one that begins as the wrong attempt does before its mistake (fix), any right attempt "
        "begun again (fresh), or fresh only where there is no other",
    )
    oracle_timed: bool = Field(
        False,
        description="also journeys whose wrong step no check on question and text refutes; outside the default arms",
    )
    located: tuple[Located, ...] = Field(
        CHECKED,
        min_length=1,
        exclude_if=lambda value: value == CHECKED,
        description="how a wrong step is known to be one: by checks, or (estimated) as continuations stop succeeding there, "
        "which `journey sample --locate estimated` finds; such journeys are oracle_timed",
    )

    @field_validator("located", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return tuple(value.split(",")) if isinstance(value, str) else value


@dataclass(frozen=True)
class AttemptedProblem:
    """A problem with all attempts of one policy at it, and what is known of the policy: who it is, how it errs."""

    problem: Problem
    attempts: tuple[Attempt, ...]
    policy: PolicyInfo
    errors: Mapping[str, float]

    def right(self) -> list[Attempt]:
        """Right attempts in which no check finds a mistake."""
        return [each for each in self.attempts if each.clean]

    def wrong(self, located: Sequence[Located] = CHECKED) -> list[Attempt]:
        """Wrong attempts drawn by chance and whole, whose first mistake is known in one of these ways."""
        return [
            each
            for each in self.attempts
            if each.outcome == "wrong" and each.index >= 0 and not each.prefix
            if ("checked" in located and each.mistake.checked_first)
            or ("estimated" in located and each.mistake.proof == "estimated")
        ]

    @cached_property
    def paths(self) -> tuple[RightEnding[tuple[ReadMove, ...]], ...]:
        """The right attempts and continuations of a search that go straight to the target, with their moves; read once."""
        right = self.right()
        read = {text: path_of(self.problem, each) for text, each in {each.text: each for each in right}.items()}
        return tuple(RightEnding(each, path, len(path)) for each in right if (path := read[each.text]))

    @cached_property
    def own_mistakes(self) -> list[tuple[Attempt, OwnMistake]]:
        """The wrong attempts of a search with their wrong moves, where these are of a usable kind; read once."""
        wrong = self.wrong()
        read = {text: own_mistake(self.problem, each) for text, each in {each.text: each for each in wrong}.items()}
        return [(each, own) for each in wrong if (own := read[each.text]) is not None]

    @cached_property
    def pass_rate(self) -> float | None:
        """The share of right attempts among the decided ones drawn by chance and whole; None without any."""
        return pass_rate(self.attempts)

    def shortest(self) -> AttemptedProblem:
        """The same with only those right attempts that have the fewest steps."""
        fewest = min((len(each.steps) for each in self.right()), default=0)
        kept = tuple(each for each in self.attempts if not each.clean or len(each.steps) == fewest)
        return replace(self, attempts=kept)

    def refusal(self, located: Sequence[Located] = CHECKED) -> Rejection | None:
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
        if not self.wrong(located):
            return Rejection("not_located", f"{outcomes['wrong']} wrong attempts")
        return None


@dataclass(frozen=True)
class RightEnding(Generic[T]):
    """A right attempt, or a continuation from a checked prefix, as it is read, and of how many steps it is."""

    attempt: Attempt
    read: T
    steps: int


@dataclass(frozen=True)
class UsableMistake(Generic[T]):
    """A wrong attempt with the place of its first mistake, and the right paths that can come after it."""

    wrong: Attempt
    place: int
    endings: tuple[RightEnding[T], ...]
    ending: Ending


def usable_mistake(
    wrong: Attempt,
    place: int,
    sharing: Sequence[RightEnding[T]],
    whole: Sequence[RightEnding[T]],
    settings: MatchedSettings,
) -> UsableMistake[T] | None:
    """A wrong attempt with its right paths: those that are `sharing` its beginning, else others `whole`; None without any.

    Where nothing comes before the mistake, and no other path is there, those that share it are as good as begun again.
    """
    alike = {id(each) for each in sharing}
    begun_again = tuple(each for each in whole if not each.attempt.prefix and id(each) not in alike)
    if sharing and (settings.ending != "fresh" or not (place or begun_again)):
        return UsableMistake(wrong, place, tuple(sharing), "fix")
    return UsableMistake(wrong, place, begun_again, "fresh") if begun_again and settings.ending != "fix" else None


@dataclass(frozen=True)
class MatchedDraw(Generic[T]):
    """What one problem's journeys share: the attempts, the place, and the draws of chance."""

    wrong: Attempt
    right: RightEnding[T]
    place: int
    ending: Ending
    clean: bool
    delay: int
    rechecked: tuple[int, ...]  # places of right steps after which a re-check passes

    def key(self, problem: Problem) -> str:
        """What journeys of different kinds must have in common to be compared."""
        begun = (
            self.wrong.text[: self.wrong.mistake.span[0]] if self.ending == "fresh" and self.wrong.mistake.span else ""
        )
        facts: tuple[Any, ...] = (
            self.right.attempt.text,
            self.ending,
            begun,
            self.place,
            self.clean,
            self.delay,
            *self.rechecked,
        )
        return digest("matched", problem.id, *facts).hex()


def draw(
    attempted: AttemptedProblem, usable: Sequence[UsableMistake[T]], settings: MatchedSettings, seed: int, attempt: int
) -> MatchedDraw[T]:
    """The draw of a problem, by a stream of its own: the first two draws are the same whatever the settings of chance."""
    rng = rng_for("matched", seed, attempted.problem.id, attempt)
    chosen = usable[rng.randrange(len(usable))]
    right = chosen.endings[rng.randrange(len(chosen.endings))]
    is_clean = rng.random() < settings.clean
    delay = rng.randrange(2) if settings.delay is None else settings.delay
    rechecked = tuple(step for step in range(right.steps - 1) if rng.random() < settings.rechecks)
    return MatchedDraw(chosen.wrong, right, chosen.place, chosen.ending, is_clean, delay, rechecked)


def provenance_of(
    attempted: AttemptedProblem,
    drawn: MatchedDraw[T],
    source: WrongStepSource,
    settings: MatchedSettings,
    numbers: tuple[int, int],
    claim: Claim,
) -> dict[str, Any]:
    """What a matched pair says of how it was made; `claim` is that of its wrong step, `numbers` are seed and attempt."""
    right = drawn.right.attempt
    return {
        "seed": numbers[0],
        "attempt": numbers[1],
        "origin": "own" if source == "own" else "injected",
        "proof": "checked:question",
        "wrong_step": source,
        "policy": policy_of(attempted),
        "matched": drawn.key(attempted.problem),
        "place": drawn.place,
        "ending": drawn.ending,
        "delay": drawn.delay,
        "attempts": {
            "right": right.index,
            "wrong": drawn.wrong.index,
            **({"prefix": right.prefix} if right.prefix else {}),
        },
        "pass_rate": attempted.pass_rate,
        "shown": isinstance(claim, Arith),
        "repeated": sum(each.mistake.claim == claim for each in attempted.wrong()),
        "settings": settings.model_dump(mode="json"),
    }


def policy_of(attempted: AttemptedProblem) -> dict[str, str | None]:
    """Who wrote the attempts, by the hashes of its weights."""
    policy = attempted.policy
    return {"name": policy.name, "weights": policy.weights, "adapter": policy.adapter_sha256}
