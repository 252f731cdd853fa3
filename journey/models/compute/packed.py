"""Packed rows: a forward pass over rows that lie end to end, without padding, none of which sees another.

    if can_pack(model):
        packed = PackedRows.of(lengths, device)
        with attends_within(model, packed):
            model(input_ids=ids, position_ids=packed.positions)      # ids (1, token)

Everything but attention works token by token, so only attention has to know the rows. On a GPU in half precision it is
PyTorch's `varlen_attn`; elsewhere rows are laid side by side for attention alone. Models whose layers mix tokens in other
ways, or cap their attention scores, are not packed: `can_pack` compares with the padded path.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from journey.models.compute.transfer import on_device

NAME = "journey_rows"  # of the attention among transformers' implementations
# Largest difference of hidden states, as a share of their range: what rounding makes of another order of sums.
TOLERANCES = {torch.float64: 1e-5, torch.float32: 1e-4}  # float64 models compute norms in float32
TOLERANCE_ELSEWHERE = 5e-2
_TRIED = (5, 12, 7)  # tokens of the rows that are tried


@dataclass(frozen=True)
class PackedRows:
    """Rows end to end. `positions` (1, token) begin anew with every row; `ends` (row + 1,) is where each begins and ends.

    `side_by_side` (row, longest) names the token at every place of the padded layout, `places` (token,) the reverse.
    """

    positions: Tensor
    longest: int
    ends: Tensor
    side_by_side: Tensor
    places: Tensor

    @classmethod
    def of(cls, lengths: Sequence[int], device: torch.device | str) -> PackedRows:
        """Rows of these lengths, on a device."""
        sizes, longest = np.array(lengths, dtype=np.int64), max(lengths)
        ends = np.concatenate([[0], np.cumsum(sizes)])
        columns = np.arange(longest)
        # (row, longest): a place after the end of a row names its last token, which nobody before it sees
        table = ends[:-1, None] + np.minimum(columns, sizes[:, None] - 1)
        inside = columns < sizes[:, None]
        positions = np.broadcast_to(columns, inside.shape)[inside]

        def there(values: np.ndarray) -> Tensor:
            return on_device(torch.from_numpy(np.ascontiguousarray(values)), device)

        return cls(
            there(positions[None]),
            longest,
            there(ends.astype(np.int32)),
            there(table),
            there(np.flatnonzero(inside)),
        )


_now: list[PackedRows] = []  # of the pass that is computed


def attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Causal attention within packed rows, as transformers calls it: (1, head, token, width) to (1, token, head, width)."""
    if not _now or softcap is not None or dropout or attention_mask is not None:
        raise NotImplementedError("attention of this kind within packed rows")
    packed = _now[-1]
    if by_kernel(query):
        return _by_kernel(query, key, value, packed, scaling, sliding_window), None
    # (head, token, width) to (row, head, longest, width): the rows side by side, for attention alone
    q, k, v = (side[0][:, packed.side_by_side].transpose(0, 1) for side in (query, key, value))
    mask = None
    if sliding_window is not None and sliding_window < packed.longest:
        places = torch.arange(packed.longest, device=q.device)
        behind = places[:, None] - places
        mask = (behind >= 0) & (behind < sliding_window)  # (longest, longest), the same for all rows and heads
    shared = q.shape[1] != k.shape[1]  # heads of keys and values
    mixed = functional.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=mask is None, scale=scaling, enable_gqa=shared
    )
    # (row, head, longest, width) to (row * longest, head, width), and the tokens of the rows end to end again
    return mixed.transpose(1, 2).flatten(0, 1)[packed.places][None], None


def by_kernel(query: Tensor) -> bool:
    """Whether attention is the kernel for rows of unequal length: on a GPU, in half precision, for heads that it takes."""
    return query.device.type == "cuda" and query.dtype in (torch.bfloat16, torch.float16) and query.shape[-1] <= 256


def _by_kernel(
    query: Tensor, key: Tensor, value: Tensor, packed: PackedRows, scaling: float | None, sliding_window: int | None
) -> Tensor:
    from torch.nn.attention.varlen import varlen_attn

    # (1, head, token, width) to (token, head, width)
    q, k, v = (side[0].transpose(0, 1) for side in (query, key, value))
    more: dict[str, Any] = {}
    if q.shape[1] != k.shape[1]:
        if "enable_gqa" in inspect.signature(varlen_attn).parameters:
            more["enable_gqa"] = True
        else:  # PyTorch before 2.12 has no heads that share keys and values here
            k, v = (side.repeat_interleave(q.shape[1] // k.shape[1], dim=1) for side in (k, v))
    mixed = varlen_attn(
        q,
        k,
        v,
        packed.ends,
        packed.ends,
        packed.longest,
        packed.longest,
        scale=scaling,
        window_size=(-1 if sliding_window is None else sliding_window - 1, 0),
        **more,
    )
    assert isinstance(mixed, Tensor)
    return mixed[None]


@contextmanager
def attends_within(model: Any, packed: PackedRows | None) -> Iterator[None]:
    """Inside, the model's attention keeps packed rows apart, backward included; None changes nothing."""
    if packed is None:
        yield
        return
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, attend)
    config = model.config.get_text_config()
    before = config._attn_implementation
    config._attn_implementation = NAME
    _now.append(packed)
    try:
        yield
    finally:
        _now.pop()
        config._attn_implementation = before


@torch.no_grad()
def can_pack(model: Any) -> bool:
    """Whether the model computes packed rows as it computes them padded: tried on a few rows of unequal length."""
    device = next(model.parameters()).device
    rows = [torch.arange(1, length + 1, device=device) % model.config.get_text_config().vocab_size for length in _TRIED]
    packed = PackedRows.of(_TRIED, device)
    decoder = model.get_decoder()
    padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    wanted = decoder(input_ids=padded, use_cache=False).last_hidden_state.flatten(0, 1)[packed.places]
    try:
        with attends_within(model, packed):
            ids = torch.cat(rows)[None]
            got = decoder(input_ids=ids, position_ids=packed.positions, use_cache=False).last_hidden_state[0]
    except (NotImplementedError, TypeError, RuntimeError):
        return False
    largest = TOLERANCES.get(wanted.dtype, TOLERANCE_ELSEWHERE)
    return bool((got - wanted).abs().max() <= largest * wanted.abs().max())
