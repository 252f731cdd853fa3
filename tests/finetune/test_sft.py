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

from journey.catalog import ARMS, ENGINES
from journey.errors import UsageError
from journey.finetune.rows import budget
from journey.finetune.rows.rows import Rows, encode
from journey.finetune.runs import Arm, Run
from journey.finetune.training import adapters, batches, one_run, packing, pool, protocol
from journey.finetune.training.protocol import NotFinite, Setup, Trained
from journey.finetune.training.worker import Event, Plan
from journey.formats.files import dump_json, sha256
from journey.models import load
from journey.schema import Pair

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


@pytest.fixture(scope="module")
def data(base: Path, pairs: list[Pair]) -> dict[str, Rows]:
    tokenizer = load.load_tokenizer(load.find(str(base)))
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


def plain_loop(
    run: Run, rows: Rows, setup: Setup, dtype: torch.dtype = torch.float32
) -> tuple[dict[str, torch.Tensor], list[float]]:
    """The same training, row by row without padding, on PEFT and PyTorch alone."""
    model: Any = load.load_model(load.ModelRef("tiny", setup.source), device="cpu", dtype=dtype)
    model = model if setup.full else adapters.new_adapter(model, run, setup)
    model.train()
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    decay = setup.weight_decay
    optimizer = torch.optim.AdamW(trained, lr=run.lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=decay)
    losses = []
    for step, members in enumerate(budget.laid_out(run, rows, setup.rows_per_step)):
        weighed = sum(float(rows.weights[rows.at(row)].sum()) for row in members)
        total = 0.0
        for row in members:
            ids = torch.from_numpy(rows.ids[rows.at(row)].astype(np.int64))
            weight = torch.from_numpy(rows.weights[rows.at(row)].astype(np.float64))[1:].to(dtype)
            each = torch.nn.functional.cross_entropy(
                model(input_ids=ids[None]).logits[0, :-1], ids[1:], reduction="none"
            )
            divisor = weighed if setup.loss_norm == "token" else float(weight.sum()) * len(members)
            loss = (each * weight).sum() / divisor
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
    return (model.state_dict() if setup.full else adapters.adapter_state(model)), losses


def moved_by(state: dict[str, torch.Tensor]) -> float:
    return max(float(value.abs().max()) for name, value in state.items() if "lora_B" in name)


@pytest.mark.parametrize("kind", ["journey", "shortcut"])
def test_equals_a_plain_loop(kind: str, data: dict[str, Rows], base: Path, tmp_path: Path) -> None:
    """30 ragged rows in steps of 7, three forward passes each, the last step of 2 rows."""
    setup, run = setup_in(tmp_path, base), run_of(kind)
    heard: list[tuple[str, int, float]] = []
    trained = train(run, data, setup, lambda *said: heard.append(said))
    expected, losses = plain_loop(run, data[kind], setup)
    got = weights(tmp_path / run.run)
    assert got.keys() == expected.keys()
    assert moved_by(got) > 1e-2  # it did train
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
    lengths, passes = data[kind].lengths, batches.laid_out(run, data[kind], setup)[1]
    computed = sum(len(members) * int(lengths[members].max()) if members else 2 for members in passes)
    assert trained.padding == pytest.approx(
        1 - lengths[[row for one in passes for row in one]].sum() / computed, abs=1e-4
    )
    assert lines[4]["supervised_tokens"] == int(data[kind].supervised[order[28:]].sum())
    assert trained.final_loss == pytest.approx(np.mean(losses), abs=1e-5)


