"""`journey publish`: uploads finished folders to the Hugging Face Hub."""

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
    source = f"{line['repo']}@{line['tag'] or line['commit']}"
    if line["piece"] == "dataset":
        return f"journey finetune {source} --base NAME --out DIR"
    return f"journey evaluate {source} --benchmarks NAME,... --out DIR" if line["piece"] == "adapters" else line["url"]


def _show_plan(done: list[dict[str, Any]]) -> None:
    from journey import console

    for piece in done:
        console.out.print(
            f"{piece['piece']}: {piece['type']} {piece['repo']}, {piece['visibility']}, {piece['licence']}",
            style="bold",
        )
        for name, size in piece["files"].items():
            console.out.print(f"  {size:>13,}  {name}", markup=False, highlight=False)
        console.out.print(
            f"  {piece['bytes']:>13,}  bytes in {len(piece['files'])} files, in {piece['folder']}", highlight=False
        )


def _show_done(done: list[dict[str, Any]]) -> None:
    from journey import console

    for piece in done:
        lines = [f"{piece['piece']}: {piece['url']}"]
        version = f", tagged {piece['tag']}" if piece["tag"] else ""
        lines.append(f"  commit {piece['commit']}{version}")
        if piece["pull_request"]:
            lines.append(f"  pull request {piece['pull_request']}")
        if piece["changed"]:
            back = f"{piece['downloaded']} of them read back"
            lines.append(f"  {piece['files']} files, {piece['bytes']:,} bytes; all compared by hash, {back}")
        else:
            lines.append("  nothing changed, so no new commit; all files compared by hash")
        lines += [f"  - {line}" for line in piece["changes"]]
        for line in lines:
            console.out.print(line, markup=False, highlight=False, soft_wrap=True)
