"""`journey list`: tables that fit 80 columns, and every plug-in with its settings."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from journey import console
from journey.catalog import FILTERS, METHODS
from journey.cli.app import app
from journey.cli.list import KINDS
from journey.cli.printing import catalogs
from journey.curate.rules import options_model
from journey.errors import UnknownName

NAMED = [(kind, row["name"]) for kind in catalogs.KINDS for row in catalogs.rows(kind)]


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(console, "out", Console(width=80))


def listed(*args: str) -> str:
    done = CliRunner().invoke(app, ["list", *args])
    assert done.exit_code == 0, done.exception
    return done.stdout


def told(*args: str) -> Any:
    return json.loads(listed(*args, "--json"))


def test_help_names_the_kinds() -> None:
    assert tuple(KINDS.split(", ")) == catalogs.KINDS


@pytest.mark.parametrize("kind", catalogs.KINDS)
def test_a_kind_is_a_table(kind: str) -> None:
    lines = listed(kind).splitlines()
    assert lines[0].split()[:2] == ["name", "what"]
    start = lines[0].index("what")
    assert max(map(len, lines)) <= 80
    rows = told(kind)
    assert [line.split()[0] for line in lines[2:] if not line[:start].isspace()] == [row["name"] for row in rows]
    assert all({"name", "kind", "summary", "facts"} <= row.keys() and row["summary"] for row in rows)


@pytest.mark.parametrize(("kind", "name"), NAMED)
def test_one_of_a_kind_has_its_settings(kind: str, name: str) -> None:
    lines = listed(kind, name).splitlines()
    assert lines[0].startswith(name) and max(map(len, lines)) <= 80
    one = told(kind, name)
    assert one["name"] == name and isinstance(one["settings"], list)
    words = " ".join(lines)
    for setting in one["settings"]:
        assert setting["typed"] in words
        assert setting["takes"] and setting["meaning"]


def test_settings_of_a_method_are_all_there_with_range_default_and_meaning() -> None:
    settings = {setting["name"]: setting for setting in told("methods", "slips")["settings"]}
    assert settings["rate"] == {
        "name": "rate",
        "typed": "slips.rate",
        "takes": "number, 0 to 1",
        "default": "0.2",
        "meaning": "share of the steps that get a mistake; one at least in a journey that is not clean (see least), none at all with 0",
    }
    for entry in METHODS.entries():
        named = [setting["name"] for setting in told("methods", entry.name)["settings"]]
        assert named == list(entry.target.Settings.model_fields)
    for entry in FILTERS.entries():
        named = [setting["name"] for setting in told("filters", entry.name)["settings"]]
        assert named == list(options_model(entry.target).model_fields)


def test_settings_of_a_stage_say_which_are_flags() -> None:
    typed = {setting["name"]: setting["typed"] for setting in told("settings", "finetune")["settings"]}
    assert (typed["rank"], typed["rows_per_step"], typed["alpha"]) == ("--rank", "--rows-per-step", "alpha")
    typed = {setting["name"] for setting in told("strategies", "majority")["settings"]}
    assert typed == {"k", "samples", "temperature", "top_p"}
    assert {setting["name"] for setting in told("strategies", "greedy")["settings"]} == set()


def test_unknown_names_offer_the_nearest() -> None:
    for args, offer in (
        (("methods", "slip"), "slips"),
        (("settings", "tune"), "finetune"),
        (("method", ""), "methods"),
    ):
        done = CliRunner().invoke(app, ["list", *args])
        assert isinstance(done.exception, UnknownName) and offer in str(done.exception)
