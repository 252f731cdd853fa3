"""Imports run one way and in no circle: core, plug-ins and stages, pipeline, command line."""

from __future__ import annotations

import subprocess
import sys
from graphlib import CycleError, TopologicalSorter

import pytest

from journey import catalog
from journey.catalog import Catalog
from journey_testing.sources import STAGES, graph, modules

PLUG_INS = tuple(made.package for made in vars(catalog).values() if isinstance(made, Catalog))
TOP = (
    "journey.cli",
    "journey.claims",
    "journey.pipeline",
    "journey.sweeps",
    "journey.__main__",
)  # these may import everything
ASSETS = ("journey.data", "journey.recipes")


def within(name: str, packages: tuple[str, ...]) -> str | None:
    """The package of these that a module is, or lies in."""
    return next((package for package in packages if f"{name}.".startswith(f"{package}.")), None)


def room(name: str) -> str:
    """What a module belongs to: "top", "assets", a plug-in folder, a stage, or "core"."""
    if within(name, TOP):
        return "top"
    if within(name, ASSETS):
        return "assets"
    stage = within(name, tuple(f"journey.{stage}" for stage in STAGES))
    return within(name, PLUG_INS) or stage or "core"


def allowed(importer: str) -> set[str]:
    """The rooms that a room may import from."""
    if importer in PLUG_INS:
        return {"core", "assets", importer.rpartition(".")[0], importer}
    return {"core": {"core", "assets"}, "assets": {"core", "assets"}}.get(importer, {"core", "assets", importer})


def offences(imports: dict[str, set[str]]) -> list[str]:
    """Every import that is not allowed, as a line."""
    return [
        f"{name} ({room(name)}) imports {other} ({room(other)})"
        for name, others in sorted(imports.items())
        if room(name) != "top"
        for other in sorted(others)
        if room(other) not in allowed(room(name))
    ]


def test_imports_run_one_way() -> None:
    found = offences(graph())
    assert not found, (
        "not allowed:\n  "
        + "\n  ".join(found)
        + "\nThe core imports no stage; a stage the core and itself; a plug-in the core, "
        "its own stage and its own folder; nothing but its neighbours imports a plug-in. Ask journey.catalog for a plug-in by "
        "name, or move what both need into journey/."
    )


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("journey.evaluate.x", "journey.cli.show"),
        ("journey.evaluate.x", "journey.pipeline"),
        ("journey.evaluate.x", "journey.publish.run"),
        ("journey.evaluate.x", "journey.generate.made"),
        ("journey.evaluate.x", "journey.evaluate.strategies.greedy"),
        ("journey.evaluate.strategies.x", "journey.evaluate.benchmarks.gsm8k"),
        ("journey.evaluate.strategies.x", "journey.finetune.runs"),
        ("journey.x", "journey.evaluate.run"),
        ("journey.models.x", "journey.finetune.arms.journey"),
        ("journey.x", "journey.cli.show"),
        ("journey.data.x", "journey.generate.made"),
    ],
)
def test_what_must_not_be_imported_is_found(importer: str, imported: str) -> None:
    assert imported in modules() and len(offences({importer: {imported, "journey.schema"}})) == 1


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("journey.cli.x", "journey.publish.run"),
        ("journey.pipeline", "journey.evaluate.run"),
        ("journey.evaluate.strategies.x", "journey.evaluate.strategies.passing"),
        ("journey.evaluate.strategies.x", "journey.evaluate.test_time.contract"),
        ("journey.publish.x", "journey.models.load"),
    ],
)
def test_what_may_be_imported_is_let_pass(importer: str, imported: str) -> None:
    assert imported in modules() and not offences({importer: {imported}})


def circle(imports: dict[str, set[str]]) -> list[str]:
    """A circle of imports, its first module again at the end; empty where there is none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])[::-1]
    return []


def test_no_imports_go_round_in_a_circle() -> None:
    """Imports within functions and for type checkers count: what needs one another cannot be read one by one."""
    found = circle(graph())
    assert not found, (
        f"{' -> '.join(found)}\nMove what both need into a third module, or let one say in a Protocol what it is given."
    )


def test_circles_are_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})[0] in "abc"


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
    assert done.stdout.strip() == "18"
