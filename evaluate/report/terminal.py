"""The report in a terminal: the first screen, then as much of the tables as the width allows.

console.print(terminal.summary(open_finished(folder, "evaluate")))
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from journey.console import clean
from journey.evaluate.report.build import told
from journey.evaluate.report.content import Content
from journey.evaluate.report.summary.record import COST, STEPS, TRUST, FirstScreen, FlippedProblem
from journey.formats.folders import EvaluatedFolder

WIDE = 100  # columns from which the full tables fit
TONES = {"first": "bold yellow", "second": "bold cyan", "none": "bold", "open": "bold"}
SAID = 240  # characters shown of an answer to the flipped problem
Group: TypeAlias = tuple[str, Sequence[Sequence[Text]]]  # benchmark, rows of cells


class Summary:
    """A renderable that fits itself to the width it is given."""

    def __init__(self, report: Content, first: FirstScreen) -> None:
        self.report, self.first = report, first

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        wide = options.max_width >= WIDE
        yield from self._first(options.max_width)
        yield from self._accuracy(wide)
        yield from self._compared(wide)

    def _first(self, width: int) -> Iterator[RenderableType]:
        first = self.first
        yield Rule(Text("Verdict"), align="left")
        yield _text(first.sentence, TONES[first.tone])
        for warning in first.warnings:
            yield _text(f"! {warning}", "bold")
        for one in first.outcomes:
            yield _text(f"  {one.matching}: {one.words}", TONES[one.tone])
            yield _text(f"    {one.second} {one.shares[1]}, {one.first} {one.shares[0]}: {one.points}")
        for head, sentences in ((TRUST, (*first.trust, *self.report.caveats)), (COST, first.cost)):
            yield _text(head, "bold")
            for sentence in sentences:
                yield _listed(sentence)
        if first.steps:
            yield _text(f"{STEPS} {first.where}", "bold")
            for step in first.steps:
                yield _listed(step.why)
                for words in step.commands:
                    yield Text(clean(folded(words, width)), no_wrap=True, overflow="ignore")
        if first.flipped is not None:
            yield from _flipped(first.flipped)
        yield Text()

    def _accuracy(self, wide: bool) -> Iterator[RenderableType]:
        more = (
            ["Problems", "Truncated", "No answer", "Undecided", "Tokens", "Seconds"]
            if wide
            else ["Cut", "None", "Tokens"]
        )
        groups = []
        for accuracy in self.report.tables:
            if not accuracy.first:
                continue
            rows = []
            for row in accuracy.rows:
                rates = [row.truncated, row.no_answer]
                cells = [row.n, *rates, row.undecided, row.tokens, row.seconds] if wide else [*rates, row.tokens]
                accuracy_shown = row.accuracy if wide else row.with_undecided
                rows.append([_text(cell) for cell in (row.arm, accuracy_shown, row.interval, *cells)])
            groups.append((accuracy.benchmark, rows))
        yield from self._tables(["Arm", "Accuracy", "95% interval", *more], groups, wide)

    def _compared(self, wide: bool) -> Iterator[RenderableType]:
        """Arm against arm; on a narrow screen the verdict stands under the comparison."""
        heads = ["Comparison", "Points", "95% interval", *(["p (Holm)", "Detectable"] if wide else [])]
        groups = []
        for group in self.report.between_arms:
            rows = []
            for row in group.rows:
                numbers = [row.difference, row.interval, *([row.holm, row.detectable] if wide else [])]
                words = _text(row.words, TONES[row.tone])
                lines = [_text(f"{row.second} minus {row.first}"), *([_text(row.at, "dim")] if row.at else [])]
                name = _text(row.label) if wide else Text("\n").join([*lines, words])
                rows.append([name, *map(_text, numbers), *([words] if wide else [])])
            groups.append((group.benchmark, rows))
        yield from self._tables([*heads, *(["Verdict"] if wide else [])], groups, wide)
        if self.report.with_base:
            others = "" if all(table.first for table in self.report.tables) else " and the other strategies"
            yield _text(f"The comparisons with the untuned base{others} are in report.html and report.md.", "dim")

    def _tables(self, heads: Sequence[str], groups: Sequence[Group], wide: bool) -> Iterator[RenderableType]:
        """One table a benchmark under its name, all with the same columns; the heads stand once."""
        lines = [row for _, rows in groups for row in rows]
        widths = [max([len(head), *(row[column].cell_len for row in lines)]) for column, head in enumerate(heads)]
        if not wide:  # two lines to a name
            widths[0] = max([len(heads[0]), *(line.cell_len for row in lines for line in row[0].split())])
        for index, (benchmark, rows) in enumerate(groups):
            headline = " (headline)" if benchmark == self.report.primary else ""
            grid = Table(box=None, padding=(0, 2 if wide else 1, 0, 0), show_header=index == 0, header_style="dim")
            for column, head in enumerate(heads):
                words = column == 0 or head == "Verdict"
                grid.add_column(
                    head,
                    justify="left" if words else "right",
                    overflow="fold",
                    no_wrap=not words,
                    min_width=widths[column],
                )
            for row in rows:
                grid.add_row(*row)
            yield from (Text(), _text(benchmark + headline, "bold underline"), grid)


def summary(evaluated: EvaluatedFolder, finetuned: Path | None = None) -> Summary:
    """The first screen and the tables, to be printed by a rich console of any width.

    `finetuned` is where the finetune folder lies if not beside this one. Raises PartialError as `build` does.
    """
    return Summary(*told(evaluated, finetuned))


def folded(words: Sequence[str], width: int) -> str:
    """A command on lines of this width, which a shell still takes for one."""
    lines, line = [], ""
    for word in map(shlex.quote, words):
        if line and len(line) + len(word) + 3 > width:
            lines.append(line)
            line = f"    {word}"
        else:
            line = f"{line} {word}" if line else word
    return " \\\n".join([*lines, line])


def _flipped(problem: FlippedProblem) -> Iterator[RenderableType]:
    yield _text("One problem, two answers", "bold")
    yield _text(f"{problem.heading} {problem.question} Right answer: {problem.gold}.")
    for side in problem.sides:
        yield _text(f"{side.run} ({side.facts}):", "bold")
        said = " ".join(side.text.split())
        yield Padding(_text(said if len(said) <= SAID else f"{said[:SAID]} ..."), (0, 0, 0, 2))


def _listed(sentence: str) -> RenderableType:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_row(Text("-"), _text(sentence))
    return grid


def _text(text: str, style: str = "") -> Text:
    """Text as it is: no markup, nothing that drives the terminal."""
    return Text(clean(text), style=style)
