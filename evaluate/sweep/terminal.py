"""The report of a sweep in a terminal: the same tables as on the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, ConsoleOptions, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from journey.console import clean
from journey.evaluate.sweep import report
from journey.formats.recipes.sweep import SweepResults

WIDE = 100  # columns from which all of a comparison fits on a line


class SweepSummary:
    """A renderable that fits itself to the width it is given."""

    def __init__(self, record: SweepResults) -> None:
        self.record = record

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        wide = options.max_width >= WIDE
        yield Rule(Text("Sweep"), align="left")
        yield _text(report.title(self.record), "bold")
        yield _text(report.about(self.record))
        for section in report.sections(self.record):
            yield Text()
            yield _text(section.benchmark + (" (headline)" if section.primary else ""), "bold underline")
            heads = report.score_heads(self.record)
            kept = len(heads) if wide else len(heads) - 4
            yield _table(heads[:kept], [row[:kept] for row in section.scores])
            if not section.pairs:
                continue
            yield Text()
            if wide:
                yield _table(report.PAIR_HEADS[:5], [row[:5] for row in section.pairs], words=(0, 1))
            for row in section.pairs if not wide else ():
                yield _text(row[0])
                yield _text(f"  {row[1]}: {row[2]} points ({row[3]})", "bold")
            if any(row[5] != "needs three seeds" for row in section.pairs):
                yield Text()
                yield _text(f"{report.PAIR_HEADS[5]}:")
                for row in section.pairs:
                    yield _text(f"  {row[0]}: {row[5]}")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[int] = (0,)) -> Table:
    grid = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for number, head in enumerate(heads):
        text = number in words or head == "Arm"
        grid.add_column(head, justify="left" if text else "right", overflow="fold", no_wrap=not text)
    for row in rows:
        grid.add_row(*map(_text, row))
    return grid


def _text(text: str, style: str = "") -> Text:
    return Text(clean(text), style=style)
