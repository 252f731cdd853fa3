"""Slips drawn by the policy's measured profile, in the place of its own mistakes.

journey generate --attempts data/runs/attempts --method own,injected,profiled --out data/runs/matched
"""

from __future__ import annotations

from journey.generate.attempts.methods import MatchedMethod
from journey.generate.protocols import METHODS


@METHODS.add("profiled", attempts=True, model=False, revision=4)
class Profiled(MatchedMethod):
    """The policy's right path with a slip in it, drawn by how the policy errs, noticed and corrected."""

    source = "profiled"
