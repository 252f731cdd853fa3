"""Memory: predictions against what a step really holds on a CPU, passes chosen once, and steps that run out of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AutoConfig

from journey.config import FinetuneSettings
from journey.finetune import cost
from journey.finetune.planning import memory
from journey.finetune.planning.footprint import Allocations, Footprint, StackShape
from journey.finetune.planning.memory import MemoryPlan
from journey.finetune.training import losses, stacked
from journey.finetune.training.optimiser import adamw
from journey.models import load
from journey.models.compute.precision import careful_sums, ran_out
from journey_testing.families import EXPERTS
from journey_testing.memory import real_step
from journey_testing.models import tiny_model
from journey_testing.runs import random_rows, run_of, setup_of

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
SHAPE: dict[str, Any] = {"vocab_size": 512, "hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 3}
ROWS, WIDTH = 6, 48


def linear(model: Any) -> tuple[str, ...]:
    return tuple(name for name, one in model.named_modules() if isinstance(one, nn.Linear) and name != "lm_head")


def footprint(model: Any, on: str = "cpu", **changes: Any) -> Footprint:
    return Footprint(model.config, StackShape(on, linear(model), 8, WIDTH, **changes))


# --- predictions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["llama", "qwen3", "gemma2", "gemma3_text"])
@pytest.mark.parametrize(("recompute", "dropout"), [(False, 0.0), (True, 0.0), (False, 0.1)])
def test_the_prediction_is_what_a_step_really_holds(kind: str, recompute: bool, dropout: float) -> None:
    """Within 15 percent of PyTorch's own profiler, and of the same tracker on numbers; Gemma 2 attends without a kernel."""
    model = tiny_model(kind, **SHAPE)
    predicted = footprint(model, dropout=dropout)._passing(1, ROWS * WIDTH, recompute)
    tracked, profiled = real_step(model, linear(model), 8, ROWS, WIDTH, recompute=recompute, dropout=dropout)
    assert 0.85 < predicted / profiled < 1.15
    assert 0.85 < predicted / tracked < 1.15


def test_a_base_of_1_5_billion_weights() -> None:
    """Qwen2.5-1.5B in bfloat16, nine runs of rank 16, rows of 2,048 tokens: what was tracked and worked out by hand before."""
    facts = {"hidden_size": 1536, "intermediate_size": 8960, "num_attention_heads": 12, "num_key_value_heads": 2}

    def on_a_gpu(layers: int) -> Footprint:
        config = AutoConfig.for_model(
            "qwen2", vocab_size=151936, tie_word_embeddings=True, num_hidden_layers=layers, **facts
        )
        sides = [f"self_attn.{name}_proj" for name in "qkvo"] + [f"mlp.{name}_proj" for name in ("gate", "up", "down")]
        modules = tuple(f"model.layers.{layer}.{side}" for layer in range(layers) for side in sides)
        return Footprint(config, StackShape("cuda", modules, 16, 2048))

    two, four = (on_a_gpu(layers)._passing(1, 8192, False) for layers in (2, 4))
    assert (four - two) / (2 * 8192) == pytest.approx(0.10e6, rel=0.05)  # bytes a layer and token
    whole = on_a_gpu(28)
    # By hand 5.35 for weights, adapters and their optimiser; and a copy of the adapters in bfloat16.
    assert whole.held(9) / 2**30 == pytest.approx(5.35 + 0.31, rel=0.01)
    assert whole.peak(9, 18432, False) / 2**30 == pytest.approx(55, rel=0.05)
    settings = FinetuneSettings(base="qwen", rank=16)
    for card, tokens in ((24, 4096), (80, 16384)):
        assert memory._passes(whole, settings, 9, 2048, card * 10**9) == (tokens, False)


def test_what_lies_there_between_steps_is_counted_to_the_byte(tmp_path: Path) -> None:
    model = tiny_model(**SHAPE)
    runs = [run_of(f"k{index}", 0, steps=2, rank=8) for index in range(3)]
    data = {run.kind: random_rows(run.kind, 24, 6, 12) for run in runs}
    predicted = footprint(model).held(len(runs))
    made = stacked.Training(model, 0, runs, data, setup_of("stacked", tmp_path, tmp_path), lambda *_: None)
    there = [*model.parameters(), *model.buffers(), made.stack.flat, made.stack.grad, made.first, made.second]
    assert predicted == sum(one.numel() * one.element_size() for one in there if one is not None)


def test_recomputing_dropout_and_length_are_in_the_prediction() -> None:
    model = tiny_model(**SHAPE)
    plain = footprint(model)
    assert plain.peak(1, 1024, True) < 0.6 * plain.peak(1, 1024, False)
    assert footprint(model, dropout=0.1).peak(1, 1024, False) > 1.1 * plain.peak(1, 1024, False)
    capped = tiny_model("gemma2", **SHAPE)
    short, long = (
        Footprint(capped.config, StackShape("cuda", linear(capped), 8, row))._passing(1, 1024, False)
        for row in (64, 512)
    )
    assert long > 1.5 * short  # scores of every pair of tokens, where no kernel computes them


