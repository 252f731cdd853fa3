"""Pairs made by the catalogs, a tiny base that carries their terse notation, and finished generate folders of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from journey.config import CurateSettings
from journey.curate.item import Item
from journey.curate.rules import Context
from journey_testing import curation
from journey_testing.curation import Sound


@pytest.fixture(scope="session")
def searches() -> list[Item]:
    """Countdown pairs by search."""
    return curation.items("countdown", "search", 40)


@pytest.fixture(scope="session")
def slips() -> list[Item]:
    """Arithmetic pairs with slips."""
    return curation.items("arithmetic", "slips", 40)


@pytest.fixture(scope="session")
def sound(searches: list[Item], slips: list[Item]) -> Sound:
    """One pair of each method that has all kinds of segments, by the method's name."""
    return curation.sound_pairs(searches, slips)


@pytest.fixture(scope="session")
def base(searches: list[Item], slips: list[Item], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder whose word-level tokenizer knows every word of the pairs' compact view."""
    return curation.word_base(tmp_path_factory.mktemp("base"), [*searches, *slips])


@pytest.fixture(scope="session")
def context(base: Path) -> Context:
    """What the filters of a run on that base may ask."""
    return Context(CurateSettings(base=str(base), view="compact"))


@pytest.fixture(scope="session")
def generated() -> Callable[..., Path]:
    """`generated(path, items, per_problem=1, shard=20)`: a finished generate folder that holds these pairs."""
    return curation.write_generated
