"""second_grader.json of an evaluation folder: the stored answers that a second grader judges otherwise. A view."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from journey.formats.record import FileRecord


class Disagreement(msgspec.Struct, frozen=True):
    """One answer with both outcomes (same, different, undecided) and both reasons."""

    run: str
    benchmark: str
    question: str
    index: int
    gold: str
    answer: str
    outcome: str
    why: str
    second: str
    second_why: str


class SecondGrades(FileRecord, frozen=True, forbid_unknown_fields=True):
    """How often a second grader judges the stored answers otherwise, and where."""

    FILE: ClassVar[str] = "second_grader.json"

    plan_sha256: str
    checker: str  # version of the answer checker
    grader: str
    judged: int  # answers that both graders judged; those of families with a checker of their own are left out
    undecided_here: int  # of the disagreements: undecided here, decided there
    undecided_there: int
    opposite: int  # one says same, the other different
    disagreements: tuple[Disagreement, ...]
    version: int = 1