def test_steps_of_unequal_rows_equal_a_plain_loop(data: dict[str, Rows], base: Path, tmp_path: Path) -> None:
    """The budget `steps`, a row in each pass, so that some passes are empty."""
    rows = data["journey"]
    run = msgspec.structs.replace(
        run_of("journey", rows=24), steps=3, budget="steps", step_tokens=float(rows.supervised.sum() / 3)
    )
    sizes = [len(step) for step in budget.laid_out(run, rows, 7)]
    assert max(sizes) > min(sizes)
    train(run, data, setup_in(tmp_path, base, micro_batch=1))
    expected, losses = plain_loop(run, rows, setup_in(tmp_path, base))
    for name, value in weights(tmp_path / run.run).items():
        torch.testing.assert_close(value, expected[name], rtol=0, atol=1e-5)
    lines = [json.loads(line) for line in (tmp_path / run.run / "trajectory.jsonl").read_text().splitlines()]
    np.testing.assert_allclose([line["loss"] for line in lines], losses, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("loss weights between 0 and 1", {}),
        ("loss weights, mean of row means", {"loss_norm": "row", "weight_decay": 0.5, "rslora": True}),
        ("loss weights, rows end to end", {"packing": True}),
        (
            "mean of row means, rows end to end, recomputed",
            {"loss_norm": "row", "packing": True, "checkpointing": True, "attention": "eager"},
        ),
    ],
)
def test_loss_weights_equal_a_plain_loop(
    name: str, changes: dict[str, Any], base: Path, pairs: list[Pair], tmp_path: Path
) -> None:
    tokenizer = load.load_tokenizer(load.find(str(base)))
    arm = Arm("journey", "journey", {"mistake": 0.25, "notice": 0.0} if "weights" in name else {})
    rows = encode(pairs, arm, tokenizer, "compact")
    setup, run = setup_in(tmp_path, base, **changes), run_of("journey", rows=21)
    trained = train(run, {"journey": rows}, setup)
    expected, losses = plain_loop(run, rows, setup)
    got = weights(tmp_path / run.run)
    assert moved_by(got) > 1e-2
    for key, value in expected.items():
        torch.testing.assert_close(got[key], value, rtol=0, atol=5e-5)  # steps are of 1e-2
    assert trained.final_loss == pytest.approx(np.mean(losses), abs=1e-5)


def test_float64_is_float64_throughout(data: dict[str, Rows], base: Path, tmp_path: Path) -> None:
    """With one row a pass nothing is padded, and what is left of the difference to a plain loop is rounding."""
    setup, run = setup_in(tmp_path, base, micro_batch=1), run_of("journey", rows=21)
    trained = one_run.train_run(run, data["journey"], setup, lambda *said: None, dtype=torch.float64)
    expected, losses = plain_loop(run, data["journey"], setup, torch.float64)
    got = weights(tmp_path / run.run)
    assert trained.dtype == "float64" and {value.dtype for value in got.values()} == {torch.float64}
    for key, value in expected.items():
        torch.testing.assert_close(got[key], value, rtol=0, atol=1e-11)
    assert trained.final_loss == pytest.approx(np.mean(losses), abs=1e-6)  # the trainer adds up losses in float32


def test_dropout_changes_the_weights_and_comes_from_the_seed(data: dict[str, Rows], base: Path, tmp_path: Path) -> None:
    run, found = run_of("journey", rows=14), []
    for name, dropout in (("none", 0.0), ("some", 0.3), ("again", 0.3)):
        torch.manual_seed(len(found))
        train(run, data, setup_in(tmp_path / name, base, dropout=dropout))
        found.append(sha256(tmp_path / name / run.run / "adapter_model.safetensors"))
    assert found[0] != found[1] == found[2]


