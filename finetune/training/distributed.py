"""Data-parallel training of one run by `accelerate launch`: each process has the whole model and a share of every step.

    python -P -m accelerate.commands.launch --multi_gpu --num_processes 2 ... -m journey.finetune.training.distributed DIR

The forward passes of an optimiser step are dealt to the processes in turn, and gradients are summed over them, so which
rows share a step is what it would be in one process. Works over GPUs (NCCL) and on a CPU (gloo).
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import BinaryIO

import msgspec

from journey import processes
from journey.finetune.rows.rows import Rows
from journey.finetune.runs import Run
from journey.finetune.training.events import Event, read_events, write_event
from journey.finetune.training.protocol import NotFinite, Report, Setup, Trained, checkpoints, newest_whole
from journey.formats.files import dump_json, write_atomic


class LaunchJob(msgspec.Struct, frozen=True):
    """What the processes train; the run's rows lie beside it."""

    run: Run
    setup: Setup


def command(folder: Path, count: int) -> list[str]:
    """The command that starts so many processes. Every option is given, so that no configuration of the user's is read."""
    launch = [*processes.python("accelerate.commands.launch"), "--multi_gpu"]
    launch += ["--num_processes", str(count), "--num_machines", "1", "--machine_rank", "0"]
    launch += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    return [*launch, "--module", "journey.finetune.training.distributed", str(folder)]


def train(run: Run, rows: Rows, setup: Setup, report: Report) -> Trained:
    """Train one run on `setup.processes` processes.

    Raises NotFinite when the loss is no number, RuntimeError when a process fails; its stderr is this process's own.
    """
    folder = Path(setup.scratch) / "launched" / run.run
    rows.save(folder / "rows.npz")
    write_atomic(folder / "job.json", dump_json(LaunchJob(run, setup)))
    newest_whole(checkpoints(setup, [run]))  # takes broken ones away before several processes look at them
    last = Event(run.run)
    with processes.start_program(command(folder, setup.processes)) as launcher:
        assert launcher.stdout is not None
        try:
            for last in read_events(launcher.stdout):
                if last.step:
                    report(run.run, last.step, last.loss)
        except BaseException:
            launcher.terminate()  # ends its processes too
            raise
    if last.failed is not None:
        raise NotFinite(last.failed)
    if last.trained is None:
        raise RuntimeError(f"its {setup.processes} processes {processes.how_it_ended(launcher.returncode)}")
    return last.trained


def work(folder: Path, events: BinaryIO) -> None:
    """The part of one of the processes; the first one writes the events."""
    from journey.finetune.training.one_run import train_run

    job = msgspec.json.decode((folder / "job.json").read_bytes(), type=LaunchJob)
    name = job.run.run

    def send(event: Event) -> None:
        if os.environ["RANK"] == "0":
            write_event(event, events)

    try:
        rows = Rows.load(folder / "rows.npz")
        trained = train_run(job.run, rows, job.setup, lambda run, step, loss: send(Event(run, step, loss)))
        send(Event(name, trained=trained))
    except NotFinite as error:
        send(Event(name, failed=str(error), again=False))


def main() -> None:
    """Work until done; ends when stdin does, which the process that wants the run holds, or when nobody reads the events."""
    events = processes.own_stdout()
    processes.end_with_stdin()
    try:
        work(Path(sys.argv[1]), events)
    except BrokenPipeError:
        os._exit(1)
    except Exception:  # noqa: BLE001 - the other processes wait for this one and are ended by the launcher
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


if __name__ == "__main__":
    main()
