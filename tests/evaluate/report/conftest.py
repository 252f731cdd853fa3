"""The synthetic evaluation folder as a fixture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from journey.evaluate.report import build
from journey.formats.folders import open_finished
from journey_testing import behind_evaluation as behind
from journey_testing import synthetic_evaluation as synthetic


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every part that a report can have, built. Read only."""
    made: Path = synthetic.folder(tmp_path_factory.mktemp("whole") / "evaluation", problems={"countdown@1": 150})
    behind.strategies(made)
    behind.lineage(made)
    behind.behaviour(made)
    build.build(open_finished(made, "evaluate"))
    return made


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with hostile answers, its reports built. Read only: tests that change things make their own."""
    made = synthetic.folder(tmp_path_factory.mktemp("evaluation"), problems={"countdown@1": 150, "arithmetic": 120})
    build.build(open_finished(made, "evaluate"))
    return made


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """`make(problems=20, seeds=1)`: a folder of the test's own, without reports."""
    return lambda **settings: synthetic.folder(tmp_path / "evaluation", **settings)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mark answers at regular places instead of reading them, in this process: for tests of many answers."""
    from journey.evaluate.behaviour.records import Mark
    from journey.evaluate.report import answers

    def read(text: str, _: object) -> SimpleNamespace:
        return SimpleNamespace(marks=[Mark("notice", at, at + 20) for at in range(0, len(text) - 20, 60)])

    monkeypatch.setattr(answers, "read", read)
    monkeypatch.setattr(answers, "MANY", 10**9)
