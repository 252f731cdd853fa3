"""`journey show`: prints pairs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from journey.cli.shared import AsJson, next_, print_json


def show(
    path: Annotated[Path, typer.Argument(help="A pair file, or a folder of generate, curate or evaluate.")],
    number: Annotated[int, typer.Option("-n", metavar="N", help="How many pairs.", min=1)] = 1,
    view: Annotated[str, typer.Option(metavar="VIEW", help="think, plain or compact.")] = "think",
    skip: Annotated[int, typer.Option(metavar="N", help="Pairs to pass over first.", min=0)] = 0,
    as_json: AsJson = False,
) -> None:
    """Show pairs side by side, mistakes and corrections coloured.

    Example: journey show data/runs/countdown -n 2
    """
    from journey.cli.printing import terminal

    pairs = terminal.pairs(path, number, skip)
    if as_json:
        print_json(pairs)
        return
    terminal.show(pairs, view)
    next_(f"journey show {path} -n {number} --skip {skip + number}")
