"""`journey check`: says what is understood of a user's rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from journey.cli.flags.given import options
from journey.cli.shared import AsJson, next_, print_json
from journey.errors import UsageError


def check(
    file: Annotated[str, typer.Argument(help="A file of rows, a folder, or a Hub dataset: ID[:CONFIG[:SPLIT]].")],
    map_: Annotated[
        list[str],
        typer.Option("--map", metavar="NAME=FIELD,...", help="Field names of the file, e.g. question=q,answer=a.text."),
    ] = [],  # noqa: B006 - typer's way to say that it repeats
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first row that cannot be used.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what is understood of your own rows: fields, answers, licences, languages, duplicates.

    Example: journey check mine.csv --map question=problem,answer=result.value
    """
    from journey.cli.printing import terminal
    from journey.tables.rows import UserTable
    from journey.tables.survey import survey

    flag = next(each for each in options("generate") if each.name == "map")
    mapping = flag.read(map_) or {}
    found = survey(UserTable(file, mapping, strict=strict))
    if as_json:
        print_json(found.plain())
        return
    terminal.show_facts(found.facts())
    if not found.usable:
        raise UsageError(f"{file}: no row can be used", "name the fields: --map question=FIELD,answer=FIELD")
    mapped = ("--map", ",".join(f"{name}={path}" for name, path in mapping.items())) if mapping else ()
    drawn = f"{Path(file).stem or 'mine'}-attempts"
    next_("journey", "sample", "--problems", file, *mapped, "--policy", "pocket", "--pilot", "50", "--out", drawn)
