"""Training runs that are not the folder's own: the warm-up and the trials of a sweep, beside it in its scratch space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from journey import console
from journey.errors import PartialError
from journey.finetune.rows.rows import Rows
from journey.finetune.runs import Run
from journey.finetune.training import pool
from journey.finetune.training.events import Event
from journey.finetune.training.protocol import Setup, Trained
from journey.finetune.training.worker import WorkerPlan
from journey.formats.files import dump_json, write_atomic


class Ended(msgspec.Struct, frozen=True):
    """How a run ended: as trained, or why it failed for good."""

    trained: Trained | None = None
    failed: str | None = None


def train_apart(
    what: str,
    groups: Sequence[Sequence[Run]],
    data: Mapping[str, Rows],
    setup: Setup,
    *,
    workers: int,
    one_thread: bool,
) -> dict[str, Ended]:
    """Train the groups into `setup.work`; how every run ended, by name. What has ended already is not trained again.

    Raises PartialError naming runs that ended in a way that another try may cure.
    """
    scratch = Path(setup.scratch)
    runs = [run for group in groups for run in group]
    ended = {run.run: _read(scratch, run.run) for run in runs}
    left = [group for group in groups if any(ended[run.run] is None for run in group)]
    again: dict[str, str] = {}
    if left:
        for kind in {run.kind for run in runs}:
            data[kind].save(scratch / f"{kind}.npz")
        write_atomic(scratch / WorkerPlan.FILE, dump_json(WorkerPlan(setup, tuple(runs))))
        waiting = [run for group in left for run in group]
        with console.progress(what, sum(run.steps for run in waiting)) as ticker:

            def on_end(event: Event) -> None:
                if event.failed is not None and event.again:
                    again[event.run] = event.failed
                    return
                ended[event.run] = Ended(event.trained, event.failed)
                write_atomic(_place(scratch, event.run), dump_json(ended[event.run]))

            pool.train_all(
                left,
                scratch / WorkerPlan.FILE,
                workers,
                one_thread=one_thread,
                on_step=pool.show_on(ticker),
                on_end=on_end,
            )
    if again:
        message = "; ".join(f"{name} failed: {reason}" for name, reason in again.items())
        raise PartialError(f"{message}\n  the same command tries again (logs: {scratch})")
    return {name: one for name, one in ended.items() if one is not None}


def _place(scratch: Path, run: str) -> Path:
    return scratch / "ended" / f"{run}.json"


def _read(scratch: Path, run: str) -> Ended | None:
    path = _place(scratch, run)
    return msgspec.json.decode(path.read_bytes(), type=Ended) if path.is_file() else None
