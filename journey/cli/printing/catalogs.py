"""The output of `journey list`: the entries of a catalog, and one entry with its settings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from rich import box
from rich.table import Table
from rich.text import Text

from journey import catalog, console
from journey.cli.printing.terminal import fact
from journey.config import CurateSettings, EvaluateSettings, FinetuneSettings, GenerateSettings, SampleSettings
from journey.errors import UnknownName
from journey.settings.fields import Setting, settings_of
from journey.settings.recipe import RunSettings

_KINDS: dict[str, catalog.Catalog] = {
    "families": catalog.FAMILIES,
    "methods": catalog.METHODS,
    "filters": catalog.FILTERS,
    "arms": catalog.ARMS,
    "engines": catalog.ENGINES,
    "benchmarks": catalog.BENCHMARKS,
    "strategies": catalog.STRATEGIES,
}
_WORDS = {"models": "model", "recipes": "recipe", "settings": "stage with settings"}
KINDS = (*_KINDS, *_WORDS)
_STAGES: dict[str, tuple[str, type[BaseModel]]] = {  # whose settings the plug-ins of a kind read
    "arms": ("finetune", FinetuneSettings),
    "engines": ("finetune", FinetuneSettings),
    "strategies": ("evaluate", EvaluateSettings),
}
_IN_TABLE = (
    "question",
    "levels",
    "licence",
    "methods",
    "families",
    "needs",
    "may_need",
)  # facts that a table has room for
_OWN = {"methods": "generate", "filters": "curate"}  # kinds with settings of their own, and the stage that takes them


def rows(kind: str) -> list[dict[str, Any]]:
    """Name, kind, summary and facts of every entry. Raises UnknownName."""
    if kind == "models":
        from journey.models.load import MODELS

        return [_row(m.name, "model", m.summary, {"licence": m.licence}) for m in MODELS.values()]
    if kind == "recipes":
        from journey.pipeline import read_recipe, recipes

        return [_row(r.name, "recipe", r.summary, {}) for r in map(read_recipe, recipes())]
    if kind == "settings":
        return [_row(n, "settings", (m.__doc__ or "").split("\n")[0], {}) for n, m in _stage_models().items()]
    if kind not in _KINDS:
        raise UnknownName("kind", kind, KINDS)
    return [
        _row(e.name, _KINDS[kind].kind, e.summary, {**_derived(kind, e.name), **e.facts})
        for e in _KINDS[kind].entries()
    ]


def _row(name: str, kind: str, summary: str, facts: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "kind": kind, "summary": summary, "facts": facts}


def _derived(kind: str, name: str) -> dict[str, Any]:
    """Facts that other entries state: a family names its methods, so a method's families are looked up."""
    if kind != "methods":
        return {}
    families = tuple(family.name for family in catalog.FAMILIES.entries() if name in family.facts["methods"])
    needs = {"needs": ("attempts",)} if catalog.METHODS.entry(name).facts.get("attempts") else {}
    return {**({"families": families} if families else {}), **needs}


def entry(kind: str, name: str) -> dict[str, Any]:
    """One entry as `rows` has it, with its settings: name, how it is typed, what it takes, default and meaning.

    Raises UnknownName.
    """
    entries = {row["name"]: row for row in rows(kind)}
    if name not in entries:
        raise UnknownName(_WORDS.get(kind) or _KINDS[kind].kind, name, entries)
    stated = _stated(name) if kind == "recipes" else {}
    settings = [_told(how, setting) for how, setting in _settings(kind, name)]
    return {**entries[name], "facts": {**entries[name]["facts"], **stated}, "settings": settings}


def _stated(recipe: str) -> dict[str, Any]:
    """What a recipe sets, by dotted name."""
    from journey.pipeline import read_recipe

    data = {key: value for key, value in read_recipe(recipe).data.items() if key not in ("name", "summary")}
    if "claims" in data:
        data["claims"] = [f"{claim['name']} ({claim['source']})" for claim in data["claims"]]
    return {
        f"{key}.{name}" if name else key: inner
        for key, value in data.items()
        for name, inner in (value.items() if isinstance(value, dict) else [("", value)])
    }


