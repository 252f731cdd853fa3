"""The preparation of training: rows, checks, budgets, runs, and how many train at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from journey.config import FinetuneSettings
from journey.errors import UsageError
from journey.finetune import cost
from journey.finetune.planning import abilities, audit, base_probe, make_rows, matched, preflight, sweep, warmup
from journey.finetune.planning.check import check
from journey.finetune.planning.groups import grouped
from journey.finetune.planning.matched import StartWeights
from journey.finetune.planning.memory import plan_memory
from journey.finetune.planning.prepared import TrainingSetup
from journey.finetune.rows import budget
from journey.finetune.rows.rows import Rows
from journey.finetune.runs import ArmChoice, ArmContext, Axes, Run, combinations, learning_rate, run_name
from journey.finetune.training.protocol import LABELS, Setup
from journey.formats.finetune import TemplateFile
from journey.formats.folders import CuratedFolder
from journey.models import load, policy, template
from journey.schema import Pair
from journey.views import View

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def prepare(curated: CuratedFolder, settings: FinetuneSettings) -> TrainingSetup:
    """Read the pairs, make the rows, run every preflight check and lay out the runs.

    Raises UsageError (or a kin) for whatever would make the comparison unfair or impossible.
    """
    choices, notes = check(settings)
    ref = load.find(str(settings.base))
    tokenizer = load.load_tokenizer(ref)
    view = settings.view or template.default_view(tokenizer)
    own = _template(curated, settings, tokenizer, view)
    reading = ArmContext(policy.attach(tokenizer, own), view)
    device = load.best_device()
    notes += abilities.check_engine(settings, ref, device)
    if not settings.full:
        notes.append(str(abilities.check_layers(ref, settings)))
    shape = cost.shape_of(ref, max(settings.ranks), settings.full)
    max_length = preflight.length_limit(settings.max_length, shape.positions, tokenizer)
    begin = warmup.find(settings, ref, reading, max_length, shape)
    start = StartWeights(ref) if begin is None else StartWeights(ref, begin.digest, begin.kind)
    pairs = matched.match(_read_pairs(curated), choices, start)
    arm_rows = make_rows.make(
        pairs.pairs,
        choices,
        replace(reading, by_origin=pairs.by_origin),
        settings.sizes,
        seeds=settings.seeds,
        epochs=settings.epochs,
        max_length=max_length,
        apart=settings.boundary == "apart",
        labels=LABELS.get(settings.engine),
    )
    probed = base_probe.probe(ref, tokenizer, settings, device)
    notes += base_probe.notes(probed)
    preflight.check_overlap([*arm_rows.pairs, *arm_rows.further], settings.benchmarks, settings.map)
    shapes = {rank: cost.of_rank(shape, rank) for rank in settings.ranks}
    runs = lay_out(choices, arm_rows.data, settings, arm_rows.sizes, shapes)
    counted = [audit.count(run, arm_rows.data[run.kind], shapes[run.rank], settings.rows_per_step) for run in runs]
    supervised = {name: rows.supervised for name, rows in arm_rows.data.items()}
    groups = grouped(runs, counted, settings.engine, settings.stacks, device)
    memory = plan_memory(settings, ref, shape, arm_rows.data, groups, device)
    return TrainingSetup(
        settings,
        ref,
        reading.view,
        shape,
        max_length,
        choices,
        arm_rows.data,
        len(arm_rows.pairs),
        runs,
        groups,
        counted,
        budget.reference(choices, supervised, len(arm_rows.pairs)).label,
        notes + list(pairs.notes) + arm_rows.notes + list(begin.notes if begin else ()) + _notes(settings, runs),
        device,
        memory,
        begin,
        sweep.find(curated, settings, runs, arm_rows.data),
        probe=probed,
        template=own,
    )


def _same(one: str, other: str) -> bool:
    """Whether two names are of one base: equal, or paths of one folder."""
    return one == other or Path(one).expanduser().resolve() == Path(other).expanduser().resolve()


def _template(
    curated: CuratedFolder, settings: FinetuneSettings, tokenizer: PreTrainedTokenizerBase, view: View
) -> TemplateFile | None:
    """How the base's chat template is used: as asked for here, else as the pairs were curated for this very base."""
    wishes = policy.wishes_of(settings)
    if not wishes and curated.base is not None and _same(curated.base, str(settings.base)):
        wishes = policy.earlier_wishes(curated.manifest.config, curated.template)
    return policy.find(tokenizer, view, wishes, apart=settings.boundary == "apart")


def _read_pairs(curated: CuratedFolder) -> list[Pair]:
    pairs = list(curated.pairs("train"))
    if not pairs:
        raise UsageError(f"{curated.path} has no training pairs", "curate more pairs, or look at its ledger.jsonl")
    return pairs


