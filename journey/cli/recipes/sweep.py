"""`journey sweep`: one recipe at every point of a grid of settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from journey.cli.shared import AsJson, DryRun, RecipeName, Sets, Workers, next_, print_json, show_plan


def sweep(
    recipe: RecipeName,
    over: Annotated[
        list[str],
        typer.Option("--over", metavar="KEY=A,B,C", help="A setting and its values (default: the recipe's). Repeats."),
    ] = [],  # noqa: B006 - typer reads the default
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder (default: data/runs/NAME-sweep).")
    ] = None,
    sets: Sets = [],  # noqa: B006
    workers: Workers = None,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """A recipe at every point of a grid, shared stages done once, with one report and its picture.

    Example: journey sweep quickstart --over finetune.rank=4,16,64 --out data/runs/ranks
    """
    from journey import pipeline
    from journey.cli.printing.sweeps import show_sweep
    from journey.settings.given import parse_set
    from journey.sweeps import run as sweeps

    read = pipeline.read_recipe(recipe)
    planned = sweeps.prepare(read, over, parse_set(sets))
    to = out or Path("data/runs") / f"{read.name}-sweep"
    if dry_run:
        show_plan("sweep", sweeps.describe(planned, to), as_json)
        return
    record = sweeps.sweep(planned, to, workers=workers)
    print_json(record.plain()) if as_json else show_sweep(record)
    if any(claim.at for claim in planned.settings.claims):
        next_("journey", "claims", to)
    else:
        next_("journey", "show", to)
