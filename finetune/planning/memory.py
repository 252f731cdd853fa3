"""The memory plan: how large a stack's forward passes may be, how many groups train at a time, and what that needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from journey import processes
from journey.catalog import ENGINES
from journey.config import FinetuneSettings
from journey.errors import ResourceError
from journey.finetune import cost
from journey.finetune.rows.rows import Rows
from journey.finetune.runs import Run
from journey.numbers import gib

# Tokens of a stack's forward pass. On a CPU as many as leave its caches some use, and never by what memory is free:
# passes decide the last bits of the weights. On a GPU as many as amortise the launches of the kernels.
PASS_TOKENS, PASS_TOKENS_GPU = 2048, 16384


@dataclass(frozen=True)
class MemoryPlan:
    """`peak` is what the largest group is expected to need, in bytes; `runs_fit` how many runs one stack could hold."""

    peak: int
    pass_tokens: int
    runs_fit: int | None
    workers: int


def plan_memory(
    settings: FinetuneSettings,
    shape: cost.Shape,
    data: Mapping[str, Rows],
    groups: Sequence[Sequence[Run]],
    device: str,
) -> MemoryPlan:
    """Raises ResourceError if not even one group fits, and says what would."""
    longest = max(int(rows.lengths.max()) for rows in data.values())
    free, gpu = cost.free_memory(device), device != "cpu"
    weight_bytes = 2 if gpu else 4
    most = max(map(len, groups))
    if not ENGINES.entry(settings.engine).facts.get("together"):
        recompute = gpu if settings.checkpointing is None else settings.checkpointing
        peak = cost.memory(shape, tokens=settings.micro_batch * longest, weight_bytes=weight_bytes, recompute=recompute)
        if peak > free:
            raise ResourceError(
                f"one run is expected to need {gib(peak)}, {gib(free)} are free on {device}\n"
                f"  give a smaller --set micro_batch (now {settings.micro_batch}) or --max-length"
            )
        return MemoryPlan(peak, PASS_TOKENS, None, _workers(settings, len(groups), peak, free, device))

    def needed(runs: int, tokens: int) -> int:
        return cost.stack_memory(
            shape,
            runs=runs,
            tokens=max(tokens, longest),
            weight_bytes=weight_bytes,
            recompute=bool(settings.checkpointing),
            device=device,
        )

    tokens = settings.pass_tokens or (PASS_TOKENS_GPU if gpu else PASS_TOKENS)
    while gpu and settings.pass_tokens is None and tokens > longest and needed(most, tokens) > free:
        tokens //= 2
    fit = max(0, (free - needed(0, tokens)) // (needed(1, tokens) - needed(0, tokens)))
    peak = needed(most, tokens)
    if peak > free:
        way = f"--set stacks={-(-sum(map(len, groups)) // fit)}, or " if fit else ""
        raise ResourceError(
            f"a stack of {most} runs is expected to need {gib(peak)}, {gib(free)} are free on {device}"
            f"; {fit} {'run fits' if fit == 1 else 'runs fit'}\n"
            f"  give {way}a smaller --set pass_tokens (now {tokens}), --max-length, or --set checkpointing=true"
        )
    return MemoryPlan(peak, tokens, int(fit), _workers(settings, len(groups), peak, free, device))


def _workers(settings: FinetuneSettings, groups: int, peak: int, free: int, device: str) -> int:
    """Groups at the same time: one a core on a CPU, one on a GPU, fewer if memory is short."""
    if device != "cpu":
        return max(1, min(settings.workers or 1, free // peak, groups))  # a process of a run each has a GPU of its own
    wanted = settings.workers or processes.cores() // settings.processes
    return max(1, min(wanted, free // (peak * settings.processes), groups))
