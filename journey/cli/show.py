"""Terminal views: pairs side by side, catalogs, counts and scores."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from rich.columns import Columns
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from journey import catalog, console, views
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
_KINDS: dict[str, catalog.Catalog] = {
    "families": catalog.FAMILIES,
    "methods": catalog.METHODS,
    "filters": catalog.FILTERS,
    "arms": catalog.ARMS,
    "engines": catalog.ENGINES,
    "benchmarks": catalog.BENCHMARKS,
    "strategies": catalog.STRATEGIES,
}


def pairs(path: Path, number: int, skip: int = 0) -> list[Pair]:
    """The first pairs of a file or a finished folder. Raises UsageError where there are none."""
    path = Path(path)
    if path.is_file():
        try:
            found = list(islice(read_lines(path, Pair), skip, skip + number))
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
        found = list(islice(opened.records(kind, Pair), skip, skip + number))
    if not found:
        raise UsageError(f"{path} holds no more pairs", "use a smaller --skip")
    return found


def _coloured(trace: Trace, view: views.View) -> Text:
    rendered = views.render(trace, view)
    text = Text(console.clean(rendered.text))
    if len(text) == len(rendered.text):
        for span in rendered.spans:
            text.stylize(COLOURS.get(span.role, ""), span.start, span.end)
    return text


def show(found: list[Pair], view: str) -> None:
    """Pairs on stdout: side by side where the terminal is wide enough, else one above the other."""
    if view not in views.VIEWS:
        raise UnknownName("view", view, views.VIEWS)
    for pair in found:
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


def catalog_rows(kind: str) -> list[dict[str, Any]]:
    """Name, kind, summary and facts of every entry. Raises UnknownName."""
    if kind == "models":
        from journey.models.load import MODELS

        return [
            {"name": m.name, "kind": "model", "summary": m.summary, "facts": {"licence": m.licence}}
            for m in MODELS.values()
        ]
    if kind == "recipes":
        from journey.pipeline import read_recipe, recipes

        read = [read_recipe(name) for name in recipes()]
        return [{"name": r.name, "kind": "recipe", "summary": r.summary, "facts": {}} for r in read]
    if kind not in _KINDS:
        raise UnknownName("kind", kind, [*_KINDS, "models", "recipes"])
    wanted = _KINDS[kind]
    return [
        {"name": e.name, "kind": wanted.kind, "summary": e.summary, "facts": {**_derived(kind, e.name), **e.facts}}
        for e in wanted.entries()
    ]


def _derived(kind: str, name: str) -> dict[str, Any]:
    """Facts that other entries state: a family names its methods, so a method's families are looked up."""
    if kind != "methods":
        return {}
    families = tuple(family.name for family in catalog.FAMILIES.entries() if name in family.facts["methods"])
    return {"families": families} if families else {}


def _fact(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key}: {inner}" for key, inner in value.items())
    if isinstance(value, list | tuple | set):
        return ", ".join(str(inner) for inner in value)
    return "none stated" if value is None else str(value)


def show_rows(kind: str, rows: list[dict[str, Any]]) -> None:
    """A catalog: one block an entry, readable in a narrow terminal."""
    for row in rows:
        console.out.print(Text(row["name"], style="bold"), Text(row["summary"]))
        for name, value in row["facts"].items():
            console.out.print(Text(f"    {name}: {_fact(value)}", style="dim"))
    console.note(f"{kind}: {len(rows)}")


def show_facts(facts: dict[str, Any]) -> None:
    """Names and values in two columns."""
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in facts.items():
        table.add_row(str(name).replace("_", " "), _fact(value))
    console.out.print(table)


def show_scores(folder: Path) -> None:
    """The verdict and the table of an evaluation folder."""
    from journey.evaluate.report import terminal

    evaluated = open_finished(folder, "evaluate")
    console.out.print(terminal.summary(evaluated.scores, evaluated.plan))
