"""Slips in the place of the policy's own mistakes

journey generate --attempts data/runs/attempts --method own,injected,profiled --out data/runs/matched
"""

from __future__ import annotations

from journey.generate.attempts.methods import MatchedMethod
from journey.generate.protocols import METHODS


@METHODS.add("injected", attempts=True, model=False)
class Injected(MatchedMethod):
    """The policy's right path with  the same right path, place and notices, another wrong step.:a slip, drawn evenly in it, noticed and corrected."""

    source = "injected"
