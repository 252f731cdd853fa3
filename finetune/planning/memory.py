"""The memory plan: how large a stack's forward passes may be, what is recomputed, and how many groups train at a time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import msgspec

from journey import processes
from journey.catalog import ENGINES
from journey.config import FinetuneSettings
from journey.errors import ResourceError
from journey.finetune import cost
from journey.finetune.planning import abilities
from journey.finetune.rows.rows import Rows
from journey.finetune.runs import Run
from journey.formats.files import dump_json, write_atomic
from journey.models.load import ModelRef
from journey.numbers import gib

if TYPE_CHECKING:
    from journey.finetune.planning.footprint import Footprint

# Tokens of a stack's forward pass. On a CPU as many as leave its caches some use, and never by what memory is free:
# passes decide the last bits of the weights. On a GPU as many as amortise the launches of the kernels, where they fit.
PASS_TOKENS, PASS_TOKENS_GPU = 2048, 16384
CARDS = (24, 48, 80, 141)  # GB of the cards that people have
_MOST_RUNS = 100_000
_SPARE = 0.04  # of a card's memory, for what its allocator cannot use


@dataclass(frozen=True)
class MemoryPlan:
    """`peak` is what the largest group is expected to need, in bytes; `runs_fit` how many runs one stack could hold.

    `recompute` is what `checkpointing` was set to, or for a stack what was chosen.
    """

    peak: int
    pass_tokens: int
    runs_fit: int | None
    workers: int
    recompute: bool | None = None


class PassPlan(msgspec.Struct, frozen=True):
    """The passes of an unfinished folder: chosen once, since they decide the last bits of the weights on a GPU."""

    FILE: ClassVar[str] = "pass_plan.json"

    pass_tokens: int
    recompute: bool | None


def kept(scratch: Path, memory: MemoryPlan) -> MemoryPlan:
    """The plan with the passes that were chosen when the folder was begun; they are written if none are there."""
    path = scratch / PassPlan.FILE
    if not path.is_file():
        write_atomic(path, dump_json(PassPlan(memory.pass_tokens, memory.recompute)))
        return memory
    begun = msgspec.json.decode(path.read_bytes(), type=PassPlan)
    return replace(memory, pass_tokens=begun.pass_tokens, recompute=begun.recompute)


def plan_memory(
    settings: FinetuneSettings,
    ref: ModelRef,
    shape: cost.Shape,
    data: Mapping[str, Rows],
    groups: Sequence[Sequence[Run]],
    device: str,
) -> MemoryPlan:
    """Raises ResourceError if not even one group fits, and says what would."""
    longest = max(int(rows.lengths.max()) for rows in data.values())
    free, gpu = cost.free_memory(device), device != "cpu"
    if not ENGINES.entry(settings.engine).facts.get("together"):
        recompute = gpu if settings.checkpointing is None else settings.checkpointing
        peak = cost.memory(
            shape, tokens=settings.micro_batch * longest, weight_bytes=2 if gpu else 4, recompute=recompute
        )
        if peak > free:
            raise ResourceError(
                f"one run is expected to need {gib(peak)}, {gib(free)} are free on {device}\n"
                f"  give a smaller --set micro_batch (now {settings.micro_batch}) or --max-length"
            )
        workers = _workers(settings, len(groups), peak, free, device)
        return MemoryPlan(peak, PASS_TOKENS, None, workers, settings.checkpointing)
    most = max(map(len, groups))
    footprint = footprint_of(ref, settings, longest, "cuda" if gpu else "cpu")
    tokens, recompute = _passes(footprint, settings, most, longest, free)
    fit = runs_that_fit(footprint, tokens, recompute, free)
    peak = cost.PROCESS_BYTES + footprint.peak(most, tokens, recompute)
    if peak > free:
        way = f"--set stacks={-(-sum(map(len, groups)) // fit)}, or " if fit else ""
        also = "" if recompute else ", or --set checkpointing=true"
        raise ResourceError(
            f"a stack of {most} runs is expected to need {gib(peak)}, {gib(free)} are free on {device}"
            f"; {fit} {'run fits' if fit == 1 else 'runs fit'}\n"
            f"  give {way}a smaller --set pass_tokens (now {tokens}), --max-length{also}"
        )
    return MemoryPlan(peak, tokens, fit, _workers(settings, len(groups), peak, free, device), recompute)


def footprint_of(ref: ModelRef, settings: FinetuneSettings, longest: int, on: str) -> Footprint:
    """What stacks of these settings need of a device (`cpu` or `cuda`), for rows of at most `longest` tokens."""
    from transformers import AutoConfig

    from journey.finetune.planning.footprint import Footprint, StackShape

    modules = abilities.stacked_modules(ref, settings)
    config = AutoConfig.from_pretrained(ref.source, revision=ref.revision, trust_remote_code=False)
    shape = StackShape(on, modules, max(settings.ranks), longest, settings.dropout)

    def rule(tokens: int, recompute: bool) -> int:
        rough = cost.shape_of(ref, max(settings.ranks))
        return cost.passing(
            rough, tokens=tokens, weight_bytes=shape.dtype.itemsize, recompute=recompute, device=shape.on
        )

    return Footprint(config, shape, rule)


def _passes(footprint: Footprint, settings: FinetuneSettings, runs: int, longest: int, free: int) -> tuple[int, bool]:
    """The tokens of a pass, and whether activations are recomputed: the largest passes that fit, recomputing only where
    the smallest do not fit otherwise. Settings fix either."""
    gpu = footprint.shape.on != "cpu"
    recomputing = (False, True) if settings.checkpointing is None else (settings.checkpointing,)
    most = settings.pass_tokens or (PASS_TOKENS_GPU if gpu else PASS_TOKENS)
    sizes = [most]
    while gpu and settings.pass_tokens is None and sizes[-1] > max(PASS_TOKENS, longest):
        sizes.append(sizes[-1] // 2)
    for recompute in recomputing:
        for tokens in sizes:
            if cost.PROCESS_BYTES + footprint.peak(runs, tokens, recompute) <= free:
                return tokens, recompute
    return sizes[-1], recomputing[-1]


def runs_that_fit(footprint: Footprint, tokens: int, recompute: bool, free: int) -> int:
    """How many runs one stack can hold in so many bytes."""
    room = free - cost.PROCESS_BYTES
    return max(0, bisect_right(range(_MOST_RUNS), room, key=lambda runs: footprint.peak(runs, tokens, recompute)) - 1)


def fits_on_cards(ref: ModelRef, settings: FinetuneSettings, data: Mapping[str, Rows]) -> dict[str, int]:
    """How many runs of a stack fit on a GPU of so many GB, in passes of the least size unless a setting fixes it, recomputed
    where that is needed."""
    longest = max(int(rows.lengths.max()) for rows in data.values())
    footprint = footprint_of(ref, settings, longest, "cuda")
    found = {}
    for card in CARDS:
        room = int(card * 10**9 * (1 - _SPARE))
        tokens, recompute = _passes(footprint, settings, 1, longest, room)
        least = settings.pass_tokens or min(tokens, max(PASS_TOKENS, longest))
        found[f"{card} GB"] = runs_that_fit(footprint, least, recompute, room)
    return found


def _workers(settings: FinetuneSettings, groups: int, peak: int, free: int, device: str) -> int:
    """Groups at the same time: one a core on a CPU, one on a GPU, fewer if memory is short."""
    if device != "cpu":
        return max(1, min(settings.workers or 1, free // peak, groups))  # a process of a run each has a GPU of its own
    wanted = settings.workers or processes.cores() // settings.processes
    return max(1, min(wanted, free // (peak * settings.processes), groups))
