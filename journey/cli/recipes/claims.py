"""`journey claims`: published results and what came of them here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from journey.cli.shared import AsJson, note, print_json


def claims(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[DIR]...", help="Folders of `journey run` or `journey sweep`, or files of --out."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE.json", help="Write the record of one folder.")
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the pages of docs/results/claims instead.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Published results against those found here; without a folder those that are shipped.

    Example: journey claims
    Example: journey claims data/runs/stream-of-search --out stream-of-search.json
    """
    from journey.claims import page, results, shipped
    from journey.cli.printing.claims import show
    from journey.errors import UsageError
    from journey.formats.files import write_atomic

    if out is not None and len(folders or []) != 1:
        raise UsageError("--out writes the record of one folder", "journey claims DIR --out FILE.json")
    if out is not None and out.suffix != ".json":
        raise UsageError(f"--out {out} is no .json file", "e.g. --out NAME.json")
    places = list(folders or shipped.files().values())
    tables = [shipped.read(path) if path.is_file() else results.results(path) for path in places]
    if out is not None:
        write_atomic(out, tables[0].encoded())
        note(f"written: {out}")
    if as_json:
        print_json([table.plain() for table in tables])
    elif markdown:
        typer.echo("\n".join(map(page.markdown, tables)), nl=False)
    elif not tables:
        note("no results are shipped yet; journey claims DIR reads a finished run of a recipe with claims")
    else:
        show(page.rows(tables))
