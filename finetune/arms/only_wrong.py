"""The wrong-only control: no mistake is noticed, and the box holds the wrong value that follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from journey.catalog import ARMS, METHODS
from journey.errors import UnknownName
from journey.finetune.runs import Arm, ArmContext
from journey.schema import Pair, Trace


@ARMS.add(
    "only-wrong",
    question="does the reasoning have to be right, or only to look like reasoning?",
    trains=True,
    settings=("mistake_weight",),
    revision=2,
)
def only_wrong() -> Arm:
    """Train on solutions with a mistake that nobody notices, ending in a wrong box."""
    return Arm("only-wrong", _traces, mistakes=True, drops=True)


def _traces(pairs: Sequence[Pair], reading: ArmContext) -> list[Trace | None]:
    """The method that made a pair knows what follows from its mistake; None where no mistake leads to an answer."""
    methods = {name: _method(name) for name in dict.fromkeys(pair.method for pair in pairs)}
    return [methods[pair.method].unnoticed(pair) if methods[pair.method] else None for pair in pairs]


def _method(name: str) -> Any:
    """The method, if it can follow a mistake to the end."""
    try:
        method = METHODS.get(name)
    except UnknownName:  # imported pairs
        return None
    return method() if hasattr(method, "unnoticed") else None
