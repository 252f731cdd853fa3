"""A wrong attempt to its end and then a right one from the start: the plain way of making journeys of samples.

A condition of its own beside matched journeys: the right attempt need not begin as the wrong one did. A search is given up at its
end, which misses the target; of a problem in words the wrong attempt must have a false equation, which is noticed at its end.

    journey generate --attempts data/runs/attempts --method stitch --out data/runs/stitched
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


class StitchSettings(Settings):
    """Which right attempts come after the wrong one."""

    shortest: Annotated[bool, Field(description="of a problem's right attempts only those with the fewest steps")] = (
        False
    )


@METHODS.add("stitch", attempts=True, model=False, revision=4)
class Stitch:
    """A wrong attempt of the policy whole, then a right one of it."""

    Settings: ClassVar[type[BaseModel]] = StitchSettings

    def __init__(self, settings: StitchSettings | None = None) -> None:
        self.settings = settings or StitchSettings()

    def make(self, problem: Problem, seed: int, attempt: int = 0) -> MadePair | Rejection:
        """Nothing: there is no journey without attempts."""
        return NEEDS

    def make_of(self, attempted: AttemptedProblem, seed: int, attempt: int = 0) -> MadePair | Rejection:
        """The pair of a wrong attempt and a right one."""
        chosen = attempted.shortest() if self.settings.shortest else attempted
        made_by = branches if branches.is_search(attempted.problem) else sums
        return made_by.stitch(chosen, seed, attempt)
