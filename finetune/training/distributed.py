"""One run on several processes, started by `accelerate launch`: each has the whole model and a share of every step.

    python -P -m accelerate.commands.launch --multi_gpu --num_processes 2 ... -m journey.finetune.training.distributed DIR

The forward passes of an optimiser step are dealt to the processes in turn, and gradients are summed over them, so which
rows share a step is what it would be in one process. Works over GPUs (NCCL) and on a CPU (gloo).
"""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import msgspec

from journey.finetune.rows.rows import Rows
from journey.finetune.runs import Run
from journey.finetune.training.protocol import NotFinite, Report, Setup, Trained, checkpoints, newest_whole
from journey.formats.files import dump_json, write_atomic


class Job(msgspec.Struct, frozen=True):
    """What the processes are told; the run's rows lie beside it."""

    run: Run
    setup: Setup


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the first process says, a line each: a step that was made, or how the run ended."""

    step: int = 0
    loss: float = 0.0
    trained: Trained | None = None
    not_finite: str | None = None


def command(folder: Path, processes: int) -> list[str]:
    """What starts the processes of a job. Everything is said, so that no configuration of the user's is looked up."""
    launch = [sys.executable, "-P", "-m", "accelerate.commands.launch", "--multi_gpu"]
    launch += ["--num_processes", str(processes), "--num_machines", "1", "--machine_rank", "0"]
    launch += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    return [*launch, "--module", "journey.finetune.training.distributed", str(folder)]


def train(run: Run, rows: Rows, setup: Setup, report: Report) -> Trained:
    """Train one run on `setup.processes` processes.

    Raises NotFinite when the loss is no number, RuntimeError when a process fails; what it said went to stderr.
    """
    folder = Path(setup.scratch) / "launched" / run.run
    rows.save(folder / "rows.npz")
    write_atomic(folder / "job.json", dump_json(Job(run, setup)))
    newest_whole(checkpoints(setup, [run]))  # takes broken ones away before several processes look at them
    last = Said()
    with subprocess.Popen(
        command(folder, setup.processes),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONSAFEPATH": "1"},
    ) as launcher:
        assert launcher.stdout is not None
        try:
            for line in launcher.stdout:
                last = msgspec.json.decode(line, type=Said)
                if last.step:
                    report(run.run, last.step, last.loss)
        except BaseException:
            launcher.terminate()  # ends its processes too
            raise
    if last.not_finite is not None:
        raise NotFinite(last.not_finite)
    if last.trained is None:
        raise RuntimeError(f"its {setup.processes} processes ended with code {launcher.returncode}")
    return last.trained


def work(folder: Path, out: Any) -> None:
    """The part of one of the processes; the first one writes to `out`, a binary stream."""
    from journey.finetune.training.one_run import train_run

    job = msgspec.json.decode((folder / "job.json").read_bytes(), type=Job)

    def tell(said: Said) -> None:
        if os.environ["RANK"] == "0":
            out.write(msgspec.json.encode(said) + b"\n")
            out.flush()

    try:
        trained = train_run(
            job.run, Rows.load(folder / "rows.npz"), job.setup, lambda run, step, loss: tell(Said(step, loss))
        )
        tell(Said(trained=trained))
    except NotFinite as error:
        tell(Said(not_finite=str(error)))


def main() -> None:
    """Keep stdout for what is said: what libraries print goes to stderr. Ends when nobody listens any more."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        work(Path(sys.argv[1]), out)
    except BrokenPipeError:
        os._exit(1)
    except Exception:  # noqa: BLE001 - the other processes wait for this one and are ended by the launcher
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


if __name__ == "__main__":
    main()
