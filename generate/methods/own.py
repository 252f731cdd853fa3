"""The policy's own mistakes

journey generate --attempts data/runs/attempts --method own,injected,profiled --out data/runs/matched
"""

from __future__ import annotations

from journey.generate.attempts.methods import MatchedMethod
from journey.generate.protocols import METHODS


@METHODS.add("own", attempts=True, model=False)
class Own(MatchedMethod):
    """The policy's right path with  its wrong step in its own right path, noticed for a reason, corrected as it did elsewhere.:the policy's own wrong step in it, noticed and corrected."""

    source = "own"