def test_a_base_that_cannot_be_followed_is_estimated_by_a_rule() -> None:
    """Experts are chosen by numbers, which the outline has not."""
    model = tiny_model("qwen2_moe", **{**EXPERTS["qwen2_moe"], "vocab_size": 64})
    shape = StackShape("cpu", ("model.layers.0.self_attn.q_proj",), 8, WIDTH)
    asked: list[tuple[int, bool]] = []

    def rule(tokens: int, recompute: bool) -> int:
        asked.append((tokens, recompute))
        return 12345

    found = Footprint(model.config, shape, rule)
    found.model.get_decoder = lambda: (_ for _ in ()).throw(RuntimeError("numbers are needed"))
    assert found.peak(1, 256, True) == found.held(1) + 12345 and asked == [(256, True)]
    with pytest.raises(RuntimeError, match="numbers are needed"):
        broken = Footprint(model.config, shape)
        broken.model.get_decoder = found.model.get_decoder
        broken.peak(1, 256, True)


def test_allocations_count_storages_as_long_as_they_are_held() -> None:
    with Allocations() as followed:
        one = torch.zeros(1000)  # 4,000 bytes are 4,096 in blocks of 512
        view = one[:10].view(2, 5)
        assert followed.held == 4096
        more = one + 1
        assert followed.held == 8192
        del one
        assert followed.held == 8192  # the view holds it
        del view, more
    assert (followed.held, followed.most) == (0, 8192)


# --- passes that are chosen -------------------------------------------------------------------------------------------


def test_passes_and_recomputing_follow_from_memory(base: Path) -> None:
    """The largest passes that fit; recomputed only where the smallest do not fit otherwise; settings fix either."""
    ref, settings = load.find(str(base)), FinetuneSettings(base=str(base), rank=8)
    found = memory.footprint_of(ref, settings, 100, "cuda")

    def chosen(free: int, **changes: Any) -> tuple[int, bool]:
        return memory._passes(found, settings.model_copy(update=changes), 4, 100, cost.PROCESS_BYTES + free)

    assert chosen(10**12) == (16384, False)
    assert chosen(found.peak(4, 8192, False)) == (8192, False)
    assert chosen(found.peak(4, 2048, False)) == (2048, False)
    assert chosen(found.peak(4, 2048, False) - 1)[1] is True
    assert chosen(0) == (2048, True)
    assert chosen(10**12, pass_tokens=512, checkpointing=True) == (512, True)
    assert chosen(0, pass_tokens=512, checkpointing=False) == (512, False)
    room = cost.PROCESS_BYTES + found.peak(7, 2048, False)
    assert [memory.runs_that_fit(found, 2048, False, room + spare) for spare in (-1, 0)] == [6, 7]


def test_passes_are_chosen_once(tmp_path: Path) -> None:
    """A folder goes on as it was begun, whatever memory is free by then."""
    begun = MemoryPlan(1, 8192, 9, 1, True)
    assert memory.kept(tmp_path, begun) == begun
    later = MemoryPlan(2, 16384, 12, 1, False)
    assert memory.kept(tmp_path, later) == MemoryPlan(2, 8192, 12, 1, True)


def test_cards_hold_more_runs_the_larger_they_are(base: Path) -> None:
    settings = FinetuneSettings(base=str(base), rank=16)
    found = memory.fits_on_cards(load.find(str(base)), settings, {"one": random_rows("one", 8, 20, 60)})
    assert list(found) == ["24 GB", "48 GB", "80 GB", "141 GB"]
    assert list(found.values()) == sorted(found.values()) and found["24 GB"] > 100
    fixed = settings.model_copy(update={"pass_tokens": 1 << 22})  # then passes are not of the least size
    larger = memory.fits_on_cards(load.find(str(base)), fixed, {"one": random_rows("one", 8, 20, 60)})
    assert larger["24 GB"] < found["24 GB"]


# --- running out of memory --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        MemoryError(),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("HIP out of memory"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"
        ),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 17179869184 bytes."),
    ],
)
def test_memory_that_ran_out_is_known_in_every_spelling(error: Exception) -> None:
    assert ran_out(error)


