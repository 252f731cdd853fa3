"""Parts of the stacked engine: passes, shares of the loss, chunked cross-entropy, what cannot be stacked, kill -9."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from journey import processes
from journey.catalog import ARMS, ENGINES
from journey.errors import UsageError
from journey.finetune.planning.groups import grouped
from journey.finetune.rows.rows import Rows, encode
from journey.finetune.runs import Run
from journey.finetune.training import losses, passes, pool, stacked
from journey.finetune.training.events import read_events
from journey.finetune.training.protocol import Setup, Trained, group_name, newest_whole
from journey.finetune.training.worker import WorkerPlan
from journey.formats.files import dump_json, sha256
from journey.models import load, lora
from journey.schema import Pair

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
FILES = ("adapter_model.safetensors", "adapter_config.json", "trajectory.jsonl")


@pytest.fixture(scope="module")
def data(base: Path, pairs: list[Pair]) -> dict[str, Rows]:
    tokenizer = load.load_tokenizer(load.find(str(base)))
    return {name: encode(pairs, ARMS.get(name)(), tokenizer, "compact") for name in ("shortcut", "journey")}


def setup_in(folder: Path, base: Path, **changes: Any) -> Setup:
    facts = {"rows_per_step": 6, "micro_batch": 3, "max_length": 512, "checkpoint_seconds": 1e9, **changes}
    return Setup("stacked", "tiny", str(base), None, work=str(folder), scratch=str(folder / "s"), **facts)


def six_runs() -> tuple[Run, ...]:
    """Runs of 6 to 16 steps."""
    sizes = {("shortcut", 0): 36, ("shortcut", 1): 96, ("journey", 0): 60, ("journey", 1): 96}
    return tuple(
        Run(f"{kind}-s{seed}", kind, kind, "examples", seed, 1e-2, 24, rows, rows // 6, 2, 4, 16)
        for (kind, seed), rows in sizes.items()
    )


# --- passes -----------------------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 40)), min_size=1, max_size=40),
    st.integers(1, 200),
    st.integers(0, 50),
)
def test_passes_hold_every_row_once_within_the_limit(drawn: list[tuple[int, int]], limit: int, cost: int) -> None:
    units = [passes.Unit(place, (row,), length) for row, (place, length) in enumerate(drawn)]
    dealt = passes.deal(units, limit, cost)
    assert sorted(unit for group in dealt for unit in group) == sorted(units)
    for group in dealt:
        assert len(group) == 1 or len(group) * max(unit.length for unit in group) <= limit
    one_by_one = sum(unit.length for unit in units)
    padded = sum(len(group) * max(unit.length for unit in group) for group in dealt)
    assert padded + cost * len(dealt) <= one_by_one + cost * len(units)


def test_passes_with_dropout_hold_a_run_once() -> None:
    units = [passes.Unit(place, (2 * part, 2 * part + 1), 10 + part) for place in range(3) for part in range(4)]
    dealt = passes.deal(units, 1000, 10, once=True)
    assert sorted(unit for group in dealt for unit in group) == sorted(units)
    assert all(len({unit.run for unit in group}) == len(group) for group in dealt)
    assert len(dealt) == 4


@pytest.mark.parametrize("packed", [False, True])
def test_a_pass_supervises_what_the_rows_supervise(packed: bool, data: dict[str, Rows]) -> None:
    rows = [data["shortcut"], data["journey"]]
    units = [passes.Unit(place, (row,), int(rows[place].lengths[row])) for place, row in ((0, 3), (1, 5), (1, 2))]
    share = [stacked.shares(rows[0], [3], "token"), stacked.shares(rows[1], [5, 2], "token")]
    made = passes.build(units, rows, share, 0, torch.device("cpu"), packed=packed)
    flat = made.ids.flatten()
    assert torch.equal(flat[made.positions + 1], made.labels)
    for place in (0, 1):
        assert float(made.weights[made.owners == place].sum()) == pytest.approx(1)
    assert made.own == (int(rows[0].lengths[3]), int(rows[1].lengths[[5, 2]].sum()))
    assert sum(made.tokens) == made.ids.numel() and (made.tokens == made.own) == packed


@pytest.mark.parametrize("norm", ["token", "row"])
def test_shares_of_a_step_add_up_to_one(norm: str, data: dict[str, Rows]) -> None:
    rows = data["journey"]
    share = stacked.shares(rows, [1, 4, 7], norm)
    assert share.keys() == {1, 4, 7}  # no other row of the data is touched
    sums = [float(share[row].sum()) for row in (1, 4, 7)]
    assert sum(sums) == pytest.approx(1)
    wanted = rows.supervised[[1, 4, 7]] / rows.supervised[[1, 4, 7]].sum() if norm == "token" else [1 / 3] * 3
    assert sums == pytest.approx(list(wanted))


# --- cross-entropy ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_a_time", [1, 5, 100])
@pytest.mark.parametrize(("factor", "cap"), [(1.0, None), (0.5, None), (1.0, 3.0), (2.0, 3.0)])
def test_chunked_cross_entropy_equals_pytorchs(at_a_time: int, factor: float, cap: float | None) -> None:
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(17, 8, dtype=torch.float64, generator=generator, requires_grad=True)
    weight = torch.randn(50, 8, dtype=torch.float64, generator=generator)
    bias = torch.randn(50, dtype=torch.float64, generator=generator)
    labels = torch.randint(0, 50, (17,), generator=generator)
    outer = torch.rand(17, dtype=torch.float64, generator=generator)
    head = losses.Head(weight, bias, factor, cap)
    got = losses.token_losses(hidden, labels, head, at_a_time)
    (slope,) = torch.autograd.grad((got * outer).sum(), hidden)
    logits = (hidden @ weight.T + bias) * factor
    logits = torch.tanh(logits / cap) * cap if cap else logits
    wanted = nn.functional.cross_entropy(logits, labels, reduction="none")
    (wanted_slope,) = torch.autograd.grad((wanted * outer).sum(), hidden)
    torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(slope, wanted_slope, rtol=1e-12, atol=1e-12)


def test_a_head_that_does_more_than_is_known_is_refused(base: Path) -> None:
    model: Any = load.load_model(load.find(str(base)), device="cpu")
    losses.head_of(model)
    real = model.forward
    model.forward = lambda *args, **kwargs: SimpleNamespace(logits=real(*args, **kwargs).logits ** 2)
    with pytest.raises(UsageError, match="changes its logits in a way not known here"):
        losses.head_of(model)


# --- what cannot be stacked ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"use_dora": True}, "use_dora=True cannot be stacked exactly"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save="),
        ({"init_lora_weights": "pissa"}, "init_lora_weights='pissa' changes the base"),
        ({"init_lora_weights": "loftq"}, "changes the base"),
        ({"bias": "all"}, "bias='all' trains the base's biases"),
        ({"rank_pattern": {"q_proj": 4}}, "rank_pattern="),
        ({"a_field_of_tomorrow": 3}, "a_field_of_tomorrow=3 cannot be stacked exactly"),
    ],
)
def test_adapters_that_cannot_be_stacked_are_named(changes: dict[str, Any], said: str) -> None:
    from peft import LoraConfig

    plain = LoraConfig(r=4, target_modules=["q_proj"]).to_dict()
    lora.refuse_unstackable(plain)
    with pytest.raises(UsageError, match=said) as refused:
        lora.refuse_unstackable({**plain, **changes})
    assert "--engine trl" in str(refused.value)


def test_layers_that_cannot_be_stacked_are_named() -> None:
    class Quantised(nn.Linear):
        pass

    model = nn.ModuleDict({"plain": nn.Linear(4, 4), "packed": Quantised(4, 4)})
    with pytest.raises(UsageError, match=r"packed is a Quantised, only plain linear layers"):
        lora.Stack(model, ["plain", "packed"], runs=2, rank=2)
    assert type(model["plain"]) is nn.Linear  # nothing is left behind
    with pytest.raises(UsageError, match="match no layer"):
        lora.Stack(model, [], runs=2, rank=2)


def test_a_base_with_dropout_of_its_own_is_refused(base: Path, data: dict[str, Rows], tmp_path: Path) -> None:
    model: Any = load.load_model(load.find(str(base)), device="cpu")
    for layer in model.model.layers:
        layer.self_attn.attention_dropout = 0.1
    with pytest.raises(UsageError, match="draws random numbers in training mode"):
        stacked.Training(model, 0, six_runs(), data, setup_in(tmp_path, base), lambda *_: None)


# --- groups and checkpoints -------------------------------------------------------------------------------------------


def test_groups_depend_on_settings_and_device_alone() -> None:
    runs = six_runs()
    counted: Any = [SimpleNamespace(run=run.run, flops=run.rows) for run in runs]
    by_seed = [("shortcut-s0", "journey-s0"), ("shortcut-s1", "journey-s1")]

    def names(engine: str, stacks: int | None, device: str) -> list[tuple[str, ...]]:
        return [tuple(run.run for run in group) for group in grouped(runs, counted, engine, stacks, device)]

    assert names("trl", None, "cpu") == [(run.run,) for run in runs]
    assert names("stacked", None, "cpu") == by_seed
    assert names("stacked", None, "cuda") == [tuple(run.run for run in runs)]
    dealt = names("stacked", 3, "cpu")
    assert sorted(name for group in dealt for name in group) == sorted(run.run for run in runs)
    assert len(dealt) == 3 and ("shortcut-s0", "journey-s0") in dealt  # the two cheapest share a stack
    assert len(names("stacked", 9, "cuda")) == 4


def in_process(setup: Setup, runs: tuple[Run, ...], data: dict[str, Rows], kill_at: int | None) -> None:
    """Train in a worker process, killed when it tells of so many steps in all (None: not at all)."""
    plan = Path(setup.scratch) / "plan.json"
    for kind, rows in data.items():
        rows.save(plan.with_name(f"{kind}.npz"))
    plan.write_bytes(dump_json(WorkerPlan(setup, runs)))
    with processes.start_program(pool.command(plan), stderr=subprocess.DEVNULL, threads=1) as worker:
        assert worker.stdin and worker.stdout
        worker.stdin.write(msgspec.json.encode([run.run for run in runs]) + b"\n")
        worker.stdin.flush()
        steps = ends = 0
        for event in read_events(worker.stdout):
            ends += event.ends
            steps += not event.ends
            if steps == kill_at:
                worker.kill()
            if ends == len(runs):
                break


def test_killed_and_resumed_equals_uninterrupted(data: dict[str, Rows], base: Path, tmp_path: Path) -> None:
    """kill -9 twice, once after runs have left the stack, and a checkpoint cut short: equal to the bit."""
    runs = six_runs()
    in_process(setup_in(tmp_path / "whole", base, dropout=0.1), runs, data, None)
    setup = setup_in(tmp_path / "killed", base, dropout=0.1, checkpoint_seconds=0.0)
    checkpoints = Path(setup.scratch) / "checkpoints" / group_name(runs)
    for kill_at in (14, 30):  # of 48 steps in all; the shortest run ends at step 6
        in_process(setup, runs, data, kill_at)
        newest = newest_whole(checkpoints)
        assert newest is not None
    (newest / "state.safetensors").write_bytes(b"cut short")
    assert newest_whole(checkpoints) is None and not newest.exists()
    in_process(setup, runs, data, None)
    for run in runs:
        for name in FILES:
            whole, resumed = (tmp_path / way / run.run / name for way in ("whole", "killed"))
            assert sha256(resumed) == sha256(whole), (run.run, name)


def test_a_run_that_left_before_the_kill_is_told_of_again(data: dict[str, Rows], base: Path, tmp_path: Path) -> None:
    runs, setup = six_runs(), setup_in(tmp_path, base)
    first = next(iter(ENGINES.get("stacked")(runs, data, setup, lambda *_: None)))
    assert isinstance(first, Trained) and first.run == "shortcut-s0"
    heard: list[int] = []
    again = list(ENGINES.get("stacked")(runs, data, setup, lambda run, step, loss: heard.append(step)))
    assert again[0] == first and len(again) == len(runs)
    assert min(heard) == 7  # it went on after the step at which the first run left
