"""What holds of every source file: no code is run from text, folders stay small, a class name means one thing."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from pathlib import Path

from journey import catalog
from journey.catalog import Catalog
from journey_testing.sources import ROOT, SOURCES, module_of, shown, syntax

MOST = 16  # modules in one folder, plug-in folders aside


def test_no_code_is_run_from_text() -> None:
    found: list[str] = []
    for path in SOURCES:
        for node in ast.walk(syntax(path)):
            where = f"{shown(path)}:{getattr(node, 'lineno', 0)}"
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in {"eval", "exec", "compile"}
            ):
                found.append(f"{where} calls {node.func.id}")
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None) or ""}
                found += [f"{where} imports {name}" for name in sorted({"pickle", "dill", "marshal"} & names)]
            if isinstance(node, ast.ExceptHandler) and node.type is None:
                found.append(f"{where} catches everything")
    assert not found, "\n  ".join(
        [
            "read text with a parser (journey.answers.exact), data with msgspec or safetensors, and name what is caught:",
            *found,
        ]
    )


def test_no_folder_has_too_many_modules() -> None:
    plug_ins = {made.package for made in vars(catalog).values() if isinstance(made, Catalog)}
    count = Counter(path.parent for path in SOURCES if path.name != "__init__.py")
    found = [
        f"{shown(folder)}/ has {number} modules"
        for folder, number in count.items()
        if number > MOST and module_of(folder / "__init__.py") not in plug_ins
    ]
    assert not found, "\n  ".join(
        [f"more than {MOST}; find the noun that some of them are about, and give it a folder:", *found]
    )


def test_a_class_name_means_one_thing() -> None:
    defined: dict[str, list[Path]] = defaultdict(list)
    for path in SOURCES:
        for node in syntax(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                defined[node.name].append(path)
    found = [f"{name}: {', '.join(map(shown, paths))}" for name, paths in sorted(defined.items()) if len(paths) > 1]
    assert not found, "\n  ".join(["name each after what it is (SearchPlan, EvaluationPlan):", *found])


def test_the_root_has_no_stray_module() -> None:
    """A module at the top of the checkout would be importable beside the installed package."""
    assert [path.name for path in ROOT.glob("*.py")] == []
