"""`journey publish`: uploads finished folders to the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from journey.cli.flags.given import GivenFlags, settings_flags
from journey.cli.shared import AsJson, again, fitting_benchmarks, next_, note, print_json, suggested


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
    yes: Annotated[
        bool, typer.Option("--yes", help="Replace a version even by one with less than half of its rows.")
    ] = False,
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
    done = stage.publish(
        target,
        settings,
        given=beside,
        everything=all_,
        out=out,
        dry_run=dry_run,
        agreed=lambda words: yes or _asked_for(words),
    )
    if as_json:
        print_json(done)
    else:
        (_show_plan if dry_run else _show_done)(done)
    if dry_run:
        note(f"to open it: load_dataset({done[0]['folder']!r})")
        next_(*again("--dry-run"))
    else:
        next_(*_what_next(target, done[0]))


def _asked_for(words: str) -> bool:
    """Ask the person, where there is one."""
    import sys

    return sys.stdin.isatty() and typer.confirm(f"{words}. Go on?", err=True)


def _what_next(target: str, line: dict[str, Any]) -> list[str]:
    """What others do with it: train on a dataset, evaluate adapters, fetch anything else."""
    source, name = f"{line['repo']}@{line['tag'] or line['commit']}", line["repo"].rpartition("/")[2]
    curated = next((path for path in (Path(target), Path(target) / "curate") if _is_curated(path)), None)
    if line["piece"] == "dataset" and curated is not None:
        base = _base(curated)
        return ["journey", "finetune", source, "--base", base, "--out", f"data/runs/{name}-runs"]
    if line["piece"] == "adapters" and (names := _asked(Path(target))):
        return ["journey", "evaluate", source, "--benchmarks", ",".join(names), "--out", f"data/runs/{name}-evaluation"]
    revision = ["--revision", line["tag"] or line["commit"]]
    kind = ["--repo-type", "dataset"] if line["piece"] in ("dataset", "evaluation") else []
    return ["hf", "download", line["repo"], *kind, *revision]


def _asked(target: Path) -> list[str]:
    """What adapters can be asked, where the pairs that they were trained on still lie beside them."""
    from journey.evaluate.planning.dev_questions import curated_folder
    from journey.formats.folders import open_finished
    from journey.formats.manifest import MANIFEST

    trained = next((path for path in (target, target / "finetune") if (path / MANIFEST).is_file()), None)
    curated = None if trained is None else curated_folder(open_finished(trained, "finetune"))
    return [] if curated is None else fitting_benchmarks(curated.path)


def _is_curated(path: Path) -> bool:
    from journey.formats.folders import read_manifest
    from journey.formats.manifest import MANIFEST

    return (path / MANIFEST).is_file() and read_manifest(path).stage == "curate"


def _base(curated: Path) -> str:
    from journey.formats.folders import open_finished

    return open_finished(curated, "curate").base or suggested(curated, "train")


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
