"""The warm-up: a common start of all arms that is not the base as it is; the first of two phases, as in O1-Journey.

    journey finetune data/runs/curated --warmup data/runs/other-curated ...      trains one adapter on its shortcuts, once
    journey finetune data/runs/curated --warmup mine.jsonl ...                   the same on the worked solutions of a file
    journey finetune data/runs/curated --warmup data/runs/f/shortcut-s0 ...      takes an adapter, or a whole model

What was trained is merged into the base once, in float32, and written as `warmup/`, a plain transformers folder. All arms
and seeds then begin there: adapters name it as their base (`../warmup`), evaluate samples it as a run of its own beside
the untuned base. The warm-up has one seed of its own, whatever the seeds of the arms: what is compared begins the same.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from journey.catalog import ARMS
from journey.config import FinetuneSettings
from journey.errors import JourneyError, ResourceError, UsageError
from journey.finetune import cost
from journey.finetune.planning import preflight
from journey.finetune.rows import budget
from journey.finetune.rows.rows import Rows, encode
from journey.finetune.runs import ArmContext, Run
from journey.finetune.training import side_runs
from journey.finetune.training.protocol import LABELS, Setup, Trained
from journey.formats.adapter import CONFIG, read_adapter_config
from journey.formats.files import sha256, write_atomic
from journey.formats.finetune import ADAPTER, WARMUP, BaseFacts, RunFile, TemplateFile, WarmupFile
from journey.formats.folders import open_finished, open_run, read_manifest
from journey.formats.manifest import MANIFEST
from journey.models import load, policy, template
from journey.numbers import gib
from journey.rng import seed_for
from journey.schema import Pair, Problem, Role, Trace, pair_id
from journey.splits import split_of
from journey.store import Folder
from journey.tables.problems import problems_of
from journey.tables.rows import UserTable
from journey.views import lay_out

NAME = WARMUP  # of the folder, of the run that trains it, and of the run that evaluate samples
Kind = Literal["data", "adapter", "model"]


@dataclass(frozen=True)
class Start:
    """Where all arms begin instead of at the base. `run` and `rows` are set where it is trained here."""

    kind: Kind
    source: Path
    digest: str
    bytes: int  # of the merged model on disk
    notes: tuple[str, ...] = ()
    run: Run | None = None
    rows: Rows | None = None


def kind_of(path: Path) -> Kind:
    """What a --warmup names: a curate folder or a user's file (data), an adapter, a whole model. Raises UsageError."""
    if path.is_file():
        return "data"
    if not path.is_dir():
        raise UsageError(
            f"--warmup {path} is no folder and no file",
            "give a folder of `journey curate`, a file of questions with solutions, or an adapter's folder",
        )
    if (path / CONFIG).is_file():
        if not (path / ADAPTER).is_file():
            raise UsageError(f"{path} has no {ADAPTER}", "pickled adapters are not loaded; convert it")
        return "adapter"
    if (path / MANIFEST).is_file() and read_manifest(path).stage == "finetune":
        runs = list(open_finished(path, "finetune").trained)
        raise UsageError(f"--warmup {path} holds {len(runs)} runs", f"name one: {path / runs[0]}" if runs else "")
    if (path / "config.json").is_file() and (path / "model.safetensors").is_file():
        return "model"
    read_manifest(path, "curate")  # says what is wrong with it, if it is no curate folder
    return "data"


def digest_of(path: Path) -> str:
    """The hash by which the finetune folder names its warm-up as an input. Raises what `kind_of` raises.

    A run of a finetune folder, or a curate folder, must be as it was written (PartialError).
    """
    kind = kind_of(path)
    if path.is_file():
        return UserTable(str(path)).digest()
    if kind == "data":
        return open_finished(path, "curate").sha256
    open_run(path)
    return sha256(path / (ADAPTER if kind == "adapter" else "model.safetensors"))


def find(
    settings: FinetuneSettings,
    ref: load.ModelRef,
    reading: ArmContext,
    max_length: int,
    shape: cost.Shape,
) -> Start | None:
    """The start that --warmup asks for, checked as the arms are; None without one. Nothing is trained or written.

    Raises UsageError for data or an adapter that does not fit the base, ResourceError if merging needs more memory than
    there is.
    """
    if settings.warmup is None:
        return None
    path = Path(settings.warmup)
    kind, digest, size = kind_of(path), digest_of(path), shape.parameters * 4
    need, free = 2 * size + cost.PROCESS_BYTES, cost.free_memory("cpu")
    if need > free:
        raise ResourceError(f"merging the warm-up is expected to need {gib(need)}, {gib(free)} are free")
    if kind == "data":
        rows, notes = _rows(path, settings, reading, max_length)
        return Start(kind, path, digest, size, tuple(notes), _run(rows, settings), rows)
    notes = check_adapter(path, ref) if kind == "adapter" else _check_model(path, ref)
    return Start(kind, path, digest, size, (f"all arms begin at {path.name}, merged into the base", *notes))


