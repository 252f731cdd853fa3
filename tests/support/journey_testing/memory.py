"""The memory of a training step that is really done on a CPU, by the project's tracker and by PyTorch's own profiler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from journey.finetune.planning.footprint import Allocations


def real_step(
    model: Any,
    modules: Sequence[str],
    rank: int,
    rows: int,
    width: int,
    *,
    recompute: bool = False,
    dropout: float = 0.0,
) -> tuple[int, int]:
    """The same on a real model on a CPU: bytes of a pass by the tracker, and by PyTorch's own profiler.

    Both leave out what is there between steps.
    """
    from journey.finetune.training import losses
    from journey.models.lora import Stack

    head = losses.head_of(model)
    model.requires_grad_(False)
    stack = Stack(model, modules, runs=1, rank=rank, dropout=dropout)
    draws = [(torch.Generator(), rows, width)] if dropout else []
    try:
        stack.train(grouped=False)
        model.train()
        if recompute:
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        ids = torch.arange(rows * width).view(rows, width) % len(model.get_input_embeddings().weight)
        chosen = torch.arange(rows * width)

        def once() -> None:
            with stack.training_pass([rows * width], draws):
                hidden = losses.hidden_states(model, ids)
                losses.weighted_loss(hidden, chosen, ids.flatten(), chosen.double(), head).sum().backward()

        with Allocations() as followed:
            once()
        return followed.most, profiled_peak(once)
    finally:
        stack.remove()


def profiled_peak(once: Callable[[], None]) -> int:
    """The most bytes above those at its beginning that a call holds at a time, as PyTorch's profiler counts them on a CPU."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        once()
    held = most = 0
    events = sorted(profiled.profiler.kineto_results.events(), key=lambda event: event.start_ns())
    for event in events:
        if event.name() == "[memory]":
            held += event.nbytes()
            most = max(most, held)
    return most