def lay_out(
    choices: list[ArmChoice],
    data: dict[str, Rows],
    settings: FinetuneSettings,
    sizes: list[int],
    shapes: Mapping[int, cost.Shape],
) -> list[Run]:
    """The runs: the values of the axes one after the other, in each seed by seed, in the order of the arms.

    Budgets are matched within one value of every axis.
    """
    supervised = {name: rows.supervised for name, rows in data.items()}
    runs = []
    for axes in combinations(sizes, settings.rates, settings.ranks):
        operations = {name: cost.flops_by_row(shapes[axes.rank], rows.lengths) for name, rows in data.items()}
        for seed in range(settings.seeds):
            amounts = budget.amounts(
                choices, supervised, operations, seed, settings.epochs, settings.rows_per_step, axes.pairs
            )
            for choice in choices:
                run = _run(choice, seed, axes, amounts[choice.label], settings)
                runs.append(_cut(run, data[run.kind], settings))
    return runs


def _run(choice: ArmChoice, seed: int, axes: Axes, amount: budget.Amount, settings: FinetuneSettings) -> Run:
    return Run(
        run=run_name(choice.label, seed, axes.name),
        arm=choice.label,
        kind=choice.arm.name,
        budget=choice.budget,
        seed=seed,
        lr=learning_rate(choice, axes.lr, settings.lr_by_arm),
        pool=budget.pool_size(axes.pairs, settings.epochs),
        rows=amount.rows,
        steps=amount.steps,
        warmup_steps=min(settings.warmup_steps, amount.steps // 2),
        rank=axes.rank,
        alpha=settings.alpha,
        step_tokens=amount.step_tokens,
        pairs=axes.pairs,
        withheld=amount.withheld,
        axis=axes.name,
        mistake_weight=choice.arm.mistake_weight,
    )


def _cut(run: Run, rows: Rows, settings: FinetuneSettings) -> Run:
    """The run stopped after `max_steps`."""
    if settings.max_steps is None or run.steps <= settings.max_steps:
        return run
    kept = budget.laid_out(run, rows, settings.rows_per_step)[: settings.max_steps]
    return msgspec.structs.replace(
        run, rows=sum(map(len, kept)), steps=len(kept), warmup_steps=min(settings.warmup_steps, len(kept) // 2)
    )


def _notes(settings: FinetuneSettings, runs: list[Run]) -> list[str]:
    notes = []
    if not settings.lr_sweep:
        notes.append(
            "learning rates are taken as given; they are to be fixed on the dev split, never on the test split"
        )
    if settings.max_steps is not None:
        notes.append(f"every run stops after {settings.max_steps} steps: budgets may not be matched")
    short = sorted({run.run for run in runs if run.warmup_steps < settings.warmup_steps})
    if short:
        named = ", ".join(short[:6]) + (f" and {len(short) - 6} more" if len(short) > 6 else "")
        notes.append(
            f"the warm-up of the rate is cut to half of the steps in {named if len(short) < len(runs) else 'all runs'}"
        )
    return notes


def setup_of(
    prepared: TrainingSetup, work: Path, scratch: Path, *, base: str | None = None, logs: Path | None = None
) -> Setup:
    """What the engine is given besides runs and rows.

    `base` is what adapters call their base, where that is not its own name; `logs` where reporters may write files.
    """
    settings = prepared.settings
    return Setup(
        engine=settings.engine,
        base=base or shown_name(prepared.ref),
        source=prepared.ref.source if prepared.warm is None else str(prepared.warm.resolve()),
        revision=prepared.ref.revision if prepared.warm is None else None,
        rows_per_step=settings.rows_per_step,
        micro_batch=settings.micro_batch,
        max_length=prepared.max_length,
        work=str(work),
        scratch=str(scratch),
        dropout=settings.dropout,
        rslora=settings.rslora,
        weight_decay=settings.weight_decay,
        loss_norm=settings.loss_norm,
        checkpointing=prepared.memory.recompute,
        deterministic=settings.deterministic,
        pass_tokens=prepared.memory.pass_tokens,
        full=settings.full,
        processes=settings.processes,
        packing=settings.packing,
        attention=settings.attention,
        liger=settings.liger,
        report_to=settings.report_to or "none",
        logs=str(logs) if logs and settings.report_to else "",
        lora_options=settings.lora_options,
        checkpoint_seconds=settings.checkpoint_seconds,
        template=prepared.template if prepared.warm is None else None,  # a warm start's does it already
    )


def shown_name(ref: load.ModelRef) -> str:
    """The base's name without a path of this machine: catalog name, Hub id, or the folder's own name."""
    return Path(ref.source).name if ref.name not in load.MODELS and ref.local else ref.name
