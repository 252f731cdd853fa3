"""One run on two processes through `accelerate launch`, against the same run on one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import load_file

from journey.catalog import ARMS, ENGINES
from journey.finetune.rows.rows import Rows, encode
from journey.finetune.runs import Run
from journey.finetune.training import batches, distributed
from journey.finetune.training.protocol import NotFinite, Setup
from journey.models import load
from journey.schema import Pair

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
RUN = Run("journey-s0", "journey", "journey", "examples", 0, 1e-2, 24, 30, 5, 2, 4, 64)


@pytest.fixture(scope="module")
def rows(base: Path, pairs: list[Pair]) -> Rows:
    tokenizer = load.load_tokenizer(load.find(str(base)))
    return encode(pairs, ARMS.get("journey")(), tokenizer, "compact")


def setup_in(folder: Path, base: Path, **changes: Any) -> Setup:
    facts: dict[str, Any] = {"rows_per_step": 7, "micro_batch": 3, **changes}
    return Setup("trl", "tiny", str(base), None, max_length=512, work=str(folder), scratch=str(folder / "s"), **facts)


def test_a_step_keeps_its_rows_whatever_the_number_of_processes(rows: Rows, base: Path, tmp_path: Path) -> None:
    one, two = (batches.laid_out(RUN, rows, setup_in(tmp_path, base, processes=count)) for count in (1, 2))
    assert one[0] == two[0]
    assert one[2] == 3 and two[2] == 4
    for number, step in enumerate(two[0]):
        passes = two[1][4 * number : 4 * number + 4]
        assert sorted(row for members in passes for row in members) == sorted(step)


def test_two_processes_give_the_weights_of_one(rows: Rows, base: Path, tmp_path: Path) -> None:
    found, heard = {}, []
    for count in (1, 2):
        setup = setup_in(tmp_path / str(count), base, processes=count, checkpoint_seconds=0.0, loss_norm="row")
        (trained,) = ENGINES.get("trl")([RUN], {"journey": rows}, setup, lambda *said: heard.append(said))
        found[count] = (trained, load_file(tmp_path / str(count) / RUN.run / "adapter_model.safetensors"))
        assert batches.laid_out(RUN, rows, setup)[2] == count + 2
    assert heard[5:] == [(name, step, pytest.approx(loss, abs=1e-5)) for name, step, loss in heard[:5]]
    (one, weights), (two, shared) = found[1], found[2]
    assert (one.initial, one.order) == (two.initial, two.order)
    assert max(float(value.abs().max()) for value in weights.values()) > 1e-2
    for name, value in weights.items():
        torch.testing.assert_close(shared[name], value, rtol=0, atol=5e-5)
    losses = [
        [json.loads(line)["loss"] for line in (tmp_path / way / RUN.run / "trajectory.jsonl").read_text().splitlines()]
        for way in "12"
    ]
    np.testing.assert_allclose(losses[0], losses[1], atol=1e-5)


@pytest.mark.parametrize(
    ("says", "error", "words"),
    [
        (
            '{"run": "journey-s0", "step": 1, "loss": 2.0}\\n{"run": "journey-s0", "failed": "loss nan"}',
            NotFinite,
            "loss nan",
        ),
        ('{"run": "journey-s0", "step": 1, "loss": 2.0}', RuntimeError, "its 2 processes ended with code 3"),
    ],
)
def test_how_processes_end_is_told(
    says: str, error: type[Exception], words: str, rows: Rows, base: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    script = f"import sys; print('{says}'); sys.exit(3)"
    monkeypatch.setattr(distributed, "command", lambda folder, count: [sys.executable, "-c", script])
    heard: list[tuple[str, int, float]] = []
    with pytest.raises(error, match=words):
        distributed.train(RUN, rows, setup_in(tmp_path, base, processes=2), lambda *said: heard.append(said))
    assert heard == [("journey-s0", 1, 2.0)]


@pytest.mark.slow
def test_the_processes_of_a_run_end_with_the_one_that_wants_it(rows: Rows, base: Path, tmp_path: Path) -> None:
    """Killed in the midst of training: neither the launcher nor its processes, which know nothing of their grandparent, stay."""
    run = msgspec.structs.replace(RUN, rows=60_000, steps=10_000)
    rows.save(tmp_path / "rows.npz")
    (tmp_path / "run.json").write_bytes(
        msgspec.json.encode(distributed.LaunchJob(run, setup_in(tmp_path, base, processes=2)))
    )
    code = f"""
import msgspec
from pathlib import Path
from journey.finetune.rows.rows import Rows
from journey.finetune.training import distributed
folder = Path({str(tmp_path)!r})
job = msgspec.json.decode((folder / "run.json").read_bytes(), type=distributed.LaunchJob)
distributed.train(job.run, Rows.load(folder / "rows.npz"), job.setup, lambda *told: print(*told, flush=True))
"""
    parent = subprocess.Popen([sys.executable, "-P", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert parent.stdout is not None and parent.stdout.readline().startswith(b"journey-s0 1 ")
    started = psutil.Process(parent.pid).children(recursive=True)
    assert len(started) >= 3  # the launcher and two processes
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs(started, timeout=30)
    assert not alive
