"""A sweep: one recipe at every point of a grid of settings. sweep_plan.json is fixed before a point is run, sweep.json comes of all.

A point is a run folder below the sweep's folder. Stages whose settings are equal at two points are done once: the later point has
a relative link to the stage folder of the earlier one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import msgspec

from journey.formats.record import FileRecord
from journey.formats.scores import ArmScore, Compared, SeedLeftOut, left_out_in_words


class SweepAxis(msgspec.Struct, frozen=True):
    """One setting and its values, the first of which the others are compared with."""

    setting: str  # dotted, as --set takes it
    values: tuple[Any, ...]

    @property
    def name(self) -> str:
        """The last part of the setting: `rank` for `finetune.rank`."""
        return self.setting.rpartition(".")[2]


def axis_names(axes: Sequence[SweepAxis]) -> list[str]:
    """What axes are called: the last part of their setting, or all of it where two would be called alike."""
    last = [axis.name for axis in axes]
    return [axis.setting if last.count(axis.name) > 1 else axis.name for axis in axes]


def as_text(value: Any) -> str:
    """A value of an axis as a person would type it."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def in_words(axes: Sequence[SweepAxis], values: Iterable[Any]) -> str:
    """A place in the grid: `rank 4, lr 0.001`."""
    return ", ".join(f"{name} {as_text(value)}" for name, value in zip(axis_names(axes), values, strict=True))


class SweepPoint(msgspec.Struct, frozen=True):
    """One point of the grid."""

    folder: str  # its run folder below the sweep's
    values: tuple[Any, ...]  # in the order of the axes
    shares: dict[str, str] = {}  # stages that are another point's: stage to that point's folder


class SweepPair(msgspec.Struct, frozen=True):
    """One declared comparison of an arm with itself: a value of an axis against the axis' first value."""

    axis: str
    benchmark: str
    arm: str
    first: str  # folder of a point; so is the next
    second: str


class SweepPlan(FileRecord, frozen=True):
    """What a sweep will run and compare."""

    FILE: ClassVar[str] = "sweep_plan.json"

    recipe: str
    settings: dict[str, Any]  # resolved, before any axis
    axes: tuple[SweepAxis, ...]
    points: tuple[SweepPoint, ...]
    pairs: tuple[SweepPair, ...]  # Holm covers those on the primary benchmark together, and the others together
    primary: str
    margin: float
    version: int = 1


class SweptPoint(msgspec.Struct, frozen=True):
    """What came of a point: accuracies with its first strategy, the untuned base among the arms."""

    folder: str
    values: tuple[Any, ...]
    strategy: str
    scores_sha256: str
    arms: tuple[ArmScore, ...]


class SweepCompared(msgspec.Struct, frozen=True):
    """One declared comparison with its verdict, and what the verdict is without each seed."""

    axis: str
    arm: str
    compared: Compared
    without: tuple[SeedLeftOut, ...] = ()

    @property
    def survives(self) -> str:
        """Whether the words survive leaving out each seed, in words; empty with fewer than three seeds."""
        return left_out_in_words(self.without)


class SweepResults(FileRecord, frozen=True):
    """Everything that the report of a sweep shows."""

    FILE: ClassVar[str] = "sweep.json"

    recipe: str
    base: str
    axes: tuple[SweepAxis, ...]
    points: tuple[SweptPoint, ...]
    benchmarks: tuple[str, ...]  # the primary one first
    margin: float
    compared: tuple[SweepCompared, ...]
    plan_sha256: str
    version: int = 1
