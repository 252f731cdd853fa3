"""harness.json: scores as EleutherAI's harness gives them (`journey evaluate --harness lm-eval`)."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from journey.formats.record import FileRecord


class TaskScore(msgspec.Struct, frozen=True):
    """One run on one task: the harness's metrics by name, and how many documents it scored."""

    run: str
    arm: str
    seed: int | None
    task: str
    n: int
    metrics: dict[str, float]


class HarnessFile(FileRecord, frozen=True):
    """The whole of harness.json."""

    FILE: ClassVar[str] = "harness.json"

    harness: str  # name and version
    base: str
    scores: tuple[TaskScore, ...]
    version: int = 1
