"""The cost of training: floating-point operations, memory and disk, from the base's shape alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from journey.formats.files import sha256
from journey.models.flops import outline
from journey.models.load import ModelRef

PROCESS_BYTES = 500 << 20  # Python with the training libraries


@dataclass(frozen=True)
class Shape:
    """The base in numbers. `linear` counts the weights of all matrix products, the output layer included.

    `lora` counts the weights of an adapter; with `full` every weight of the base is trained and there is none.
    """

    parameters: int
    linear: int
    lora: int
    layers: int
    hidden: int
    intermediate: int
    attention_width: int
    vocabulary: int
    positions: int | None
    rank: int = 1
    full: bool = False

    @property
    def trained(self) -> int:
        """How many weights are trained, and saved."""
        return self.parameters if self.full else self.lora


def shape_of(ref: ModelRef, rank: int, full: bool = False) -> Shape:
    """The shape of a base, from its config without its weights; `lora` for adapters on every linear layer but the last.

    Raises UsageError if the config is not that of a causal language model.
    """
    skeleton = outline(ref)
    text, linear = skeleton.text, skeleton.linear
    positions = getattr(text, "max_position_embeddings", None)
    return Shape(
        parameters=sum(weight.numel() for weight in skeleton.model.parameters()),
        linear=sum(module.weight.numel() for module in linear),
        lora=0 if full else sum(rank * sum(module.weight.shape) for module in linear if module is not skeleton.last),
        layers=int(text.num_hidden_layers),
        hidden=int(text.hidden_size),
        intermediate=int(getattr(text, "intermediate_size", None) or 4 * text.hidden_size),
        attention_width=skeleton.attention_width,
        vocabulary=int(text.vocab_size),
        positions=int(positions) if positions else None,
        rank=rank,
        full=full,
    )


def of_rank(shape: Shape, rank: int) -> Shape:
    """The shape with adapters of another rank."""
    return replace(shape, lora=shape.lora // shape.rank * rank, rank=rank)


def flops(shape: Shape, lengths: Sequence[int] | np.ndarray) -> int:
    """Floating-point operations of training on rows of these lengths, padding and recomputation left out.

    Per token 4 * linear (forward, and backward to the activations; a frozen base needs no weight gradients, and where
    every weight is trained it is 6 * linear) + 6 * lora (forward, backward to activations and to weights), and for causal attention over t tokens
    12 * layers * attention_width * t * (t + 1) / 2 (scores and sums: 4 forward, 8 backward).
    """
    return int(flops_by_row(shape, lengths).sum())


def flops_by_row(shape: Shape, lengths: Sequence[int] | np.ndarray) -> np.ndarray:
    """The same for every row by itself."""
    sizes = np.asarray(lengths, dtype=np.float64)
    per_token = (6 if shape.full else 4) * shape.linear + 6 * shape.lora
    return per_token * sizes + 6 * shape.layers * shape.attention_width * (sizes * (sizes + 1))


def memory(shape: Shape, *, tokens: int, weight_bytes: int, recompute: bool) -> int:
    """Bytes that one run is expected to need at its peak, for forward passes of this many tokens, padding included.

    Process, weights, what is trained with gradients and two moments in float32, three times the logits in float32, and
    activations: 24 hidden and 7 intermediate values a layer and token (fitted to a 135M Llama with PEFT in float32,
    4 rows of 621 tokens: 9.96 GB measured), or one hidden value a layer and all of one layer where they are recomputed.
    """
    one_layer = 24 * shape.hidden + 7 * shape.intermediate
    values = shape.layers * shape.hidden + one_layer if recompute else shape.layers * one_layer
    fixed = PROCESS_BYTES + (0 if shape.full else shape.parameters * weight_bytes) + shape.trained * 16
    return fixed + tokens * (values * weight_bytes + shape.vocabulary * 4 * 3)


# Logits that a stack holds at a time, in float32: on a CPU what its caches hold, on a GPU 256 MB.
LOGITS = {"cpu": 1 << 20}
LOGITS_ELSEWHERE = 1 << 26


def passing(shape: Shape, *, tokens: int, weight_bytes: int, recompute: bool, device: str) -> int:
    """Bytes that a stack's forward pass of `tokens`, padding included, needs for itself: the rule of `memory`, with four times
    the logits held at a time instead of all of them. For bases that cannot be followed (`planning/footprint.py`)."""
    logits = LOGITS.get(device, LOGITS_ELSEWHERE) * 4 * 4
    fixed = memory(shape, tokens=0, weight_bytes=weight_bytes, recompute=recompute)
    whole = memory(shape, tokens=tokens, weight_bytes=weight_bytes, recompute=recompute)
    return whole - fixed - tokens * shape.vocabulary * 4 * 3 + logits


def saved_bytes(shape: Shape) -> int:
    """Size of what one run saves, an adapter or a whole model, in float32."""
    return shape.trained * 4


def weights_digest(ref: ModelRef) -> str | None:
    """Hash of a local base's weight files; None for a Hub id, which is named by its revision."""
    if not ref.local:
        return None
    hashed = hashlib.sha256()
    for path in sorted(Path(ref.source).glob("*.safetensors")):
        hashed.update(f"{path.name} {sha256(path)}\n".encode())
    return hashed.hexdigest()


def free_memory(device: str) -> int:
    """Bytes free on the device."""
    if device == "cpu":
        import psutil

        return int(psutil.virtual_memory().available)
    import torch

    return int(torch.cuda.mem_get_info()[0])
