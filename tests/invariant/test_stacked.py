"""Stacked training equals training each run alone, in PEFT and PyTorch, and TRL's SFTTrainer.

Gates: in float64 the gradients of the first step to 1e-13 and the weights after 20 steps to 1e-11 of what they moved, at
equal padding (models compute norms and some softmaxes in float32 whatever their weights are in); in float32 to 1e-3.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from journey.finetune.rows import budget
from journey.finetune.rows.rows import Rows
from journey.finetune.runs import Run
from journey.finetune.training import adapters, batches, one_run, stacked
from journey.finetune.training.protocol import EngineMessage, Failed, Setup, Trained
from journey.models import load
from journey_testing.runs import random_rows, run_of, setup_of

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")

KINDS = ("llama", "qwen2", "gemma2")
State = dict[str, torch.Tensor]


def base_of(source: Path, dtype: torch.dtype) -> Any:
    return load.load_model(load.ModelRef("tiny", str(source)), device="cpu", dtype=dtype)


def train_stacked(
    runs: Sequence[Run], data: Mapping[str, Rows], setup: Setup, dtype: torch.dtype
) -> tuple[dict[str, State], list[Any]]:
    """Adapters by run as they are saved, and what the stack said."""
    from safetensors.torch import load_file

    said = list(stacked.Training(base_of(Path(setup.source), dtype), 0, runs, data, setup, lambda *_: None).work())
    found = [one.run for one in said if isinstance(one, Trained)]
    return {run: load_file(Path(setup.work) / run / "adapter_model.safetensors") for run in found}, said


def train_alone(
    run: Run, rows: Rows, setup: Setup, dtype: torch.dtype, *, steps: int | None = None
) -> tuple[State, State]:
    """The same run in a plain loop over PEFT: its adapter, and the gradients of the first step."""
    model = adapters.new_adapter(base_of(Path(setup.source), dtype), run, setup).train()
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    optimizer = torch.optim.AdamW(trained.values(), lr=run.lr, weight_decay=setup.weight_decay)
    first: State = {}
    for step, members in enumerate(budget.laid_out(run, rows, setup.rows_per_step)[:steps]):
        share = stacked.shares(rows, members, setup.loss_norm)
        torch.manual_seed(adapters.dropout_seed(run, step))
        for part in budget.micro_batches(members, rows.lengths, setup.rows_per_step, setup.micro_batch):
            batch = batches.collate(rows, part, 0)
            logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
            losses = torch.nn.functional.cross_entropy(
                logits[:, :-1].flatten(0, 1), batch["input_ids"][:, 1:].flatten(), reduction="none"
            ).view(len(part), -1)
            weights = torch.zeros_like(losses)
            for place, row in enumerate(part):
                own = torch.from_numpy(share[row][1:])
                weights[place, : len(own)] = own
            (losses * weights).sum().backward()
        if not first:
            first = {
                name.replace(".default.weight", ".weight"): weight.grad.clone()
                for name, weight in trained.items()
                if weight.grad is not None
            }
        for group in optimizer.param_groups:
            group["lr"] = stacked.rate(run, step)
        norm = torch.nn.utils.clip_grad_norm_(trained.values(), stacked.CLIP)
        run_norms.setdefault(run.run, []).append(float(norm))
        optimizer.step()
        optimizer.zero_grad()
    return adapters.adapter_state(model), first


run_norms: dict[str, list[float]] = {}


def initial(run: Run, setup: Setup, dtype: torch.dtype) -> State:
    return adapters.adapter_state(adapters.new_adapter(base_of(Path(setup.source), dtype), run, setup))


def distance(got: State, wanted: State, begun: State) -> float:
    """The largest difference of a tensor, relative to how far the wanted one has moved."""
    assert got.keys() == wanted.keys()
    found = 0.0
    for name, value in wanted.items():
        assert got[name].shape == value.shape
        moved = float((value - begun[name]).norm())
        found = max(found, float((got[name] - value).norm()) / moved)
    return found


def four_runs(steps: int = 20, lr: float = 2e-3) -> list[Run]:
    """Two kinds of rows, two seeds, two ranks, and learning rates and numbers of steps that differ."""
    return [
        run_of("short", 0, steps=steps, rank=4, lr=lr),
        run_of("long", 0, steps=steps, rank=8, lr=2 * lr),
        run_of("short", 1, steps=steps // 2, rank=8, lr=lr),
        run_of("weighted", 1, steps=steps, rank=4, lr=lr),
    ]


def rows_of(shortest: int, longest: int) -> dict[str, Rows]:
    return {
        "short": random_rows("short", 24, shortest, longest),
        "long": random_rows("long", 24, longest, 3 * longest if longest > shortest else longest),
        "weighted": random_rows("weighted", 24, shortest, longest, weighted=True),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_float64_gradients_and_weights_equal_each_alone(kind: str, tiny: Callable[[str], Path], tmp_path: Path) -> None:
    """Equal lengths; clipping active, rsLoRA, weight decay, two ranks, loss weights, runs that leave at different steps."""
    data, runs = rows_of(12, 12), four_runs()
    setup = setup_of("stacked", tiny(kind), tmp_path, rslora=True, weight_decay=0.01)
    training = stacked.Training(base_of(tiny(kind), torch.float64), 0, runs, data, setup, lambda *_: None)
    training.model.train()
    before = training.stack.flat.clone()
    grads = first_gradients(training)
    for run in runs:
        _, wanted = train_alone(run, data[run.kind], setup, torch.float64, steps=1)
        for name, value in wanted.items():
            if float(value.norm()):
                assert float((grads[run.run][name] - value).norm() / value.norm()) < 1e-13, (run.run, name)
    assert torch.equal(training.stack.flat, before)
    training.stack.remove()
    run_norms.clear()
    got, _ = train_stacked(runs, data, setup, torch.float64)
    for run in runs:
        wanted, _ = train_alone(run, data[run.kind], setup, torch.float64)
        assert distance(got[run.run], wanted, initial(run, setup, torch.float64)) < 1e-11, run.run
        assert sum(norm > stacked.CLIP for norm in run_norms[run.run]) > len(run_norms[run.run]) // 2


def first_gradients(training: stacked.Training) -> dict[str, State]:
    """The gradients of the first step by run, under their names in PEFT, before clipping."""
    grad = training.stack.grad
    assert grad is not None
    for one in training._passes():
        training._backward(one)
    weights, training.stack.flat = training.stack.flat, grad
    views = training.stack.weights
    training.stack._hold(grad)
    found = {member.run.run: training.stack.state(place) for place, member in enumerate(training.members)}
    training.stack.flat, training.stack.weights = weights, views
    return found


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_float64_ragged_rows_equal_each_alone(kind: str, tiny: Callable[[str], Path], tmp_path: Path) -> None:
    """Rows of 6 to 36 tokens, so that the stack pads otherwise than each run alone, and several passes a step."""
    data, runs = rows_of(6, 12), four_runs()
    setup = setup_of("stacked", tiny(kind), tmp_path, pass_tokens=128)
    got, _ = train_stacked(runs, data, setup, torch.float64)
    for run in runs:
        wanted, _ = train_alone(run, data[run.kind], setup, torch.float64)
        assert distance(got[run.run], wanted, initial(run, setup, torch.float64)) < 1e-9, run.run


@pytest.mark.parametrize("kind", KINDS)
def test_float64_weights_equal_trl(kind: str, tiny: Callable[[str], Path], tmp_path: Path) -> None:
    data, runs = rows_of(12, 12), four_runs()[:2]
    setup = setup_of("stacked", tiny(kind), tmp_path / "stacked")
    got, _ = train_stacked(runs, data, setup, torch.float64)
    for run in runs:
        own = setup_of("trl", tiny(kind), tmp_path / "trl")
        one_run.train_run(run, data[run.kind], own, lambda *_: None, dtype=torch.float64)
        wanted = saved(tmp_path / "trl", run)
        assert distance(got[run.run], wanted, initial(run, setup, torch.float64)) < 1e-11, run.run


def saved(folder: Path, run: Run) -> State:
    from safetensors.torch import load_file

    return load_file(folder / run.run / "adapter_model.safetensors")


def trajectory(folder: Path, run: Run) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / run.run / "trajectory.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    "kind", ["qwen2", pytest.param("llama", marks=pytest.mark.slow), pytest.param("gemma2", marks=pytest.mark.slow)]
)
def test_float32_together_equals_alone_equals_trl(kind: str, tiny: Callable[[str], Path], tmp_path: Path) -> None:
    """Ragged rows, accumulation, clipping, loss weights; and losses that do not drift to one side of TRL's."""
    data, runs = rows_of(6, 12), four_runs()
    setup = setup_of("stacked", tiny(kind), tmp_path / "stacked")
    got, _ = train_stacked(runs, data, setup, torch.float32)
    signed: list[float] = []
    for run in runs:
        begun = initial(run, setup, torch.float32)
        alone, _ = train_stacked([run], data, setup_of("stacked", tiny(kind), tmp_path / "alone"), torch.float32)
        assert distance(got[run.run], alone[run.run], begun) < 1e-3, run.run
        one_run.train_run(run, data[run.kind], setup_of("trl", tiny(kind), tmp_path / "trl"), lambda *_: None)
        assert distance(got[run.run], saved(tmp_path / "trl", run), begun) < 1e-3, run.run
        ours, theirs = (trajectory(tmp_path / way, run) for way in ("stacked", "trl"))
        assert [point["step"] for point in ours] == [point["step"] for point in theirs]
        for name in ("loss", "grad_norm", "lr"):
            np.testing.assert_allclose([p[name] for p in ours], [p[name] for p in theirs], rtol=1e-3)
        assert [p["supervised_tokens"] for p in ours] == [p["supervised_tokens"] for p in theirs]
        signed += [(a["loss"] - b["loss"]) / b["loss"] for a, b in zip(ours, theirs, strict=True)]
    # Rounding falls to either side. A mean far from 0 for its spread would be a bias that the gates above let through.
    assert abs(np.mean(signed)) < 1e-6
    assert abs(np.mean(signed)) < 4 * np.std(signed) / math.sqrt(len(signed)) + 1e-8


