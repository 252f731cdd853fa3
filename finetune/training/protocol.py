"""The engine protocol: what an engine is given and gives back, and the checkpoints it goes on from.

An engine is registered in ENGINES and has one interface:

    train(runs, data, setup, report) -> yields a Trained or a Failed for every run, and an EngineMessage now and then

It writes `RUN/{adapter_model.safetensors,adapter_config.json,trajectory.jsonl}` into `setup.work` (a whole model's
files in place of the adapter's with `setup.full`), reports every optimiser step, and goes on from `setup.scratch` if it
was killed. With one run it may raise NotFinite when the loss is no number. An engine whose catalog fact `together` is
true takes many runs at a time.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from journey.errors import JourneyError
from journey.finetune.rows.rows import Rows
from journey.finetune.runs import Run
from journey.formats.files import dump_json, sha256, write_atomic
from journey.formats.finetune import TemplateFile
from journey.rng import digest

Report = Callable[[str, int, float], None]  # run, optimiser step (from 1), loss
# (rows, members, padding id) -> the labels of one forward pass on these rows, as the engine trains on them: a row of token
# ids each, IGNORED where nothing is predicted. Engines register theirs by name, so that it can be checked beforehand.
Labels = Callable[[Rows, list[int], int], list[list[int]]]
LABELS: dict[str, Labels] = {}
IGNORED = -100  # label of tokens that are not supervised
_SEAL = "complete.json"
_FIRST_CHECKPOINT = 3.0  # seconds
_CHECKPOINT_COSTS = 20  # the time between checkpoints over the time that one takes, at least


class NotFinite(JourneyError):
    """A run's loss is no number any more; training it again would give the same."""


class Setup(msgspec.Struct, frozen=True):
    """What all runs of a folder share; travels to worker processes as JSON.

    `base` is the name written into adapters; `source` (a folder or Hub id) is what is loaded.
    """

    engine: str
    base: str
    source: str
    revision: str | None
    rows_per_step: int
    micro_batch: int
    max_length: int
    work: str
    scratch: str
    checkpoint_seconds: float = 60.0
    dropout: float = 0.0
    rslora: bool = False
    weight_decay: float = 0.0
    loss_norm: str = "token"
    checkpointing: bool | None = None  # recompute activations; None: as the engine does by default
    pass_tokens: int = 2048  # most tokens, padding included, in one forward pass of a stack
    full: bool = False  # train every weight of the base, without adapters
    processes: int = 1  # that share a run's forward passes
    packing: bool = False  # lay the rows of a forward pass end to end instead of padding them
    attention: str | None = None  # one of transformers' implementations; None: the one that it picks
    liger: bool = False
    report_to: str = "none"
    logs: str = ""  # where reporters that write files put them
    lora_options: dict[str, Any] = {}  # further fields of LoraConfig
    template: TemplateFile | None = None  # what a whole model's chat template is to do by itself
    deterministic: bool = False  # only algorithms that give the same bytes every time


class Trained(msgspec.Struct, frozen=True):
    """What training one run gave. `initial` and `order` are hashes: adapter before the first step, rows of the first epoch.

    `final_loss` is the mean over the last ten steps, `padding` the share of padding in what the run's passes computed. In a
    stack `seconds` is the run's part of the stack's, by the tokens it had in each step.
    """

    run: str
    initial: str
    order: str
    final_loss: float
    seconds: float
    device: str
    dtype: str
    padding: float | None = None


class Failed(msgspec.Struct, frozen=True):
    """A run that ended without an adapter, and why; training it again would give the same."""

    run: str
    why: str


class EngineMessage(msgspec.Struct, frozen=True):
    """Something that a person should know while the training goes on."""

    text: str


class Engine(Protocol):
    """The one interface of engines."""

    def __call__(
        self, runs: Sequence[Run], data: Mapping[str, Rows], setup: Setup, report: Report
    ) -> Iterator[Trained | Failed | EngineMessage]: ...


def group_name(runs: Sequence[Run]) -> str:
    """The name of the checkpoint folder of runs that are trained together."""
    return runs[0].run if len(runs) == 1 else digest("group", *(run.run for run in runs)).hex()


def checkpoints(setup: Setup, runs: Sequence[Run]) -> Path:
    """Where the checkpoints of runs that are trained together lie until they have ended."""
    return Path(setup.scratch) / "checkpoints" / group_name(runs)


class CheckpointClock:
    """When the next checkpoint is due: after `longest` seconds, and sooner where writing one costs little.

    A checkpoint that takes c seconds is written again after 20 c, so that it costs five percent at most; the first one
    after a few seconds, since nobody knows yet what it costs.
    """

    def __init__(self, longest: float) -> None:
        self.longest, self._wait = longest, _FIRST_CHECKPOINT
        self._last = time.monotonic()

    def due(self) -> bool:
        """Whether one should be written now."""
        return time.monotonic() - self._last >= min(self.longest, self._wait)

    def written(self, seconds: float) -> None:
        """One has been written, in so many seconds."""
        self._last, self._wait = time.monotonic(), _CHECKPOINT_COSTS * seconds


def seal(checkpoint: Path) -> None:
    """Mark a checkpoint as whole, with the hashes of its files."""
    files = {path.name: sha256(path) for path in sorted(checkpoint.iterdir()) if path.is_file() and path.name != _SEAL}
    write_atomic(checkpoint / _SEAL, dump_json(files))


def checkpoint_step(checkpoint: Path) -> int:
    """The optimiser step of a checkpoint `NAME-STEP`."""
    return int(checkpoint.name.rpartition("-")[2])


def newest_whole(folder: Path) -> Path | None:
    """The newest checkpoint `NAME-STEP` whose files are what its seal says; broken ones are removed."""
    newest_first = sorted(folder.glob("checkpoint-*"), key=checkpoint_step, reverse=True)
    for checkpoint in newest_first:
        if _whole(checkpoint):
            return checkpoint
        shutil.rmtree(checkpoint)
    return None


def _whole(checkpoint: Path) -> bool:
    try:
        files = json.loads((checkpoint / _SEAL).read_bytes())
    except (OSError, ValueError):
        return False
    return all((checkpoint / name).is_file() and sha256(checkpoint / name) == digest for name, digest in files.items())
