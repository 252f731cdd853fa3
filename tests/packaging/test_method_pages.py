"""Every method has a page: a section of docs/methods.md, or a file of its own, and says in `journey list methods` what it needs."""

from __future__ import annotations

import re

import pytest

from journey.catalog import METHODS
from journey.cli.printing.catalogs import rows
from journey_testing.sources import ROOT


@pytest.mark.parametrize("name", METHODS.names())
def test_every_method_has_a_section_or_a_page(name: str) -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "docs" / "methods.md").read_text(), re.MULTILINE)
    named = {each.strip() for heading in headings for each in heading.split(",")}
    assert name in named or (ROOT / "docs" / f"{name}.md").is_file()


def test_the_list_says_what_each_needs() -> None:
    needs = {row["name"]: row["facts"].get("needs") for row in rows("methods")}
    assert needs["rollouts"] == ("policy",) and needs["critique"] == ("policy", "critic")
    assert needs["refine"] == ("rewriter",) and needs["own"] == needs["stitch"] == ("attempts",)
