"""Roles read out of prose by rules: which paragraph is a mistake, which one notices it, where the trace goes back.

A finding ("that is wrong", "I made a mistake") makes the last step before the doubt a mistake and what stands between a
notice; a way back may follow, and what comes next is the correction. A step with a false equation is the mistake where a doubt, or
the same calculation done rightly, comes shortly after it. A doubt or a re-check that finds nothing is a check.
"""

from __future__ import annotations

from collections.abc import Sequence

from journey.answers.steps import decidable_equations
from journey.generate.imports import cues
from journey.generate.imports.told import REASONED, UNVERIFIED, ToldSegment, false_equation
from journey.generate.imports.units import TextUnit
from journey.schema import Role

_NEAR = 3  # units between a doubt and what it finds, at most


def read_roles(found: Sequence[TextUnit]) -> list[ToldSegment]:
    """The units with their roles. Mistakes are unverified, and every one of them is noticed."""
    roles: list[Role] = ["step"] * len(found)
    doubt: int | None = None
    after = False
    false = [n for n, unit in enumerate(found) if false_equation(unit.text) is not None]
    for place, unit in enumerate(found):
        doubted = cues.doubts(unit.text)
        if doubted or cues.checks(unit.text):
            roles[place] = "check"
            doubt = place if doubted and (doubt is None or place - doubt > _NEAR) else doubt
        just_doubted = doubted or (doubt is not None and place - doubt <= 1)
        seen = next((n for n in false if n < place <= n + _NEAR and roles[n] in REASONED), None)
        if cues.finds(unit.text, doubted=just_doubted) or (seen is not None and (doubted or _again(unit, found[seen]))):
            begun = doubt if doubt is not None and place - doubt <= _NEAR else place
            wrong = seen if seen is not None else _last_step(roles, begun)
            if wrong is not None and not cues.asks(found[wrong].text):
                roles[wrong] = "mistake"
                for between in range(wrong + 1, place + 1):
                    roles[between] = "consequence" if between < begun and roles[between] in REASONED else "notice"
                doubt, after = None, True
                continue
        if after:
            roles[place] = "backtrack" if cues.restarts(unit.text) else "correction"
            after = roles[place] == "backtrack"
    return [_told(role, unit) for role, unit in zip(roles, found, strict=True)]


def _again(unit: TextUnit, wrong: TextUnit) -> bool:
    """Whether a unit does a false calculation again, rightly."""
    before = {each.left for each in decidable_equations(wrong.text) if not each.true}
    return any(each.true and each.left in before for each in decidable_equations(unit.text))


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