def _told(how: str, setting: Setting) -> dict[str, Any]:
    words = {key: getattr(setting, key) for key in ("name", "takes", "default", "meaning")}
    return {"name": words.pop("name"), "typed": how, **words}


def _settings(kind: str, name: str) -> Iterable[tuple[str, Setting]]:
    """The settings of an entry, each with how it is typed: `--k`, or a key of `--set`."""
    if kind in _OWN:
        return [(f"{name}.{setting.name}", setting) for setting in settings_of(_own_model(kind, name))]
    if kind == "settings":
        chosen = settings_of(_stage_models()[name])
    elif kind in _STAGES:
        chosen = [setting for setting in settings_of(_STAGES[kind][1]) if setting.name in _read_by(kind, name)]
    else:
        chosen = []
    return [(f"--{s.name.replace('_', '-')}" if s.flag else s.name, s) for s in chosen]


def _read_by(kind: str, name: str) -> set[str]:
    """The stage's settings that an entry reads: those that it states, and those of the strategy whose samples it reads."""
    facts = _KINDS[kind].entry(name).facts
    draw = facts.get("draw", name)
    return {*facts.get("settings", ()), *(() if draw == name else _read_by(kind, draw))}


def _own_model(kind: str, name: str) -> type[BaseModel]:
    target = _KINDS[kind].get(name)
    if kind == "methods":
        model: type[BaseModel] = target.Settings
        return model
    from journey.curate.rules import options_model

    return options_model(target)


def _stage_models() -> dict[str, type[BaseModel]]:
    from journey.publish.settings import PublishSettings

    return {
        "run": RunSettings,
        "sample": SampleSettings,
        "generate": GenerateSettings,
        "curate": CurateSettings,
        "finetune": FinetuneSettings,
        "evaluate": EvaluateSettings,
        "publish": PublishSettings,
    }


def show_rows(kind: str, listed: list[dict[str, Any]]) -> None:
    """A catalog as a table of names, summaries and the facts that matter most."""
    table = _table("name", "what it is")
    for row in listed:
        facts = [f"{name}: {fact(row['facts'][name])}" for name in _IN_TABLE if name in row["facts"]]
        table.add_row(row["name"], Text.assemble(row["summary"], *((f"\n{line}", "dim") for line in facts)))
    console.out.print(table)
    console.note(f"{kind}: {len(listed)}; one with its facts and settings: journey list {kind} NAME")


def show_entry(kind: str, row: dict[str, Any]) -> None:
    """One entry: what it is, its facts, and a table of its settings."""
    console.out.print(Text(row["name"], style="bold"), Text(row["summary"]))
    for name, value in row["facts"].items():
        if name != "settings":
            console.out.print(Text(f"    {name}: {fact(value)}", style="dim"))
    if not row["settings"]:
        console.note(
            f"next: journey run {row['name']} --dry-run" if kind == "recipes" else "it has no settings of its own"
        )
        return
    table = _table("setting", "takes", "default", "meaning")
    for setting in row["settings"]:
        default = setting["default"].replace(",", ", ")
        table.add_row(setting["typed"], setting["takes"], default, setting["meaning"])
    console.out.print(table)
    console.note(_how(kind, row))


def _how(kind: str, row: dict[str, Any]) -> str:
    """How the settings of a table are typed."""
    first = row["settings"][0]["typed"]
    if kind in _OWN:
        stage = _OWN[kind]
        return f"type them: journey {stage} ... --set {first}=VALUE; in a recipe: {stage}.options.{first}"
    stage = row["name"] if kind == "settings" else _STAGES[kind][0]
    before = "" if stage == "run" else f"{stage}."
    return f"without --: journey {stage} ... --set NAME=VALUE; in a recipe: {before}NAME"


def _table(*headers: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    for index, header in enumerate(headers):
        last = index == len(headers) - 1
        table.add_column(header, overflow="fold", ratio=None if index == 0 else 3 if last else 2, no_wrap=index == 0)
    return table
