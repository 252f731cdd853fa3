"""Operations that PyTorch says may give other bytes every time on a GPU, as `torch.use_deterministic_algorithms` lists them.

    SWITCHED   have an algorithm that gives the same bytes, which is taken where that is asked for
    REFUSED    have none: where it is asked for, PyTorch raises RuntimeError

Attention is in neither list: its gradients are added in a fixed order, and cuDNN's are not used, where the mode is on and not
for warnings only (https://github.com/pytorch/pytorch/pull/182551). So `Told.strict` says whether it was, at every operation.
"""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor

_CONVOLUTION = "convolution convolution_backward cudnn_convolution"
_SCATTER_REDUCE = "scatter_reduce scatter_reduce_"
# By the name in PyTorch's list, the operations that a GPU is told, those of backward included; none where it is about CPUs,
# about sparse or quantised tensors, or backward is an operation that has a line of its own (index_add, scatter_add).
SWITCHED = {
    "torch.nn.Conv1d": _CONVOLUTION,
    "torch.nn.Conv2d": _CONVOLUTION,
    "torch.nn.Conv3d": _CONVOLUTION,
    "torch.nn.ConvTranspose1d": _CONVOLUTION,
    "torch.nn.ConvTranspose2d": _CONVOLUTION,
    "torch.nn.ConvTranspose3d": _CONVOLUTION,
    "torch.nn.ReplicationPad1d": "replication_pad1d_backward",
    "torch.nn.ReplicationPad2d": "replication_pad2d_backward",
    "torch.nn.ReplicationPad3d": "replication_pad3d_backward",
    "torch.bmm": "",
    "torch.Tensor.__getitem__": "",
    "torch.Tensor.index_put": "index_put index_put_ _index_put_impl_ _unsafe_index_put",
    "torch.Tensor.put_": "",
    "torch.Tensor.scatter_add_": "scatter_add scatter_add_",
    "torch.gather": "",
    "torch.index_add": "index_add index_add_",
    "torch.index_select": "",
    "torch.repeat_interleave": "",
    "torch.Tensor.index_copy": "index_copy index_copy_",
    "torch.Tensor.scatter": "scatter scatter_",
    "torch.Tensor.scatter_reduce": _SCATTER_REDUCE,
    "torch.nn.MaxPool3d": "max_pool3d_with_indices_backward",
}
REFUSED = {
    "torch.nn.AvgPool3d": "avg_pool3d_backward",
    "torch.nn.AdaptiveAvgPool2d": "_adaptive_avg_pool2d_backward",
    "torch.nn.AdaptiveAvgPool3d": "_adaptive_avg_pool3d_backward",
    "torch.nn.AdaptiveMaxPool2d": "adaptive_max_pool2d_backward",
    "torch.nn.FractionalMaxPool2d": "fractional_max_pool2d_backward",
    "torch.nn.FractionalMaxPool3d": "fractional_max_pool3d_backward",
    "torch.nn.MaxUnpool1d": "max_unpool2d",
    "torch.nn.MaxUnpool2d": "max_unpool2d",
    "torch.nn.MaxUnpool3d": "max_unpool3d",
    "torch.nn.functional.interpolate": "upsample_linear1d_backward upsample_bilinear2d_backward upsample_bicubic2d_backward "
    "upsample_trilinear3d_backward",
    "torch.nn.ReflectionPad1d": "reflection_pad1d_backward",
    "torch.nn.ReflectionPad2d": "reflection_pad2d_backward",
    "torch.nn.ReflectionPad3d": "reflection_pad3d_backward",
    "torch.nn.NLLLoss": "nll_loss_forward nll_loss2d_forward",
    "torch.nn.CTCLoss": "_ctc_loss_backward _cudnn_ctc_loss",
    "torch.nn.EmbeddingBag": "_embedding_bag_backward _embedding_bag_dense_backward",
    "torch.Tensor.put_": "put put_",
    "torch.histc": "histc",
    "torch.bincount": "bincount",
    "torch.median": "median nanmedian",
    "torch.nn.functional.grid_sample": "grid_sampler_2d_backward grid_sampler_3d_backward",
    "torch.cumsum": "cumsum cumsum_",  # of fractions; whole numbers add up the same in any order
    "torch.Tensor.scatter_reduce": _SCATTER_REDUCE,
    "torch.Tensor.resize_": "",
}


def listed() -> tuple[set[str], set[str]]:
    """The names in the two lists of the PyTorch that is installed."""
    first, second = str(torch.use_deterministic_algorithms.__doc__).split("operations will throw a", 1)
    lists = (first, second.split("In addition", 1)[0])
    switched, refused = (set(re.findall(r"\* :(?:func|class):`([\w.]+)`", text)) for text in lists)
    return switched, refused


def varies(func: Any, args: Any) -> str | None:
    """The name of an operation that is in one of the lists, without its overload; None for any other."""
    name = str(func).removeprefix("aten.").partition(".")[0]
    if name in ("cumsum", "cumsum_") and not (isinstance(args[0], Tensor) and args[0].is_floating_point()):
        return None
    return name if name in _NAMES else None


def refused(names: set[str]) -> set[str]:
    """Those of the names for which PyTorch raises where the same bytes are asked for."""
    return names & {name for line in REFUSED.values() for name in line.split()}


_NAMES = {name for lines in (SWITCHED, REFUSED) for line in lines.values() for name in line.split()}
