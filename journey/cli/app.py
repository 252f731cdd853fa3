"""The command line: `journey VERB`, verbs in pipeline order. Results on stdout, everything else on stderr.

Every verb has a one-line purpose, an example, `--json`, and ends by naming the next command. Heavy imports sit inside
the handlers, so that `journey --help` answers at once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from journey import interrupts
from journey.cli import evaluate, hub
from journey.cli.shared import (
    AsJson,
    DryRun,
    Out,
    Sets,
    Workers,
    by_arm,
    given,
    next_,
    pairs_of,
    print_json,
    show_counts,
    show_scores,
    split,
    stage_settings,
    suggested,
)
from journey.errors import JourneyError, ResourceError

app = typer.Typer(
    name="journey",
    help="Make paired shortcut and journey traces, fine-tune on both, and compare the models with an honest verdict.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="markdown",
)

DEMO_OUT = Path("data/runs/demo")


@app.command()
def demo(
    out: Out = DEMO_OUT,
    sets: Sets = [],  # noqa: B006 - typer reads the default
    workers: Workers = None,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """The whole comparison on the embedded default: generate, curate, finetune, evaluate, report.

    Example: `journey demo --out data/runs/demo`
    """
    _run_recipe("quickstart", out, sets, workers, as_json, dry_run)


@app.command()
def run(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe's name (see `journey list recipes`) or a YAML file.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder (default: data/runs/NAME).")] = None,
    sets: Sets = [],  # noqa: B006
    workers: Workers = None,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """A recipe end to end, skipping finished stages.

    Example: `journey run gsm8k --set base=Qwen/Qwen2.5-1.5B-Instruct --out data/runs/qwen`
    """
    _run_recipe(recipe, out, sets, workers, as_json, dry_run)


def _run_recipe(
    name: str, out: Path | None, sets: list[str], workers: int | None, as_json: bool, dry_run: bool
) -> None:
    from journey import pipeline
    from journey.config import parse_set

    recipe = pipeline.read_recipe(name)
    settings = pipeline.resolve(recipe, parse_set(sets))
    to = out or Path("data/runs") / recipe.name
    if dry_run:
        print_json(pipeline.describe(settings, to))
        return
    folder = pipeline.run(settings, to, workers=workers)
    show_scores(folder, as_json)
    next_(f"open {folder / 'report.html'}")


@app.command()
def generate(
    out: Out,
    family: Annotated[list[str], typer.Option(help="Problem family, NAME or NAME@LEVEL. Repeats.")] = [],  # noqa: B006
    problems: Annotated[str | None, typer.Option(help="Problem file (jsonl, json, parquet) or Hub dataset id.")] = None,
    mapping: Annotated[list[str], typer.Option("--map", help="Field names, e.g. question=q,answer=a.")] = [],  # noqa: B006
    method: Annotated[list[str], typer.Option(help="How trees are made. Repeats.")] = [],  # noqa: B006
    pairs: Annotated[int | None, typer.Option(help="How many pairs (a problem file: all, if left out).")] = None,
    per_problem: Annotated[int | None, typer.Option(help="Trees per problem.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all draws (default: 0).")] = None,
    sets: Sets = [],  # noqa: B006
    workers: Workers = None,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Make pairs of traces from trees.

    Example: `journey generate --family countdown@1 --method search --pairs 1000 --out data/runs/countdown`
    """
    from journey.config import GenerateSettings
    from journey.formats.folders import read_manifest
    from journey.generate import run as stage

    flags = given(family=family, problems=problems, method=method, pairs=pairs, per_problem=per_problem, seed=seed)
    flags |= given(map=pairs_of(mapping, "--map"))
    settings = stage_settings(GenerateSettings, "generate", flags, sets)
    if dry_run:
        print_json(stage.plan(settings, out, workers=workers))
        return
    folder = stage.generate(settings, out, workers=workers)
    show_counts(read_manifest(folder, "generate").counts, as_json)
    base = " --base pocket" if suggested(folder, "pairs") == "pocket" else ""
    next_(f"journey curate {folder}{base} --out {folder.with_name(folder.name + '-curated')}")