def _rows(path: Path, settings: FinetuneSettings, reading: ArmContext, max_length: int) -> tuple[Rows, list[str]]:
    tokenizer, view = reading.tokenizer, reading.view
    pairs = worked_pairs(path, settings) if path.is_file() else list(open_finished(path, "curate").pairs("train"))
    arm = ARMS.get("shortcut")()
    if not pairs:
        raise UsageError(f"{path} has no training pairs", "curate more pairs, or look at its ledger.jsonl")
    preflight.check_words(tokenizer, pairs, view)
    preflight.check_special(tokenizer, pairs, view)
    notes = preflight.check_boundary(tokenizer, pairs, view, settings.boundary == "apart")
    preflight.check_overlap(pairs, settings.benchmarks, settings.map)
    rows = encode(pairs, arm, tokenizer, view)
    preflight.check_rows({NAME: rows}, max_length, template.end_of_turn(tokenizer))
    traces: Sequence[Trace] = [pair.shortcut for pair in pairs]
    preflight.check_arm(tokenizer, replace(arm, name=NAME), rows, pairs, traces, view, LABELS.get(settings.engine))
    sentence = f"all arms begin at the base warmed up on the shortcuts of {path.name}: {len(pairs)} pairs, "
    return rows, [*notes, sentence + f"{settings.warmup_epochs:g} epochs, one seed for all"]


def worked_pairs(path: Path, settings: FinetuneSettings) -> list[Pair]:
    """The training problems of a user's file whose solution is given, each as a pair of that solution with itself.

    Raises what reading the file raises, and UsageError where no row has a solution.
    """
    table = UserTable(str(path), settings.map, strict=settings.strict)
    table.check()
    problems = [problem for problem in problems_of(table) if split_of(problem) == "train"]
    worked = [_worked(problem, problem.solution) for problem in problems if problem.solution]
    if not worked:
        raise UsageError(
            f"--warmup {path}: none of its {len(problems)} training problems has a solution to train on",
            "name the field: --map solution=FIELD",
        )
    return worked


def _worked(problem: Problem, solution: str) -> Pair:
    """A solution as a trace: its lines without GSM8K's marks, then the answer in its box."""
    text = re.sub(r"<<[^<>\n]*>>", "", re.sub(r"\n?####[^\n]*\s*\Z", "", solution)).strip()
    closing, brief = f"The answer is \\boxed{{{problem.answer}}}.", f"\\boxed{{ {problem.answer} }}"
    pieces: list[tuple[Role, str, str, int]] = [("step", text, text, 0), ("answer", closing, brief, 1)]
    trace = Trace(lay_out(pieces), problem.answer, problem.answer)
    return Pair(pair_id(problem.id, NAME, ""), problem, "", NAME, trace, trace, 0)