def test_every_weight_of_the_base_can_be_trained(data: dict[str, Rows], base: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from journey.models.load import adapted

    setup, run = setup_in(tmp_path, base, full=True), run_of("journey", rows=21, lr=3e-3)
    train(run, data, setup)
    expected, _ = plain_loop(run, data["journey"], setup)
    folder = tmp_path / run.run
    assert not (folder / "adapter_config.json").exists()
    loaded = AutoModelForCausalLM.from_pretrained(folder)
    before = load.load_model(load.find(str(base)), device="cpu")
    for name, value in expected.items():
        torch.testing.assert_close(loaded.state_dict()[name], value, rtol=0, atol=2e-5)
    assert (loaded.state_dict()["model.embed_tokens.weight"] - before.state_dict()["model.embed_tokens.weight"]).any()
    assert load.find(str(folder)).local  # the folder is a base like any other
    assert AutoTokenizer.from_pretrained(folder).eos_token == "<eos>"
    assert str(base) not in (folder / "config.json").read_text()
    ids = torch.from_numpy(data["journey"].ids[data["journey"].at(0)].astype(np.int64))[None]
    with torch.inference_mode(), adapted(before, folder) as model:  # as evaluate loads a run
        assert torch.equal(model(input_ids=ids).logits, loaded.eval()(input_ids=ids).logits)


def test_training_is_reported(
    data: dict[str, Rows], base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the run's own name, every step, files outside of the folder that is hashed."""
    from transformers import TrainerCallback
    from transformers.integrations import integration_utils

    heard: list[tuple[Any, ...]] = []

    class Recorder(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            heard.append((args.run_name, state.global_step, os.environ["TENSORBOARD_LOGGING_DIR"], "loss" in logs))

    monkeypatch.setitem(integration_utils.INTEGRATION_TO_CALLBACK, "tensorboard", Recorder)
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", "")
    run = run_of("journey", rows=14)
    train(run, data, setup_in(tmp_path / "work", base, report_to="tensorboard", logs=str(tmp_path / "logs")))
    where = str(tmp_path / "logs" / "journey-s0")
    assert heard[:2] == [("journey-s0", step, where, True) for step in (1, 2)]


def test_packed_rows_that_would_see_one_another_are_refused(data: dict[str, Rows], base: Path) -> None:
    from transformers import BloomConfig, BloomForCausalLM

    rows = data["journey"]
    packing.check_packing(load.load_model(load.find(str(base)), device="cpu"), rows, 0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        leaks = BloomForCausalLM(BloomConfig(vocab_size=int(rows.ids.max()) + 1, hidden_size=16, n_layer=1, n_head=2))
    with pytest.raises(UsageError, match="would see the rows packed before it"):
        packing.check_packing(leaks, rows, 0)


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
    ref = load.ModelRef("tiny", str(base))
    trained = adapters.new_adapter(load.load_model(ref, device="cpu"), msgspec.structs.replace(run, seed=9), setup)
    set_peft_model_state_dict(trained, weights(tmp_path / run.run))
    loaded = PeftModel.from_pretrained(load.load_model(ref, device="cpu"), str(tmp_path / run.run))
    ids = torch.from_numpy(data["journey"].ids[data["journey"].at(0)].astype(np.int64))[None]
    with torch.inference_mode():
        got, want, plain = (
            m.eval()(input_ids=ids).logits for m in (loaded, trained, load.load_model(ref, device="cpu"))
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
    batch = batches.collate(rows, members, pad=2)  # <eos>
    for place, row in enumerate(members):
        length, prompt = int(rows.lengths[row]), int(rows.prompts[row])
        labels = batch["labels"][place].tolist()
        assert labels[:prompt] == [batches.IGNORED] * prompt
        assert labels[prompt:length] == rows.ids[rows.at(row)][prompt:].tolist()
        assert labels[length - 1] == 2
        assert set(labels[length:]) <= {batches.IGNORED}
        assert batch["attention_mask"][place].sum() == length


def test_a_loss_that_is_no_number_stops_the_run(data: dict[str, Rows], base: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFinite, match="at step"):
        train(run_of("journey", lr=1e30), data, setup_in(tmp_path, base))
    assert not (tmp_path / "journey-s0" / "adapter_model.safetensors").exists()


def test_masked_roles_are_not_trained_on(base: Path, pairs: list[Pair], tmp_path: Path) -> None:
    tokenizer = load.load_tokenizer(load.find(str(base)))
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
        worker.stdin.write(b'["journey-s0"]\n')
        worker.stdin.flush()
        for line in worker.stdout:
            if msgspec.json.decode(line, type=Event).step == 5:
                worker.send_signal(signal.SIGKILL)
                break
    checkpoints = Path(setup.scratch) / "checkpoints" / run.run
    newest = protocol.newest_whole(checkpoints)
    assert newest is not None and not (tmp_path / "killed" / run.run).exists()
    cut = newest / "adapter_model.safetensors"
    cut.write_bytes(cut.read_bytes()[:-100])
    before = protocol.newest_whole(checkpoints)
    assert before is not None and before.name < newest.name
    assert not newest.exists()
    heard: list[int] = []
    train(run, data, setup, lambda name, step, loss: heard.append(step))
    first = int(before.name.removeprefix("checkpoint-")) + 1
    assert heard == list(range(first, 11))
    for name in ("adapter_model.safetensors", "adapter_config.json", "trajectory.jsonl"):
        whole, resumed = (tmp_path / way / run.run / name for way in ("whole", "killed"))
        assert sha256(resumed) == sha256(whole), name
