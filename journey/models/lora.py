"""LoRA adapters of many runs on one frozen base: every linear layer holds the A and B of all of them.

    stack = Stack(model, layout, runs=8)       # the model's linear layers are now StackedLinear
    stack.load(0, tensors)                     # tensors of an ordinary PEFT adapter
    with stack.routed([0, 0, 1, 2]):           # row of the batch -> run
        model(input_ids=ids)                   # ids (4, token)
    stack.remove()                             # the model is as before

What run n computes is y = W x + b + s_n B_n A_n x, as in PEFT's `LoraLayer` (https://github.com/huggingface/peft,
`tuners/lora/layer.py`): the base's product once for all rows, the low-rank one as a batched product over groups of rows while
text is written, and by segments of consecutive tokens in training (`journey.models.compute.segments`).
A narrower rank is filled up with zeros, which is exact: a row of A and a column of B that are both zero get no gradient.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from journey.errors import UsageError
from journey.formats.adapter import read_adapter_config
from journey.formats.finetune import ADAPTER
from journey.models.compute.segments import LayerAdapters, SegmentedProduct, Segments, aligned, can_group
from journey.models.compute.transfer import on_device

PREFIX = "base_model.model."  # of the names in a PEFT adapter file

# Fields of LoraConfig (PEFT 0.21) that a stack honours, or that change nothing it computes; all others must be unset,
# those of later versions too: what is not known cannot be stacked exactly.
_HONOURED = frozenset(
    "r lora_alpha lora_dropout use_rslora target_modules exclude_modules layers_to_transform layers_pattern "
    "init_lora_weights bias task_type peft_type auto_mapping peft_version base_model_name_or_path revision "
    "inference_mode megatron_core qalora_group_size runtime_config".split()
)
_INITS = (True, False, "gaussian", "orthogonal")  # those that leave the base's weights alone


def refuse_unstackable(config: Mapping[str, Any]) -> None:
    """Raises UsageError naming the field of a LoraConfig (as a dict) that a stack does not compute exactly."""
    for name in sorted(config):
        if name not in _HONOURED and config[name]:
            raise UsageError(f"{name}={config[name]!r} cannot be stacked exactly", "use --engine trl")
    if config.get("bias", "none") != "none":
        raise UsageError(f"bias={config['bias']!r} trains the base's biases and cannot be stacked", "use --engine trl")
    init = config.get("init_lora_weights", True)
    if init not in _INITS:
        raise UsageError(f"init_lora_weights={init!r} changes the base and cannot be stacked", "use --engine trl")


def scale_of(config: Mapping[str, Any]) -> float:
    """What the low-rank product is multiplied with: alpha / r, or alpha / sqrt(r) with rsLoRA (arXiv 2312.03732)."""
    rank = int(config["r"])
    return float(config["lora_alpha"]) / (math.sqrt(rank) if config.get("use_rslora") else rank)


def modules_of(state: Mapping[str, Tensor]) -> list[str]:
    """The names of the modules that a PEFT adapter's tensors are for, sorted."""
    return sorted({name.removeprefix(PREFIX).rpartition(".lora_")[0] for name in state})


@dataclass
class Route:
    """Which run every group of consecutive rows belongs to while text is written: `runs` (group,), None where group k is run k."""

    groups: int
    runs: Tensor | None = None
    laid_out: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)  # A and B of the groups


