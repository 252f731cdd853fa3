"""The training setup: everything that is decided before training starts, as it is handed on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from journey.config import FinetuneSettings
from journey.finetune import cost
from journey.finetune.planning import warmup
from journey.finetune.planning.memory import MemoryPlan
from journey.finetune.rows.rows import Rows
from journey.finetune.runs import ArmChoice, Run
from journey.formats.finetune import BaseProbe, RunCounts, TemplateFile
from journey.models import load
from journey.schema import Pair
from journey.views import View


@dataclass(frozen=True)
class Sweep:
    """What is to be tried, on which dev pairs (one a problem)."""

    rates: tuple[float, ...]
    dev: tuple[Pair, ...]
    trials: tuple[Run, ...]


@dataclass(frozen=True)
class TrainingSetup:
    """Everything that is decided before training starts."""

    settings: FinetuneSettings
    ref: load.ModelRef
    view: View
    shape: cost.Shape
    max_length: int
    choices: list[ArmChoice]
    data: dict[str, Rows]
    pairs: int
    runs: list[Run]
    groups: list[tuple[Run, ...]]  # trained together
    counted: list[RunCounts]
    reference: str
    notes: list[str]
    device: str
    memory: MemoryPlan
    start: warmup.Start | None = None  # where all arms begin instead of at the base
    sweep: Sweep | None = None
    warm: Path | None = None  # the model that `start` has become
    probe: BaseProbe | None = None
    template: TemplateFile | None = None  # how the chat template is used, where that is not as it is
