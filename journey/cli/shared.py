"""What the verbs share: flags, turning flags into settings, and printing results."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from journey.errors import UsageError

Out = Annotated[Path, typer.Option("--out", "-o", help="Folder to write (DIR.partial while it runs).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan and its costs; do nothing.")]
Sets = Annotated[list[str], typer.Option("--set", help="Override one setting, e.g. --set slips.delay=2. Repeats.")]
Workers = Annotated[int | None, typer.Option(help="Processes. The output does not depend on it.", min=1)]


def print_json(data: Any) -> None:
    import msgspec

    sys.stdout.write(json.dumps(msgspec.to_builtins(data), indent=2, ensure_ascii=False) + "\n")


def next_(command: str) -> None:
    from journey import console

    console.note(f"next: {command}")


def suggested(folder: Path, kind: str) -> str:
    """A model of the catalog that can read a folder's pairs, to be named in the next command."""
    from itertools import islice

    from journey.formats.folders import open_finished
    from journey.models.template import suggested_base
    from journey.schema import Pair

    return suggested_base(islice(open_finished(folder).records(kind, Pair), 100))


def split(values: str | None) -> list[str] | None:
    return None if values is None else [value.strip() for value in values.split(",") if value.strip()]


def given(**flags: Any) -> dict[str, Any]:
    """The flags that were given, as a layer of settings."""
    return {name: value for name, value in flags.items() if value is not None and value != []}


def by_arm(value: str | None) -> Any:
    """`0.3` as it is, `journey=0.3,mix-50=0` as weights by arm."""
    return pairs_of([value], "--mistake-weight", "journey=0.5") if value and "=" in value else value


def pairs_of(values: list[str], flag: str, example: str = "question=problem,answer=gold") -> dict[str, str]:
    found = {}
    for value in values:
        for item in value.split(","):
            key, equals, field = item.partition("=")
            if not equals or not key or not field:
                raise UsageError(f"{flag} {item!r} is not NAME=VALUE", f"e.g. {flag} {example}")
            found[key.strip()] = field.strip()
    return found


def stage_settings(kind: Any, where: str, flags: dict[str, Any], sets: list[str]) -> Any:
    """A stage's settings: flags over `--set`; a `--set` key that is no setting goes to the plug-in options."""
    from journey.config import build, merge, parse_set

    data = parse_set(sets)
    known = kind.model_fields
    options = {name: data.pop(name) for name in list(data) if name not in known and "options" in known}
    for name, value in options.items():
        if not isinstance(value, dict):
            raise UsageError(
                f"--set {name}={value}: no setting of {where} is called {name!r}", f"known: {', '.join(known)}"
            )
    if options:
        data["options"] = merge(data.get("options", {}), options)
    return build(kind, merge(data, flags), where)


def show_counts(counts: dict[str, Any], as_json: bool) -> None:
    from journey.cli import show

    if as_json:
        print_json(counts)
    else:
        show.show_facts(counts)


def show_scores(folder: Path, as_json: bool) -> None:
    from journey.cli import show

    if as_json:
        sys.stdout.write((folder / "scores.json").read_text(encoding="utf-8"))
    else:
        show.show_scores(folder)