class StackedLinear(nn.Module):
    """A frozen linear layer with the adapters of all runs of its stack."""

    def __init__(self, base: nn.Linear, stack: Stack, name: str) -> None:
        super().__init__()
        self.base = base
        self.name = name
        object.__setattr__(self, "stack", stack)  # not a submodule: the stack knows its layers

    @property
    def weight(self) -> Tensor:
        """The base's weight, which some models look at."""
        return self.base.weight

    @property
    def bias(self) -> Tensor | None:
        """The base's bias, which some models look at."""
        return self.base.bias

    def forward(self, x: Tensor) -> Tensor:
        """(row, token, in) to (row, token, out), every row with the adapter of its run."""
        stack: Any = self.stack
        if stack.segments is not None:
            segments: Segments = stack.segments
            drops = stack.dropout and self.training
            z = x * self._mask(x, segments, stack.dropout) if drops else None
            return SegmentedProduct.apply(
                x, z, stack.anchor, self.base.weight, self.base.bias, stack.adapters[self.name], segments
            )
        if stack.route is None:
            raise RuntimeError(
                "a stacked model is called inside `with stack.routed(...)` or `with stack.training_pass(...)`"
            )
        return self._written(x, stack.route, stack)

    @torch.no_grad()
    def _written(self, x: Tensor, route: Route, stack: Stack) -> Tensor:
        """While text is written, without gradients: the weights of a route are laid out once."""
        if self.name not in route.laid_out:
            a, b, scale = (value.to(x.dtype) for value in (*stack.weights[self.name], stack.scales))
            if route.runs is not None:
                # (run, ...) -> (group, ...): a run is repeated for each of its groups, so that one batched product serves all.
                a, b, scale = a[route.runs], b[route.runs], scale[route.runs]
            # (group, in, rank) and (group, rank, out), contiguous: the loop reads them at every token.
            route.laid_out[self.name] = (
                (a * scale[:, None, None]).transpose(1, 2).contiguous(),
                b.transpose(1, 2).contiguous(),
            )
        first, second = route.laid_out[self.name]
        y = functional.linear(x, self.base.weight, self.base.bias)
        # y (row, token, out) -> (group, rows * tokens, out), and x likewise: views, so that the sum lands in y.
        by_group = y.view(route.groups, -1, y.shape[-1])
        # (group, rows * tokens, in) @ (group, in, rank) @ (group, rank, out): two products for all adapters.
        by_group.baddbmm_(torch.bmm(x.reshape(route.groups, -1, x.shape[-1]), first), second)
        return y

    def _mask(self, x: Tensor, segments: Segments, dropout: float) -> Tensor:
        """What dropout multiplies x with: drawn for every run as nn.Dropout would draw it for its rows alone."""
        if self.name not in segments.masks:
            mask = torch.zeros_like(x)  # (row, token, in): each run draws from a stream of its own; padding stays 0
            for (_, span), (generator, rows, tokens) in zip(segments, segments.draws, strict=True):
                first = span.start // x.shape[1]  # the run's first row
                drawn = torch.empty(rows, tokens, x.shape[-1], dtype=x.dtype, device=x.device)
                mask[first : first + rows, :tokens] = drawn.bernoulli_(1 - dropout, generator=generator).div_(
                    1 - dropout
                )
            segments.masks[self.name] = mask
        return segments.masks[self.name]


