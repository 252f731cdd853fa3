"""Terminal output of the verbs: pairs side by side, facts and scores."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from rich.columns import Columns
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from journey import console, views
from journey.errors import PartialError, UnknownName, UsageError
from journey.formats.files import read_lines
from journey.formats.folders import open_finished
from journey.formats.manifest import MANIFEST
from journey.schema import Pair, Trace

COLOURS = {
    "mistake": "red",
    "consequence": "red dim",
    "notice": "yellow",
    "backtrack": "yellow",
    "correction": "green",
    "answer": "bold",
    "plan": "dim",
}


def pairs(path: Path, number: int, skip: int = 0) -> list[Pair]:
    """The first pairs of a file or a finished folder. Raises UsageError where there are none."""
    path = Path(path)
    if path.is_file():
        try:
            chosen = list(islice(read_lines(path, Pair), skip, skip + number))
        except (PartialError, UnicodeDecodeError) as error:
            raise UsageError(
                f"{path} does not hold pairs: {error}", "give a file of pairs/, train/, dev/ or test/"
            ) from None
    else:
        folder = next((f for f in (path, path / "curate", path / "generate") if (f / MANIFEST).is_file()), None)
        opened = None if folder is None else open_finished(folder)
        kind = next((k for k in ("train", "pairs", "dev", "test") if opened and opened.shards(k)), None)
        if opened is None or kind is None:
            raise UsageError(f"no pairs in {path}", "give a folder that `journey generate` or `journey curate` wrote")
        chosen = list(islice(opened.records(kind, Pair), skip, skip + number))
    if not chosen:
        raise UsageError(f"{path} holds no more pairs", "use a smaller --skip")
    return chosen


def _coloured(trace: Trace, view: views.View) -> Text:
    rendered = views.render(trace, view)
    text = Text(console.clean(rendered.text))
    if len(text) == len(rendered.text):
        for span in rendered.spans:
            text.stylize(COLOURS.get(span.role, ""), span.start, span.end)
    return text


def show(chosen: list[Pair], view: str) -> None:
    """Pairs on stdout: side by side where the terminal is wide enough, else one above the other."""
    if view not in views.VIEWS:
        raise UnknownName("view", view, views.VIEWS)
    for pair in chosen:
        console.out.rule(f"{pair.problem.source} {pair.pair_id[:12]}")
        console.out.print(console.clean(views.prompt(pair.problem, view)), markup=False, highlight=False)
        wide = console.out.width >= 100
        width = (console.out.width - 2) // 2 if wide else None
        panels = [
            Panel(_coloured(pair.shortcut, view), title="shortcut", width=width),
            Panel(_coloured(pair.journey, view), title=f"journey, mistakes: {pair.mistakes}", width=width),
        ]
        if wide:
            console.out.print(Columns(panels, padding=(0, 1)))
        else:
            for panel in panels:
                console.out.print(panel)
    legend = (
        Text("mistake", style="red")
        + Text("  notice, going back", style="yellow")
        + Text("  correction", style="green")
    )
    console.out.print(legend)


def fact(value: Any) -> str:
    """A value of a fact on one line."""
    if isinstance(value, dict):
        return "; ".join(f"{key}: {inner}" for key, inner in value.items())
    if isinstance(value, list | tuple | set):
        return ", ".join(str(inner) for inner in value)
    return "none stated" if value is None else str(value)


def show_facts(facts: dict[str, Any]) -> None:
    """Names and values in two columns."""
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in facts.items():
        table.add_row(str(name).replace("_", " "), fact(value))
    console.out.print(table)


def show_scores(folder: Path) -> None:
    """The verdict and the table of an evaluation folder."""
    from journey.evaluate.report import terminal as scored

    evaluated = open_finished(folder, "evaluate")
    console.out.print(scored.summary(evaluated.scores, evaluated.plan))
