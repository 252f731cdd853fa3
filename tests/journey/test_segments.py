"""Low-rank products by segments: the loop and grouped_mm are one function, and both are what each run alone computes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from journey.models.compute.segments import aligned, can_group
from journey.models.lora import Stack
from journey_testing.counting import Operations

IN, OUT, RANK = 24, 40, 8


def layer(dtype: torch.dtype, runs: int, *, grouped: bool, bias: bool = True) -> tuple[nn.ModuleDict, Stack]:
    generator = torch.Generator().manual_seed(1)
    model = nn.ModuleDict({"one": nn.Linear(IN, OUT, bias=bias, dtype=dtype)}).requires_grad_(False)
    for weight in model.parameters():
        weight.copy_(torch.randn(weight.shape, generator=generator))
    stack = Stack(model, ["one"], runs=runs, rank=RANK)
    stack.flat.copy_(torch.randn(stack.flat.shape, generator=generator) / 4)
    stack.scales.copy_(torch.rand(runs, generator=generator) + 0.5)
    stack.train(grouped)
    return model, stack


def computed(
    dtype: torch.dtype, tokens: tuple[int, ...], *, grouped: bool, shape: tuple[int, ...] | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Values, the gradient of the input, and those of all adapters."""
    model, stack = layer(dtype, len(tokens), grouped=grouped)
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(sum(tokens), IN, generator=generator).to(dtype).view(shape or (1, -1, IN)).requires_grad_()
    outer = torch.randn(sum(tokens), OUT, generator=generator).to(dtype)
    with stack.training_pass(tokens):
        y = model["one"](x)
        (y.view(-1, OUT) * outer).sum().backward()
    assert stack.grad is not None and x.grad is not None
    return y.detach().view(-1, OUT), x.grad.view(-1, IN), stack.grad.clone()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("tokens", [(7,), (5, 0, 11), (1, 2, 3, 4), (0, 6)])
def test_the_loop_and_the_grouped_product_are_one_function(dtype: torch.dtype, tokens: tuple[int, ...]) -> None:
    """Values and gradients, ragged runs and runs without a token in the pass."""
    near = {"rtol": 1e-5, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 2e-2, "atol": 2e-2}
    for one, other in zip(computed(dtype, tokens, grouped=False), computed(dtype, tokens, grouped=True), strict=True):
        assert float(one.float().abs().max()) > 0.1
        torch.testing.assert_close(one, other, **near)


@pytest.mark.parametrize("shape", [None, (4, 3, IN)])
def test_every_run_computes_what_it_computes_alone(shape: tuple[int, ...] | None) -> None:
    """Against the formula, by autograd, in float64."""
    tokens = (6, 0, 3, 3)
    y, dx, grad = computed(torch.float64, tokens, grouped=False, shape=shape)
    model, stack = layer(torch.float64, len(tokens), grouped=False)
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(sum(tokens), IN, generator=generator).double().requires_grad_()
    outer = torch.randn(sum(tokens), OUT, generator=generator).double()
    a, b = (side.clone().requires_grad_() for side in stack.weights["one"])
    base, parts, start = model["one"].base, [], 0
    for run, count in enumerate(tokens):
        own = x[start : start + count]
        parts.append(own @ base.weight.T + base.bias + stack.scales[run] * (own @ a[run].T @ b[run].T))
        start += count
    wanted = torch.cat(parts)
    (wanted * outer).sum().backward()
    assert a.grad is not None and b.grad is not None and x.grad is not None
    torch.testing.assert_close(y, wanted.detach(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(dx, x.grad, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(grad, torch.cat([a.grad.flatten(1), b.grad.flatten(1)], 1), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("grouped", [False, True])
def test_gradients_of_passes_add_up_and_no_number_of_a_run_reaches_another(grouped: bool) -> None:
    model, stack = layer(torch.float32, 2, grouped=grouped)
    x = torch.randn(9, IN, generator=torch.Generator().manual_seed(3))
    assert stack.grad is not None
    seen = []
    for _ in range(2):
        with stack.training_pass((4, 5)):
            model["one"](x[None]).sum().backward()
        seen.append(stack.grad.clone())
    torch.testing.assert_close(seen[1], 2 * seen[0])
    stack.grad.zero_()
    x[:4] = float("nan")
    with stack.training_pass((4, 5)):
        model["one"](x[None]).sum().backward()
    assert bool(stack.grad[0].isnan().any()) and torch.equal(stack.grad[1], seen[0][1])


def test_half_precision_adapters_are_copied_once_a_pass_and_kept_in_float32() -> None:
    model, stack = layer(torch.bfloat16, 2, grouped=True)
    assert stack.flat.dtype == torch.float32 and stack.adapters["one"].a.dtype == torch.bfloat16
    x = torch.ones(1, 4, IN, dtype=torch.bfloat16)
    found = []
    for factor in (1, 3):
        stack.flat.mul_(factor)
        with stack.training_pass((2, 2)):
            found.append(model["one"](x).detach())
    assert not torch.equal(*found)  # the copy is that of the pass, not of an earlier step


def test_a_pass_copies_the_adapters_of_all_its_layers_at_once() -> None:
    model = nn.ModuleDict({str(number): nn.Linear(IN, IN, dtype=torch.bfloat16) for number in range(3)})
    stack = Stack(model.requires_grad_(False), list(model), runs=2, rank=RANK)
    stack.train(grouped=True)
    x = torch.ones(1, 4, IN, dtype=torch.bfloat16)
    with Operations() as operations, stack.training_pass((2, 2)):
        for one in model.values():
            x = one(x)
    assert operations.names["copy_.default"] == 1


def test_what_can_be_grouped() -> None:
    assert can_group([8, 64], torch.bfloat16) and not can_group([4, 64], torch.bfloat16)
    assert can_group([4, 64], torch.float32) and not can_group([8, 64], torch.float64)
    assert [aligned(rank, torch.bfloat16) for rank in (1, 8, 9)] == [8, 8, 16]
    assert [aligned(rank, torch.float32) for rank in (1, 4, 5)] == [4, 4, 8]
    with pytest.raises(ValueError, match="grouped products cannot be had in torch.float64"):
        layer(torch.float64, 1, grouped=True)
