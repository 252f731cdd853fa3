"""Pairs of every family, method and level, and a base that carries their terse notation, for the laws over the catalogs."""

from __future__ import annotations

from pathlib import Path

import pytest

from journey.config import CurateSettings
from journey.curate.item import Item
from journey.curate.rules import Context
from journey_testing import curation
from journey_testing.pairs import COMBINATIONS


@pytest.fixture(scope="session")
def items() -> list[Item]:
    """Ten pairs of every family with each of its methods, at its first level."""
    return [item for family, method in COMBINATIONS for item in curation.items(family, method, 10)]


@pytest.fixture(scope="session")
def context(items: list[Item], tmp_path_factory: pytest.TempPathFactory) -> Context:
    """What the filters of a run may ask, on a base that knows every word of the pairs."""
    base: Path = curation.word_base(tmp_path_factory.mktemp("base"), items)
    return Context(CurateSettings(base=str(base), view="compact"))


LONG = ("sudoku@3",)  # grids of 9 * 9 with one completion: a quarter of a second each


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Laws on problems that take long to make are among the slow tests; smaller levels of the same family stay quick."""
    for item in items:
        if "tests/contracts/" in item.path.as_posix() and any(name in item.name for name in LONG):
            item.add_marker(pytest.mark.slow)