def test_other_errors_are_no_lack_of_memory() -> None:
    assert not ran_out(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not ran_out(ValueError("out of memory"))


def test_pytorchs_own_words_on_a_cpu_are_known() -> None:
    with pytest.raises(RuntimeError) as failed:
        torch.empty(1 << 55, dtype=torch.uint8)
    assert ran_out(failed.value)


class _Short(TorchDispatchMode):
    """Memory runs out at the allocation of this number, from 0."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.left = at

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        outs = [one.alias_info for one in func._schema.returns]
        if any(alias is None for alias in outs):
            self.left -= 1
            if self.left < 0:
                raise torch.OutOfMemoryError("CUDA out of memory")
        return func(*args, **(kwargs or {}))


def test_an_optimiser_step_that_runs_out_of_memory_is_not_done_at_all() -> None:
    """At whichever of its allocations: weights and moments are as before, and the step done again is the whole step."""
    generator = torch.Generator().manual_seed(1)
    flat, grad, first, second = (torch.randn(2, 50, generator=generator) for _ in range(4))
    second.abs_()
    norms, rates = torch.linalg.vector_norm(grad, dim=1), [1e-2, 2e-2]

    def step_of(state: list[torch.Tensor]) -> None:
        adamw(state[0], state[1], (state[2], state[3]), norms, rates, 3, clip=1.0, decay=0.01)

    def step(at: int) -> list[torch.Tensor]:
        now = [one.clone() for one in (flat, grad, first, second)]
        with _Short(at):
            step_of(now)
        return now

    whole = step(1000)
    for at in range(1000):
        held = [one.clone() for one in (flat, grad, first, second)]
        try:
            with _Short(at):
                step_of(held)
        except torch.OutOfMemoryError:
            for one, before in zip((held[0], held[2], held[3]), (flat, first, second), strict=True):
                assert torch.equal(one, before)
            continue
        assert all(map(torch.equal, held, whole))
        break
    assert at > 3


# --- precision --------------------------------------------------------------------------------------------------------


def test_shares_are_not_rounded_to_half_precision() -> None:
    """A share of 1 / 7013 is off by 0.3 percent in bfloat16, and with it a whole step; the sum over tokens shows it."""
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(64, 32, generator=generator).bfloat16().requires_grad_()
    head = losses.Head(torch.randn(100, 32, generator=generator).bfloat16(), None)
    labels = torch.randint(0, 100, (64,), generator=generator)

    def slopes(share: float) -> torch.Tensor:
        by_token = losses.token_losses(hidden, labels, head)
        (found,) = torch.autograd.grad((by_token * torch.full((64,), share)).sum(), hidden)
        return found.double()

    one, small = slopes(1.0), slopes(1 / 7013)
    scale = float((small * one).sum() / (one * one).sum())
    assert abs(scale * 7013 - 1) < 5e-4
    assert abs(float(torch.tensor(1 / 7013).bfloat16()) * 7013 - 1) > 2e-3  # what rounding it first would give


def test_sums_of_products_are_kept_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    matmul = torch.backends.cuda.matmul
    for name in ("allow_bf16_reduced_precision_reduction", "allow_fp16_reduced_precision_reduction"):
        before = getattr(matmul, name)
        setattr(matmul, name, True)
        careful_sums()
        assert getattr(matmul, name) in (False, (False, False), (False, True))
        setattr(matmul, name, before)


def test_whoever_loads_a_model_keeps_sums_in_float32(base: Path) -> None:
    matmul = torch.backends.cuda.matmul
    before = matmul.allow_bf16_reduced_precision_reduction
    matmul.allow_bf16_reduced_precision_reduction = True
    try:
        load.load_model(load.find(str(base)), device="cpu")
        assert matmul.allow_bf16_reduced_precision_reduction in (False, (False, False), (False, True))
    finally:
        matmul.allow_bf16_reduced_precision_reduction = before


def test_deterministic_algorithms_are_a_setting(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine asks for them before the base is loaded, with what cuBLAS needs for them; without it nothing changes."""
    from journey.catalog import ENGINES

    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")  # so that it is as before afterwards
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    real, seen = load.load_model, list[tuple[bool, str | None]]()

    def looked_at(*args: Any, **kwargs: Any) -> Any:
        seen.append((torch.are_deterministic_algorithms_enabled(), os.environ.get("CUBLAS_WORKSPACE_CONFIG")))
        return real(*args, **kwargs)

    monkeypatch.setattr(load, "load_model", looked_at)
    run, files = run_of("short", 0, steps=1, rank=4), []
    for wanted in (False, True):
        setup = setup_of("stacked", base, tmp_path / str(wanted), deterministic=wanted)
        try:
            list(ENGINES.get("stacked")([run], {"short": random_rows("short", 24, 6, 12)}, setup, lambda *_: None))
        finally:
            torch.use_deterministic_algorithms(False)
        files.append((tmp_path / str(wanted) / run.run / "adapter_model.safetensors").read_bytes())
    assert seen == [(False, None), (True, ":4096:8")]
    assert files[0] == files[1]  # a CPU's algorithms are deterministic anyway


def test_the_engine_of_single_runs_asks_for_them_too(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it looks at the model, in whichever process it trains."""
    from journey.finetune.training import one_run

    asked = list[str]()
    monkeypatch.setattr(one_run, "be_deterministic", lambda: asked.append("deterministic"))
    monkeypatch.setattr(load, "load_tokenizer", lambda *_: pytest.fail("not first") if not asked else _stop())
    setup = setup_of("trl", base, tmp_path, deterministic=True)
    with pytest.raises(KeyboardInterrupt):
        one_run.train_run(run_of("short", 0, steps=1, rank=4), random_rows("short", 24, 6, 12), setup, lambda *_: None)
    assert asked == ["deterministic"]


def _stop() -> None:
    raise KeyboardInterrupt
