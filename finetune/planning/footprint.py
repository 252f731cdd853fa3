"""The memory of a stack, by following every allocation of a training step of the real model on tensors without memory.

The model is built on PyTorch's meta device, where operations give shapes and nothing is computed; a storage counts from the
operation that makes it to the moment when nothing holds it. So what autograd keeps, what is recomputed, dropout masks, the
chunk of logits and the gradients are all counted by the code that trains. Attention, whose kernels differ by device, is a
stand-in that keeps what the kernel keeps; models that cap their scores go through their own attention, as in training.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from journey.models.compute.segments import aligned

BLOCK = 512  # bytes that PyTorch's allocator rounds up to


class Allocations(TorchDispatchMode):
    """Follows the storages of all tensors that are made inside: `held` and `most` are bytes, now and at the peak."""

    def __init__(self) -> None:
        super().__init__()
        self.held = self.most = 0
        self._known: dict[int, weakref.ref[Any]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        before = {id(one.untyped_storage()) for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)}
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor):
                storage = tensor.untyped_storage()
                if id(storage) not in before:
                    self._follow(storage)
        return made

    def _follow(self, storage: Any) -> None:
        key = id(storage)
        known = self._known.get(key)
        if known is not None and known() is storage:
            return
        size = -(-storage.nbytes() // BLOCK) * BLOCK
        self.held += size
        self.most = max(self.most, self.held)

        def gone(_: Any, key: int = key, size: int = size) -> None:
            self.held -= size
            self._known.pop(key, None)

        self._known[key] = weakref.ref(storage, gone)


class _Kernel(torch.autograd.Function):
    """What a fused attention kernel keeps and makes: its inputs, its output, and a number a head and token."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, on: str) -> Tensor:
        rows, heads, tokens, _ = query.shape
        # (row, token, head, width) seen as (row, head, token, width): as the kernels lay it out
        mixed = query.new_empty(rows, tokens, heads, value.shape[-1]).transpose(1, 2)
        ctx.save_for_backward(query, key, value, mixed, query.new_empty(rows, heads, tokens, dtype=torch.float32))
        ctx.on = on
        return mixed

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, _, _ = ctx.saved_tensors
        if ctx.on != "cpu":  # sums in float32, and keys' and values' gradients of every head before they are added up
            sums = torch.empty_like(query, dtype=torch.float32)
            wide = [torch.empty_like(query) for _ in range(2)] if key.shape[1] != query.shape[1] else []
            del sums, wide
        return torch.empty_like(query), torch.empty_like(key), torch.empty_like(value), None


_NAME = "journey_outline"


