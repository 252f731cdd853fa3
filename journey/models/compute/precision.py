"""How numbers are computed: what is exact, what is the same bytes twice, and how running out of memory is told."""

from __future__ import annotations

import os
from typing import Any

import torch

# What libraries say, in their own words, when an allocation fails and they raise no OutOfMemoryError.
_SAID = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    "failed to allocate",
    "_STATUS_ALLOC_FAILED",
    "cudaErrorMemoryAllocation",
    "CUBLAS_STATUS_NOT_INITIALIZED",  # its workspace could not be had
)


def ran_out(error: BaseException) -> bool:
    """Whether an error says that memory ran out, of a device or of the host."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(said.lower() in str(error).lower() for said in _SAID)


def careful_sums() -> None:
    """Sums of products in half precision are kept in float32 to their end; by default PyTorch lets parts of them be rounded."""
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False


def be_deterministic() -> None:
    """From now on only algorithms that give the same bytes every time; to be called before a GPU is first used.

    PyTorch raises RuntimeError for an operation that has none.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    filling: Any = torch.utils.deterministic
    filling.fill_uninitialized_memory = False  # nothing here reads memory that it has not written
