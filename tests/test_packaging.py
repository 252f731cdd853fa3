"""The package list equals the folders, imports run one way, and the docs name things that exist."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STAGES = ("generate", "curate", "finetune", "evaluate", "publish")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SOURCES = [p for top in ("journey", *STAGES, "data", "recipes") for p in sorted((ROOT / top).rglob("*.py"))]


def _folder(package: str, moved: dict[str, str]) -> str:
    """The folder of a package, dotted: setuptools maps the longest prefix that `package-dir` names."""
    prefix = max((name for name in moved if f"{package}.".startswith(f"{name}.")), key=len)
    return moved[prefix] + package.removeprefix(prefix)


def test_package_list_equals_the_folders() -> None:
    folders = {
        path.parent.relative_to(ROOT).as_posix().replace("/", ".")
        for top in ("journey", *STAGES, "data", "recipes")
        for path in (ROOT / top).rglob("__init__.py")
        if "runs" not in path.parts
    }
    moved = PYPROJECT["tool"]["setuptools"]["package-dir"]
    named = {_folder(name, moved) for name in PYPROJECT["tool"]["setuptools"]["packages"]}
    assert named == folders


def test_every_package_is_the_one_in_its_folder() -> None:
    """A folder of caches that an older checkout left behind would be taken for a package without a file."""
    for name in PYPROJECT["tool"]["setuptools"]["packages"]:
        file = importlib.import_module(name).__file__
        folder = ROOT / _folder(name, PYPROJECT["tool"]["setuptools"]["package-dir"]).replace(".", "/")
        assert file is not None and Path(file).parent == folder, f"{name} is {file}: run `make sweep`"


def test_data_files_named_for_packaging_exist() -> None:
    for package, patterns in PYPROJECT["tool"]["setuptools"]["package-data"].items():
        folder = ROOT / _folder(package, PYPROJECT["tool"]["setuptools"]["package-dir"]).replace(".", "/")
        for pattern in patterns:
            assert list(folder.glob(pattern)), f"{package}: nothing matches {pattern}"


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
    return {name for name in found if name.split(".")[0] == "journey"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_imports_run_one_way(path: Path) -> None:
    top = path.relative_to(ROOT).parts[0]
    above = {"pipeline.py", "__main__.py"}
    for name in imported(path):
        stage = name.split(".")[1] if "." in name else ""
        if top in STAGES:
            assert stage not in set(STAGES) - {top}, f"{path.name} of {top} imports {name}"
            assert stage not in {"cli", "pipeline"}, f"{path.name} imports {name}"
        elif top == "journey" and path.name not in above and "cli" not in path.parts:
            assert stage not in STAGES, f"core {path.name} imports {name}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_no_code_is_run_from_text(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"eval", "exec", "compile"}, f"{path}:{node.lineno}"
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [a.name for a in node.names] + [getattr(node, "module", None) or ""]
            assert not {"pickle", "dill", "marshal"} & set(names), f"{path}:{node.lineno}"
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"bare except at {path}:{node.lineno}"


def test_constraints_pin_every_dependency_within_its_range() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line]
    pinned = {line.split("==")[0].lower().replace("_", "-"): line.split("==")[1] for line in lines}
    assert pinned["torch"] == "2.13.0"
    for requirement in PYPROJECT["project"]["dependencies"]:
        name, _, least = requirement.partition(">=")
        have = tuple(int(part) for part in re.findall(r"\d+", pinned[name.lower()])[:3])
        assert have >= tuple(int(part) for part in least.split(".")), requirement


HEAVY = ("torch", "transformers", "pydantic", "datasets", "scipy", "numpy", *(f"journey.{stage}" for stage in STAGES))
HELP = """
import sys
from typer.main import get_command
from typer.testing import CliRunner
from journey.cli.app import app

verbs = list(get_command(app).commands)
for words in [["--help"], *([verb, "--help"] for verb in verbs)]:
    assert CliRunner().invoke(app, words).exit_code == 0, words
    loaded = [name for name in sys.argv[1:] if name in sys.modules]
    assert not loaded, f"{words} imports {loaded}"
print(len(verbs))
"""


def test_help_of_every_verb_imports_nothing_heavy() -> None:
    """No torch, no settings model (pydantic), no stage and no plug-in: help answers at once, from what is in flags.json."""
    command = [sys.executable, "-P", "-c", HELP, *HEAVY]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "12"


def test_files_named_in_the_docs_exist() -> None:
    for doc in [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").rglob("*.md")),
        ROOT / "data/README.md",
    ]:
        for name in re.findall(
            r"`((?:journey|generate|curate|finetune|evaluate|data|tests|benchmarks|docs|recipes)/[\w./-]+)`",
            doc.read_text(),
        ):
            if not name.startswith("data/runs") and "NAME" not in name:
                assert (ROOT / name.rstrip("/")).exists(), f"{doc.name} names {name}"
