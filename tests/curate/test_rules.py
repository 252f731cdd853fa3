"""The filters' catalog keeps its contract, and options are default < preset < settings."""

from __future__ import annotations

import inspect
from typing import get_args

import pytest

from journey.catalog import FILTERS, Entry
from journey.config import CurateSettings
from journey.curate.rules import in_order, options_model, resolve_options


@pytest.mark.parametrize("entry", FILTERS.entries(), ids=lambda entry: entry.name)
class TestEveryFilter:
    def test_facts_are_stated(self, entry: Entry) -> None:
        assert entry.summary.endswith(".")
        assert entry.facts["per"] in ("pair", "dataset")
        assert set(entry.facts["reads"]) <= {"tree", "traces", "problem"}
        assert entry.facts["reasons"] and len(set(entry.facts["reasons"])) == len(entry.facts["reasons"])
        assert entry.module.rpartition(".")[2] == entry.name

    def test_strict_is_made_of_its_options(self, entry: Entry) -> None:
        model = options_model(entry.target)
        model.model_validate(entry.facts.get("strict", {}))
        assert all(field.description for field in model.model_fields.values())

    def test_state_is_kept_by_dataset_rules_alone(self, entry: Entry) -> None:
        assert entry.facts["per"] == "pair" or inspect.isclass(entry.target)


def test_order_is_a_fact_and_unique() -> None:
    orders = [entry.facts["order"] for entry in in_order()]
    assert orders == sorted(set(orders))
    assert [entry.facts["per"] for entry in in_order()][-1] == "dataset"


def test_options_by_preset_and_settings() -> None:
    standard = resolve_options(CurateSettings())
    strict = resolve_options(CurateSettings(preset="strict"))
    own = resolve_options(CurateSettings(preset="strict", options={"length": {"share": 0.9}}))
    changed = {name for name in standard if standard[name] != strict[name]}
    assert changed == {entry.name for entry in FILTERS.entries() if entry.facts.get("strict")}
    assert (standard["length"]["share"], strict["length"]["share"], own["length"]["share"]) == (1.0, 0.75, 0.9)
    assert own["exact_duplicate"] == {"per_problem": 1}


def test_presets_are_all_named() -> None:
    assert get_args(CurateSettings.model_fields["preset"].annotation) == ("standard", "strict")