def test_a_mixture_of_experts_has_one_loss_in_both_engines(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    """No load-balancing loss of the router in either, though the config asks for one."""
    data, run = rows_of(6, 12), four_runs()[0]
    setup = setup_of("stacked", tiny("qwen2_moe"), tmp_path / "stacked")
    got, _ = train_stacked([run], data, setup, torch.float32)
    one_run.train_run(run, data[run.kind], setup_of("trl", tiny("qwen2_moe"), tmp_path / "trl"), lambda *_: None)
    begun = initial(run, setup, torch.float32)
    assert distance(got[run.run], saved(tmp_path / "trl", run), begun) < 1e-3
    ours, theirs = (trajectory(tmp_path / way, run) for way in ("stacked", "trl"))
    np.testing.assert_allclose([p["loss"] for p in ours], [p["loss"] for p in theirs], rtol=1e-4)


@pytest.mark.parametrize("checkpointing", [pytest.param(False, marks=pytest.mark.slow), True])
def test_dropout_equals_alone_and_trl(checkpointing: bool, tiny: Callable[[str], Path], tmp_path: Path) -> None:
    """On a CPU the masks are those that nn.Dropout draws, whoever else is in the stack."""
    data, runs = rows_of(6, 12), four_runs()
    facts: dict[str, Any] = {"dropout": 0.2, "checkpointing": checkpointing}
    setup = setup_of("stacked", tiny("llama"), tmp_path / "stacked", **facts)
    got, _ = train_stacked(runs, data, setup, torch.float64)
    for run in runs[:2]:
        begun = initial(run, setup, torch.float64)
        wanted, _ = train_alone(run, data[run.kind], setup, torch.float64)
        assert distance(got[run.run], wanted, begun) < 1e-9, run.run
        own = setup_of("trl", tiny("llama"), tmp_path / "trl", **facts)
        one_run.train_run(run, data[run.kind], own, lambda *_: None, dtype=torch.float64)
        assert distance(got[run.run], saved(tmp_path / "trl", run), begun) < 1e-9, run.run
    plain, _ = train_stacked(runs[:1], data, setup_of("stacked", tiny("llama"), tmp_path / "plain"), torch.float64)
    assert distance(got[runs[0].run], plain[runs[0].run], initial(runs[0], setup, torch.float64)) > 1e-2


def test_mean_of_row_means_equals_trl(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    data, runs = rows_of(6, 12), four_runs()[2:]
    got, _ = train_stacked(
        runs, data, setup_of("stacked", tiny("llama"), tmp_path / "stacked", loss_norm="row"), torch.float32
    )
    for run in runs:
        own = setup_of("trl", tiny("llama"), tmp_path / "trl", loss_norm="row")
        one_run.train_run(run, data[run.kind], own, lambda *_: None)
        assert distance(got[run.run], saved(tmp_path / "trl", run), initial(run, own, torch.float32)) < 1e-3, run.run


def test_a_run_that_diverges_leaves_the_others_as_they_are(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    data = rows_of(6, 12)
    good = four_runs(steps=8)
    bad = run_of("long", 7, steps=8, rank=8, lr=1e30)
    got, said = train_stacked(
        [good[0], bad, *good[1:]], data, setup_of("stacked", tiny("llama"), tmp_path / "with"), torch.float64
    )
    wanted, _ = train_stacked(good, data, setup_of("stacked", tiny("llama"), tmp_path / "without"), torch.float64)
    assert [(one.run, "at step" in one.why) for one in said if isinstance(one, Failed)] == [(bad.run, True)]
    assert got.keys() == wanted.keys() == {run.run for run in good}
    for run in good:
        begun = initial(run, setup_of("stacked", tiny("llama"), tmp_path), torch.float64)
        assert distance(got[run.run], wanted[run.run], begun) < 1e-9, run.run
    assert not (tmp_path / "with" / bad.run).exists()


def test_out_of_memory_halves_the_passes_and_changes_nothing_else(
    tiny: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, runs = rows_of(6, 12), four_runs(steps=6)
    wanted, _ = train_stacked(runs, data, setup_of("stacked", tiny("llama"), tmp_path / "roomy"), torch.float64)
    real, sizes = stacked.losses.hidden_states, []

    def short_of_memory(model: Any, ids: torch.Tensor, positions: Any = None) -> torch.Tensor:
        sizes.append(ids.numel())
        if ids.numel() > 150 and len(sizes) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(model, ids, positions)

    monkeypatch.setattr(stacked.losses, "hidden_states", short_of_memory)
    got, said = train_stacked(runs, data, setup_of("stacked", tiny("llama"), tmp_path / "short"), torch.float64)
    told = [one.text for one in said if isinstance(one, EngineMessage)]
    assert "memory ran out; passes have at most 1024 tokens" in told[0] and len(told) > 1
    assert max(sizes) > 150 >= sizes[-1]
    for run in runs:
        begun = initial(run, setup_of("stacked", tiny("llama"), tmp_path), torch.float64)
        assert distance(got[run.run], wanted[run.run], begun) < 1e-9, run.run

    def without_memory(model: Any, ids: torch.Tensor, positions: Any = None) -> torch.Tensor:
        if ids.numel() > 8:  # the head is tried on 8 tokens before training
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(model, ids, positions)

    monkeypatch.setattr(stacked.losses, "hidden_states", without_memory)
    with pytest.raises(torch.OutOfMemoryError, match="less than one row"):
        train_stacked(runs, data, setup_of("stacked", tiny("llama"), tmp_path / "never"), torch.float64)


@pytest.mark.parametrize("kind", KINDS)
def test_saved_adapters_are_ordinary_and_give_the_same_logits(
    kind: str, tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    from peft import PeftModel

    from journey.models.lora import stacked

    data, runs = rows_of(6, 12), four_runs(steps=4)
    setup = setup_of("stacked", tiny(kind), tmp_path)
    train_stacked(runs, data, setup, torch.float32)
    ids = torch.from_numpy(data["long"].ids[data["long"].at(0)].astype(np.int64))[None]
    base = base_of(tiny(kind), torch.float32)
    adapters_and_base = [*(tmp_path / run.run for run in runs), None]
    with torch.inference_mode(), stacked(base, adapters_and_base) as on_base, on_base.routed(None):
        together = base(input_ids=ids.repeat(len(runs) + 1, 1)).logits
    with torch.inference_mode():
        for place, run in enumerate(runs):
            alone = PeftModel.from_pretrained(base_of(tiny(kind), torch.float32), str(tmp_path / run.run)).eval()
            torch.testing.assert_close(together[place], alone(input_ids=ids).logits[0], rtol=1e-5, atol=1e-5)
            config = json.loads((tmp_path / run.run / "adapter_config.json").read_text())
            assert config["target_modules"] == sorted(config["target_modules"])
            assert config["r"] == run.rank and config["base_model_name_or_path"] == "tiny"
        torch.testing.assert_close(together[-1], base_of(tiny(kind), torch.float32)(input_ids=ids).logits[0])
