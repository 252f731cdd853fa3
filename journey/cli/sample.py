"""`journey sample`: draws attempts of models at problems, grades them and finds their first mistakes."""

from __future__ import annotations

from journey.cli.flags.given import GivenFlags, settings_flags
from journey.cli.shared import AsJson, DryRun, Out, Workers, next_, print_json


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
        print_json(stage.plan(settings, out))
        return
    folder = stage.sample(settings, out, workers=workers)
    profile = open_finished(folder, "sample").profile
    if as_json:
        print_json(profile.plain())
    else:
        console.out.print(table(profile.policies))
    if settings.pilot is not None:
        next_("the same command without --pilot, and with another --out")
        return
    policy = f" --policy {profile.policies[0].policy.name}" if len(profile.policies) > 1 else ""
    next_(f"journey generate --attempts {folder}{policy} --method own --out {folder.with_name(folder.name + '-pairs')}")
