"""AdamW of many runs on one tensor, each with its own clipping and rate; a step is done once or not at all."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from journey.models.compute.transfer import on_device

BETAS, EPSILON = (0.9, 0.999), 1e-8


@torch.no_grad()
def adamw(
    flat: Tensor,
    grad: Tensor,
    moments: tuple[Tensor, Tensor],
    norms: Tensor,
    rates: Sequence[float],
    step: int,
    *,
    clip: float,
    decay: float,
) -> None:
    """AdamW (arXiv 1711.05101) on (run, value), every run with its own clipping and rate; `step` counts from 1.

    `norms` (run,) are those of the gradients. The operations and their order are those of torch.optim.AdamW and
    clip_grad_norm_. Where memory runs out, `flat` and the moments are as before.
    """
    first, second = moments
    # (runs,) to (runs, 1) over (runs, values): one update for all runs, each with its own rate and clipping factor
    lr = on_device(torch.tensor(rates, dtype=flat.dtype), flat.device)[:, None]
    clipped = (clip / (norms + 1e-6)).clamp(max=1.0)[:, None]
    kept, moves, below = 1 - lr * decay, lr / (1 - BETAS[0] ** step), torch.empty_like(flat)
    # All memory is there: from here on nothing is allocated, so that the step is done once or not at all.
    grad.mul_(clipped)
    if decay:
        flat.mul_(kept)
    first.lerp_(grad, 1 - BETAS[0])
    second.mul_(BETAS[1]).addcmul_(grad, grad, value=1 - BETAS[1])
    torch.sqrt(second, out=below).div_(math.sqrt(1 - BETAS[1] ** step)).add_(EPSILON)
    flat.sub_(torch.div(first, below, out=below).mul_(moves))
