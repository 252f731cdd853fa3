"""Slips drawn by the policy's measured profile, in the place of its own mistakes

journey generate --attempts data/runs/attempts --method own,injected,profiled --out data/runs/matched
"""

from __future__ import annotations

from journey.generate.attempts.methods import MatchedMethod
from journey.generate.protocols import METHODS


@METHODS.add("profiled", attempts=True, model=False)
class Profiled(MatchedMethod):
    """The policy's right path with  the same distribution, not its own step.:a slip drawn by how the policy errs in it, noticed and corrected."""

    source = "profiled"
