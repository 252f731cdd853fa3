"""The learning-rate sweep: each arm's rate, picked on the dev split before the headline runs; the same trials for all.

    journey finetune data/runs/curated --lr-sweep 1e-3,3e-3,1e-2 ...

A trial is an arm at one rate with a seed of its own, which no headline run has, on the arm's whole budget. It is scored by
greedy answers to problems of the curated folder's own dev split: most right answers, then the lower dev loss, then the
lower rate. `lr_sweep.json` has every trial. One rate for all arms favours one of them (each has its own best), and a rate
picked on test problems would be picked for its luck there.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from journey import console
from journey.config import FinetuneSettings
from journey.errors import JourneyError, UsageError
from journey.finetune.planning import preflight, sweep_scores
from journey.finetune.planning.prepared import Sweep, TrainingSetup
from journey.finetune.rows.rows import Rows
from journey.finetune.runs import Run
from journey.finetune.training import side_runs
from journey.formats.finetune import SweepFile, SweepTrial
from journey.formats.folders import CuratedFolder
from journey.rng import digest, seed_for
from journey.schema import Pair
from journey.splits import split_of
from journey.store import Folder

if TYPE_CHECKING:
    from rich.table import Table

    from journey.finetune.training.protocol import Setup

SEED = seed_for("lr sweep") % 2**31  # of every trial; the headline's are 0, 1, ...
Place = tuple[str, int, int]  # what a rate is picked for: arm, rank and number of pairs


def place_of(run: Run | SweepTrial) -> Place:
    """What the run's rate is picked for."""
    return run.arm, run.rank, run.pairs


def check_rates(settings: FinetuneSettings) -> tuple[float, ...]:
    """The rates that are tried, rising; none without a sweep. Raises UsageError where they are too few, or rates are given."""
    rates = tuple(sorted({float(rate) for rate in settings.lr_sweep}))
    if not rates:
        return ()
    if len(rates) < 2 or rates[0] <= 0:
        raise UsageError("--lr-sweep tries two rates above 0 at least", "e.g. --lr-sweep 3e-4,1e-3,3e-3")
    given = [name for name in settings.lr_by_arm if name != "warmup"]
    if given or len(settings.rates) > 1:
        raise UsageError(
            "--lr-sweep picks every arm's rate, and rates are given too"
            + (f" for {', '.join(given)}" if given else ""),
            "give either --lr-sweep, or --lr and lr_by_arm",
        )
    return rates


def find(
    curated: CuratedFolder, settings: FinetuneSettings, runs: Sequence[Run], data: Mapping[str, Rows]
) -> Sweep | None:
    """What --lr-sweep asks for, checked; None without it. Raises UsageError, saying what to type instead.

    The dev problems are drawn by a hash of their ids. They never hold a problem of the test split, of a named benchmark or
    of the training rows.
    """
    rates = check_rates(settings)
    if not rates:
        return None
    everything = list(curated.pairs("dev"))
    if not everything:
        raise UsageError(
            f"{curated.path} has no dev pairs to try rates on", "curate more pairs, or fix the rates with --lr"
        )
    _check_dev(everything, settings, data)
    pairs = {pair.problem.id: pair for pair in reversed(everything)}
    drawn = sorted(pairs, key=lambda problem: digest("lr sweep", problem))[: settings.sweep_problems]
    return Sweep(rates, tuple(pairs[problem] for problem in drawn), tuple(_trials(runs, rates)))


def _check_dev(pairs: Sequence[Pair], settings: FinetuneSettings, data: Mapping[str, Rows]) -> None:
    foreign = [pair for pair in pairs if split_of(pair.problem) != "dev"]
    if foreign:
        raise UsageError(
            f"the problems of {len(foreign)} of {len(pairs)} dev pairs are not of the dev split, e.g. {foreign[0].problem.id} "
            f"({split_of(foreign[0].problem)})",
            "curate them again: `journey curate` decides by a hash of the problem",
        )
    trained = {problem for rows in data.values() for problem in rows.problems} & {pair.problem.id for pair in pairs}
    if trained:
        raise UsageError(f"{len(trained)} dev problems are trained on, e.g. {min(trained)}", "curate them again")
    preflight.check_overlap(pairs, settings.benchmarks, settings.map)


def _trials(runs: Sequence[Run], rates: Sequence[float]) -> list[Run]:
    """Every arm at every rate: the runs of the first headline seed, with the sweep's seed."""
    first = min(run.seed for run in runs)
    trials = []
    for run in runs:
        if run.seed != first:
            continue
        stem = run.run.removesuffix(f"-s{run.seed}")
        trials += [msgspec.structs.replace(run, run=f"{stem}-sweep-lr{rate:g}", seed=SEED, lr=rate) for rate in rates]
    return trials


def groups(sweep: Sweep, together: bool) -> list[tuple[Run, ...]]:
    """Trials that are trained together: an arm's, whose rows are the same, so that a stack pads nothing for them."""
    if not together:
        return [(trial,) for trial in sweep.trials]
    keys = dict.fromkeys(map(place_of, sweep.trials))
    return [tuple(trial for trial in sweep.trials if place_of(trial) == key) for key in keys]


