"""The synthetic evaluation folder as a fixture."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from journey.evaluate import report


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{name}_evaluation", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def synthetic() -> ModuleType:
    """The helper module that writes evaluation folders."""
    return _load("synthetic")


@pytest.fixture(scope="session")
def behind() -> ModuleType:
    """The helper module that adds what lies behind an evaluation, strategies and behaviour."""
    return _load("behind")


@pytest.fixture(scope="session")
def whole(synthetic: ModuleType, behind: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every part that a report can have, built. Read only."""
    made: Path = synthetic.folder(tmp_path_factory.mktemp("whole") / "evaluation", problems={"countdown@1": 150})
    behind.strategies(made)
    behind.lineage(made)
    behind.behaviour(made)
    report.build(made)
    return made


@pytest.fixture(scope="session")
def folder(synthetic: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with hostile answers, its reports built. Read only: tests that change things make their own."""
    made = synthetic.folder(tmp_path_factory.mktemp("evaluation"), problems={"countdown@1": 150, "arithmetic": 120})
    report.build(made)
    return made


@pytest.fixture
def make(synthetic: ModuleType, tmp_path: Path) -> Callable[..., Path]:
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
