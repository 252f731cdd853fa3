"""What every entry of every catalog has: a summary that is a sentence, and a module of its own folder."""

from __future__ import annotations

import pytest

from journey import catalog
from journey.catalog import Catalog

CATALOGS = [made for made in vars(catalog).values() if isinstance(made, Catalog)]
ENTRIES = [(made, name) for made in CATALOGS for name in made.names()]


@pytest.mark.parametrize(("made", "name"), ENTRIES, ids=[f"{made.kind}-{name}" for made, name in ENTRIES])
def test_every_entry_has_a_summary_and_a_module(made: Catalog, name: str) -> None:
    entry = made.entry(name)
    assert len(entry.summary) > 10 and "\n" not in entry.summary, f"{entry.module}: the first line of its docstring"
    assert entry.module.startswith(f"{made.package}.")
