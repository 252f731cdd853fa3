"""A session at an unfinished folder: it trains what is missing, and finishes the folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from journey import console
from journey.errors import JourneyError, PartialError, ResourceError
from journey.finetune import cost
from journey.finetune.planning import audit
from journey.finetune.planning.prepare import setup_of, shown_name
from journey.finetune.planning.prepared import TrainingSetup
from journey.finetune.runs import Run
from journey.finetune.training import pool
from journey.finetune.training.events import Event
from journey.finetune.training.protocol import Trained, checkpoint_step, group_name, newest_whole
from journey.finetune.training.worker import WorkerPlan
from journey.formats.files import dump_json, write_atomic
from journey.formats.finetune import PROBLEMS, AuditFile, BaseFacts, RunFile
from journey.formats.marks import Timing
from journey.numbers import plural, points, spread
from journey.store import Folder

SCRATCH = ".scratch"  # rows, logs and checkpoints of unfinished runs; removed at the end


def kept_steps(scratch: Path) -> str:
    """In words, from which step the training of unfinished runs goes on."""
    groups = {path.parent for path in scratch.glob("checkpoints/*/checkpoint-*")}
    steps = [checkpoint_step(checkpoint) for group in sorted(groups) if (checkpoint := newest_whole(group)) is not None]
    if not steps:
        return "no step of training is kept yet"
    return f"training goes on from step {spread(str(min(steps)), str(max(steps)))}"


class Session:
    """One sitting at an unfinished folder."""

    def __init__(self, folder: Folder, prepared: TrainingSetup, base: str) -> None:
        self.folder, self.prepared, self.base = folder, prepared, base
        self.scratch = folder.path(SCRATCH)
        self.again: dict[str, str] = {}  # failed for the first time in a way that another try may cure
        self.runs = {run.run: run for run in prepared.runs}
        self.counted = {one.run: one for one in prepared.counted}

    def work(self) -> None:
        """Train what is missing, longest first, and finish the folder unless a run should be tried again."""
        missing = {str(name) for name in self.folder.missing(self.runs)}
        if missing:
            self._room(len(missing))
            # A stack is resumed whole, or its forward passes, and with them the last bits, would be others.
            self._train([group for group in self.prepared.groups if any(run.run in missing for run in group)], missing)
        if self.again:
            raise PartialError(
                f"{_named(self.again)}\n  the other runs are kept; the same command tries again (logs: {self.scratch})"
            )
        self._finish()

    def _room(self, runs: int) -> None:
        """Raises ResourceError where what the runs save would not fit: a full disk should be met before the training."""
        needed = runs * cost.saved_bytes(self.prepared.shape)
        free = shutil.disk_usage(self.folder.work).free
        if needed > free:
            raise ResourceError(
                f"no space left for the weights of {plural(runs, 'run')} in {self.folder.work} "
                f"({needed:,} bytes needed, {free:,} free); nothing was trained\n  free some, and the same command goes on"
            )

    def _train(self, groups: list[tuple[Run, ...]], missing: set[str]) -> None:
        plan_file = self._hand_over()
        device, workers = self.prepared.device, min(self.prepared.memory.workers, len(groups))
        ordered = sorted(groups, key=lambda group: (-sum(self.counted[run.run].flops for run in group), group[0].run))
        runs = [run for group in ordered for run in group]
        console.note(f"{plural(len(runs), 'run')} in {plural(len(groups), 'group')}, {workers} at a time on {device}")
        with console.progress("training steps", sum(run.steps for run in runs)) as ticker:

            def on_end(event: Event) -> None:
                if event.run in missing:
                    self._ended(event)

            try:
                pool.train_all(
                    ordered, plan_file, workers, one_thread=device == "cpu", on_step=pool.show_on(ticker), on_end=on_end
                )
            except KeyboardInterrupt as error:
                error.add_note(kept_steps(self.scratch))
                raise
        for group in ordered:
            if not any(run.run in self.again for run in group):
                shutil.rmtree(self.scratch / "checkpoints" / group_name(group), ignore_errors=True)

    def _hand_over(self) -> Path:
        """Write what the worker processes read."""
        prepared = self.prepared
        setup = setup_of(
            prepared,
            self.folder.work.resolve(),
            self.scratch.resolve(),
            base=None if prepared.warm is None else f"../{prepared.warm.name}",
            logs=self.folder.out.with_name(self.folder.out.name + ".logs").resolve(),
        )
        for kind, rows in prepared.data.items():
            rows.save(self.scratch / f"{kind}.npz")
        write_atomic(self.scratch / WorkerPlan.FILE, dump_json(WorkerPlan(setup, tuple(prepared.runs))))
        return self.scratch / WorkerPlan.FILE

    def _ended(self, event: Event) -> None:
        if event.failed is None:
            self._record(self.runs[event.run], event.trained, None)
            return
        console.note(f"{event.run} failed: {event.failed}")
        mark = self.scratch / f"{event.run}.failed"
        if event.again and not mark.exists():
            self.again[event.run] = event.failed
            write_atomic(mark, event.failed.encode())
        else:
            self._record(self.runs[event.run], None, event.failed)

    def _record(self, run: Run, trained: Trained | None, failed: str | None) -> None:
        """Write run.json and mark the run's files."""
        self._run_file(run, trained, failed).write(self.folder, f"{run.run}/{RunFile.FILE}")
        written = sorted(path.name for path in self.folder.path(run.run).iterdir() if path.is_file())
        names = [RunFile.FILE] if failed else written
        counts = {"trained": msgspec.to_builtins(trained), "failed": failed}
        self.folder.mark_files(run.run, [f"{run.run}/{name}" for name in names], counts)

    def _run_file(self, run: Run, trained: Trained | None, failed: str | None) -> RunFile:
        counted, prepared = self.counted[run.run], self.prepared
        return RunFile(
            run=run.run,
            arm=run.arm,
            seed=run.seed,
            base=BaseFacts(shown_name(prepared.ref), prepared.ref.revision, self.base if prepared.ref.local else None),
            kind=run.kind,
            budget=run.budget,
            lr=run.lr,
            pool=run.pool,
            rows=run.rows,
            steps=run.steps,
            warmup_steps=run.warmup_steps,
            rank=run.rank,
            alpha=run.alpha,
            step_tokens=run.step_tokens,
            pairs=counted.pairs,
            withheld=run.withheld,
            axis=run.axis,
            mistake_weight=run.mistake_weight,
            problems=counted.problems,
            epochs=counted.epochs,
            supervised_tokens=counted.supervised_tokens,
            total_tokens=counted.total_tokens,
            completion_tokens_p995=counted.completion_tokens_p995,
            flops=counted.flops,
            answer_share=counted.answer_share,
            correct_path_share=counted.correct_path_share,
            mistake_share=counted.mistake_share,
            rows_per_step=counted.rows_per_step,
            warmup=prepared.start.digest if prepared.start else None,
            view=prepared.view,
            max_length=prepared.max_length,
            engine=prepared.settings.engine,
            full=prepared.settings.full,
            final_loss=trained.final_loss if trained else None,
            initial_adapter=trained.initial if trained else None,
            row_order=trained.order if trained else None,
            device=trained.device if trained else None,
            dtype=trained.dtype if trained else None,
            padding=trained.padding if trained else None,
            failed=failed,
        )

    def _finish(self) -> None:
        """Write the audit and the manifest. Raises PartialError if runs failed, JourneyError if all did."""
        marks = {name: self.folder.counts(name) for name in self.runs}
        trained = {n: msgspec.convert(m["trained"], Trained) for n, m in marks.items() if m["trained"]}
        failed = {name: mark["failed"] for name, mark in marks.items() if mark["failed"]}
        if not trained:
            raise JourneyError(f"{_named(failed)}\n  no run is left; give other settings and another --out")
        equal, differs = audit.compare(self.prepared.counted)
        equal += audit.verify(self.prepared.runs, trained)
        notes = [*self.prepared.notes, *_padding(trained.values())]
        shutil.rmtree(self.scratch, ignore_errors=True)
        AuditFile(
            reference=self.prepared.reference,
            runs=tuple(self.prepared.counted),
            equal=tuple(equal),
            differs=tuple(differs),
            notes=tuple(notes),
            failed=failed,
            probe=self.prepared.probe,
        ).write(self.folder)
        if self.prepared.template is not None:
            self.prepared.template.write(self.folder)
        seen = sorted({problem for rows in self.prepared.data.values() for problem in rows.problems})
        self.folder.write(PROBLEMS, "".join(f"{problem}\n" for problem in seen).encode())
        counts = {
            "runs": len(trained),
            "failed": len(failed),
            "pairs": self.prepared.pairs,
            "steps": sum(run.steps for run in self.prepared.runs),
            "supervised_tokens": sum(one.supervised_tokens for one in self.prepared.counted),
        }
        self.folder.finish(counts, Timing({name: round(one.seconds, 1) for name, one in trained.items()}))
        if failed:
            raise PartialError(f"{_named(failed)}\n  {self.folder.out} is finished without it")


def _padding(trained: Iterable[Trained]) -> list[str]:
    """A sentence on the padding that the runs' forward passes computed; none where the engine does not tell."""
    shares = sorted(one.padding for one in trained if one.padding is not None)
    if not shares:
        return []
    low, high = (points(share, signed=False) for share in (shares[0], shares[-1]))
    return [f"padding: {spread(low, high)} % of what the forward passes of a run computed"]


def _named(failed: Mapping[str, str]) -> str:
    return "; ".join(f"{name} failed: {reason}" for name, reason in failed.items())
