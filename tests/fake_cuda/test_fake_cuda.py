"""Training and sampling on a GPU that is not there: nothing mixes devices, and how often the GPU is told and waited for.

A Llama in `make test`, with any build of PyTorch; `make test-fake-cuda` runs all with a CUDA build and keeps the counts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from journey.finetune.planning.footprint import Allocations, Footprint, StackShape
from journey.finetune.training import adapters, stacked
from journey.models import batch
from journey.models.completion import CompletionRequest
from journey.models.compute.precision import be_deterministic
from journey.models.decode import Decoder
from journey.models.lora import PREFIX, Stack
from journey.models.random import uniforms
from journey_testing import varying
from journey_testing.fake_device import FakeGpu, Told
from journey_testing.models import tiny_config, tiny_model
from journey_testing.runs import VOCABULARY, random_rows, run_of, setup_of

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
_BUILD = pytest.mark.skipif(torch.version.cuda is None, reason="wants a CUDA build of PyTorch: make test-fake-cuda")
KINDS = ["llama", *(pytest.param(kind, marks=_BUILD) for kind in ("qwen3", "gemma2", "gemma3_text"))]
OWN: dict[str, dict[str, Any]] = {
    "gemma2": {"tie_word_embeddings": False},
    "gemma3_text": {"head_dim": 16, "sliding_window": 6},
}
TABLE = "JOURNEY_FAKE_CUDA_TABLE"  # names the file into which `make test-fake-cuda` has the counts written
# Operations of a step of three runs, of a greedy token and of one by chance, at most: what was counted, so that one more fails.
MOST = {"llama": (474, 121, 146), "qwen3": (562, 145, 170), "gemma2": (703, 206, 230), "gemma3_text": (677, 208, 232)}
# A shape whose activations outweigh logits and what is not predicted; tensors without numbers cost nothing.
LARGE = {
    "vocab_size": 2048,
    "hidden_size": 512,
    "intermediate_size": 1408,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 64,
    "num_hidden_layers": 3,
}
LOOKS = {"llama": 0, "qwen3": 0, "gemma2": 2, "gemma3_text": 0}  # of transformers' own, a padded pass


def shape_of(kind: str) -> dict[str, Any]:
    return {"vocab_size": VOCABULARY, **OWN.get(kind, {})}


def fake_model(gpu: FakeGpu, kind: str, **changes: Any) -> Any:
    from transformers import AutoModelForCausalLM

    with torch.device(gpu.device):
        return AutoModelForCausalLM.from_config(
            tiny_config(kind, **{**shape_of(kind), **changes}), dtype=torch.bfloat16
        )


def linear(model: Any) -> tuple[str, ...]:
    """The layers that get adapters."""
    return tuple(name for name, one in model.named_modules() if type(one) is torch.nn.Linear and name != "lm_head")


def noted(kind: str, what: str, operations: str, told: Told) -> None:
    """Add a row to the table of counts, where one is wanted."""
    if path := os.environ.get(TABLE):
        waits = ", ".join(f"{count} {name}" for name, count in sorted(told.waits.items())) or "none"
        with Path(path).open("a") as file:
            file.write(f"| {kind} | {what} | {operations} | {waits} |\n")


def step(kind: str, count: int, folder: Path, patch: pytest.MonkeyPatch) -> Told:
    """What a step of so many runs of ragged rows tells the GPU; what PEFT begins with is made on a CPU, by PEFT."""
    runs = [run_of(f"k{index}", 0, steps=4, rank=8) for index in range(count)]
    data = {run.kind: random_rows(run.kind, 24, 4 + index, 12 + 9 * index) for index, run in enumerate(runs)}
    setup = setup_of("stacked", folder, folder, pass_tokens=1 << 20)
    with patch.context() as patched:
        begun = adapters.initial_states(tiny_model(kind, **shape_of(kind)), runs, setup)
        with FakeGpu() as gpu:
            fakes = {origin: {name: gpu.fake(one) for name, one in state.items()} for origin, state in begun.items()}
            patched.setattr(adapters, "initial_states", lambda *_: fakes)
            patched.setattr(adapters, "digest_of", lambda _: "")
            patched.setattr(stacked, "can_pack", lambda _: kind != "gemma2")  # it compares numbers
            made = stacked.Training(fake_model(gpu, kind), 0, runs, data, setup, lambda *_: None)
            assert made.packed == (kind != "gemma2") and made.stack.grouped
            made.model.train()
            made._one_step()
            with gpu.counting() as told:
                made._one_step()
            assert made.stack.flat.device == gpu.device == made.first.device
            made.stack.remove()
    return told


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_mixes_no_devices_and_waits_once(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forward, backward and the optimiser; as many operations with three runs as with one where rows are packed."""
    alone, three = (step(kind, count, tmp_path, monkeypatch) for count in (1, 3))
    noted(kind, "step of 3 runs, one pass" if kind != "gemma2" else "step of 3 runs, padded", str(three.total), three)
    assert three.waits["tolist"] == 1 and three.waits.total() == 1 + LOOKS[kind]
    # a build without CUDA writes one operation more for each of the two layers' seven matrices
    assert three.total <= MOST[kind][0] + (0 if torch.version.cuda else 2 * 7)
    if kind != "gemma2":
        assert alone.operations == three.operations


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`deterministic=true`, as the engines ask for it (tests/finetune/test_memory.py); PyTorch as before afterwards."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    be_deterministic()
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("kind", KINDS)
def test_a_deterministic_step_has_an_algorithm_for_every_operation(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What PyTorch lists as varying is what it can switch, and nothing on the way turns the mode off, or down to warnings."""
    told = step(kind, 3, tmp_path, monkeypatch)
    assert told.strict and not varying.refused(set(told.varying))
    # backward of picking the supervised tokens, each once, and the slope of a loss in the word that was to come
    assert told.varying == {"index_add": 1, "scatter_add_": 1}


def test_what_pytorch_lists_as_varying_is_what_is_looked_for() -> None:
    assert (set(varying.SWITCHED), set(varying.REFUSED)) == varying.listed()
    for words in (*varying.SWITCHED.values(), *varying.REFUSED.values()):
        assert all(hasattr(torch.ops.aten, name) for name in words.split()), words


@pytest.mark.parametrize("asked", ["error", "warn", "default"])
def test_what_varies_and_what_was_asked_for_is_seen(asked: str) -> None:
    before = torch.get_deterministic_debug_mode()
    torch.set_deterministic_debug_mode(asked)
    try:
        with FakeGpu() as gpu, gpu.counting() as told:
            there = torch.ones(4, device=gpu.device, requires_grad=True)
            there.index_select(0, torch.zeros(3, dtype=torch.long, device=gpu.device)).sum().backward()
            there.detach().cumsum(0)
            there.detach().long().cumsum(0)
    finally:
        torch.set_deterministic_debug_mode(before)
    assert told.strict == (asked == "error") and told.varying == {"index_add": 1, "cumsum": 1}
    assert varying.refused(set(told.varying)) == {"cumsum"}


@_BUILD  # another one computes the kernels in parts, which hold more
@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("kind", MOST)
def test_memory_is_predicted_as_a_gpus_own_code_holds_it(
    kind: str, recompute: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within 15 percent of every allocation of a step in bfloat16 with packed rows, grouped products and their kernels."""
    runs = [run_of(f"k{index}", 0, steps=4, rank=8) for index in range(3)]
    data = {run.kind: random_rows(run.kind, 24, 100 + 100 * index, 200 + 100 * index) for index, run in enumerate(runs)}
    setup = setup_of("stacked", tmp_path, tmp_path, pass_tokens=1 << 20, checkpointing=recompute)
    with FakeGpu() as gpu:
        model = fake_model(gpu, kind, **LARGE)
        sides = {name: model.get_submodule(name) for name in linear(model)}
        begun = {f"{PREFIX}{name}.lora_A.weight": torch.zeros(8, one.in_features) for name, one in sides.items()}
        begun |= {f"{PREFIX}{name}.lora_B.weight": torch.zeros(one.out_features, 8) for name, one in sides.items()}
        monkeypatch.setattr(adapters, "initial_states", lambda *_: {adapters.origin(run): begun for run in runs})
        monkeypatch.setattr(adapters, "digest_of", lambda _: "")
        monkeypatch.setattr(stacked, "can_pack", lambda _: kind != "gemma2")  # it compares numbers
        made = stacked.Training(model, 0, runs, data, setup, lambda *_: None)
        stacked._train_mode(made.model, setup, gpu.device)
        made._one_step()
        tokens = [sum(one.tokens) for one in made._passes()]
        with Allocations() as followed:
            made._one_step()
        made.stack.remove()
    assert len(tokens) == 1
    config = tiny_config(kind, **{**shape_of(kind), **LARGE})
    longest = max(int(rows.lengths.max()) for rows in data.values())
    footprint = Footprint(config, StackShape("cuda", tuple(sides), 8, longest))
    assert 0.85 < (footprint.peak(3, tokens[0], recompute) - footprint.held(3)) / followed.most < 1.15


def written(decoder: Decoder, gpu: FakeGpu, cap: int, by_chance: bool) -> Told:
    """What it takes to write so many tokens after nine prompts of unequal length, for three adapters."""
    requests = [
        CompletionRequest(
            [1] + [5] * (3 + number % 4), number % 3, cap=cap, chance=uniforms(64, number) if by_chance else None
        )
        for number in range(9)
    ]
    with gpu.counting() as told:
        assert all(len(one.ids) == cap for one in decoder.write(requests, 1.0, 0.9))
    return told


@pytest.mark.slow
@pytest.mark.parametrize("by_chance", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_sampling_mixes_no_devices_and_waits_once_in_sixteen_tokens(
    kind: str, by_chance: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "FEW_AHEAD", VOCABULARY // 2)  # fewer than all, as with the vocabularies of real bases
    with FakeGpu() as gpu, torch.inference_mode():
        model = fake_model(gpu, kind).eval()
        stack = Stack(model, linear(model), runs=3, rank=8)
        decoder = Decoder(model, frozenset([VOCABULARY]), 0, 64, stack)
        short, long = (written(decoder, gpu, cap, by_chance) for cap in (17, 33))
    more = Told()
    more.operations, more.waits = long.operations - short.operations, long.waits - short.waits
    noted(kind, "16 tokens by chance" if by_chance else "16 greedy tokens", f"{more.total / 16:.0f} a token", more)
    # a greedy token is the same bytes for the same batch; the sums by which a nucleus is picked are in PyTorch's list
    assert set(long.varying) == ({"cumsum"} if by_chance else set())
    # and one operation that lays the tokens of all steps beside each other for the host
    assert more.waits == {"tolist": 1}
    assert more.total <= 16 * MOST[kind][1 + by_chance] + 1
    assert short.waits["tolist"] == 2 and short.waits.total() <= 6  # a mask is looked at where prompts are padded


def test_two_devices_in_one_operation_are_an_error() -> None:
    with FakeGpu() as gpu, pytest.raises(RuntimeError, match="same device"):
        torch.zeros(2, device=gpu.device).add(torch.zeros(2))


@pytest.mark.parametrize("inference", [False, True])
def test_every_wait_is_counted(inference: bool) -> None:
    """In inference mode too, where PyTorch calls the same things by other names."""
    with FakeGpu() as gpu, torch.inference_mode(inference):
        there = torch.ones(3, device=gpu.device)
        with gpu.counting() as told:
            bool((there > 0).any())
            there.sum().item()
            there.tolist()
            there.cpu()
            torch.ones(3).to(gpu.device)
            torch.ones(3).to(there)
            there.copy_(torch.ones(3))
            there[torch.tensor([0, 2])]
            torch.tensor([1.0, 2.0], device=gpu.device)
            torch.ones(3).to(gpu.device, non_blocking=True)
            there.copy_(torch.ones(3), non_blocking=True)
            there.mul(torch.ones(()))  # a number
        assert told.waits == {"number": 2, "tolist": 1, "copy to the host": 1, "copy from the host": 5}
        with pytest.raises(Exception, match="nonzero"):
            there.nonzero()
