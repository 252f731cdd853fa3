"""A process that trains runs: lists of their names come in on stdin, events go out on stdout, both as JSON lines.

    python -P -m journey.finetune.training.worker DIR/plan.json

A line holds the runs to train together. Importing the training libraries takes seconds, so a process is used for many lines. It ends when stdin does, and dies
at its next step when nobody reads its events any more.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Any

import msgspec

from journey.catalog import ENGINES
from journey.finetune.rows.rows import Rows
from journey.finetune.runs import Run
from journey.finetune.training.protocol import Engine, Failed, NotFinite, Setup, Trained


class Plan(msgspec.Struct, frozen=True):
    """Everything a worker must know; the rows lie beside it as KIND.npz."""

    setup: Setup
    runs: tuple[Run, ...]


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """A step that was made, how a run ended, or something to tell a person. `again`: another try could go better."""

    run: str
    step: int = 0
    loss: float = 0.0
    trained: Trained | None = None
    failed: str | None = None
    again: bool = True
    said: str | None = None

    @property
    def ends(self) -> bool:
        """Whether the run has ended."""
        return self.trained is not None or self.failed is not None


def serve(plan_file: Path, lines: Any, out: Any) -> None:
    """Train the runs named by the lines, writing events to a binary stream."""
    plan = msgspec.json.decode(plan_file.read_bytes(), type=Plan)
    runs = {run.run: run for run in plan.runs}
    engine: Engine = ENGINES.get(plan.setup.engine)

    def tell(event: Event) -> None:
        out.write(msgspec.json.encode(event) + b"\n")
        out.flush()

    def report(run: str, step: int, loss: float) -> None:
        tell(Event(run, step, loss))

    for line in lines:
        group = [runs[name] for name in msgspec.json.decode(line, type=list[str])]
        left = {run.run for run in group}

        def end(event: Event, left: set[str] = left) -> None:
            left.discard(event.run)
            tell(event)

        try:
            data = {kind: Rows.load(plan_file.with_name(f"{kind}.npz")) for kind in {run.kind for run in group}}
            for told in engine(group, data, plan.setup, report):
                if isinstance(told, Trained):
                    end(Event(told.run, trained=told))
                elif isinstance(told, Failed):
                    end(Event(told.run, failed=told.why, again=False))
                else:
                    tell(Event(group[0].run, said=told.text))
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
    """Keep stdout for events alone: what libraries print goes to stderr."""
    events = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        serve(Path(sys.argv[1]), sys.stdin, events)
    except BrokenPipeError:
        os._exit(1)


if __name__ == "__main__":
    main()
