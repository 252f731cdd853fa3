"""The command line: `journey VERB`, verbs in pipeline order. Results on stdout, everything else on stderr.

Every verb has a one-line purpose, an example, `--json`, and ends by naming the next command. Heavy imports sit inside
the handlers, so that `journey --help` answers at once.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from journey import cli_hub
from journey.errors import JourneyError, PartialError, ResourceError, UsageError

app = typer.Typer(
    name="journey",
    help="Make paired shortcut and journey traces, fine-tune on both, and compare the models with an honest verdict.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="markdown",
)

Out = Annotated[Path, typer.Option("--out", "-o", help="Folder to write (DIR.partial while it runs).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan and its costs; do nothing.")]
Sets = Annotated[list[str], typer.Option("--set", help="Override one setting, e.g. --set slips.delay=2. Repeats.")]
Workers = Annotated[int | None, typer.Option(help="Processes. The output does not depend on it.", min=1)]
DEMO_OUT = Path("data/runs/demo")


def _print_json(data: Any) -> None:
    import msgspec

    sys.stdout.write(json.dumps(msgspec.to_builtins(data), indent=2, ensure_ascii=False) + "\n")


def _next(command: str) -> None:
    from journey import console

    console.note(f"next: {command}")


def _split(values: str | None) -> list[str] | None:
    return None if values is None else [value.strip() for value in values.split(",") if value.strip()]


def _given(**flags: Any) -> dict[str, Any]:
    """The flags that were given, as a layer of settings."""
    return {name: value for name, value in flags.items() if value is not None and value != []}


def _by_arm(value: str | None) -> Any:
    """`0.3` as it is, `journey=0.3,mix-50=0` as weights by arm."""
    return _pairs_of([value], "--mistake-weight", "journey=0.5") if value and "=" in value else value


def _pairs_of(values: list[str], flag: str, example: str = "question=problem,answer=gold") -> dict[str, str]:
    found = {}
    for value in values:
        for item in value.split(","):
            key, equals, field = item.partition("=")
            if not equals or not key or not field:
                raise UsageError(f"{flag} {item!r} is not NAME=VALUE", f"e.g. {flag} {example}")
            found[key.strip()] = field.strip()
    return found


def _stage_settings(kind: Any, where: str, flags: dict[str, Any], sets: list[str]) -> Any:
    """A stage's settings: flags over `--set`; a `--set` key that is no setting goes to the plug-in options."""
    from journey.config import build, merge, parse_set

    data = parse_set(sets)
    known = kind.model_fields
    options = {name: data.pop(name) for name in list(data) if name not in known and "options" in known}
    for name, value in options.items():
        if not isinstance(value, dict):
            raise UsageError(
                f"--set {name}={value}: no setting of {where} is called {name!r}", f"known: {', '.join(known)}"
            )
    if options:
        data["options"] = merge(data.get("options", {}), options)
    return build(kind, merge(data, flags), where)


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
        _print_json(pipeline.describe(settings, to))
        return
    folder = pipeline.run(settings, to, workers=workers)
    _show_scores(folder, as_json)
    _next(f"open {folder / 'report.html'}")


