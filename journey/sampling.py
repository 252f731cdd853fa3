"""Text from a causal language model: greedy decoding in batches, for any transformers decoder and PEFT adapter.

A batch is left-padded, with its mask and positions given; rows that have ended leave the batch, and only the last
position's logits are computed. The tokens are those of `model.generate(do_sample=False)`: the loop is here because
generate copies all keys and values at every token and goes on computing rows that have ended.

    decoder = Decoder.of(model, tokenizer, cap=512)
    decoder.greedy([prompt_ids(tokenizer, problem, view), ...])
"""

from __future__ import annotations

import copy
import inspect
import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from journey.models import ModelRef, end_of_turn, load_model

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedModel, PreTrainedTokenizerBase

ROOM = 64  # tokens by which the room for keys and values grows
# Rows that have ended leave once no more than this share is still being written. On a GPU width costs little, and every
# change of it changes how sums are rounded.
STILL_WRITING = {"cpu": 0.9, "cuda": 0.5}

Finish = Literal["stop", "length"]


@dataclass(frozen=True)
class Completion:
    """The tokens written after one prompt, the one that ended it included, and why the writing stopped."""

    ids: tuple[int, ...]
    finish: Finish


class _RoomyLayer(DynamicLayer):
    """Keys and values of one layer, written into room set aside instead of copied at every token."""

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        super().lazy_initialization(key_states, value_states)
        self._room = (key_states[:, :, :0], value_states[:, :, :0])
        self._used = 0

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append keys and values (row, head, token, width); gives all of them, as views of the room."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start, self._used = self._used, self._used + key_states.shape[-2]
        if self._used > self._room[0].shape[-2]:
            length = -(-self._used // ROOM) * ROOM
            self._room = (_grown(self._room[0], start, length), _grown(self._room[1], start, length))
        keys, values = self._room
        keys[:, :, start : self._used] = key_states
        values[:, :, start : self._used] = value_states
        self.keys, self.values = keys[:, :, : self._used], values[:, :, : self._used]
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep only these rows."""
        self._room = (self._room[0][indices], self._room[1][indices])
        self.keys, self.values = (side[:, :, : self._used] for side in self._room)


def _grown(old: torch.Tensor, used: int, length: int) -> torch.Tensor:
    rows, heads, _, width = old.shape
    new = old.new_empty((rows, heads, length, width))
    new[:, :, :used] = old[:, :, :used]
    return new


def _cache(config: Any) -> DynamicCache:
    """The model's own kind of cache; its plain layers (not sliding windows and others) get room to grow."""
    cache = DynamicCache(config=config)
    cache.layers = [_RoomyLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


@dataclass(frozen=True)
class Decoder:
    """A model, the tokens that end an answer, the id to pad with, and the most new tokens."""

    model: PreTrainedModel
    stops: frozenset[int]
    pad: int
    cap: int

    @classmethod
    def of(cls, model: Any, tokenizer: PreTrainedTokenizerBase, cap: int) -> Decoder:
        """The decoder that stops where `generate` would: at the end of the turn, and at nothing else."""
        stops = stop_ids(model, tokenizer)
        return cls(model, stops, tokenizer.pad_token_id if tokenizer.pad_token_id is not None else min(stops), cap)

    @torch.inference_mode()
    def greedy(self, prompts: Sequence[Sequence[int]]) -> list[Completion]:
        """The most likely token each time, ties by lowest id; one completion a prompt, in their order.

        Raises FloatingPointError where the model computes NaN, which would look like an answer.
        """
        ids, mask = self._padded(prompts)
        padded = bool((mask == 0).any())
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        accepts = _accepted(self.model)
        state: dict[str, Any] = {"past_key_values": _cache(self.model.config), "use_cache": True}
        if "logits_to_keep" in accepts:
            state["logits_to_keep"] = 1
        written: list[list[int]] = [[] for _ in prompts]
        rows = list(range(len(prompts)))  # row of the batch -> place of its prompt
        alive = [True] * len(rows)
        share = STILL_WRITING.get(self.model.device.type, 0.5)
        for _ in range(self.cap):
            state["attention_mask"] = mask if padded else None
            if "position_ids" in accepts:
                state["position_ids"] = positions
            logits = self.model(input_ids=ids, **state).logits[:, -1].float()
            best = logits.max(-1, keepdim=True)
            if best.values.isnan().any():
                raise FloatingPointError("the model's logits are not numbers")
            ids = best.indices
            for place, token in enumerate(ids[:, 0].tolist()):
                if alive[place]:
                    written[rows[place]].append(token)
                    alive[place] = token not in self.stops
            left = sum(alive)
            if not left:
                break
            positions = positions[:, -1:] + 1
            mask = torch.cat([mask, mask.new_ones((len(mask), 1))], dim=-1)
            if left <= share * len(rows):
                keep = torch.tensor([place for place, on in enumerate(alive) if on], device=ids.device)
                ids, mask, positions = ids[keep], mask[keep], positions[keep]
                state["past_key_values"].batch_select_indices(keep)
                rows, alive = [row for row, on in zip(rows, alive, strict=True) if on], [True] * left
        return [Completion(tuple(one), "stop" if one and one[-1] in self.stops else "length") for one in written]

    def _padded(self, prompts: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Token ids and mask, both (prompt, token), padded on the left."""
        longest = max(map(len, prompts))
        device = self.model.device
        ids = [[self.pad] * (longest - len(prompt)) + list(prompt) for prompt in prompts]
        mask = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
        return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


def _accepted(model: Any) -> frozenset[str]:
    """The arguments that the model's forward takes; of the base below a PEFT wrapper."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return frozenset(inspect.signature(inner.forward).parameters)


def stop_ids(model: Any, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """The tokenizer's end of turn, and the further ones that the model's generation config lists."""
    listed = model.generation_config.eos_token_id if model.generation_config is not None else None
    more = [] if listed is None else [listed] if isinstance(listed, int) else listed
    return frozenset([end_of_turn(tokenizer), *more])


def own_base(run: Path) -> Path | None:
    """The folder of the model that a run's weights belong to, where that is not the base of all runs.

    The run's own folder if it holds a whole model (full fine-tuning); the folder that its adapter names by a relative
    path if its start was changed before (`../warmup`); None for an adapter of the base.
    """
    config = run / "adapter_config.json"
    if not config.is_file():
        return run
    named = str(json.loads(config.read_bytes()).get("base_model_name_or_path") or "")
    return run / named if named.startswith("../") else None


@contextmanager
def adapted(base: PreTrainedModel, run: Path | None) -> Iterator[Any]:
    """The base with what one run trained; the base itself is as before afterwards. None gives the base.

    In full precision an adapter is merged into a copy of the weights; in a lower precision, and into quantised weights,
    merging would round it away, so it stays beside them. A run with another base (`own_base`) gets it, in the precision
    of `base` and on its device.
    """
    if run is None:
        yield base
        return
    other = own_base(run)
    if other is not None:
        ref = ModelRef(run.name, str(other))
        base = load_model(ref, device=str(base.device), dtype=base.dtype)
        if other == run:
            yield base
            return
    from peft import PeftModel

    merge = base.dtype in (torch.float32, torch.float64) and not getattr(base, "is_quantized", False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # between PEFT and transformers, nothing to do with the user
        copied = copy.deepcopy(base) if merge and other is None else base
        wrapped: Any = PeftModel.from_pretrained(copied, str(run)).eval()
        model = wrapped.merge_and_unload() if merge else wrapped
    try:
        yield model
    finally:
        if not merge:
            wrapped.unload()
