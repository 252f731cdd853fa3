"""The key-value cache of a batch whose rows come and go: written into room set aside, kept or dropped row by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

ROOM = 64  # tokens by which the room for keys and values grows


class _RoomyLayer(DynamicLayer):
    """Keys and values of one layer, written into room set aside instead of copied at every token."""

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        super().lazy_initialization(key_states, value_states)
        # (row, head, 0, width): keys and values may differ in width, so each has its own room.
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
            # (row, head, length, width), length rounded up: copied once every ROOM tokens, not at each.
            length = -(-self._used // ROOM) * ROOM
            self._room = (_grown(self._room[0], start, length), _grown(self._room[1], start, length))
        keys, values = self._room
        keys[:, :, start : self._used] = key_states
        values[:, :, start : self._used] = value_states
        self.keys, self.values = keys[:, :, : self._used], values[:, :, : self._used]
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep only these rows, in this order."""
        # (row, head, length, width), chosen along rows alone: what is left over of the room comes along.
        self._room = (self._room[0][indices], self._room[1][indices])
        self.keys, self.values = (side[:, :, : self._used] for side in self._room)


def _grown(old: torch.Tensor, used: int, length: int) -> torch.Tensor:
    rows, heads, _, width = old.shape
    new = old.new_empty((rows, heads, length, width))
    new[:, :, :used] = old[:, :, :used]
    return new


def roomy_cache(config: Any) -> DynamicCache:
    """The model's own kind of cache; its plain layers (not sliding windows and others) get room to grow."""
    cache = DynamicCache(config=config)
    cache.layers = [_RoomyLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


def keep_rows(cache: DynamicCache, indices: torch.Tensor) -> None:
    """Keep only these rows of every layer's state, in this order: keys and values, and what recurrent layers carry on."""
    for layer in cache.layers:
        # Layers with a recurrent or convolutional state have no `batch_select_indices`, or one that forgets that state;
        # `reorder_cache` is the selection along rows that every kind of layer has, for beam search.
        select: Any = layer.batch_select_indices if isinstance(layer, _RoomyLayer) else layer.reorder_cache
        select(indices)


def can_merge(cache: DynamicCache) -> bool:
    """Whether rows of several caches of this kind can be put into one."""
    return all(isinstance(layer, _RoomyLayer) for layer in cache.layers)


def tokens_in(cache: DynamicCache) -> int:
    """How many tokens a cache of the kind that can be merged holds."""
    layer: Any = cache.layers[0]
    return layer._used if layer.is_initialized else 0


def rewind(cache: DynamicCache, tokens: int) -> None:
    """Forget all but the first so many tokens of a cache of the kind that can be merged."""
    for layer in cache.layers:
        roomy: Any = layer
        if roomy.is_initialized:
            roomy._used = tokens
            roomy.keys, roomy.values = (side[:, :, :tokens] for side in roomy._room)


def merged(caches: Sequence[DynamicCache], config: Any) -> DynamicCache:
    """The rows of all caches, one after the other; shorter ones are padded on the left, to be masked."""
    joint = roomy_cache(config)
    for index, layer in enumerate(joint.layers):
        parts: list[Any] = [cache.layers[index] for cache in caches]
        used = max(part._used for part in parts)
        sides = []
        for side in (0, 1):
            like = parts[0]._room[side]
            rows = sum(len(part._room[side]) for part in parts)
            # (all rows, head, length, width): one room for all caches, zero where a shorter one is padded.
            room = like.new_zeros((rows, like.shape[1], -(-used // ROOM) * ROOM, like.shape[3]))
            row = 0
            for part in parts:
                own = part._room[side]
                # Right-aligned on the token axis, so that every row's next token is written at the same index.
                room[row : row + len(own), :, used - part._used : used] = own[:, :, : part._used]
                row += len(own)
            sides.append(room)
        target: Any = layer
        target.lazy_initialization(sides[0][:, :, :0], sides[1][:, :, :0])
        target._room, target._used = (sides[0], sides[1]), used
        target.keys, target.values = (room[:, :, :used] for room in sides)
    return joint