def pick(folder: Folder, prepared: TrainingSetup, setup: Setup) -> TrainingSetup:
    """Try the rates unless that is done, and give every run its arm's best one; the table is printed.

    `setup` is for the trials alone. Raises JourneyError if all trials of an arm failed, PartialError if one could be tried
    again.
    """
    sweep = prepared.sweep
    if sweep is None:
        return prepared
    if folder.missing(["lr-sweep"]):
        record = _try(sweep, prepared, setup)
        folder.write_shard("lr-sweep", {SweepFile.FILE: record.encoded()}, {"trials": len(record.trials)})
        shutil.rmtree(setup.scratch, ignore_errors=True)
    record = SweepFile.read(folder.work)
    console.err.print(table(record))
    rates = {place_of(trial): trial.lr for trial in record.trials if trial.chosen}
    runs = [msgspec.structs.replace(run, lr=rates[place_of(run)]) for run in prepared.runs]
    by_name = {run.run: run for run in runs}
    return dataclasses.replace(
        prepared,
        runs=runs,
        groups=[tuple(by_name[run.run] for run in group) for group in prepared.groups],
        counted=[msgspec.structs.replace(one, lr=by_name[one.run].lr) for one in prepared.counted],
        notes=[*prepared.notes, *notes(record)],
    )


def _try(sweep: Sweep, prepared: TrainingSetup, setup: Setup) -> SweepFile:
    from journey.catalog import ENGINES

    together = bool(ENGINES.entry(setup.engine).facts.get("together"))
    console.note(f"learning rates: {len(sweep.trials)} trials on {len(sweep.dev)} dev problems")
    ended = side_runs.train_apart(
        "trial steps",
        groups(sweep, together),
        prepared.data,
        setup,
        workers=prepared.memory.workers,
        one_thread=prepared.device == "cpu",
    )
    cap, scores = sweep_scores.score(sweep, {name for name, one in ended.items() if one.trained}, prepared, setup)
    trials = []
    for run in sweep.trials:
        score = scores.get(run.run)
        trials.append(
            SweepTrial(
                run=run.run,
                arm=run.arm,
                rank=run.rank,
                pairs=run.pairs,
                lr=run.lr,
                correct=score.correct if score else 0,
                problems=len(sweep.dev),
                dev_loss=round(score.dev_loss, 6) if score else None,
                failed=ended[run.run].failed,
            )
        )
    return SweepFile(sweep.rates, SEED, len(sweep.dev), cap, tuple(choose(trials)))


def choose(trials: Sequence[SweepTrial]) -> list[SweepTrial]:
    """The trials, the best of each arm marked: most right, then the lower dev loss, then the lower rate.

    Raises JourneyError if all trials of an arm failed.
    """
    best: dict[Place, SweepTrial] = {}
    for trial in trials:
        if trial.dev_loss is None:
            continue
        held = best.get(place_of(trial))
        if held is None or _rank(trial) < _rank(held):
            best[place_of(trial)] = trial
    for trial in trials:
        if place_of(trial) not in best:
            raise JourneyError(
                f"every rate failed for arm {trial.arm} (e.g. {trial.lr:g}: {trial.failed})\n  try lower rates, and "
                "another --out"
            )
    return [msgspec.structs.replace(trial, chosen=trial is best[place_of(trial)]) for trial in trials]


def _rank(trial: SweepTrial) -> tuple[int, float, float]:
    assert trial.dev_loss is not None
    return -trial.correct, trial.dev_loss, trial.lr


def notes(record: SweepFile) -> list[str]:
    """For the audit: how the rates were picked, and every trial."""
    how = f"learning rates were picked on {record.problems} dev problems, {len(record.rates)} trials an arm with the same "
    sentences = [how + f"seed ({record.seed}): most right answers, then the lower dev loss, then the lower rate"]
    for key in dict.fromkeys(map(place_of, record.trials)):
        of_one = [trial for trial in record.trials if place_of(trial) == key]
        tried = ", ".join(f"{_cell(trial)} at {trial.lr:g}" for trial in of_one)
        sentences.append(f"{_name(of_one[0], record)}, solved (dev loss), * is taken: {tried}")
        edge = next(trial for trial in of_one if trial.chosen).lr
        if edge in (record.rates[0], record.rates[-1]):
            where = "lowest" if edge == record.rates[0] else "highest"
            sentences.append(
                f"{_name(of_one[0], record)}: its best rate is the {where} that was tried; try further ones"
            )
    return sentences


def table(record: SweepFile) -> Table:
    """Every arm and rate: dev problems solved and dev loss; the picked rate is starred."""
    from rich.table import Table

    grid = Table(
        title=f"learning rates on {record.problems} dev problems: solved (loss), * is taken", title_justify="left"
    )
    grid.add_column("")
    for rate in record.rates:
        grid.add_column(f"{rate:g}", justify="right")
    for key in dict.fromkeys(map(place_of, record.trials)):
        of_one = {trial.lr: trial for trial in record.trials if place_of(trial) == key}
        first = next(iter(of_one.values()))
        grid.add_row(_name(first, record), *(_cell(of_one[rate]) for rate in record.rates))
    return grid


def _cell(trial: SweepTrial) -> str:
    if trial.dev_loss is None:
        return "failed"
    return f"{'* ' if trial.chosen else ''}{trial.correct / trial.problems:.1%} ({trial.dev_loss:.3f})"


def _name(trial: SweepTrial, record: SweepFile) -> str:
    """The arm, with its rank and number of pairs where several are tried."""
    several = [len({getattr(other, axis) for other in record.trials}) > 1 for axis in ("rank", "pairs")]
    return trial.arm + f" r{trial.rank}" * several[0] + f" n{trial.pairs}" * several[1]