class Stack:
    """The adapters of `runs` runs on the named linear layers of a model.

    `flat` is (run, value): all A and B of a run end to end, of which the layers' weights are views, so that an optimiser
    works on one tensor. Raises UsageError if a named module is no plain linear layer.
    """

    def __init__(self, model: nn.Module, modules: Sequence[str], *, runs: int, rank: int, dropout: float = 0.0) -> None:
        if not modules:
            raise UsageError("the adapters would match no layer of the base", "name other target modules")
        self.model, self.rank, self.dropout = model, rank, dropout
        self.layers: dict[str, StackedLinear] = {}
        self.route: Route | None = None
        self.segments: Segments | None = None
        self.grouped = False
        for name in sorted(modules):
            base = model.get_submodule(name)
            if type(base) is not nn.Linear:
                self.remove()
                raise UsageError(
                    f"{name} is a {type(base).__name__}, only plain linear layers can be stacked", "use --engine trl"
                )
            self._put(name, StackedLinear(base, self, name))
        first = next(iter(self.layers.values())).base.weight
        # A half-precision base gets float32 adapters, as in PEFT (autocast_adapter_dtype).
        dtype = torch.float64 if first.dtype == torch.float64 else torch.float32
        self._computes = first.dtype
        if first.device.type == "cuda":
            self.rank = aligned(rank, first.dtype)  # zeros, which stay zeros: so that products can be grouped
        self._places: dict[str, tuple[int, int, int]] = {}  # offset in a run's values, in and out of every layer
        width = 0
        for name, layer in self.layers.items():
            wide, tall = layer.base.in_features, layer.base.out_features
            self._places[name] = (width, wide, tall)
            width += self.rank * (wide + tall)
        self.grad: Tensor | None = None
        self._hold(torch.zeros(runs, width, dtype=dtype, device=first.device))
        self.scales = torch.ones(runs, dtype=dtype, device=first.device)
        self.ranks = [rank] * runs

    def _put(self, name: str, module: nn.Module) -> None:
        parent, _, last = name.rpartition(".")
        setattr(self.model.get_submodule(parent), last, module)
        if isinstance(module, StackedLinear):
            self.layers[name] = module

    def _hold(self, flat: Tensor) -> None:
        """Make `flat` the stack's values and the layers' weights views of it."""
        self.flat = flat
        self.weights = {name: self._views(flat, name) for name in self.layers}

    def _views(self, flat: Tensor, name: str) -> tuple[Tensor, Tensor]:
        """A layer's part of a tensor like `flat`: A (run, rank, in) and B (run, out, rank)."""
        offset, wide, tall = self._places[name]
        middle, end = offset + self.rank * wide, offset + self.rank * (wide + tall)
        # (run, value) -> (run, rank, in) and (run, out, rank): views, so that the optimiser sees one tensor.
        a, b = flat[:, offset:middle], flat[:, middle:end]
        return a.view(len(flat), self.rank, wide), b.view(len(flat), tall, self.rank)

    def train(self, grouped: bool | None = None) -> None:
        """Give the adapters gradients: `grad`, (run, value) like `flat`, into which backward adds.

        `grouped` picks the body of the low-rank products (`journey.models.compute.segments`); None: grouped on a GPU in bfloat16,
        where the widths allow it.
        """
        widths = [self.rank, *(width for _, *sides in self._places.values() for width in sides)]
        can = can_group(widths, self._computes)
        if grouped and not can:
            raise ValueError(
                f"grouped products cannot be had in {self._computes} with these widths: {sorted(set(widths))}"
            )
        # In float32 PyTorch's shapes for grouped products refuse a GPU, whatever a real one may do: not tried on one yet.
        fast = can and self.flat.device.type == "cuda" and self._computes is torch.bfloat16
        self.grouped = fast if grouped is None else grouped
        self.anchor = torch.zeros((), device=self.flat.device, requires_grad=True)
        self._prepare()

    def _prepare(self) -> None:
        """Gradients, and the copy of the adapters in the type that the base computes in, for the runs that are here."""
        self.grad = torch.zeros_like(self.flat)
        own = self._computes == self.flat.dtype
        self._copy = self.flat if own else torch.empty_like(self.flat, dtype=self._computes)
        self.adapters = {
            name: LayerAdapters(*self._views(self._copy, name), *self._views(self.grad, name)) for name in self.layers
        }

    def keep(self, runs: Sequence[int]) -> None:
        """Keep only these runs, in this order: run k is runs[k] from now on."""
        index = torch.tensor(list(runs), dtype=torch.long, device=self.flat.device)
        self.scales, self.ranks = self.scales[index], [self.ranks[run] for run in runs]
        self._hold(self.flat[index])
        if self.grad is not None:
            self._prepare()

    @contextmanager
    def routed(self, runs: Sequence[int] | None) -> Iterator[None]:
        """Inside, text is written, and group k of the batch's rows belongs to runs[k]; groups are equally many consecutive rows.

        None: as many groups as runs, in their order. There are no gradients.
        """
        index = None
        if runs is not None and list(runs) != list(range(len(self.flat))):
            index = on_device(torch.tensor(list(runs)), self.flat.device)
        self.route = Route(len(self.flat) if runs is None else len(runs), index)
        try:
            yield
        finally:
            self.route = None

    @contextmanager
    def training_pass(
        self, tokens: Sequence[int], draws: Sequence[tuple[torch.Generator, int, int]] = ()
    ) -> Iterator[None]:
        """Inside, a pass is trained on in which `tokens[k]` tokens, padding included, are run k's, run after run.

        `draws` has for every run with tokens its dropout stream and how many of its rows and tokens are not padding.
        """
        if self._copy is not self.flat:
            self._copy.copy_(self.flat)  # once a pass: the layers' A and B are views of it
        self.segments = Segments.of(tokens, self.scales, self._computes, grouped=self.grouped, draws=draws)
        try:
            yield
        finally:
            self.segments = None

    @torch.no_grad()
    def load(self, run: int, state: Mapping[str, Tensor], scale: float) -> None:
        """Take a PEFT adapter's tensors as those of a run. Raises UsageError if they are for other layers or too wide."""
        if modules_of(state) != list(self.layers):
            raise UsageError("the adapters of a stack must be on the same layers", "evaluate them one by one")
        self.scales[run] = scale
        for name, (a, b) in self.weights.items():
            own_a, own_b = (state[f"{PREFIX}{name}.lora_{side}.weight"] for side in "AB")
            rank = len(own_a)
            if rank > self.rank:
                raise UsageError(f"an adapter of rank {rank} does not fit into a stack of rank {self.rank}")
            self.ranks[run] = rank
            a[run], b[run] = 0, 0
            a[run, :rank], b[run, :, :rank] = own_a.to(a), own_b.to(b)

    def state(self, run: int) -> dict[str, Tensor]:
        """A run's tensors by their names in a PEFT file, on the CPU, in its own rank."""
        rank, tensors = self.ranks[run], {}
        for name, (a, b) in self.weights.items():
            tensors[f"{PREFIX}{name}.lora_A.weight"] = a.detach()[run, :rank].cpu().contiguous()
            tensors[f"{PREFIX}{name}.lora_B.weight"] = b.detach()[run, :, :rank].cpu().contiguous()
        return dict(sorted(tensors.items()))

    def remove(self) -> None:
        """Give the model its own layers back."""
        for name, layer in self.layers.items():
            self._put(name, layer.base)


