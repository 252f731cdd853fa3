"""The source files of the package as modules, and what each of them imports: read, never run."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
STAGES = ("generate", "curate", "finetune", "evaluate", "publish")
TOPS = ("journey", *STAGES, "data", "recipes")  # the top-level folders that are installed, all below `journey`
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
SOURCES = [path for top in TOPS for path in sorted((ROOT / top).rglob("*.py")) if "runs" not in path.parts]


def shown(path: Path) -> str:
    """A path from the root of the checkout."""
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    """The dotted name under which a source file is installed: `generate/run.py` is journey.generate.run."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "journey" else ("journey", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@lru_cache
def modules() -> dict[str, Path]:
    """Every module by its name."""
    return {module_of(path): path for path in SOURCES}


@lru_cache
def syntax(path: Path) -> ast.Module:
    """The syntax tree of a source file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(tree: ast.Module) -> Iterator[str]:
    """The modules of this package that a file imports, within functions and for type checkers too."""
    known = modules()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in known else node.module for name in names]
        else:
            continue
        yield from (name for name in names if name in known)


@lru_cache
def graph() -> dict[str, set[str]]:
    """What every module imports, by name."""
    return {name: set(imports_of(syntax(path))) - {name} for name, path in modules().items()}
