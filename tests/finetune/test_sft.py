"""The trl engine against a plain PyTorch loop, its checkpoints, and the adapters that it writes."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from journey import models
from journey.catalog import ARMS, ENGINES
from journey.errors import UsageError
from journey.finetune import adapters, budget, jobs, pool, sft
from journey.finetune.jobs import NotFinite, Setup, Trained
from journey.finetune.runs import Arm, Run
from journey.finetune.tokens import Rows, encode
from journey.finetune.worker import Event, Plan
from journey.schema import Pair
from journey.store import dump_json, sha256

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


@pytest.fixture(scope="module")
def data(base: Path, pairs: list[Pair]) -> dict[str, Rows]:
    tokenizer = models.load_tokenizer(models.find(str(base)))
    return {name: encode(pairs, ARMS.get(name)(), tokenizer, "compact") for name in ("shortcut", "journey")}


def setup_in(folder: Path, base: Path, **changes: Any) -> Setup:
    facts = {"rows_per_step": 7, "micro_batch": 3, "checkpoint_seconds": 1e9, **changes}
    return Setup("trl", "tiny", str(base), None, max_length=512, work=str(folder), scratch=str(folder / "s"), **facts)


def run_of(kind: str, rows: int = 30, seed: int = 0, lr: float = 1e-2, rows_per_step: int = 7) -> Run:
    steps = -(-rows // rows_per_step)
    return Run(f"{kind}-s{seed}", kind, kind, "examples", seed, lr, 24, rows, steps, 2, 4, 64)


def train(run: Run, data: dict[str, Rows], setup: Setup, report: Callable[..., None] = lambda *said: None) -> Trained:
    (trained,) = ENGINES.get("trl")([run], data, setup, report)
    return trained


def weights(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / "adapter_model.safetensors")


def plain_loop(run: Run, rows: Rows, setup: Setup) -> tuple[dict[str, torch.Tensor], list[float]]:
    """The same training, row by row without padding, on PEFT and PyTorch alone."""
    ref = models.ModelRef("tiny", setup.source)
    model = adapters.new_adapter(models.load_model(ref, device="cpu"), run, setup)
    model.train()
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=run.lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
    order = budget.stream(range(len(rows)), run.seed, run.rows)
    losses = []
    for step in range(run.steps):
        members = order[step * setup.rows_per_step : (step + 1) * setup.rows_per_step]
        tokens = int(rows.supervised[members].sum())
        total = 0.0
        for row in members:
            ids = torch.from_numpy(rows.ids[rows.at(row)].astype(np.int64))
            logits = model(input_ids=ids[None]).logits[0, int(rows.prompts[row]) - 1 : -1]
            loss = torch.nn.functional.cross_entropy(logits, ids[int(rows.prompts[row]) :], reduction="sum") / tokens
            loss.backward()
            total += loss.item()
        warm = run.warmup_steps
        rate = step / warm if step < warm else 0.5 * (1 + math.cos(math.pi * (step - warm) / (run.steps - warm)))
        for group in optimizer.param_groups:
            group["lr"] = run.lr * rate
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(total)
    return adapters.adapter_state(model), losses


@pytest.mark.parametrize("kind", ["journey", "shortcut"])
def test_equals_a_plain_loop(kind: str, data: dict[str, Rows], base: Path, tmp_path: Path) -> None:
    """30 ragged rows in steps of 7, three forward passes each, the last step of 2 rows."""
    setup, run = setup_in(tmp_path, base), run_of(kind)
    heard: list[tuple[str, int, float]] = []
    trained = train(run, data, setup, lambda *said: heard.append(said))
    expected, losses = plain_loop(run, data[kind], setup)
    got = weights(tmp_path / run.run)
    assert got.keys() == expected.keys()
    moved = max(float(value.abs().max()) for name, value in got.items() if "lora_B" in name)
    assert moved > 1e-2  # it did train
    for name, value in expected.items():
        torch.testing.assert_close(got[name], value, rtol=0, atol=1e-5)
    lines = [json.loads(line) for line in (tmp_path / run.run / "trajectory.jsonl").read_text().splitlines()]
    np.testing.assert_allclose([line["loss"] for line in lines], losses, atol=1e-5)
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5]
    assert max(line["grad_norm"] for line in lines) > 1  # so that clipping matters
    assert [step for _, step, _ in heard] == [1, 2, 3, 4, 5]
    assert lines[0]["lr"] == 0
    assert max(line["lr"] for line in lines) == pytest.approx(run.lr)
    order = budget.stream(range(24), 0, 30)
    assert lines[4]["supervised_tokens"] == int(data[kind].supervised[order[28:]].sum())
    assert trained.final_loss == pytest.approx(np.mean(losses), abs=1e-5)


def test_how_a_step_is_parted_does_not_matter(data: dict[str, Rows], base: Path, tmp_path: Path) -> None:
    run = run_of("journey", rows=14)
    for name, micro_batch in (("one", 7), ("seven", 1)):
        train(run, data, setup_in(tmp_path / name, base, micro_batch=micro_batch))
    one, seven = (weights(tmp_path / name / run.run) for name in ("one", "seven"))
    for name, value in one.items():
        torch.testing.assert_close(seven[name], value, rtol=0, atol=1e-5)


def test_arms_of_a_seed_start_from_the_same_adapter_and_seeds_do_not(
    data: dict[str, Rows], base: Path, tmp_path: Path
) -> None:
    setup = setup_in(tmp_path, base)
    torch.manual_seed(1)  # the initial weights depend on the run's seed alone
    journey = train(run_of("journey", rows=7), data, setup)
    torch.manual_seed(2)
    shortcut = train(run_of("shortcut", rows=7), data, setup)
    other = train(run_of("journey", rows=7, seed=1), data, setup)
    assert journey.initial == shortcut.initial != other.initial
    assert journey.order == shortcut.order != other.order


def test_the_saved_adapter_gives_the_trained_models_logits(data: dict[str, Rows], base: Path, tmp_path: Path) -> None:
    from peft import PeftModel, set_peft_model_state_dict

    setup, run = setup_in(tmp_path, base), run_of("journey", rows=14)
    train(run, data, setup)
    ref = models.ModelRef("tiny", str(base))
    trained = adapters.new_adapter(models.load_model(ref, device="cpu"), msgspec.structs.replace(run, seed=9), setup)
    set_peft_model_state_dict(trained, weights(tmp_path / run.run))
    loaded = PeftModel.from_pretrained(models.load_model(ref, device="cpu"), str(tmp_path / run.run))
    ids = torch.from_numpy(data["journey"].ids[data["journey"].at(0)].astype(np.int64))[None]
    with torch.inference_mode():
        got, want, plain = (
            m.eval()(input_ids=ids).logits for m in (loaded, trained, models.load_model(ref, device="cpu"))
        )
    assert torch.equal(got, want)
    assert (got - plain).abs().max() > 1e-3
    config = json.loads((tmp_path / run.run / "adapter_config.json").read_text())
    assert config["target_modules"] == sorted(config["target_modules"])
    assert config["base_model_name_or_path"] == "tiny"
    assert str(base) not in (tmp_path / run.run / "adapter_config.json").read_text()


def test_padding_that_is_the_end_of_turn_stays_out_of_the_labels(data: dict[str, Rows]) -> None:
    rows = data["journey"]
    members = [int(rows.lengths.argmax()), int(rows.lengths.argmin())]
    batch = sft.collate(rows, members, pad=2)  # <eos>
    for place, row in enumerate(members):
        length, prompt = int(rows.lengths[row]), int(rows.prompts[row])
        labels = batch["labels"][place].tolist()
        assert labels[:prompt] == [sft.IGNORED] * prompt
        assert labels[prompt:length] == rows.ids[rows.at(row)][prompt:].tolist()
        assert labels[length - 1] == 2
        assert set(labels[length:]) <= {sft.IGNORED}
        assert batch["attention_mask"][place].sum() == length


def test_a_loss_that_is_no_number_stops_the_run(data: dict[str, Rows], base: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFinite, match="at step"):
        train(run_of("journey", lr=1e30), data, setup_in(tmp_path, base))
    assert not (tmp_path / "journey-s0" / "adapter_model.safetensors").exists()


def test_weights_between_0_and_1_are_refused(base: Path, pairs: list[Pair], tmp_path: Path) -> None:
    tokenizer = models.load_tokenizer(models.find(str(base)))
    half = {"journey": encode(pairs, Arm("journey", "journey", {"mistake": 0.5}), tokenizer, "compact")}
    with pytest.raises(UsageError, match="not all 0 or 1"):
        train(run_of("journey"), half, setup_in(tmp_path, base))


def test_masked_roles_are_not_trained_on(base: Path, pairs: list[Pair], tmp_path: Path) -> None:
    tokenizer = models.load_tokenizer(models.find(str(base)))
    rows = encode(pairs, Arm("journey", "journey", {"mistake": 0.0}), tokenizer, "compact")
    run = run_of("journey", rows=14)
    train(run, {"journey": rows}, setup_in(tmp_path, base))
    lines = [json.loads(line) for line in (tmp_path / run.run / "trajectory.jsonl").read_text().splitlines()]
    order = budget.stream(range(24), 0, 14)
    assert [line["supervised_tokens"] for line in lines] == [
        int((rows.weights > 0)[np.concatenate([np.r_[rows.at(row)] for row in step])].sum())
        for step in (order[:7], order[7:])
    ]


def test_killed_and_resumed_equals_uninterrupted(data: dict[str, Rows], base: Path, tmp_path: Path) -> None:
    """kill -9 in a worker process, the newest checkpoint cut short, then on from the one before: equal to the bit."""
    run = run_of("journey", rows=70)
    train(run, data, setup_in(tmp_path / "whole", base))
    setup = setup_in(tmp_path / "killed", base, checkpoint_seconds=0.0)
    plan = Path(setup.scratch) / "plan.json"
    data["journey"].save(plan.with_name("journey.npz"))
    plan.write_bytes(dump_json(Plan(setup, (run,))))
    env = {**os.environ, "PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        pool.command(plan), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env
    ) as worker:
        assert worker.stdin and worker.stdout
        worker.stdin.write(b"journey-s0\n")
        worker.stdin.flush()
        for line in worker.stdout:
            if msgspec.json.decode(line, type=Event).step == 5:
                worker.send_signal(signal.SIGKILL)
                break
    checkpoints = Path(setup.scratch) / "checkpoints" / run.run
    newest = jobs.newest_whole(checkpoints)
    assert newest is not None and not (tmp_path / "killed" / run.run).exists()
    cut = newest / "adapter_model.safetensors"
    cut.write_bytes(cut.read_bytes()[:-100])
    before = jobs.newest_whole(checkpoints)
    assert before is not None and before.name < newest.name
    assert not newest.exists()
    heard: list[int] = []
    train(run, data, setup, lambda name, step, loss: heard.append(step))
    first = int(before.name.removeprefix("checkpoint-")) + 1
    assert heard == list(range(first, 11))
    for name in ("adapter_model.safetensors", "adapter_config.json", "trajectory.jsonl"):
        whole, resumed = (tmp_path / way / run.run / name for way in ("whole", "killed"))
        assert sha256(resumed) == sha256(whole), name
