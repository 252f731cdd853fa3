"""`journey show`: prints any folder or file of the project: pairs, trees, runs, answers, tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from journey.cli.shared import AsJson, next_, note, print_json


def show(
    path: Annotated[Path, typer.Argument(help="A folder of any stage or run, a model, or a file in one.")],
    number: Annotated[int, typer.Option("-n", metavar="N", help="How many records.", min=1)] = 1,
    view: Annotated[str, typer.Option(metavar="VIEW", help="think, plain or compact.")] = "think",
    skip: Annotated[int, typer.Option(metavar="N", help="Records to pass over first.", min=0)] = 0,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write it as a page instead.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show pairs side by side, mistakes and corrections marked; or whatever else a folder or file holds.

    Example: journey show data/runs/countdown -n 2
    """
    from journey import console
    from journey.cli.printing import finding, terminal

    shown = finding.find(path, number, skip)
    if as_json:
        print_json(shown.records or shown.facts or {"text": shown.text})
        return
    if html is not None:
        terminal.write_page(shown, view, html)
        note(f"written: {html}")
        return
    terminal.show(shown, view, console.out)
    if shown.more:
        next_("journey", "show", path, "-n", str(number), "--skip", str(skip + number))