def _run(rows: Rows, settings: FinetuneSettings) -> Run:
    if NAME not in settings.lr_by_arm and len(settings.rates) > 1:
        raise UsageError("with several rates the warm-up needs one of its own", f"--set lr_by_arm.{NAME}=1e-3")
    size = budget.pool_size(len(rows), settings.warmup_epochs)
    count = max(1, round(max(settings.warmup_epochs, 1.0) * size))
    if settings.max_steps is not None:
        count = min(count, settings.max_steps * settings.rows_per_step)
    steps = -(-count // settings.rows_per_step)
    return Run(
        run=NAME,
        arm=NAME,
        kind=NAME,
        budget="examples",
        seed=seed_for(NAME) % 2**31,
        lr=settings.lr_by_arm.get(NAME, settings.rates[0]),
        pool=size,
        rows=count,
        steps=steps,
        warmup_steps=min(settings.warmup_steps, steps // 2),
        rank=max(settings.ranks),
        alpha=settings.alpha,
    )


def check_adapter(path: Path, ref: load.ModelRef) -> list[str]:
    """Notes on an adapter. Raises UsageError if it was trained on another base or would match no layer of this one."""
    config, run = read_adapter_config(path), open_run(path)
    base: BaseFacts | None
    if run is not None:
        base = run[0].runs[run[1]].base
    else:  # of another maker, or taken out of its folder
        base = RunFile.read(path).base if (path / RunFile.FILE).is_file() else None
    other = "give the --base that it was trained on, or another adapter"
    before, now = base and base.weights, cost.weights_digest(ref)
    if base is not None and before and now and before != now:
        raise UsageError(f"{path} was trained on {base.name}, which is not {ref.name}", other)
    _check_shapes(path, ref, other)
    if before or config.base in ("", ref.name, ref.source) or config.base.startswith("../"):
        return []
    return [f"{path.name} says that it was trained on {Path(config.base).name}; its layers fit {ref.name}"]


def _check_shapes(path: Path, ref: load.ModelRef, other: str) -> None:
    from safetensors import safe_open

    layers = {name: tuple(module.weight.shape) for name, module in _empty(ref).named_modules() if _weighs(module)}
    matched, foreign = 0, ""
    with safe_open(path / "adapter_model.safetensors", framework="pt") as tensors:
        for key in tensors.keys():  # noqa: SIM118 - not a mapping
            layer, _, part = key.removeprefix("base_model.model.").partition(".lora_")
            if not part:
                continue
            shape = tensors.get_slice(key).get_shape()
            width = shape[1] if part.startswith(("A", "embedding_B")) else shape[0]
            if layer in layers and width in layers[layer]:
                matched += 1
            else:
                foreign = foreign or key
    if not matched:
        raise UsageError(f"{path} would match no layer of {ref.name}", other)
    if foreign:
        raise UsageError(f"{path} does not fit {ref.name}: {foreign}", other)


def _weighs(module: Any) -> bool:
    return getattr(getattr(module, "weight", None), "ndim", 0) == 2


def _empty(ref: load.ModelRef) -> Any:
    """The base without memory for its weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(ref.source, revision=ref.revision, trust_remote_code=False)
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)


def _check_model(path: Path, ref: load.ModelRef) -> list[str]:
    here, there = (
        {name: tuple(weight.shape) for name, weight in _empty(one).named_parameters()}
        for one in (ref, load.find(str(path)))
    )
    if here != there:
        raise UsageError(f"{path} is a model of another shape than {ref.name}", "give a model that was tuned from it")
    return []


def write(folder: Folder, start: Start, setup: Setup, device: str) -> Path:
    """Train the warm-up if need be, merge it and write `warmup/`, once; gives its folder. `setup` is for it alone.

    Raises JourneyError if its loss is no number, PartialError if it failed and could be tried again.
    """
    out = folder.path(NAME)
    if not folder.missing([NAME]):
        return out
    adapter, trained = start.source, None
    if start.run is not None and start.rows is not None:
        trained = _train(start.run, start.rows, setup, device)
        adapter = Path(setup.work) / NAME
    beside = Path(setup.scratch) / "merged"
    shutil.rmtree(beside, ignore_errors=True)
    merge(load.ModelRef(setup.base, setup.source, setup.revision), adapter, beside, setup.template)
    facts = WarmupFile(
        kind=start.kind,
        source=start.source.name,
        input=start.digest,
        merged="float32",
        run=None if trained is None else msgspec.to_builtins(start.run),
        trained=None if trained is None else _lasting(trained),
    )
    write_atomic(beside / WarmupFile.FILE, facts.encoded())
    shutil.rmtree(out, ignore_errors=True)
    beside.rename(out)
    folder.mark_files(NAME, [f"{NAME}/{path.name}" for path in sorted(out.iterdir())], facts.plain())
    return out


def _train(run: Run, rows: Rows, setup: Setup, device: str) -> Trained:
    ended = side_runs.train_apart("warm-up steps", [[run]], {NAME: rows}, setup, workers=1, one_thread=device == "cpu")[
        NAME
    ]
    if ended.trained is None:
        raise JourneyError(f"the warm-up failed: {ended.failed}\n  lower its rate with --set lr_by_arm.{NAME}=...")
    return ended.trained


def _lasting(trained: Trained) -> dict[str, Any]:
    """What was trained, without the seconds, which differ from time to time."""
    return {name: value for name, value in msgspec.to_builtins(trained).items() if name != "seconds"}


def merge(ref: load.ModelRef, adapter: Path, out: Path, template: TemplateFile | None = None) -> None:
    """Write the base with an adapter merged into it in float32 (or the whole model that `adapter` is), and its tokenizer.

    Its chat template does by itself what `template` says.
    """
    import torch
    from transformers.utils import logging

    from journey.models.load import adapted

    logging.disable_progress_bar()  # bars of loading and saving would break into ours
    base = load.load_model(ref, device="cpu", dtype=torch.float32)
    with adapted(base, adapter) as model:
        model.save_pretrained(out, max_shard_size="1000GB")
    policy.for_a_folder(load.load_tokenizer(ref), template).save_pretrained(out)
