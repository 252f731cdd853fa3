"""LoRA adapters of many runs on one frozen base: every linear layer holds the A and B of all of them.

    stack = Stack(model, layout, runs=8)       # the model's linear layers are now StackedLinear
    stack.load(0, tensors)                     # tensors of an ordinary PEFT adapter
    with stack.routed([0, 0, 1, 2]):           # row of the batch -> run
        model(input_ids=ids)                   # ids (4, token)
    stack.remove()                             # the model is as before

What run n computes is y = W x + b + s_n B_n A_n x, as in PEFT's `LoraLayer` (https://github.com/huggingface/peft,
`tuners/lora/layer.py`): the base's product once for all rows, the low-rank one as a batched product over groups of rows.
A narrower rank is filled up with zeros, which is exact: a row of A and a column of B that are both zero get no gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    """Which run every group of consecutive rows belongs to: `runs` (group,), None where group k is run k.

    `members` (run, slot) has the groups of every run, filled up with the number of groups, which is no group.
    `draws` has for every group its dropout stream and how many of its rows and tokens are not padding.
    """

    groups: int
    runs: Tensor | None = None
    members: Tensor | None = None
    draws: Sequence[tuple[torch.Generator, int, int]] = ()
    masks: dict[str, Tensor] = field(default_factory=dict)  # drawn once, so that recomputed activations are the same
    laid_out: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)  # A and B of the groups, for writing text


class _Product(torch.autograd.Function):
    """y = x W^T + bias + s (z A^T) B^T by groups of rows, x (row, token, in), z what dropout left of x or None for x.

    One function instead of six operations: the low-rank product is added into the base's output, and its gradient
    into the input's, without a tensor of their size in between.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        z: Tensor | None,
        weight: Tensor,
        bias: Tensor | None,
        a: Tensor,
        b: Tensor,
        scale: Tensor,
        route: Route,
    ) -> Tensor:
        runs, groups = route.runs, route.groups
        # (row, token, in) @ (in, out): one product for all rows, because all runs share the frozen base.
        y = functional.linear(x, weight, bias)
        own_a, own_b, own_scale = _of_groups(a, b, scale, runs, x.dtype)
        # (row, token, in) -> (group, rows * tokens, in): rows of a group share one A and one B.
        low = (x if z is None else z).reshape(groups, -1, x.shape[-1])
        # (group, rows * tokens, in) @ (group, in, rank): one product for all runs, scaled where it is narrow.
        middle = torch.bmm(low, own_a.transpose(1, 2)).mul_(own_scale)
        # (group, rows * tokens, rank) @ (group, rank, out), added into y itself: no second tensor of its size.
        y.view(groups, -1, y.shape[-1]).baddbmm_(middle, own_b.transpose(1, 2))
        ctx.save_for_backward(low, middle, weight, a, b, scale, runs, route.members)
        ctx.same, ctx.shape = z is None, x.shape
        return y

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        low, middle, weight, a, b, scale, runs, members = ctx.saved_tensors
        dy = outer[0].contiguous()
        own_a, own_b, own_scale = _of_groups(a, b, scale, runs, dy.dtype)
        # (row, token, out) -> (group, rows * tokens, out): as in forward, so that each group meets its own A and B.
        by_group = dy.view(len(low), -1, dy.shape[-1])
        # (group, rows * tokens, out) @ (group, out, rank): the gradient of z A^T, which dx (or dz) and dA both need.
        inner = torch.bmm(by_group, own_b).mul_(own_scale)
        dx = dz = None
        if ctx.needs_input_grad[0]:
            # (row, token, out) @ (out, in): the base's part, one product for all rows.
            dx = dy @ weight
            if ctx.same:
                # (group, rows * tokens, rank) @ (group, rank, in), added into dx: without dropout x is z.
                dx.view(len(low), -1, dx.shape[-1]).baddbmm_(inner, own_a)
        if not ctx.same and ctx.needs_input_grad[1]:
            # The same on its own, back to (row, token, in): autograd has yet to apply the dropout mask to it.
            dz = torch.bmm(inner, own_a).view(ctx.shape)
        # dA (group, rank, in) and dB (group, out, rank): the product sums over a group's rows and tokens.
        da = _by_run(torch.bmm(inner.transpose(1, 2), low), runs, members, a)
        db = _by_run(torch.bmm(by_group.transpose(1, 2), middle), runs, members, b)
        return dx, dz, None, None, da, db, None, None


