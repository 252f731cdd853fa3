"""One answer read: its marked places, first committed answer, loop, and steps that can be judged."""

from __future__ import annotations

import msgspec

from journey.evaluate.behaviour.records import Mark


class Reading(msgspec.Struct, frozen=True):
    """What the rules find in one answer."""

    marks: tuple[Mark, ...]
    first: str | None  # the first committed answer, before the final one
    loop: bool
