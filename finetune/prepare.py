"""Everything that is decided before training starts: rows, checks, budgets, runs, and how many train at a time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from journey import models, views
from journey.catalog import ENGINES
from journey.config import FinetuneSettings
from journey.errors import ResourceError, UnknownName, UsageError
from journey.finetune import audit, budget, cost, preflight
from journey.finetune.runs import Choice, Run, choose, learning_rate, run_name
from journey.finetune.tokens import Rows, encode
from journey.schema import Pair
from journey.store import read_manifest, read_records
from journey.views import View


@dataclass(frozen=True)
class Prepared:
    """Everything that is decided before training starts."""

    settings: FinetuneSettings
    ref: models.ModelRef
    view: View
    shape: cost.Shape
    max_length: int
    choices: list[Choice]
    data: dict[str, Rows]
    runs: list[Run]
    groups: list[tuple[Run, ...]]  # trained together
    counted: list[audit.Counted]
    notes: list[str]
    device: str
    peak: int  # bytes that one run is expected to need
    workers: int  # runs trained at the same time


def prepare(curated: Path, settings: FinetuneSettings) -> Prepared:
    """Read the pairs, make the rows, run every preflight check and lay out the runs.

    Raises UsageError (or a kin) for whatever would make the comparison unfair or impossible.
    """
    read_manifest(curated, "curate")
    choices, notes = choose(settings.arms, settings.match)
    known = {name for choice in choices for name in (choice.label, choice.arm.name)}
    for name in settings.lr_by_arm:
        if name not in known:
            raise UnknownName("arm of lr_by_arm", name, known)
    ENGINES.entry(settings.engine)
    ref = models.find(settings.base)
    tokenizer = models.load_tokenizer(ref)
    pairs = _read_pairs(curated, settings.pairs)
    view: View = settings.view or models.default_view(tokenizer)
    shape = cost.shape_of(ref, settings.rank)
    max_length = preflight.length_limit(settings.max_length, shape.positions, tokenizer)
    notes += preflight.check_template(tokenizer, pairs, view)
    preflight.check_words(tokenizer, pairs, view)
    preflight.check_overlap(pairs, settings.benchmarks)
    data = {choice.arm.name: encode(pairs, choice.arm, tokenizer, view) for choice in choices}
    preflight.check_same_problems(data)
    preflight.check_rows(data, max_length, models.end_of_turn(tokenizer))
    for choice in choices:
        text = views.render(getattr(pairs[0], str(choice.arm.trace)), view).text
        preflight.check_text(tokenizer, choice.label, data[choice.arm.name], text)
    runs = lay_out(choices, data, settings)
    counted = [audit.count(run, data[run.kind], shape) for run in runs]
    notes += _notes(settings, runs)
    device = models.best_device()
    peak = _peak_memory(settings, shape, data, device)
    workers = _worker_count(settings, peak, device)
    groups = grouped(runs, counted, settings, device)
    return Prepared(
        settings,
        ref,
        view,
        shape,
        max_length,
        choices,
        data,
        runs,
        groups,
        counted,
        notes,
        device,
        peak,
        min(workers, len(groups)),
    )


def _read_pairs(curated: Path, limit: int | None) -> list[Pair]:
    pairs = list(read_records(curated, "train", Pair))
    if not pairs:
        raise UsageError(f"{curated} has no training pairs", "curate more pairs, or look at its ledger.jsonl")
    return pairs[:limit]


def lay_out(choices: list[Choice], data: dict[str, Rows], settings: FinetuneSettings) -> list[Run]:
    """The runs, seed by seed in the order of the arms."""
    supervised = {name: rows.supervised for name, rows in data.items()}
    size = budget.pool_size(len(next(iter(data.values()))), settings.epochs)
    runs = []
    for seed in range(settings.seeds):
        counts = budget.row_counts(choices, supervised, seed, settings.epochs)
        for choice in choices:
            rows = counts[choice.label]
            if settings.max_steps is not None:
                rows = min(rows, settings.max_steps * settings.rows_per_step)
            steps = -(-rows // settings.rows_per_step)
            runs.append(
                Run(
                    run=run_name(choice.label, seed),
                    arm=choice.label,
                    kind=choice.arm.name,
                    budget=choice.budget,
                    seed=seed,
                    lr=learning_rate(choice, settings.lr, settings.lr_by_arm),
                    pool=size,
                    rows=rows,
                    steps=steps,
                    warmup_steps=min(settings.warmup_steps, steps // 2),
                    rank=settings.rank,
                    alpha=settings.alpha,
                )
            )
    return runs


def grouped(
    runs: list[Run], counted: list[audit.Counted], settings: FinetuneSettings, device: str
) -> list[tuple[Run, ...]]:
    """Runs that are trained together. A stack each where the engine trains one run at a time.

    On a CPU the runs of a seed are a stack, since stacks can then be in different processes; on a GPU all runs are. The
    groups depend on settings and device alone, never on the number of workers: passes, and so the last bits of the
    weights, depend on who is in a stack.
    """
    if not ENGINES.entry(settings.engine).facts.get("together"):
        return [(run,) for run in runs]
    if settings.stacks is None and device == "cpu":
        return [tuple(run for run in runs if run.seed == seed) for seed in sorted({run.seed for run in runs})]
    count = min(settings.stacks or 1, len(runs))
    cost = {one.run: one.flops for one in counted}
    dealt: list[list[Run]] = [[] for _ in range(count)]
    for run in sorted(runs, key=lambda run: (-cost[run.run], run.run)):
        min(dealt, key=lambda stack: sum(cost[other.run] for other in stack)).append(run)
    return [tuple(sorted(stack, key=runs.index)) for stack in dealt]


def _notes(settings: FinetuneSettings, runs: list[Run]) -> list[str]:
    notes = ["learning rates are taken as given; they are to be fixed on the dev split, never on the test split"]
    if settings.max_steps is not None:
        notes.append(f"every run stops after {settings.max_steps} steps: budgets may not be matched")
    short = sorted({run.run for run in runs if run.warmup_steps < settings.warmup_steps})
    if short:
        notes.append(f"warm-up is cut to half of the steps in {', '.join(short)}")
    return notes


def _peak_memory(settings: FinetuneSettings, shape: cost.Shape, data: dict[str, Rows], device: str) -> int:
    tokens = settings.micro_batch * max(int(rows.lengths.max()) for rows in data.values())
    gpu = device != "cpu"
    return cost.memory(shape, tokens=tokens, weight_bytes=2 if gpu else 4, recompute=gpu)


def _worker_count(settings: FinetuneSettings, peak: int, device: str) -> int:
    """Runs at the same time: one a core on a CPU, one on a GPU, fewer if memory is short.

    Raises ResourceError if not even one run fits.
    """
    free = cost.free_memory(device)
    if peak > free:
        raise ResourceError(
            f"one run is expected to need {peak / 2**30:.1f} GiB, {free / 2**30:.1f} GiB are free on {device}\n"
            f"  give a smaller --set micro_batch (now {settings.micro_batch}) or --max-length"
        )
    return max(1, min(settings.workers or (cost.cores() if device == "cpu" else 1), free // peak))