def _of_groups(
    a: Tensor, b: Tensor, scale: Tensor, runs: Tensor | None, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    """A, B and scale of every group, in the type that the base computes in."""
    a, b, scale = a.to(dtype), b.to(dtype), scale.to(dtype)
    if runs is not None:
        # (run, ...) -> (group, ...): a run is repeated for each of its groups, so that one batched product serves all.
        a, b, scale = a[runs], b[runs], scale[runs]
    return a, b, scale[:, None, None]  # scale (group, 1, 1), to multiply (group, rows * tokens, rank)


def _by_run(of_groups: Tensor, runs: Tensor | None, members: Tensor | None, like: Tensor) -> Tensor:
    """Sums over the groups of every run.

    Gathered and then added, in one order on every device; a product with zeros and ones would carry a NaN of one run
    into all others.
    """
    if runs is None or members is None:
        return of_groups.to(like.dtype)
    # (group, m, n) -> (group + 1, m, n): the last one is zero, and what fills up `members` points to it.
    with_none = torch.cat([of_groups, of_groups.new_zeros(1, *of_groups.shape[1:])])
    # (run, slot, m, n), summed over slots to (run, m, n).
    return with_none[members].sum(1).to(like.dtype)


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
        route: Route | None = stack.route
        if route is None:
            raise RuntimeError("a stacked model is called inside `with stack.routed(...)`")
        a, b = stack.weights[self.name]
        drops = stack.dropout and self.training
        if not torch.is_grad_enabled() and not drops:
            return self._written(x, route, a, b, stack.scales)
        z = x * self._mask(x, route, stack.dropout) if drops else None
        return _Product.apply(x, z, self.base.weight, self.base.bias, a, b, stack.scales, route)

    def _written(self, x: Tensor, route: Route, a: Tensor, b: Tensor, scales: Tensor) -> Tensor:
        """The same without gradients and dropout: while text is written, the weights of a route are laid out once."""
        if self.name not in route.laid_out:
            own_a, own_b, own_scale = _of_groups(a, b, scales, route.runs, x.dtype)
            # (group, in, rank) and (group, rank, out), contiguous: the loop reads them at every token.
            route.laid_out[self.name] = (
                (own_a * own_scale).transpose(1, 2).contiguous(),
                own_b.transpose(1, 2).contiguous(),
            )
        first, second = route.laid_out[self.name]
        y = functional.linear(x, self.base.weight, self.base.bias)
        # y (row, token, out) -> (group, rows * tokens, out), and x likewise: views, so that the sum lands in y.
        by_group = y.view(route.groups, -1, y.shape[-1])
        # (group, rows * tokens, in) @ (group, in, rank) @ (group, rank, out): two products for all adapters.
        by_group.baddbmm_(torch.bmm(x.reshape(route.groups, -1, x.shape[-1]), first), second)
        return y

    def _mask(self, x: Tensor, route: Route, dropout: float) -> Tensor:
        """What dropout multiplies x with: drawn for every group as nn.Dropout would draw it for that group alone."""
        if self.name not in route.masks:
            # (group, row, token, in): each group draws from a stream of its own; padding stays 0.
            mask = x.new_zeros(route.groups, len(x) // route.groups, *x.shape[1:])
            for group, (generator, rows, tokens) in enumerate(route.draws):
                drawn = torch.empty(rows, tokens, x.shape[-1], dtype=x.dtype, device=x.device)
                mask[group, :rows, :tokens] = drawn.bernoulli_(1 - dropout, generator=generator).div_(1 - dropout)
            route.masks[self.name] = mask.view(x.shape)  # as x: groups are consecutive rows
        return route.masks[self.name]


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
        self._trains = False
        for name in sorted(modules):
            base = model.get_submodule(name)
            if type(base) is not nn.Linear:
                self.remove()
                raise UsageError(
                    f"{name} is a {type(base).__name__}, only plain linear layers can be stacked", "use --engine trl"
                )
            self._put(name, StackedLinear(base, self, name))
        first = next(iter(self.layers.values())).base.weight
        width = sum(rank * (layer.base.in_features + layer.base.out_features) for layer in self.layers.values())
        # A half-precision base gets float32 adapters, as in PEFT (autocast_adapter_dtype).
        dtype = torch.float64 if first.dtype == torch.float64 else torch.float32
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
        self.flat, self.weights, offset = flat, {}, 0
        self.grad = torch.zeros_like(flat) if self._trains else None
        for name, layer in self.layers.items():
            views = []
            for shape in ((self.rank, layer.base.in_features), (layer.base.out_features, self.rank)):
                size = shape[0] * shape[1]
                # (run, value) -> (run, rank, in) or (run, out, rank): views, so the optimiser sees one tensor.
                weight = nn.Parameter(
                    flat[:, offset : offset + size].view(len(flat), *shape), requires_grad=self._trains
                )
                if self.grad is not None:
                    weight.register_post_accumulate_grad_hook(_adds_into(self.grad[:, offset : offset + size]))
                views.append(weight)
                offset += size
            self.weights[name] = (views[0], views[1])

    def train(self) -> None:
        """Give the adapters gradients: `grad`, (run, value) like `flat`, into which backward adds."""
        self._trains = True
        self._hold(self.flat)

    def keep(self, runs: Sequence[int]) -> None:
        """Keep only these runs, in this order: run k is runs[k] from now on."""
        index = torch.tensor(list(runs), dtype=torch.long, device=self.flat.device)
        self.scales, self.ranks = self.scales[index], [self.ranks[run] for run in runs]
        self._hold(self.flat[index])

    @contextmanager
    def routed(
        self, runs: Sequence[int] | None, draws: Sequence[tuple[torch.Generator, int, int]] = ()
    ) -> Iterator[None]:
        """Inside, group k of the batch's rows belongs to runs[k]; groups are equally many consecutive rows.

        None: as many groups as runs, in their order.
        """
        index = members = None
        groups = len(self.flat) if runs is None else len(runs)
        if runs is not None and list(runs) != list(range(len(self.flat))):
            of_run = [[group for group, run in enumerate(runs) if run == wanted] for wanted in range(len(self.flat))]
            most = max(map(len, of_run))
            members = torch.tensor([own + [groups] * (most - len(own)) for own in of_run], device=self.flat.device)
            index = torch.tensor(list(runs), device=self.flat.device)
        self.route = Route(groups, index, members, draws)
        try:
            yield
        finally:
            self.route = None

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


def _adds_into(total: Tensor) -> Callable[[Tensor], None]:
    """A hook that moves a weight's gradient into its place in the stack's."""

    def move(weight: Tensor) -> None:
        assert weight.grad is not None
        total.view(weight.shape).add_(weight.grad)  # (run, value) seen as the weight's (run, m, n)
        weight.grad = None

    return move


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
