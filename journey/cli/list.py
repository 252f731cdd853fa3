"""`journey list`: the entries of a catalog, and the settings of one entry."""

from __future__ import annotations

from typing import Annotated

import typer

from journey.cli.shared import AsJson, print_json

KINDS = "families, methods, filters, arms, engines, benchmarks, strategies, models, recipes, settings"


def list_(
    kind: Annotated[str, typer.Argument(metavar="KIND", help=f"{KINDS}.")],
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="One of them: its facts and settings, e.g. methods slips.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What there is of a kind; with a name, one of them with its settings.

    Example: journey list methods
    Example: journey list methods slips
    """
    from journey.cli.printing import catalogs

    if name is not None:
        entry = catalogs.entry(kind, name)
        print_json(entry) if as_json else catalogs.show_entry(kind, entry)
        return
    rows = catalogs.rows(kind)
    print_json(rows) if as_json else catalogs.show_rows(kind, rows)