def read_adapter(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and configuration of a saved PEFT adapter. Raises UsageError if it cannot be stacked or read."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    config = read_adapter_config(folder)
    try:
        state = load_file(folder / ADAPTER)
    except (OSError, ValueError, SafetensorError) as error:
        raise UsageError(f"{folder} holds no readable adapter: {error}", "train it again") from None
    if config.kind != "LORA":
        raise UsageError(f"{folder} is a {config.kind} adapter, only LoRA can be stacked")
    refuse_unstackable(config.fields)
    return state, config.fields


@contextmanager
def stacked(model: nn.Module, adapters: Sequence[Path | None]) -> Iterator[Stack]:
    """The model with these saved adapters (None: the base as it is) for sampling; as before afterwards.

    Raises UsageError if they cannot be stacked: other kinds than LoRA, or not on the same plain linear layers.
    """
    read = {folder: read_adapter(folder) for folder in dict.fromkeys(adapters) if folder is not None}
    if not read:
        raise UsageError("a stack needs at least one adapter")
    modules = modules_of(next(iter(read.values()))[0])
    rank = max(int(config["r"]) for _, config in read.values())
    stack = Stack(model, modules, runs=len(adapters), rank=rank)
    try:
        for run, folder in enumerate(adapters):
            if folder is not None:
                state, config = read[folder]
                stack.load(run, state, scale_of(config))
        yield stack
    finally:
        stack.remove()
