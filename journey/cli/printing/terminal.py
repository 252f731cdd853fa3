"""Output of the verbs in a terminal or as a page: pairs side by side, trees, runs, facts and scores."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import msgspec
from rich.columns import Columns
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.tree import Tree as Branches

from journey import console, views
from journey.cli.printing.finding import ShownRecords
from journey.errors import UnknownName
from journey.formats.folders import EvaluatedFolder, FinetunedFolder, open_finished
from journey.schema import Pair, Trace, Tree

COLOURS = {
    "mistake": "red",
    "consequence": "red dim",
    "notice": "yellow",
    "backtrack": "yellow",
    "correction": "green",
    "answer": "bold",
    "plan": "dim",
}
MARKED = ("mistake", "consequence", "notice", "backtrack", "correction", "check")
PAGE_WIDTH = 120  # columns of a page


def show(shown: ShownRecords, view: str, to: Console) -> None:
    """Print what was found: pairs side by side where there is room, everything else as facts and tables.

    Raises UnknownName for a view that there is not.
    """
    chosen = as_view(view)
    if not isinstance(next(iter(shown.records), None), Pair):
        to.print(Text(shown.title, style="bold"), soft_wrap=True)
    if isinstance(shown.folder, EvaluatedFolder):
        from journey.evaluate.report import terminal as scored

        to.print(scored.summary(shown.folder))
    if shown.sweep is not None:
        from journey.evaluate.sweep.terminal import SweepSummary

        to.print(SweepSummary(shown.sweep))
    elif isinstance(shown.folder, FinetunedFolder):
        from journey.finetune.planning import audit

        for table in audit.tables(shown.folder.audit):
            to.print(table)
        to.print(_runs(shown.folder))
    else:
        for record in shown.records:
            _show_record(record, chosen, to)
    if shown.facts:
        to.print(_facts(shown.facts))
    if shown.text:
        to.print(console.clean(shown.text), markup=False, highlight=False)
    if any(isinstance(record, Pair) for record in shown.records) and _coloured(to):
        to.print(Text.assemble(("mistake", "red"), ("  notice, going back", "yellow"), ("  correction", "green")))


def as_view(name: str) -> views.View:
    """The view of a name. Raises UnknownName."""
    for view in views.VIEWS:
        if view == name:
            return view
    raise UnknownName("view", name, views.VIEWS)


def _coloured(to: Console) -> bool:
    return to.color_system is not None and not to.no_color


def _show_record(record: Any, view: views.View, to: Console) -> None:
    if isinstance(record, Pair):
        _show_pair(record, view, to)
    elif isinstance(record, Tree):
        to.print(Text(console.clean(record.problem.question), style="bold"))
        to.print(_tree(record))
    else:
        plain = msgspec.to_builtins(record)
        to.rule()
        to.print(_facts({name: value for name, value in plain.items() if value not in (None, "", [], {})}))


def _show_pair(pair: Pair, view: views.View, to: Console) -> None:
    to.rule(f"{pair.problem.source} {pair.pair_id[:12]}")
    to.print(console.clean(views.prompt(pair.problem, view)), markup=False, highlight=False)
    wide = to.width >= 100
    width = (to.width - 2) // 2 if wide else None
    marked = not _coloured(to)
    panels = [
        Panel(_text(pair.shortcut, view, marked), title="shortcut", width=width),
        Panel(_text(pair.journey, view, marked), title=f"journey, mistakes: {pair.mistakes}", width=width),
    ]
    if wide:
        to.print(Columns(panels, padding=(0, 1)))
    else:
        for panel in panels:
            to.print(panel)


def _text(trace: Trace, view: views.View, marked: bool) -> Text:
    """A trace with its roles: as colours, and where there are none as words after the segment."""
    rendered = views.render(trace, view)
    text = Text(console.clean(rendered.text))
    if len(text) != len(rendered.text):
        return text
    for span in rendered.spans:
        text.stylize(COLOURS.get(span.role, ""), span.start, span.end)
    if not marked:
        return text
    parts, done = [], 0
    for span in rendered.spans:
        end = span.start + len(rendered.text[span.start : span.end].rstrip())
        if span.role in MARKED:
            parts += [text[done:end], Text(f" ({span.role})")]
            done = end
    return Text.assemble(*parts, text[done:])


def _tree(tree: Tree) -> Branches:
    """A reasoning tree as branches: role, verdict where it is not right, text."""
    places: dict[int | None, Branches] = {None: Branches(f"{tree.method}, seed {tree.seed}")}
    for node in tree.nodes:
        verdict = "" if node.verdict == "right" else f", {node.verdict}"
        label = Text.assemble((f"{node.role}{verdict}: ", COLOURS.get(node.role, "")), console.clean(node.text))
        places[node.id] = places.get(node.parent, places[None]).add(label)
    return places[None]


def _runs(folder: FinetunedFolder) -> Table:
    table = Table(title="runs", title_justify="left")
    for header in ("run", "seed", "steps", "rate", "last loss", "weights"):
        table.add_column(header)
    for name, run in folder.runs.items():
        weights = folder.weights(name) or f"failed: {run.failed}"
        loss = "n/a" if run.final_loss is None else f"{run.final_loss:.3f}"
        table.add_row(name, str(run.seed), fact(run.steps), fact(run.lr), loss, weights)
    return table


def fact(value: Any) -> str:
    """A value of a fact on one line."""
    if isinstance(value, dict):
        return "; ".join(f"{key}: {inner}" for key, inner in value.items())
    if isinstance(value, list | tuple | set):
        return ", ".join(str(inner) for inner in value)
    return "none stated" if value is None else str(value)


def show_facts(facts: dict[str, Any]) -> None:
    """Names and values in two columns."""
    console.out.print(_facts(facts))


def _facts(facts: dict[str, Any]) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in facts.items():
        table.add_row(
            Text(name if {".", "/"} & set(name) else name.replace("_", " ")), Text(console.clean(fact(value)))
        )
    return table


def show_scores(folder: Path, finetuned: Path | None = None) -> None:
    """The verdict and the table of an evaluation folder; `finetuned` is its finetune folder, if not beside it."""
    from journey.evaluate.report import terminal as scored

    console.out.print(scored.summary(open_finished(folder, "evaluate"), finetuned))


def write_page(shown: ShownRecords, view: str, file: Path) -> None:
    """Write what `show` prints, in colours, as one HTML page that loads nothing."""
    from journey.formats.files import write_atomic

    page = Console(record=True, file=io.StringIO(), width=PAGE_WIDTH, force_terminal=True, color_system="truecolor")
    show(shown, view, page)
    write_atomic(file, page.export_html(inline_styles=True).encode())