@app.command()
def curate(
    folders: Annotated[list[Path], typer.Argument(help="Folders that `journey generate` wrote.")],
    out: Out,
    base: Annotated[str | None, typer.Option(help="Model whose tokenizer measures lengths.")] = None,
    preset: Annotated[str | None, typer.Option(help="standard or strict.")] = None,
    benchmarks: Annotated[str | None, typer.Option(help="Benchmarks that must not be trained on, a,b.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Longest row in tokens, prompt included.")] = None,
    sets: Sets = [],  # noqa: B006
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Filter pairs, with a ledger of every pair dropped; split by problem.

    Example: `journey curate data/runs/countdown --out data/runs/curated --benchmarks countdown@1`
    """
    from journey.config import CurateSettings
    from journey.curate import run as stage
    from journey.formats.folders import read_manifest

    flags = given(base=base, preset=preset, benchmarks=split(benchmarks), max_tokens=max_tokens)
    settings = stage_settings(CurateSettings, "curate", flags, sets)
    if dry_run:
        rows = {str(f): read_manifest(f, "generate").counts for f in folders}
        print_json({"out": str(out), "inputs": rows, "settings": settings.model_dump()})
        return
    folder = stage.curate(folders, settings, out)
    show_counts(read_manifest(folder, "curate").counts, as_json)
    base = settings.base or suggested(folder, "train")
    next_(f"journey finetune {folder} --base {base} --out {folder.with_name(folder.name + '-runs')}")


@app.command()
def finetune(
    folder: Annotated[Path, typer.Argument(help="A folder that `journey curate` wrote, or a published dataset's id.")],
    out: Out,
    base: Annotated[str | None, typer.Option(help="Catalog name, local folder or Hub id.")] = None,
    arms: Annotated[str | None, typer.Option(help="ARM[@BUDGET],... see `journey list arms`.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Training seeds 0..N-1.")] = None,
    match: Annotated[
        str | None, typer.Option(help="Budget of arms without one: examples, tokens, steps or flops.")
    ] = None,
    pairs: Annotated[str | None, typer.Option(help="Train on the first N pairs only; N,M,... compares sizes.")] = None,
    rank: Annotated[str | None, typer.Option(help="LoRA rank; 8,16,... compares ranks.")] = None,
    lr: Annotated[str | None, typer.Option(help="Peak learning rate; 1e-3,3e-3,... compares rates.")] = None,
    mistake_weight: Annotated[
        str | None, typer.Option(help="Loss weight of mistakes, 0 to 1: W for all arms that show them, or ARM=W,...")
    ] = None,
    epochs: Annotated[float | None, typer.Option(help="Passes of the reference arm.")] = None,
    max_length: Annotated[int | None, typer.Option(help="Longest row in tokens.")] = None,
    rows_per_step: Annotated[int | None, typer.Option(help="Rows in an optimiser step.")] = None,
    benchmarks: Annotated[str | None, typer.Option(help="Benchmarks that must not overlap, a,b.")] = None,
    engine: Annotated[str | None, typer.Option(help="What trains; see `journey list engines`.")] = None,
    warmup: Annotated[
        str | None, typer.Option(help="Common start of all arms: a curate folder to train it on, or an adapter.")
    ] = None,
    lr_sweep: Annotated[
        str | None, typer.Option(help="Learning rates to try for every arm on the dev split, 1e-3,3e-3.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Train every weight, no adapters (engine trl).")] = False,
    processes: Annotated[
        int | None, typer.Option(help="Processes, one a GPU, that share each run (engine trl).", min=1)
    ] = None,
    checkpointing: Annotated[
        bool | None,
        typer.Option("--checkpointing/--no-checkpointing", help="Recompute activations (default: by engine)."),
    ] = None,
    packing: Annotated[bool, typer.Option("--packing", help="Rows end to end, no padding (engine trl).")] = False,
    liger: Annotated[bool, typer.Option("--liger", help="Liger's kernels (engine trl, on a GPU).")] = False,
    report_to: Annotated[str | None, typer.Option(help="Where to report, e.g. wandb (engine trl).")] = None,
    sets: Sets = [],  # noqa: B006
    workers: Workers = None,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Train every arm and seed from the same base, on matched budgets.

    Example: `journey finetune data/runs/curated --base pocket --seeds 2 --out data/runs/arms`
    """
    from journey.config import FinetuneSettings
    from journey.finetune import run as stage
    from journey.formats.folders import read_manifest
    from journey.publish.transfer.restore import local_folder, warmup_folder

    flags = given(
        base=base, arms=split(arms), seeds=seeds, match=match, pairs=pairs, rank=rank, lr=lr, epochs=epochs,
        mistake_weight=by_arm(mistake_weight), max_length=max_length, rows_per_step=rows_per_step, benchmarks=split(benchmarks), engine=engine, workers=workers,
        warmup=warmup, lr_sweep=split(lr_sweep), full=full or None, processes=processes, checkpointing=checkpointing,
        packing=packing or None, liger=liger or None, report_to=report_to,
    )  # fmt: skip
    flags["warmup"] = warmup_folder(warmup) if warmup else None
    settings = stage_settings(FinetuneSettings, "finetune", given(**flags), sets)
    folder = local_folder(folder, "curate")
    if dry_run:
        print_json(stage.plan(folder, settings))
        return
    made = stage.finetune(folder, settings, out)
    if as_json:
        print_json(read_manifest(made, "finetune").counts)
    else:
        from journey import console
        from journey.finetune.planning import audit
        from journey.formats.folders import open_finished

        found = open_finished(made, "finetune").audit
        for table in audit.tables(found):
            console.out.print(table)
        for sentence in found.notes:
            console.note(sentence)
    next_(f"journey evaluate {made} --benchmarks NAME,... --out {made.with_name(made.name + '-evaluation')}")


app.command()(evaluate.evaluate)
app.command()(evaluate.report)
app.command()(hub.publish)
app.command()(hub.export)


@app.command()
def show(
    path: Annotated[Path, typer.Argument(help="A pair file, or a folder of generate, curate or evaluate.")],
    number: Annotated[int, typer.Option("-n", help="How many pairs.", min=1)] = 1,
    view: Annotated[str, typer.Option(help="think, plain or compact.")] = "think",
    skip: Annotated[int, typer.Option(help="Pairs to pass over first.", min=0)] = 0,
    as_json: AsJson = False,
) -> None:
    """Show pairs side by side, mistakes and corrections coloured.

    Example: `journey show data/runs/countdown -n 2`
    """
    from journey.cli import show

    found = show.pairs(path, number, skip)
    if as_json:
        print_json(found)
        return
    show.show(found, view)
    next_(f"journey show {path} -n {number} --skip {skip + number}")


@app.command("list")
def list_(
    kind: Annotated[
        str, typer.Argument(help="families, methods, filters, arms, engines, benchmarks, strategies, models, recipes.")
    ],
    as_json: AsJson = False,
) -> None:
    """What there is of a kind, with the facts of each.

    Example: `journey list families`
    """
    from journey.cli import show

    rows = show.catalog_rows(kind)
    if as_json:
        print_json(rows)
        return
    show.show_rows(kind, rows)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """What this machine can do: devices, memory, disk, models, extras, Hub.

    Example: `journey doctor`
    """
    from journey.cli import show
    from journey.cli.doctor import examine

    found = examine()
    if as_json:
        print_json(found)
        return
    show.show_facts(found)
    next_("journey demo")


def main() -> None:
    """Run the command line; every error of ours becomes one message and its exit code, Ctrl-C becomes 130."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    interrupts.handle()
    try:
        app()
    except BaseException as error:
        # Typer turns a KeyboardInterrupt into a silent exit, and a library may make an error of its own of it.
        if interrupts.received() or isinstance(error, KeyboardInterrupt):
            _say_interrupted(interrupts.kept(error))
            interrupts.leave()
        if isinstance(error, JourneyError):
            _fail(str(error), error.exit_code)
        if isinstance(error, MemoryError):
            _fail("out of memory", ResourceError.exit_code)
        if isinstance(error, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        raise


def _say_interrupted(kept: list[str]) -> None:
    from journey import console

    go_on = "run the same command again" + (" to go on from here" if kept else "")
    console.err.print("interrupted;", "; ".join([*kept, go_on]), markup=False, highlight=False, soft_wrap=True)


def _fail(message: str, code: int) -> None:
    from journey import console

    console.err.print("error:", style="bold red", end=" ")
    console.err.print(console.clean(message), markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)
