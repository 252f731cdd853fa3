"""The verbs that ask and tell: `journey evaluate` and `journey report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from journey.cli.shared import (
    AsJson,
    DryRun,
    Out,
    Sets,
    Workers,
    given,
    next_,
    pairs_of,
    print_json,
    show_scores,
    split,
    stage_settings,
)
from journey.errors import UsageError


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
    from journey.publish.transfer.restore import local_folder

    flags = given(
        benchmarks=split(benchmarks), strategy=split(strategy), limit=limit, max_new_tokens=max_new_tokens,
        batch=batch, margin=margin, seed=seed, workers=workers, k=k, larger=larger, endpoint=endpoint,
        aa=aa or None, after=after, fresh=fresh, map=pairs_of(mapping, "--map"),
    )  # fmt: skip
    settings = stage_settings(EvaluateSettings, "evaluate", flags, sets)
    folder = local_folder(folder, "finetune")
    if harness or tasks:
        _recheck(folder, settings, harness, split(tasks) or [], out, as_json, dry_run)
        return
    if settings.aa:
        from journey import pipeline

        folder = pipeline.with_more_seeds(folder, settings, out, dry_run=dry_run)
    if dry_run:
        print_json(stage.plan(folder, settings))
        return
    made = stage.evaluate(folder, settings, out)
    show_scores(made, as_json)
    next_(f"open {made / 'report.html'}")


def _recheck(
    folder: Path, settings: Any, name: str | None, tasks: list[str], out: Path, as_json: bool, dry_run: bool
) -> None:
    """`evaluate --harness lm-eval`: scores as the harness gives them."""
    from journey.cli import show
    from journey.evaluate import harness

    if name != harness.NAME:
        raise UsageError(f"--harness is {name or 'not given'}", f"--harness {harness.NAME} is the one that there is")
    if dry_run:
        print_json(harness.plan(folder, settings, tasks))
        return
    found = harness.read(harness.recheck(folder, settings, tasks, out))
    if as_json:
        print_json(found)
        return
    show.show_facts({f"{s.task}, {s.run}": harness.said(s) for s in found.scores})
    next_(f"cat {out / 'tasks' / 'README.md'}" if (out / "tasks").is_dir() else f"ls {out}")


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
    from journey.formats.folders import open_finished

    if not (folder / "manifest.json").is_file() and (folder / "evaluate" / "manifest.json").is_file():
        folder = folder / "evaluate"
    evaluated = open_finished(folder, "evaluate")
    measure.build(evaluated, judging.judge(evaluated, judge, judge_answers) if judge else None)
    stage.build(evaluated, finetuned)
    show_scores(folder, as_json)
    next_(f"open {folder / 'report.html'}")
