"""`journey finetune`: trains the arms on matched budgets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from journey.cli.flags.given import GivenFlags, settings_flags
from journey.cli.shared import AsJson, DryRun, Like, Out, fitting_benchmarks, next_, note, print_json, show_plan


@settings_flags("finetune")
def finetune(
    folder: Annotated[Path, typer.Argument(help="A folder that `journey curate` wrote, or a published dataset's id.")],
    out: Out,
    given: GivenFlags,
    like: Like = None,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Train every arm and seed from the same base, on matched budgets.

    Example: journey finetune data/runs/curated --base pocket --seeds 2 --out data/runs/arms
    """
    from journey.config import FinetuneSettings
    from journey.finetune import run as stage
    from journey.formats.folders import read_manifest
    from journey.publish.transfer.restore import local_folder, warmup_folder

    settings = given.build(FinetuneSettings, like)
    if settings.warmup:
        settings = settings.model_copy(update={"warmup": warmup_folder(settings.warmup)})
    folder = local_folder(folder, "curate")
    if dry_run:
        from journey.evaluate.dry_run import chances_of

        # A finetune plan has no problems yet: the usual sizes of a test set, with one comparison that the headline speaks of.
        chances = {f"{count:,} problems": chances_of(count, settings.seeds) for count in (300, 600, 1319)}
        show_plan("finetune", {**stage.plan(folder, settings), "chances": chances}, as_json)
        return
    trained = stage.finetune(folder, settings, out)
    if as_json:
        print_json(read_manifest(trained, "finetune").counts)
    else:
        from journey import console
        from journey.finetune.planning import audit
        from journey.formats.folders import open_finished

        record = open_finished(trained, "finetune").audit
        for table in audit.tables(record):
            console.out.print(table)
        for sentence in record.notes:
            note(sentence)
    names = ",".join(fitting_benchmarks(folder, settings.benchmarks))
    if names:
        to = trained.with_name(trained.name + "-evaluation")
        next_("journey", "evaluate", trained, "--benchmarks", names, "--out", to)
    else:
        next_("journey", "list", "benchmarks")