@app.command()
def generate(
    out: Out,
    family: Annotated[list[str], typer.Option(help="Problem family, NAME or NAME@LEVEL. Repeats.")] = [],  # noqa: B006
    problems: Annotated[str | None, typer.Option(help="Problem file (jsonl, json, parquet) or Hub dataset id.")] = None,
    mapping: Annotated[list[str], typer.Option("--map", help="Field names, e.g. question=q,answer=a.")] = [],  # noqa: B006
    method: Annotated[list[str], typer.Option(help="How trees are made. Repeats.")] = [],  # noqa: B006
    pairs: Annotated[int | None, typer.Option(help="How many pairs (a problem file: all, if left out).")] = None,
    per_problem: Annotated[int | None, typer.Option(help="Trees per problem.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of all draws.")] = 0,
    sets: Sets = [],  # noqa: B006
    workers: Workers = None,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Make pairs of traces from trees.

    Example: `journey generate --family countdown@1 --method search --pairs 1000 --out data/runs/countdown`
    """
    from journey.config import GenerateSettings
    from journey.generate import run as stage
    from journey.store import read_manifest

    flags = _given(family=family, problems=problems, method=method, pairs=pairs, per_problem=per_problem, seed=seed)
    flags |= _given(map=_pairs_of(mapping, "--map"))
    settings = _stage_settings(GenerateSettings, "generate", flags, sets)
    if dry_run:
        _print_json(stage.plan(settings, out, workers=workers))
        return
    folder = stage.generate(settings, out, workers=workers)
    _show_counts(read_manifest(folder, "generate")["counts"], as_json)
    _next(f"journey curate {folder} --out {folder.with_name(folder.name + '-curated')}")


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
    from journey.store import read_manifest

    flags = _given(base=base, preset=preset, benchmarks=_split(benchmarks), max_tokens=max_tokens)
    settings = _stage_settings(CurateSettings, "curate", flags, sets)
    if dry_run:
        rows = {str(f): read_manifest(f, "generate")["counts"] for f in folders}
        _print_json({"out": str(out), "inputs": rows, "settings": settings.model_dump()})
        return
    folder = stage.curate(folders, settings, out)
    _show_counts(read_manifest(folder, "curate")["counts"], as_json)
    _next(f"journey finetune {folder} --base {settings.base} --out {folder.with_name(folder.name + '-runs')}")


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
    from journey.publish.restore import local_folder, warmup_folder
    from journey.store import read_manifest

    flags = _given(
        base=base, arms=_split(arms), seeds=seeds, match=match, pairs=pairs, rank=rank, lr=lr, epochs=epochs,
        mistake_weight=_by_arm(mistake_weight), max_length=max_length, rows_per_step=rows_per_step, benchmarks=_split(benchmarks), engine=engine, workers=workers,
        warmup=warmup, lr_sweep=_split(lr_sweep), full=full or None, processes=processes, checkpointing=checkpointing,
        packing=packing or None, liger=liger or None, report_to=report_to,
    )  # fmt: skip
    flags["warmup"] = warmup_folder(warmup) if warmup else None
    settings = _stage_settings(FinetuneSettings, "finetune", _given(**flags), sets)
    folder = local_folder(folder, "curate")
    if dry_run:
        _print_json(stage.plan(folder, settings))
        return
    made = stage.finetune(folder, settings, out)
    if as_json:
        _print_json(read_manifest(made, "finetune")["counts"])
    else:
        from journey import console
        from journey.finetune import audit

        found = stage.read_audit(made)
        for table in audit.tables(found):
            console.out.print(table)
        for sentence in found.notes:
            console.note(sentence)
    _next(f"journey evaluate {made} --benchmarks NAME,... --out {made.with_name(made.name + '-evaluation')}")


@app.command()
def evaluate(
    folder: Annotated[Path, typer.Argument(help="A folder that `journey finetune` wrote, or adapters' Hub id.")],
    out: Out,
    benchmarks: Annotated[
        str | None, typer.Option(help="NAME, FAMILY@LEVEL, NAME=FILE.jsonl, reasoning-gym:TASK or Hub id, a,b.")
    ] = None,
    mapping: Annotated[
        list[str], typer.Option("--map", help="Field names of a file or Hub id, question=q,answer=a.")
    ] = [],  # noqa: B006
    fresh: Annotated[int | None, typer.Option(help="Seed of new procedural problems, none of them trained on.")] = None,
    strategy: Annotated[
        str | None, typer.Option(help="Test-time strategies, a,b; the first gives the headline.")
    ] = None,
    k: Annotated[int | None, typer.Option("--k", help="Samples that majority, best-of-k and pass@k use.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most N problems of every benchmark.")] = None,
    max_new_tokens: Annotated[int | None, typer.Option(help="Cap of new tokens, the same for all arms.")] = None,
    batch: Annotated[int | None, typer.Option(help="Prompts decoded together.")] = None,
    margin: Annotated[float | None, typer.Option(help="Difference that matters, as a share.")] = None,
    larger: Annotated[
        str | None, typer.Option(help="Larger untuned model, compared at equal FLOPs: a model or NAME@http://HOST/v1.")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="Sample from this server, http://HOST/v1, which knows the runs by name.")
    ] = None,
    aa: Annotated[
        bool,
        typer.Option("--aa", help="Compare seeds of one arm with other seeds of the same arm; trains more if needed."),
    ] = False,
    after: Annotated[
        list[str], typer.Option("--after", help="Earlier evaluation: takes over its samples, and says so. Repeats.")
    ] = [],  # noqa: B006
    seed: Annotated[int | None, typer.Option(help="Seed of procedural benchmarks and samples.")] = None,
    harness: Annotated[str | None, typer.Option(help="lm-eval: EleutherAI's harness scores the adapters.")] = None,
    tasks: Annotated[str | None, typer.Option(help="The harness's own tasks, a,b, beside our --benchmarks.")] = None,
    sets: Sets = [],  # noqa: B006
    workers: Workers = None,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Ask every arm and the untuned base the same held-out problems; score, compare, report.

    Example: `journey evaluate data/runs/arms --benchmarks countdown@1 --strategy greedy,majority --out data/runs/e`
    """
    from journey.config import EvaluateSettings
    from journey.evaluate import run as stage
    from journey.publish.restore import local_folder

    flags = _given(
        benchmarks=_split(benchmarks), strategy=_split(strategy), limit=limit, max_new_tokens=max_new_tokens,
        batch=batch, margin=margin, seed=seed, workers=workers, k=k, larger=larger, endpoint=endpoint,
        aa=aa or None, after=after, fresh=fresh, map=_pairs_of(mapping, "--map"),
    )  # fmt: skip
    settings = _stage_settings(EvaluateSettings, "evaluate", flags, sets)
    folder = local_folder(folder, "finetune")
    if harness or tasks:
        _recheck(folder, settings, harness, _split(tasks) or [], out, as_json)
        return
    if settings.aa:
        from journey import pipeline

        folder = pipeline.with_more_seeds(folder, settings, out, dry_run=dry_run)
    if dry_run:
        _print_json(stage.plan(folder, settings))
        return
    made = stage.evaluate(folder, settings, out)
    _show_scores(made, as_json)
    _next(f"open {made / 'report.html'}")


def _recheck(folder: Path, settings: Any, name: str | None, tasks: list[str], out: Path, as_json: bool) -> None:
    """`evaluate --harness lm-eval`: scores as the harness gives them."""
    from journey import showing
    from journey.evaluate import harness

    if name != harness.NAME:
        raise UsageError(f"--harness is {name!r}", f"--harness {harness.NAME} is the one that there is")
    made = harness.recheck(folder, settings, tasks, out)
    found = harness.read(made)
    if as_json:
        _print_json(found)
        return
    for score in found.scores:
        numbers = {key: value for key, value in score.metrics.items() if "stderr" not in key}
        showing.show_facts({f"{score.task}, {score.run}": f"{numbers} on {score.n}"})
    _next(f"ls {made / 'tasks'}  # task files with which others can check a score")


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="A folder that `journey evaluate` (or `run`, `demo`) wrote.")],
    finetuned: Annotated[Path | None, typer.Option("--finetune", help="Its finetune folder, if not beside it.")] = None,
    judge: Annotated[str | None, typer.Option(help="A MODEL that counts the behaviours too, on some answers.")] = None,
    judge_answers: Annotated[int, typer.Option(help="How many answers the judge reads.", min=1)] = 200,
    as_json: AsJson = False,
) -> None:
    """Rebuild the report from the stored samples; no model is needed.

    Example: `journey report data/runs/demo/evaluate`
    """
    from journey.evaluate import report as stage
    from journey.evaluate.behaviour import judge as judging
    from journey.evaluate.behaviour import measure
    from journey.store import corrupt_files, read_manifest

    if not (folder / "manifest.json").is_file() and (folder / "evaluate" / "manifest.json").is_file():
        folder = folder / "evaluate"
    read_manifest(folder, "evaluate")
    damaged = corrupt_files(folder)
    if damaged:
        raise PartialError(f"{folder} is damaged: {', '.join(damaged[:5])}\n  run `journey evaluate` again")
    if finetuned is not None:
        read_manifest(finetuned, "finetune")
    measure.build(folder, judging.judge(folder, judge, judge_answers) if judge else None)
    stage.build(folder, finetuned)
    _show_scores(folder, as_json)
    _next(f"open {folder / 'report.html'}")


