"""docs/claims.md says nothing that is not in a page of results, and calls run what has a record, and nothing else."""

from __future__ import annotations

import re

import pytest

from journey import pipeline
from journey.claims import shipped
from journey_testing.sources import ROOT

PAGE = (ROOT / "docs" / "claims.md").read_text()
HELD = sorted(name for name in pipeline.recipes() if pipeline.read_recipe(name).data.get("claims"))


def table(heading: str) -> list[list[str]]:
    """The cells of the rows of the table under a heading."""
    rows = [line for line in PAGE.split(f"## {heading}\n")[1].split("\n## ")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def test_every_figure_is_in_the_page_of_results_that_is_named() -> None:
    named, missing = "", []
    for _, figure, size, source in table("What stands"):
        named = named if source == "the same" else source.strip("`")
        text = (ROOT / named).read_text()
        numbers = [*re.findall(r"[+-]?\d+\.\d", figure), *re.findall(r"\d+", size)[1:]]
        missing += [f"{named} has no {number}" for number in numbers if number not in text]
    assert named and not missing


@pytest.mark.parametrize("name", HELD)
def test_a_recipe_is_called_run_where_its_record_is_shipped(name: str) -> None:
    [row] = [cells for cells in table("Published claims, run again") if cells[0] == f"`{name}`"]
    assert row[2].startswith("not yet run") == (name not in shipped.files()), row
