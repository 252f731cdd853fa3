"""Arms, budgets and names of runs."""

from __future__ import annotations

import pytest

from journey.catalog import ARMS
from journey.errors import UnknownName, UsageError
from journey.finetune.runs import choose, learning_rate, run_name


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
