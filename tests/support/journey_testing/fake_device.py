"""A GPU that is not there: tensors say that they lie on `cuda:0`, have shapes and no numbers, and refuse others' company.

    with FakeGpu() as gpu:
        model = ...                       # every tensor that is made here is fake; gpu.device is theirs
        with gpu.counting() as told:
            step()
        told.waits, told.operations

It is PyTorch's FakeTensorMode, which raises where tensors of two devices meet in an operation, or where a shape would depend
on numbers (`nonzero`, indexing with a mask). A number that Python asks for is counted as a wait, and is answered with zero.
Any build of PyTorch does, with a driver or without one: autograd is told that the tensors lie on `meta`, since it would ask
the driver for streams.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Self

import numpy as np
import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import masking_utils

from journey_testing.varying import varies

CUDA, META = torch.device("cuda:0"), torch.device("meta")
_ASKED = (torch.ops.aten.item.default, torch.ops.aten.is_nonzero.default)  # seen where autograd is off
_NUMBERS = (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.equal.default)


class _Mode(FakeTensorMode):
    """FakeTensorMode whose tensors of the GPU are on `meta` to autograd and on `cuda:0` to everybody else."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.prim.device.default:
            return META if args[0].fake_device.type == "cuda" else args[0].fake_device
        if func is torch.ops.aten._local_scalar_dense.default:
            return _zero(args[0].dtype)
        if func is torch.ops.aten.equal.default:
            return True
        kwargs = dict(kwargs or {})
        if kwargs.get("device") is not None and torch.device(kwargs["device"]).type == "meta":
            kwargs["device"] = CUDA
        if kwargs.get("device") is not None and torch.device(kwargs["device"]).type == "cuda":
            for one in tree_leaves(args):
                if isinstance(one, FakeTensor):
                    one.constant = None  # a small tensor's numbers are kept, and would be copied to a real GPU
        return super().__torch_dispatch__(func, types, args, kwargs)


class Told(TorchDispatchMode):
    """What the device is told, views left out, by the operation's name, and what it is waited for, by the reason.

    `varying` are those that may give other bytes every time; `strict` is whether PyTorch was asked throughout for none that do.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations, self.waits, self.varying = Counter[str](), Counter[str](), Counter[str]()
        self.strict = True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.namespace == "prim":  # a question, no operation
            return func(*args, **(kwargs or {}))
        name = str(func).removeprefix("aten.")
        on_gpu = any(_on_gpu(one) for one in tree_leaves((args, kwargs)))
        if on_gpu and (func in _NUMBERS or func in _ASKED):
            self.waits["number"] += 1
        made = func(*args, **(kwargs or {}))
        gives = any(_on_gpu(one) for one in tree_leaves(made))
        if on_gpu and not gives and any(isinstance(one, Tensor) for one in tree_leaves(made)):
            self.waits["copy to the host"] += 1
        # What reads a tensor of the host and gives one of the GPU has copied it, by whichever name, an index included; only the
        # number of a tensor without dimensions goes along with an operation, and nothing of an empty one.
        tensors = [one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)]
        from_host = [one for one in tensors if one.numel() and not _on_gpu(one)]
        copied = any(one.dim() for one in from_host) if on_gpu else bool(from_host)
        if gives and copied and not _without_waiting(func, args, kwargs or {}):
            self.waits["copy from the host"] += 1
        if (on_gpu or gives) and not func.is_view:
            self.operations[name] += 1
            self.strict &= torch.get_deterministic_debug_mode() == 2  # 1 would be a warning
            if varying := varies(func, args):
                self.varying[varying] += 1
        return made

    @property
    def total(self) -> int:
        """How many operations there were."""
        return sum(self.operations.values())


class FakeGpu:
    """The device, while the `with` lasts."""

    device = CUDA

    def __init__(self) -> None:
        self._open = ExitStack()
        self._mode = _Mode()
        self._told = list[Told]()

    def __enter__(self) -> Self:
        patch = self._open.enter_context(pytest.MonkeyPatch.context())
        # Whether there is a driver is nobody's business here: autograd would find a device without streams.
        patch.setattr(torch._C, "_ensureCUDADeviceGuardSet", lambda: None, raising=False)
        patch.setattr(FakeTensor, "tolist", lambda tensor: self._tolist(tensor))
        real_tensor = torch.from_numpy
        patch.setattr(torch, "from_numpy", lambda values: self._mode.from_tensor(real_tensor(values)))
        state = self._mode.from_tensor(torch.zeros(16, dtype=torch.uint8))
        patch.setattr(torch.cuda, "get_rng_state", lambda *_: state)  # nothing is drawn that could move it
        patch.setattr(torch.cuda, "set_rng_state", lambda *_: None)
        # transformers looks at no numbers of a mask where it takes itself to be traced, as it does with fake tensors.
        patch.setattr(masking_utils, "is_tracing", lambda *_: False)
        patch.setattr(Tensor, "pin_memory", lambda tensor: tensor)  # pinned memory wants a driver
        self._open.enter_context(self._mode)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @contextmanager
    def counting(self) -> Iterator[Told]:
        """Inside, what is told and waited for is counted."""
        told = Told()
        self._told.append(told)
        try:
            with told:
                yield told
        finally:
            self._told.pop()

    def fake(self, tensor: Tensor) -> Tensor:
        """A real tensor's place among the fake ones, on the device that it is on."""
        return self._mode.from_tensor(tensor)

    def _tolist(self, tensor: Tensor) -> Any:
        if self._told and _on_gpu(tensor):
            self._told[-1].waits["tolist"] += 1
        return np.full(tuple(tensor.shape), _zero(tensor.dtype)).tolist()


def _without_waiting(func: Any, args: Any, kwargs: Any) -> bool:
    """Whether a copy was asked for with `non_blocking`, by its name or in its place."""
    for place, argument in enumerate(func._schema.arguments):
        if argument.name == "non_blocking":
            return bool(args[place] if place < len(args) else kwargs.get("non_blocking"))
    return False


def _on_gpu(value: Any) -> bool:
    return isinstance(value, Tensor) and value.device.type == "cuda"


def _zero(dtype: torch.dtype) -> bool | float | int:
    return False if dtype is torch.bool else 0.0 if dtype.is_floating_point else 0
