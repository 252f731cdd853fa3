"""The table of claims in a terminal: a table where there is room, else one line after the other."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from journey import console
from journey.claims.page import HEADS, ClaimRow, stacked

WIDE = 100
TONES = {"no": "bold red", "not decided": "bold", "yes": "bold green"}


def show(rows: Sequence[ClaimRow]) -> None:
    """Print the claims in the order given."""
    if console.out.width < WIDE:
        for head, text in stacked(rows):
            style = TONES[text] if head == "agrees" else "bold underline" if head == "claim" else ""
            console.out.print(_text(text if head == "claim" else f"{head}: {text}", style))
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, show_lines=True)
    for head, ratio in zip(HEADS, (2, 3, 4, 1), strict=True):
        table.add_column(head, overflow="fold", ratio=ratio)
    for row in rows:
        *cells, agrees = row.cells
        table.add_row(*map(_text, cells), _text(agrees, TONES[agrees]))
    console.out.print(table)


def _text(text: str, style: str = "") -> Text:
    return Text(console.clean(text), style=style)
