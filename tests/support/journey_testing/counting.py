"""Counters of what a GPU would be told to do and would be waited for, which a CPU can count as well."""

from __future__ import annotations

from collections import Counter
from types import TracebackType
from typing import Any, Self

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

# Functions that give a number to Python and so wait for the device.
WAITING = (
    torch.Tensor.item,
    torch.Tensor.tolist,
    torch.Tensor.cpu,
    torch.Tensor.numpy,
    torch.Tensor.nonzero,
    torch.Tensor.__bool__,
    torch.Tensor.__float__,
    torch.Tensor.__int__,
    torch.Tensor.__index__,
    torch.equal,
    torch.nonzero,
)


class Operations(TorchDispatchMode):
    """Counts the operations that compute something (views are none), by name, and what `_local_scalar_dense` reads."""

    def __init__(self) -> None:
        super().__init__()
        self.names = Counter[str]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if not func.is_view:
            self.names[str(func).removeprefix("aten.")] += 1
        return func(*args, **(kwargs or {}))

    @property
    def total(self) -> int:
        """How many there were."""
        return sum(self.names.values())


class Waits:
    """Counts the waits for a device inside a `with`: numbers that Python reads from a tensor."""

    def __init__(self) -> None:
        self.names = Counter[str]()
        names = self.names

        class Reads(TorchFunctionMode):
            def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
                if func in WAITING:
                    names[func.__name__] += 1
                return func(*args, **(kwargs or {}))

        self._modes = (Reads(),)

    def __enter__(self) -> Self:
        for mode in self._modes:
            mode.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for mode in self._modes:
            mode.__exit__(kind, error, trace)

    @property
    def total(self) -> int:
        """How many there were."""
        return sum(self.names.values())
