"""training.json of an evaluation folder: what the report shows of the training behind it. A view, made again at will."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from journey.formats.curation import FunnelFile, GenerateCounts
from journey.formats.finetune import AuditFile
from journey.formats.record import FileRecord
from journey.schema import Pair, Tree


class TrainingExample(msgspec.Struct, frozen=True):
    """A training pair and its tree; the tree is None where it was not found."""

    pair: Pair
    tree: Tree | None = None


class LossCurve(msgspec.Struct, frozen=True):
    """Loss of one run by optimiser step: `losses[i]` is the mean over the steps up to `steps[i]`, None where not finite.

    `planned` is the number of steps that the run was to have; `failed` the reason why it ended before.
    """

    run: str
    arm: str
    seed: int | None
    steps: tuple[int, ...]
    losses: tuple[float | None, ...]
    planned: int | None = None
    failed: str | None = None


class TrainingView(FileRecord, frozen=True):
    """What lies behind an evaluation. `audit` and `funnel` are audit.json and funnel.json.

    `generated` has the counts of each generate folder; `missing` says in sentences what could not be found.
    """

    FILE: ClassVar[str] = "training.json"

    finetune: str  # hash of the finetune folder's manifest
    audit: AuditFile | None = None
    curves: tuple[LossCurve, ...] = ()
    funnel: FunnelFile | None = None
    generated: tuple[GenerateCounts, ...] = ()
    examples: tuple[TrainingExample, ...] = ()
    missing: tuple[str, ...] = ()
    version: int = 1
