"""The draw of slips: how many mistakes of which kinds, at which steps, and how long they go unnoticed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from journey.config import Settings
from journey.errors import UnknownName
from journey.generate.slips import retry
from journey.generate.slips.annotated import Annotated
from journey.generate.slips.kinds import KINDS
from journey.generate.slips.notices import choose, reasons
from journey.generate.slips.slip import Refused, Slip, usable
from journey.generate.slips.text import WrongStep, following_steps, wrong_step
from journey.generate.slips.tree import Episode

MAX_DELAY = 3
DRAWS = 12  # tries for an exact number of mistakes
DELAY_WEIGHTS = (0.6, 1, 1, 1)  # short solutions cap most delays, so 0 comes out at about half all the same


def _one(value: int) -> bool:
    """A setting newer than 0.1 stays out of trees and manifests where it is not given."""
    return value == 1


class SlipsSettings(Settings):
    """How many mistakes of which kinds are made, and how long they go unnoticed."""

    rate: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="share of the steps that get a mistake; one at least in a journey that is not clean (see least), none at all with 0",
    )
    most: int = Field(default=3, ge=1, le=1_000_000, description="mistakes in one journey at most, as drawn by rate")
    least: Literal[0, 1] = Field(
        default=1,
        exclude_if=_one,
        description="mistakes in one journey at least, as drawn by rate; 0: each step gets one by chance, so that some have none",
    )
    mistakes: int | None = Field(
        default=None,
        ge=0,
        le=1_000_000,
        description="mistakes in every journey, exactly, 0 included (a share is clean all the same only where clean is "
        "set too); a problem that cannot have so many is rejected; none: drawn by rate",
    )
    at: int | None = Field(
        default=None, ge=1, le=1_000_000, description="the step that gets the one mistake, from 1; none: drawn"
    )
    clean: float = Field(
        default=0.25, ge=0, le=1, description="share of the journeys without a mistake; 0 where mistakes is set"
    )
    rechecks: float = Field(
        default=0.3, ge=0, le=1, description="share of right steps after which a re-check passes, as in real traces"
    )
    delay: int | None = Field(
        default=None,
        ge=0,
        le=1_000_000,
        description=f"steps between mistake and notice, capped by the steps left; none: 0 to {MAX_DELAY}",
    )
    kinds: tuple[str, ...] | None = Field(
        default=None, description="kinds of mistakes to make, e.g. digit,operation; none: all"
    )

    @field_validator("kinds", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return tuple(value.split(",")) if isinstance(value, str) else value

    @field_validator("kinds")
    @classmethod
    def _known(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in names or ():
            if name not in (*KINDS, retry.KIND):
                raise UnknownName("kind of mistake", name, [*KINDS, retry.KIND])
        return names

    @property
    def without(self) -> bool:
        """Whether no journey gets a mistake."""
        return self.mistakes == 0 or (self.rate == 0 and self.mistakes is None and self.at is None)

    @model_validator(mode="before")
    @classmethod
    def _exact(cls, given: Any) -> Any:
        """An exact number is one of every journey."""
        counted = isinstance(given, dict) and given.get("mistakes") is not None
        return {"clean": 0.0, **given} if counted else given

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.at is not None and self.mistakes not in (None, 1):
            raise ValueError("at names one step, so mistakes must be 1 or left out")
        return self


@dataclass
class SlipDraw:
    """The mistakes of one journey, drawn from one stream."""

    graph: Annotated
    settings: SlipsSettings
    rng: random.Random

    def __post_init__(self) -> None:
        self.refused: Counter[str] = Counter()
        self.wanted = True  # whether there should be a mistake at all
        self._weights = {name: weight for name, (weight, _) in KINDS.items()}
        if retry.names(self.graph):
            self._weights[retry.KIND] = retry.WEIGHT

    def episodes(self) -> list[Episode]:
        """The mistakes in the order of the steps: drawn by `rate`, or exactly as many as are set; none if that fails."""
        settings = self.settings
        if settings.at is not None:
            episode = self._episode(range(len(self.graph.steps)), settings.at - 1)
            return [episode] if episode else []
        if settings.mistakes is None:
            count = self._count()
            self.wanted = count > 0
            return self._drawn(count)
        for _ in range(DRAWS):
            episodes = self._drawn(settings.mistakes)
            if len(episodes) == settings.mistakes:
                return episodes
        self.refused = Counter(too_few_places=1)
        return []

    def _count(self) -> int:
        """How many mistakes there are by `rate`, `least` at least."""
        wanted = sum(self.rng.random() < self.settings.rate for _ in self.graph.steps)
        return max(self.settings.least, min(wanted, self.settings.most))

    def _drawn(self, wanted: int) -> list[Episode]:
        """At most so many mistakes in steps that do not overlap."""
        count = len(self.graph.steps)
        episodes: list[Episode] = []
        for _ in range(wanted):
            free = [step for step in range(count) if not any(each.first <= step <= each.last for each in episodes)]
            episode = self._episode(free)
            if episode is None:
                break
            episodes.append(episode)
        return sorted(episodes, key=lambda each: each.first)

    def _episode(self, free: Sequence[int], only: int | None = None) -> Episode | None:
        """One mistake at a free step (`only` that one), of a kind drawn by weight, with the delay drawn first."""
        delay = self.settings.delay
        if delay is None:
            delay = self.rng.choices(range(MAX_DELAY + 1), DELAY_WEIGHTS)[0]
        names = [name for name in self._weights if not self.settings.kinds or name in self.settings.kinds]
        best: Episode | None = None
        while names:
            kind = self.rng.choices(names, [self._weights[name] for name in names])[0]
            names.remove(kind)
            for step in self._places(free, delay) if only is None else (only,):
                episode = self.at(kind, step, delay, set(free))
                if episode is not None and kind == retry.KIND:
                    return episode  # nothing is computed, so nothing can follow
                if episode is not None and episode.delay == min(delay, self._room(step, set(free))):
                    return episode
                best = best or episode
        return best

    def _places(self, free: Sequence[int], delay: int) -> list[int]:
        """Free steps in random order, those with room for the delay first."""
        places = list(free)
        self.rng.shuffle(places)
        return sorted(places, key=lambda step: self._room(step, set(free)) < delay)

    def _room(self, step: int, free: set[int]) -> int:
        """How many steps could be written after this one before its mistake must be noticed."""
        room = 0
        while step + room + 1 in free and step + room + 1 < len(self.graph.steps):
            room += 1
        return room

    def at(self, kind: str, step: int, delay: int, free: set[int]) -> Episode | None:
        """A mistake of one kind at a step, noticed after at most `delay` further ones; None where none can be made."""
        proposal = retry.propose if kind == retry.KIND else KINDS[kind][1]
        for equation in self.graph.steps[step].equations:
            try:
                for slip in proposal(self.graph, step, equation, self.rng):
                    episode = self.follow(slip, delay, free)
                    if episode is not None:
                        return episode
            except Refused as refused:
                self.refused[refused.reason] += 1
        return None

    def follow(self, slip: Slip, delay: int, free: set[int]) -> Episode | None:
        """The slip followed as far as its text stays clear, up to `delay` steps, with a reason to notice it."""
        try:
            if slip.back not in free:
                raise Refused("step_already_used")
            if slip.kind == retry.KIND:
                return Episode(slip, None, (), retry.reason(self.graph, slip))
            usable(slip, self.graph.problem.facts.get("limit"))
            first = None if slip.kind == "early" else wrong_step(self.graph, slip)
        except Refused as refused:
            self.refused[refused.reason] += 1
            return None
        window = self._window(slip, first, min(delay, self._room(slip.step, free)))
        candidates = reasons(self.graph, slip, window)
        if not candidates:
            self.refused["nothing_contradicts"] += 1
            return None
        return Episode(slip, first, tuple(window), choose(candidates, self.rng))

    def _window(self, slip: Slip, first: WrongStep | None, delay: int) -> list[WrongStep]:
        while first is not None and delay > 0:
            try:
                return following_steps(self.graph, slip, first, delay)
            except Refused as refused:
                self.refused[refused.reason] += 1
                delay -= 1
        return []
