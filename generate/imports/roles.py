"""Roles read out of prose by rules: which paragraph is a mistake, which one notices it, where the trace goes back.

A finding ("that is wrong", "I made a mistake") makes the last step before the doubt a mistake and what stands between a
notice; a way back may follow, and what comes next is the correction. A doubt or a re-check that finds nothing is a check.
"""

from __future__ import annotations

from collections.abc import Sequence

from journey.generate.imports import cues
from journey.generate.imports.told import REASONED, UNVERIFIED, ToldSegment
from journey.generate.imports.units import TextUnit
from journey.schema import Role

_NEAR = 3  # units between a doubt and what it finds, at most


def read_roles(found: Sequence[TextUnit]) -> list[ToldSegment]:
    """The units with their roles. Mistakes are unverified, and every one of them is noticed."""
    roles: list[Role] = ["step"] * len(found)
    doubt: int | None = None
    after = False
    for place, unit in enumerate(found):
        doubted = cues.doubts(unit.text)
        if doubted or cues.checks(unit.text):
            roles[place] = "check"
            doubt = place if doubted and (doubt is None or place - doubt > _NEAR) else doubt
        if cues.finds(unit.text):
            begun = doubt if doubt is not None and place - doubt <= _NEAR else place
            wrong = _last_step(roles, begun)
            if wrong is not None and not cues.asks(found[wrong].text):
                roles[wrong] = "mistake"
                roles[wrong + 1 : place + 1] = ["notice"] * (place - wrong)
                doubt, after = None, True
                continue
        if after:
            roles[place] = "backtrack" if cues.restarts(unit.text) else "correction"
            after = roles[place] == "backtrack"
    return [_told(role, unit) for role, unit in zip(roles, found, strict=True)]


def _last_step(roles: Sequence[Role], before: int) -> int | None:
    """The nearest step before a place, with nothing but checks in between."""
    for place in range(before - 1, -1, -1):
        if roles[place] in REASONED:
            return place
        if roles[place] != "check":
            return None
    return None


def _told(role: Role, unit: TextUnit) -> ToldSegment:
    if role == "mistake":
        return ToldSegment(role, unit.text, unit.gap, "wrong", UNVERIFIED, "unverified")
    return ToldSegment(role, unit.text, unit.gap)
