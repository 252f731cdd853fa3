"""What methods that read attempts have in common: they make pairs of a problem with a policy's attempts at it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel

from journey.generate.attempts import branches, sums
from journey.generate.attempts.matched import AttemptedProblem, MatchedSettings, WrongStepSource
from journey.generate.grids import matched as grids
from journey.generate.made import MadePair, Rejection
from journey.schema import Problem

NEEDS = Rejection("needs_attempts", "give --attempts, a folder that `journey sample` wrote")


class MatchedMethod:
    """One kind of matched journey; a subclass names what its wrong steps are."""

    Settings: ClassVar[type[BaseModel]] = MatchedSettings
    source: ClassVar[WrongStepSource]

    def __init__(self, settings: MatchedSettings | None = None) -> None:
        self.settings = settings or MatchedSettings()

    def make(self, problem: Problem, seed: int, attempt: int = 0) -> MadePair | Rejection:
        """Nothing: there is no journey without attempts."""
        return NEEDS

    def make_of(self, attempted: AttemptedProblem, seed: int, attempt: int = 0) -> MadePair | Rejection:
        """The pair of a problem with a policy's attempts at it, or why it gives none."""
        if branches.is_search(attempted.problem):
            return branches.make(attempted, self.source, self.settings, seed, attempt)
        if grids.is_grid(attempted.problem):
            return grids.make(attempted, self.source, self.settings, seed, attempt)
        return sums.make(attempted, self.source, self.settings, seed, attempt)
