"""`journey run` and `journey demo`: carry out a recipe from problems to report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from journey.cli.shared import AsJson, DryRun, Out, RecipeName, Sets, Workers, next_, show_plan, show_scores

DEMO_OUT = Path("data/runs/demo")


def demo(
    out: Out = DEMO_OUT,
    sets: Sets = [],  # noqa: B006 - typer reads the default
    workers: Workers = None,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """The whole comparison on the embedded default: generate, curate, finetune, evaluate, report.

    Example: journey demo --out data/runs/demo
    """
    _run_recipe("quickstart", out, sets, workers, as_json, dry_run)


def run(
    recipe: RecipeName,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder (default: data/runs/NAME).")
    ] = None,
    sets: Sets = [],  # noqa: B006
    workers: Workers = None,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """A recipe end to end, skipping finished stages.

    Example: journey run gsm8k --set base=Qwen/Qwen2.5-1.5B-Instruct --out data/runs/qwen
    """
    _run_recipe(recipe, out, sets, workers, as_json, dry_run)


def _run_recipe(
    name: str, out: Path | None, sets: list[str], workers: int | None, as_json: bool, dry_run: bool
) -> None:
    from journey import pipeline
    from journey.settings.given import parse_set

    recipe = pipeline.read_recipe(name)
    settings = pipeline.resolve(recipe, parse_set(sets))
    to = out or Path("data/runs") / recipe.name
    if dry_run:
        show_plan("run", pipeline.describe(settings, to), as_json)
        return
    folder = pipeline.run(settings, to, workers=workers)
    show_scores(folder, as_json)
    if any(not claim.at for claim in settings.claims):
        next_("journey", "claims", to)
    else:
        next_("journey", "show", folder)