@contextmanager
def _stand_in(model: Any, on: str) -> Iterator[None]:
    """Inside, the model's attention is the stand-in, unless it is its own anyway (eager)."""
    from transformers import AttentionInterface

    config = model.config.get_text_config()
    before = config._attn_implementation
    if before == "eager":
        yield
        return

    def attend(module: Any, query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> tuple[Tensor, None]:
        return _Kernel.apply(query, key, value, on).transpose(1, 2), None

    AttentionInterface.register(_NAME, attend)
    config._attn_implementation = _NAME
    try:
        yield
    finally:
        config._attn_implementation = before


@dataclass(frozen=True)
class StackShape:
    """What decides a stack's memory besides the base: how it is computed, adapters and dropout.

    `on` is `cpu` or `cuda`, `modules` the adapted layers, `row` the tokens of the longest row. `supervised` is the share of
    tokens that are trained on, at most.
    """

    on: str
    modules: tuple[str, ...]
    rank: int
    row: int
    dropout: float = 0.0
    supervised: float = 1.0

    @property
    def dtype(self) -> torch.dtype:
        """What the base is loaded in."""
        return torch.float32 if self.on == "cpu" else torch.bfloat16

    @property
    def packed(self) -> bool:
        """Whether rows are laid end to end: then a pass may hold rows of any length."""
        return self.on != "cpu" and not self.dropout


class Footprint:
    """The memory of stacks on one base. `config` is transformers' configuration of the base.

    `rule` gives the bytes of a pass (tokens, recompute) where the base cannot be followed, since what it computes depends on
    numbers: mixtures of experts, some recurrent layers.
    """

    def __init__(self, config: Any, shape: StackShape, rule: Callable[[int, bool], int] | None = None) -> None:
        from transformers import AutoModelForCausalLM

        with torch.device("meta"):
            self.model: Any = AutoModelForCausalLM.from_config(config, dtype=shape.dtype)
        self.model.requires_grad_(False)
        self.shape, self.rule = shape, rule
        self._peaks: dict[tuple[int, int, bool], int] = {}
        self.weights = sum(
            one.numel() * one.element_size() for one in [*self.model.parameters(), *self.model.buffers()]
        )
        sides = [self.model.get_submodule(name) for name in shape.modules]
        rank = shape.rank if shape.on == "cpu" else aligned(shape.rank, shape.dtype)
        self.values = rank * sum(side.in_features + side.out_features for side in sides)  # of one run

    def held(self, runs: int) -> int:
        """Bytes that lie there between steps: weights; adapters, gradients and moments of all runs; a copy in half precision."""
        each = 4 * 4 + (self.shape.dtype.itemsize if self.shape.dtype != torch.float32 else 0)
        return self.weights + runs * self.values * each

    def peak(self, runs: int, tokens: int, recompute: bool) -> int:
        """Bytes at the peak of a step with passes of so many tokens, padding included, of so many runs."""
        tokens = max(tokens, self.shape.row)
        passing = self._passing(1, tokens, recompute)
        # The optimiser's one scratch tensor comes when the pass is over, like it beside what is always there.
        return self.held(runs) + max(passing, runs * self.values * 4)

    def _passing(self, runs: int, tokens: int, recompute: bool) -> int:
        """What a pass needs for itself: it does not grow with the runs that its tokens belong to."""
        key = (runs, tokens, recompute)
        if key not in self._peaks:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # transformers on itself, nothing to do with the user
                    self._peaks[key] = _followed(self.model, self.shape, runs, tokens, recompute)
            except Exception:
                if self.rule is None:
                    raise
                self._peaks[key] = self.rule(tokens, recompute)
        return self._peaks[key]


def _followed(model: Any, shape: StackShape, runs: int, tokens: int, recompute: bool) -> int:
    from journey.finetune.cost import LOGITS, LOGITS_ELSEWHERE
    from journey.finetune.training import losses
    from journey.models.lora import Stack

    stack = Stack(model, shape.modules, runs=runs, rank=shape.rank, dropout=shape.dropout)
    training = model.training
    try:
        stack.train(grouped=False)
        model.train()
        if recompute:
            model.gradient_checkpointing_enable(
                gradient_checkpointing_kwargs={"use_reentrant": False, "preserve_rng_state": False}
            )
        rows = max(1, tokens // shape.row)
        width = tokens // rows  # the longest row, or a little more, so that the pass is full
        # (row, token); packed rows are one row of the batch, and attention keeps as much for each token
        eager = model.config.get_text_config()._attn_implementation == "eager"
        together = shape.packed and not eager
        ids = torch.zeros((1, rows * width) if together else (rows, width), dtype=torch.long, device="meta")
        chosen = torch.zeros(max(1, int(rows * width * shape.supervised)), dtype=torch.long, device="meta")
        draws: Sequence[Any] = [(None, rows, width)] if shape.dropout else ()
        head = losses.declared_head(model)
        at_a_time = max(1, LOGITS.get(shape.on, LOGITS_ELSEWHERE) // len(head.weight))
        per_run = [0] * (runs - 1) + [rows * width]
        with _stand_in(model, shape.on), Allocations() as followed, stack.training_pass(per_run, draws):
            before = followed.held
            mask = {}
            if eager:
                # (1, 1, token, token): given, since transformers looks at numbers to make one
                mask = {"attention_mask": torch.zeros(1, 1, width, width, dtype=shape.dtype, device="meta")}
            hidden = model.get_decoder()(input_ids=ids, use_cache=False, **mask).last_hidden_state
            losses.weighted_loss(hidden, chosen, chosen, chosen.double(), head, at_a_time).sum().backward()
            del hidden
        return followed.most - before
    finally:
        if recompute:
            model.gradient_checkpointing_disable()
        model.train(training)
        stack.remove()
