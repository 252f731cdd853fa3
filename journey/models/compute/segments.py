"""The low-rank product of a training pass, whose tokens lie run after run: a segment of consecutive tokens each.

    y = W x + bias + s_n B_n A_n x          for the tokens of run n

The base's product is one for all tokens. The low-rank one has two bodies that do the same: a loop over the segments, for
any precision, rank and device, and `torch.nn.functional.grouped_mm`, one operation for all runs however unequal, which
wants float32 or bfloat16 and rows of a multiple of 16 bytes. Gradients of A and B are added straight into the stack's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from journey.models.compute.transfer import on_device

ALIGNED = 16  # bytes that the rows of grouped_mm's operands must be a multiple of


def aligned(width: int, dtype: torch.dtype) -> int:
    """`width` rounded up to what grouped_mm takes in this precision."""
    step = max(1, ALIGNED // dtype.itemsize)
    return -(-width // step) * step


def can_group(widths: Sequence[int], dtype: torch.dtype) -> bool:
    """Whether grouped_mm takes layers of these widths in this precision."""
    return dtype in (torch.float32, torch.bfloat16) and all(aligned(width, dtype) == width for width in widths)


@dataclass
class Segments:
    """Which tokens of a pass, seen flat, are whose: those of run k lie from `ends[k - 1]` to `ends[k]`.

    `scales` is (token, 1). `offsets` are the ends on the device, for the grouped body; None for the loop. `draws` has for
    every run with tokens its dropout stream and how many of its rows and tokens are not padding.
    """

    ends: tuple[int, ...]
    scales: Tensor
    offsets: Tensor | None = None
    draws: Sequence[tuple[torch.Generator, int, int]] = ()
    masks: dict[str, Tensor] = field(default_factory=dict)  # drawn once, so that recomputed activations are the same

    @classmethod
    def of(
        cls,
        tokens: Sequence[int],
        scales: Tensor,
        dtype: torch.dtype,
        *,
        grouped: bool,
        draws: Sequence[tuple[torch.Generator, int, int]] = (),
    ) -> Segments:
        """Segments of so many tokens, padding included, of every run of a stack with these scales (run,)."""
        ends, total = [], 0
        for count in tokens:
            total += count
            ends.append(total)
        counts = on_device(torch.tensor(list(tokens)), scales.device)
        # (run,) to (token, 1): every token's own scale, where the product is narrow
        by_token = scales.repeat_interleave(counts, output_size=total)[:, None].to(dtype)
        offsets = on_device(torch.tensor(ends, dtype=torch.int32), scales.device) if grouped else None
        return cls(tuple(ends), by_token, offsets, draws)

    def __iter__(self) -> Iterator[tuple[int, slice]]:
        """Every run with tokens, and where they are."""
        for run, (start, end) in enumerate(pairwise((0, *self.ends))):
            if end > start:
                yield run, slice(start, end)


def multiply(left: Tensor, right: Tensor, segments: Segments) -> Tensor:
    """left (token, k) with its run's matrix of right (run, k, n): (token, n)."""
    if segments.offsets is not None:
        return functional.grouped_mm(left, right, offs=segments.offsets)
    product = left.new_empty(len(left), right.shape[-1])
    for run, span in segments:
        torch.mm(left[span], right[run], out=product[span])
    return product


def add_product(total: Tensor, left: Tensor, right: Tensor, segments: Segments) -> None:
    """The same, added into total (token, n)."""
    if segments.offsets is not None:
        total.add_(functional.grouped_mm(left, right, offs=segments.offsets))
        return
    for run, span in segments:
        total[span].addmm_(left[span], right[run])


def add_outer(total: Tensor, left: Tensor, right: Tensor, segments: Segments) -> None:
    """Every run's left^T right, the sum over its tokens (token, m) and (token, n), added into total (run, m, n)."""
    if segments.offsets is not None:
        total.add_(functional.grouped_mm(left.t(), right, offs=segments.offsets))
        return
    for run, span in segments:
        if total.dtype == left.dtype:
            total[run].addmm_(left[span].t(), right[span])
        else:  # gradients are kept in float32 where the base computes in half precision
            total[run].add_(left[span].t() @ right[span])


@dataclass
class LayerAdapters:
    """The A (run, rank, in) and B (run, out, rank) of a layer in the type that the base computes in, and their gradients."""

    a: Tensor
    b: Tensor
    grad_a: Tensor
    grad_b: Tensor


class SegmentedProduct(torch.autograd.Function):
    """y as above; x (row, token, in), z what dropout left of x or None for x.

    One function instead of six operations: the low-rank product is added into the base's output, and its gradient into the
    input's. `anchor` is any tensor with a gradient: without it autograd would not come here where x has none.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        z: Tensor | None,
        anchor: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        adapters: LayerAdapters,
        segments: Segments,
    ) -> Tensor:
        # (row, token, in) @ (in, out): one product for all rows, because all runs share the frozen base.
        y = functional.linear(x, weight, bias)
        # (row, token, in) -> (rows * tokens, in), in the order in which the segments count them.
        low = (x if z is None else z).reshape(-1, x.shape[-1])
        # (rows * tokens, in) @ (run, in, rank): narrow, so it is scaled here.
        middle = multiply(low, adapters.a.transpose(1, 2), segments).mul_(segments.scales)
        # (rows * tokens, rank) @ (run, rank, out), added into y itself.
        add_product(y.view(-1, y.shape[-1]), middle, adapters.b.transpose(1, 2), segments)
        ctx.save_for_backward(low, middle)
        ctx.weight, ctx.adapters, ctx.segments = weight, adapters, segments
        ctx.same, ctx.shape = z is None, x.shape
        return y

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        low, middle = ctx.saved_tensors
        adapters, segments = ctx.adapters, ctx.segments
        # (row, token, out) -> (rows * tokens, out): as in forward, so that each token meets its own A and B.
        dy = outer[0].contiguous().view(-1, outer[0].shape[-1])
        # (rows * tokens, out) @ (run, out, rank): the gradient of z A^T, which dx (or dz) and dA both need.
        inner = multiply(dy, adapters.b, segments).mul_(segments.scales)
        dx = dz = None
        if ctx.needs_input_grad[0]:
            dx = dy @ ctx.weight  # (rows * tokens, out) @ (out, in): the base's part
            if ctx.same:
                # (rows * tokens, rank) @ (run, rank, in), added into dx: without dropout x is z.
                add_product(dx, inner, adapters.a, segments)
            dx = dx.view(ctx.shape)
        if not ctx.same and ctx.needs_input_grad[1]:
            # The same on its own, back to (row, token, in): autograd has yet to apply the dropout mask to it.
            dz = multiply(inner, adapters.a, segments).view(ctx.shape)
        # dA (run, rank, in) and dB (run, out, rank): the product sums over a run's tokens.
        add_outer(adapters.grad_a, inner, low, segments)
        add_outer(adapters.grad_b, dy, middle, segments)
        return dx, dz, None, None, None, None, None
