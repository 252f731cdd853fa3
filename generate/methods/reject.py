"""Right attempts of a policy alone, as rejection sampling keeps them: both halves of a pair are that attempt.

journey generate --attempts data/runs/attempts --method reject --per-problem 4 --out data/runs/right
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, Field

from journey.config import Settings
from journey.generate.attempts import branches, sums
from journey.generate.attempts.matched import AttemptedProblem
from journey.generate.attempts.methods import NEEDS
from journey.generate.made import MadePair, Rejection
from journey.generate.protocols import METHODS
from journey.schema import Problem


class RejectSettings(Settings):
    """Which right attempts are kept."""

    shortest: Annotated[bool, Field(description="of a problem's right attempts only those with the fewest steps")] = (
        False
    )


@METHODS.add("reject", attempts=True, model=False, revision=4)
class Reject:
    """Right attempts of the policy, without any mistake."""

    Settings: ClassVar[type[BaseModel]] = RejectSettings

    def __init__(self, settings: RejectSettings | None = None) -> None:
        self.settings = settings or RejectSettings()

    def make(self, problem: Problem, seed: int, attempt: int = 0) -> MadePair | Rejection:
        """Nothing: there is no pair without attempts."""
        return NEEDS

    def make_of(self, attempted: AttemptedProblem, seed: int, attempt: int = 0) -> MadePair | Rejection:
        """The pair of one right attempt."""
        if self.settings.shortest:
            attempted = attempted.shortest()
        told = branches if branches.is_search(attempted.problem) else sums
        return told.reject(attempted, seed, attempt)
