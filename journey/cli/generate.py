"""`journey sample` and `journey generate`: a model's attempts at problems, and pairs of a shortcut and a journey."""

from __future__ import annotations

from journey.cli.flags.given import GivenFlags, settings_flags
from journey.cli.shared import AsJson, DryRun, Out, Workers, next_, note, print_json, show_counts, show_plan, suggested


@settings_flags("sample")
def sample(
    out: Out,
    given: GivenFlags,
    workers: Workers = None,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Draw and grade attempts of a model, with its own mistakes.

    Example: journey sample --problems mine.jsonl --policy data/runs/f/shortcut-s0 --k 8 --out data/runs/attempts
    """
    from journey import console
    from journey.config import SampleSettings
    from journey.formats.folders import open_finished
    from journey.generate import sample as stage
    from journey.generate.attempts.profile import table

    settings = given.build(SampleSettings)
    if dry_run:
        show_plan("sample", stage.plan(settings, out), as_json)
        return
    folder = stage.sample(settings, out, workers=workers)
    profile = open_finished(folder, "sample").profile
    if as_json:
        print_json(profile.plain())
    else:
        console.out.print(table(profile.policies))
    if settings.pilot is not None:
        note("the same command without --pilot, and with another --out, samples the rest")
        return
    if not any(policy.mixed for policy in profile.policies):
        note("no problem has both a right and a wrong attempt, so no pair of a policy's own can be made")
        next_("journey", "show", folder)
        return
    policy = ("--policy", profile.policies[0].policy.name) if len(profile.policies) > 1 else ()
    pairs = folder.with_name(folder.name + "-pairs")
    next_("journey", "generate", "--attempts", folder, *policy, "--method", "own", "--out", pairs)


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