app.command()(cli_hub.publish)
app.command()(cli_hub.export)


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
    from journey import showing

    found = showing.pairs(path, number, skip)
    if as_json:
        _print_json(found)
        return
    showing.show(found, view)
    _next(f"journey show {path} -n {number} --skip {skip + number}")


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
    from journey import showing

    rows = showing.catalog_rows(kind)
    if as_json:
        _print_json(rows)
        return
    showing.show_rows(kind, rows)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """What this machine can do: devices, memory, disk, models, extras, Hub.

    Example: `journey doctor`
    """
    from journey import showing
    from journey.doctor import examine

    found = examine()
    if as_json:
        _print_json(found)
        return
    showing.show_facts(found)
    _next("journey demo")


def _show_counts(counts: dict[str, Any], as_json: bool) -> None:
    from journey import showing

    if as_json:
        _print_json(counts)
    else:
        showing.show_facts(counts)


def _show_scores(folder: Path, as_json: bool) -> None:
    from journey import showing

    if as_json:
        sys.stdout.write((folder / "scores.json").read_text(encoding="utf-8"))
    else:
        showing.show_scores(folder)


def main() -> None:
    """Run the command line; every error of ours becomes one message and its exit code."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        app()
    except JourneyError as error:
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        _fail("interrupted; run the same command again to go on from here", 130)
    except MemoryError:
        _fail("out of memory", ResourceError.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _fail(message: str, code: int) -> None:
    from journey import console

    console.err.print("error:", style="bold red", end=" ")
    console.err.print(console.clean(message), markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)
