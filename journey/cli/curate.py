"""`journey curate`: filters pairs, and records why the others were dropped."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from journey.cli.flags.given import GivenFlags, settings_flags
from journey.cli.shared import AsJson, DryRun, Out, next_, show_counts, show_plan, suggested


@settings_flags("curate")
def curate(
    folders: Annotated[list[Path], typer.Argument(help="Folders that `journey generate` wrote.")],
    out: Out,
    given: GivenFlags,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Filter pairs, with a ledger of every pair dropped; split by problem.

    Example: journey curate data/runs/countdown --out data/runs/curated --benchmarks countdown@1
    """
    from journey.config import CurateSettings
    from journey.curate import run as stage
    from journey.formats.folders import read_manifest

    settings = given.build(CurateSettings)
    if dry_run:
        rows = {str(f): read_manifest(f, "generate").counts for f in folders}
        show_plan("curate", {"out": str(out), "inputs": rows, "settings": settings.model_dump()}, as_json)
        return
    folder = stage.curate(folders, settings, out)
    show_counts(read_manifest(folder, "curate").counts, as_json)
    base = settings.base or suggested(folder, "train")
    next_("journey", "finetune", folder, "--base", base, "--out", folder.with_name(folder.name + "-runs"))
