"""`journey generate`: makes pairs of a shortcut and a journey from problems."""

from __future__ import annotations

from journey.cli.flags.given import GivenFlags, settings_flags
from journey.cli.shared import AsJson, DryRun, Out, Workers, next_, show_counts, show_plan, suggested


@settings_flags("generate")
def generate(
    out: Out,
    given: GivenFlags,
    workers: Workers = None,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Make pairs of traces from trees.

    Example: journey generate --family countdown@1 --method search --pairs 1000 --out data/runs/countdown
    """
    from journey.config import GenerateSettings
    from journey.formats.folders import read_manifest
    from journey.generate import run as stage

    settings = given.build(GenerateSettings)
    if dry_run:
        show_plan("generate", stage.plan(settings, out, workers=workers), as_json)
        return
    folder = stage.generate(settings, out, workers=workers)
    show_counts(read_manifest(folder, "generate").counts, as_json)
    base = ("--base", "pocket") if suggested(folder, "pairs") == "pocket" else ()
    next_("journey", "curate", folder, *base, "--out", folder.with_name(folder.name + "-curated"))
