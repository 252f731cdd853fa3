"""Arms, budgets and names of runs."""

from __future__ import annotations

from typing import Any

import pytest

from journey.catalog import ARMS
from journey.config import FinetuneSettings
from journey.errors import UnknownName, UsageError
from journey.finetune.runs import choose, combinations, learning_rate, run_name
from journey.settings.given import build


def test_budgets_come_from_the_suffix_or_else_from_match() -> None:
    choices, notes = choose(["shortcut@examples", "shortcut@tokens", "journey"], "tokens")
    assert [(c.label, c.arm.name, c.budget) for c in choices] == [
        ("shortcut@examples", "shortcut", "examples"),
        ("shortcut@tokens", "shortcut", "tokens"),
        ("journey", "journey", "tokens"),
    ]
    assert notes == []


def test_base_is_accepted_and_skipped_with_a_note() -> None:
    choices, notes = choose(["base", "journey"], "examples")
    assert [choice.label for choice in choices] == ["journey"]
    assert notes == ["base trains nothing; it is always evaluated"]


@pytest.mark.parametrize(
    ("arms", "says"),
    [
        (["base"], "no arm to train"),
        ([], "no arm to train"),
        (["journey", "journey"], "listed twice"),
        (["jurney"], "did you mean journey"),
        (["journey@token"], "unknown budget 'token': did you mean tokens"),
    ],
)
def test_lists_that_cannot_be_trained_are_refused(arms: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        choose(arms, "examples")


def test_names_show_a_budget_only_where_it_was_given() -> None:
    assert run_name("journey", 0) == "journey-s0"
    assert run_name("shortcut@tokens", 1) == "shortcut-tokens-s1"


def test_names_show_the_axes_that_vary_sorted() -> None:
    axes = combinations([100, 200], [1e-3], [8, 16])
    assert [one.name for one in axes] == ["n100-r8", "n100-r16", "n200-r8", "n200-r16"]
    assert [(one.pairs, one.lr, one.rank) for one in axes][1] == (100, 1e-3, 16)
    assert run_name("journey", 0, "r8") == "journey-r8-s0"
    assert run_name("shortcut@tokens", 1, "lr0.001-n100") == "shortcut-tokens-lr0.001-n100-s1"
    assert [one.name for one in combinations([100], [1e-5, 2e-4], [8])] == ["lr1e-05", "lr0.0002"]
    assert combinations([100], [1e-3], [8])[0].name == ""
    with pytest.raises(UsageError, match="rank 8,8: a value is listed twice"):
        combinations([100], [1e-3], [8, 8])


def test_the_weight_of_mistakes_is_that_of_every_arm_that_shows_them() -> None:
    choices, _ = choose(["shortcut", "journey", "mix-50", "marker"], "examples", 0.3)
    assert [choice.arm.mistake_weight for choice in choices] == [1.0, 0.3, 0.3, 1.0]
    choices, _ = choose(["journey", "journey-masked", "mix-50"], "examples", {"journey-masked": 0.5})
    assert [choice.arm.mistake_weight for choice in choices] == [1.0, 0.5, 1.0]
    choices, _ = choose(["journey-masked"], "examples")
    assert choices[0].arm.mistake_weight == 0


@pytest.mark.parametrize(
    ("arms", "weight", "says"),
    [
        (["shortcut"], 0.5, "no arm of the list shows mistakes"),
        (["journey", "journey-masked"], 0.5, "the same\n.*--mistake-weight journey-masked=0.5"),
        (["shortcut", "journey"], {"shortcut": 0.5}, "unknown arm of mistake_weight 'shortcut'"),
    ],
)
def test_weights_that_mean_nothing_are_refused(arms: list[str], weight: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        choose(arms, "examples", weight)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"rank": "8,16", "lr": "1e-3,3e-3", "pairs": "1000,4000"}, ([8, 16], [1e-3, 3e-3], [1000, 4000])),
        ({"rank": 8, "lr": "1e-3", "pairs": [5]}, ([8], [1e-3], [5])),
        ({"rank": ["8"], "lr": [1, 2]}, ([8], [1.0, 2.0], None)),
    ],
)
def test_axes_take_one_value_or_several(given: dict[str, Any], found: tuple[Any, ...]) -> None:
    settings = FinetuneSettings(**given)
    assert (settings.ranks, settings.rates, settings.sizes) == found


@pytest.mark.parametrize(
    "given", [{"rank": "x"}, {"rank": 0}, {"rank": "8,,4"}, {"rank": 1.5}, {"lr": -1}, {"lr": "nan"}, {"pairs": []}]
)
def test_values_that_are_none_say_what_was_expected(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="finetune: (rank|lr|pairs).* = .*expected: .*(number|pairs), .*, or a list"):
        build(FinetuneSettings, given, "finetune")
    with pytest.raises(UsageError, match="mistake_weight = 2: expected: number, 0 to 1, or by name"):
        build(FinetuneSettings, {"mistake_weight": 2}, "finetune")


def test_a_label_has_its_own_rate_before_its_arm_has() -> None:
    choices, _ = choose(["shortcut@tokens", "shortcut@examples", "journey"], "examples")
    rates = {"shortcut": 2.0, "shortcut@tokens": 3.0}
    assert [learning_rate(choice, 1.0, rates) for choice in choices] == [3.0, 2.0, 1.0]


def test_every_arm_of_the_catalog_reads_a_trace_or_trains_nothing() -> None:
    for name in ARMS.names():
        arm = ARMS.get(name)()
        assert arm.name == name
        assert (arm.trace is not None) == ARMS.entry(name).facts["trains"]
        assert ARMS.entry(name).summary


def test_unknown_names_are_usage_errors() -> None:
    with pytest.raises(UnknownName):
        choose(["nothing"], "examples")
