"""The policy's own mistakes in its own right paths: what it wrote, seen to be wrong, and what it wrote instead.

journey generate --attempts data/runs/attempts --method own,injected,profiled --out data/runs/matched
"""

from __future__ import annotations

from journey.generate.attempts.methods import MatchedMethod
from journey.generate.protocols import METHODS


@METHODS.add("own", attempts=True, model=False, revision=4)
class Own(MatchedMethod):
    """The policy's right path with its own wrong step in it, noticed and corrected."""

    source = "own"
