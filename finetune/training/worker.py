"""The training worker: requests come in on stdin as lists of run names, events go out on stdout, JSON lines both.

    python -P -m journey.finetune.training.worker DIR/plan.json

A request names the runs to train together. Importing the training libraries takes seconds, so a worker answers many. It
ends when its stdin does, in the midst of training too: then its parent is gone.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import BinaryIO, ClassVar

import msgspec

from journey import processes
from journey.catalog import ENGINES
from journey.finetune.rows.rows import Rows
from journey.finetune.runs import Run
from journey.finetune.training.events import Event, write_event
from journey.finetune.training.protocol import Engine, Failed, NotFinite, Setup, Trained


class WorkerPlan(msgspec.Struct, frozen=True):
    """Everything a worker must know; the rows lie beside it as KIND.npz."""

    FILE: ClassVar[str] = "worker_plan.json"

    setup: Setup
    runs: tuple[Run, ...]


def serve(plan_file: Path, requests: Iterable[bytes], events: BinaryIO) -> None:
    """Train the runs that each request names, writing events."""
    plan = msgspec.json.decode(plan_file.read_bytes(), type=WorkerPlan)
    runs = {run.run: run for run in plan.runs}
    engine: Engine = ENGINES.get(plan.setup.engine)
    send = partial(write_event, stream=events)

    def report(run: str, step: int, loss: float) -> None:
        send(Event(run, step, loss))

    for request in requests:
        group = [runs[name] for name in msgspec.json.decode(request, type=list[str])]
        left = {run.run for run in group}

        def end(event: Event, left: set[str] = left) -> None:
            left.discard(event.run)
            send(event)

        try:
            data = {kind: Rows.load(plan_file.with_name(f"{kind}.npz")) for kind in {run.kind for run in group}}
            for result in engine(group, data, plan.setup, report):
                if isinstance(result, Trained):
                    end(Event(result.run, trained=result))
                elif isinstance(result, Failed):
                    end(Event(result.run, failed=result.why, again=False))
                else:
                    send(Event(group[0].run, message=result.text))
        except NotFinite as error:
            end(Event(group[0].run, failed=str(error), again=False))
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the libraries raise must not take the other runs with it
            traceback.print_exc()
            reason = (str(error).strip().splitlines() or ["no reason given"])[0]
            for name in sorted(left):
                end(Event(name, failed=f"{type(error).__name__}: {reason}"))


def main() -> None:
    """Serve until stdin ends or nobody reads the events."""
    events = processes.own_stdout()
    try:
        serve(Path(sys.argv[1]), processes.requests(), events)
    except BrokenPipeError:
        os._exit(1)


if __name__ == "__main__":
    main()
