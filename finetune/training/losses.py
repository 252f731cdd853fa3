"""Chunked cross-entropy of a language model's head, which never holds all of its logits.

In float32 the logits of one token take 608 kB with Qwen's vocabulary, and nearly every token of a journey is supervised.
So the head is applied to a part of the tokens at a time, and what backward needs is computed in the same sweep: the
gradient of every token's loss with respect to its hidden state, which is as small as the hidden state itself. The idea is
that of Liger Kernel's fused linear cross-entropy (arXiv 2410.10989, section 3.2), here per token, because every run of a
stack has a loss of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from journey.errors import UsageError
from journey.finetune.cost import LOGITS, LOGITS_ELSEWHERE


@dataclass(frozen=True)
class Head:
    """How a model turns hidden states into logits: cap * tanh(factor * (h W^T + bias) / cap), without cap as it is."""

    weight: Tensor  # (vocabulary, hidden)
    bias: Tensor | None
    factor: float = 1.0
    cap: float | None = None

    def logits(self, hidden: Tensor) -> Tensor:
        """(token, hidden) to (token, vocabulary), in float32 at least."""
        # (tokens, hidden) @ (hidden, vocabulary): no run in it, since the head is shared and frozen
        raw = functional.linear(hidden, self.weight, self.bias)
        raw = raw if raw.dtype == torch.float64 else raw.float()
        raw = raw * self.factor if self.factor != 1.0 else raw
        return torch.tanh(raw / self.cap) * self.cap if self.cap else raw


def declared_head(model: Any) -> Head:
    """The head as the model's configuration describes it. Raises UsageError if it is no plain linear layer."""
    output = model.get_output_embeddings()
    config = model.config.get_text_config()
    if type(output) is not nn.Linear:
        raise UsageError(f"the head of {type(model).__name__} is no plain linear layer", "use --engine trl")
    factor = float(getattr(config, "logit_scale", None) or 1.0) / float(getattr(config, "logits_scaling", None) or 1.0)
    return Head(output.weight, output.bias, factor, getattr(config, "final_logit_softcapping", None))


@torch.no_grad()
def head_of(model: Any) -> Head:
    """The head of a causal language model of transformers.

    Raises UsageError if the model does more to its logits than is known here, which is tried on a few tokens.
    """
    head = declared_head(model)
    ids = torch.arange(1, 9, device=head.weight.device)[None] % model.config.get_text_config().vocab_size
    own = head.logits(hidden_states(model, ids)[0]).double()  # (1, 8, hidden) to (8, vocabulary)
    wanted = model(input_ids=ids, use_cache=False).logits[0].double()
    if float((own - wanted).abs().max()) > 1e-2 * float(wanted.abs().max()) + 1e-6:
        raise UsageError(f"{type(model).__name__} changes its logits in a way not known here", "use --engine trl")
    return head


def hidden_states(model: Any, ids: Tensor, positions: Tensor | None = None) -> Tensor:
    """The decoder's last hidden states (row, token, hidden) for ids (row, token), padded on the right.

    No attention mask is needed: a token attends to what is before it, and padding comes after. `positions` are those of rows
    that are packed (`journey.models.compute.packed`).
    """
    given = {} if positions is None else {"position_ids": positions}
    return model.get_decoder()(input_ids=ids, use_cache=False, **given).last_hidden_state


class _TokenLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, labels: Tensor, head: Head, at_a_time: int) -> Tensor:
        exact = torch.float64 if hidden.dtype == torch.float64 else torch.float32
        losses = torch.empty(len(labels), dtype=exact, device=hidden.device)
        slopes = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        for start in range(0, len(labels), at_a_time):
            part = slice(start, start + at_a_time)
            logits = head.logits(hidden[part])
            chosen = labels[part, None]
            total = logits.logsumexp(-1)  # (part, vocabulary) to (part,), the log of the softmax's denominator
            losses[part] = total - logits.gather(1, chosen)[:, 0]  # (part, 1) to (part,)
            if slopes is None:
                continue
            # (part, vocabulary), softmax minus one-hot: the slope of every loss in its own logits
            slope = logits.sub(total[:, None]).exp_()
            slope.scatter_add_(1, chosen, slope.new_full(chosen.shape, -1.0))
            if head.cap:
                slope.mul_(1 - (logits / head.cap).square())
            if head.factor != 1.0:
                slope.mul_(head.factor)
            # (part, vocabulary) @ (vocabulary, hidden): after it only (part, hidden) is kept for backward
            slopes[part] = slope.to(hidden.dtype) @ head.weight
        if slopes is not None:
            ctx.save_for_backward(slopes)
        return losses

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        (slopes,) = ctx.saved_tensors
        # (tokens, hidden) * (tokens, 1): a token's gradient times what its loss weighs in its run. The share is not rounded to
        # half precision first: all tokens of a run have nearly the same one, and the whole step would be off by as much.
        return torch.mul(slopes, outer[0][:, None], out=torch.empty_like(slopes)), None, None, None


def token_losses(hidden: Tensor, labels: Tensor, head: Head, at_a_time: int | None = None) -> Tensor:
    """Minus the log-probability of every label (token,) after its hidden state (token, hidden).

    The head gets no gradient: it is part of the frozen base.
    """
    if at_a_time is None:
        at_a_time = max(1, LOGITS.get(hidden.device.type, LOGITS_ELSEWHERE) // len(head.weight))
    return _TokenLoss.apply(hidden, labels, head, at_a_time)


def weighted_loss(
    hidden: Tensor, positions: Tensor, labels: Tensor, weights: Tensor, head: Head, at_a_time: int | None = None
) -> Tensor:
    """The losses (supervised,) of a pass times their shares, from its hidden states (row, token, hidden).

    `positions` (supervised,) count in the flat order of the tokens; the head, the dearest product, sees no other token.
    """
    # (rows, tokens, hidden) to (rows * tokens, hidden) to (supervised, hidden)
    chosen = hidden.reshape(-1, hidden.shape[-1]).index_select(0, positions)
    by_token = token_losses(chosen, labels, head, at_a_time)
    return by_token * weights.to(by_token.dtype)
