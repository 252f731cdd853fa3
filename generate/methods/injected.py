"""Slips in the place of the policy's own mistakes.

journey generate --attempts data/runs/attempts --method own,injected,profiled --out data/runs/matched
"""

from __future__ import annotations

from journey.generate.attempts.methods import MatchedMethod
from journey.generate.protocols import METHODS


@METHODS.add("injected", attempts=True, model=False, revision=4)
class Injected(MatchedMethod):
    """The policy's right path with a slip in it, drawn evenly, noticed and corrected."""

    source = "injected"
