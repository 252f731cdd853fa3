"""The order in which filters judge, and options: default < preset < settings."""

from __future__ import annotations

from graphlib import CycleError
from typing import Any, get_args

import pytest

from journey.catalog import FILTERS, Catalog
from journey.config import CurateSettings
from journey.curate import rules
from journey.curate.rules import in_order, resolve_options
from journey.errors import UnknownName

# The ledger names the first filter that objects, so with another order the same pairs would be dropped for other reasons.
SINCE_0_1 = """
views_of_tree answer_correct mistakes_refuted moves_legal corrections_true notices_contradict shortcut_clean
answer_after_work markup length benchmark_overlap exact_duplicate
""".split()


def test_the_filters_of_0_1_judge_in_the_order_that_they_had() -> None:
    assert [entry.name for entry in in_order() if entry.name in SINCE_0_1] == SINCE_0_1


def filters(**afters: tuple[str, ...]) -> Catalog[Any]:
    """A catalog of filters with these facts `after`; those called `set...` are per dataset."""
    made: Catalog[Any] = Catalog("filter", "journey.curate.filters")
    made._loaded = True
    for name, after in afters.items():
        made.add(name, per="dataset" if name.startswith("set") else "pair", after=after)(print)
    return made


def test_a_filter_judges_after_those_it_names_and_sets_last(monkeypatch: pytest.MonkeyPatch) -> None:
    named = {"set_last": (), "b": (), "a": ("c",), "c": ("b",), "set_first": ()}
    monkeypatch.setattr(rules, "FILTERS", filters(**named))
    assert [entry.name for entry in in_order()] == ["b", "c", "a", "set_first", "set_last"]
    monkeypatch.setattr(
        rules, "FILTERS", filters(**{**named, "d": ("a",)})
    )  # one more file: the others stay as they are
    assert [entry.name for entry in in_order()] == ["b", "c", "a", "d", "set_first", "set_last"]
    monkeypatch.setattr(rules, "FILTERS", filters(a=("bb",), b=()))
    with pytest.raises(UnknownName, match="'bb': did you mean b"):
        in_order()
    monkeypatch.setattr(rules, "FILTERS", filters(a=("b",), b=("a",)))
    with pytest.raises(CycleError):
        in_order()


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
