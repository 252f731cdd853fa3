"""Whether trained weights are of any use: a run that diverged in its last update shows it nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

# Of a LoRA weight or a weight of a model: trained ones are below 100. Products of two this large are still finite numbers.
LARGEST = 1e4


def why_diverged(tensors: Mapping[str, torch.Tensor]) -> str:
    """What is wrong with the weights, or an empty text: a value that is no finite number, or beyond LARGEST."""
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() or not tensor.numel():
            continue
        largest = float(tensor.abs().max())
        if not largest <= LARGEST:  # NaN is not
            return f"the weights have diverged: {name} holds {largest:g}, at most {LARGEST:g} is of use"
    return ""


def why_diverged_file(path: Path) -> str:
    """As `why_diverged`, of a safetensors file; its tensors are read one by one. Raises what safetensors raises."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        for name in sorted(file.keys()):
            if why := why_diverged({name: file.get_tensor(name)}):
                return why
    return ""
