"""`journey publish`: to the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from journey.cli.flags.given import GivenFlags, settings_flags
from journey.cli.shared import AsJson, next_, note, print_json


@settings_flags("publish")
def publish(
    target: Annotated[
        str,
        typer.Argument(
            help="A folder of curate (dataset), finetune (adapters) or evaluate; a run, with --all; or a model.",
            metavar="DIR",
        ),
    ],
    given: GivenFlags,
    all_: Annotated[bool, typer.Option("--all", help="A whole run: dataset, evaluation and adapters.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder of the bundle and the ids.")
    ] = None,
    as_json: AsJson = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Build and check the folder, print what would go up; ask no Hub.")
    ] = False,
) -> None:
    """Publish to the Hugging Face Hub: one commit, tagged, read back and compared. Private unless --public.

    Example: journey publish data/runs/curated --repo USER/NAME --dry-run
    """
    from journey.publish import run as stage
    from journey.publish import settings as kinds

    settings, beside = given.build(kinds.PublishSettings), given.build(kinds.Given)
    done = stage.publish(target, settings, given=beside, everything=all_, out=out, dry_run=dry_run)
    if as_json:
        print_json(done)
    else:
        (_show_plan if dry_run else _show_done)(done)
    if dry_run:
        note(f"next: the same command without --dry-run; or open it: load_dataset({done[0]['folder']!r})")
    else:
        next_(_what_next(done[0]))


def _what_next(line: dict[str, Any]) -> str:
    there = f"{line['repo']}@{line['tag'] or line['commit']}"
    if line["piece"] == "dataset":
        return f"journey finetune {there} --base NAME --out DIR"
    return f"journey evaluate {there} --benchmarks NAME,... --out DIR" if line["piece"] == "adapters" else line["url"]


def _show_plan(done: list[dict[str, Any]]) -> None:
    from journey import console

    for one in done:
        console.out.print(
            f"{one['piece']}: {one['type']} {one['repo']}, {one['visibility']}, {one['licence']}", style="bold"
        )
        for name, size in one["files"].items():
            console.out.print(f"  {size:>13,}  {name}", markup=False, highlight=False)
        console.out.print(
            f"  {one['bytes']:>13,}  bytes in {len(one['files'])} files, in {one['folder']}", highlight=False
        )


def _show_done(done: list[dict[str, Any]]) -> None:
    from journey import console

    for one in done:
        lines = [f"{one['piece']}: {one['url']}"]
        version = f", tagged {one['tag']}" if one["tag"] else ""
        lines.append(f"  commit {one['commit']}{version}")
        if one["pull_request"]:
            lines.append(f"  pull request {one['pull_request']}")
        if one["changed"]:
            back = f"{one['downloaded']} of them read back"
            lines.append(f"  {one['files']} files, {one['bytes']:,} bytes; all compared by hash, {back}")
        else:
            lines.append("  nothing changed, so no new commit; all files compared by hash")
        lines += [f"  - {line}" for line in one["changes"]]
        for line in lines:
            console.out.print(line, markup=False, highlight=False, soft_wrap=True)
