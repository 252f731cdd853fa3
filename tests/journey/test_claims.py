"""Claims and checks are decided exactly, and what cannot be decided never passes."""

from __future__ import annotations

from fractions import Fraction

import pytest

from journey.answers.claims import check_holds, claim_is_false, claim_value, evaluate, graph_values, notice_contradicts
from journey.schema import Arith, Check, Problem, Quantity, QuantityClaim, Tree

GRAPH = (
    Quantity("q1", "48", span=(0, 2)),
    Quantity("s1", "24", "q1 / 2"),
    Quantity("s2", "72", "q1 + s1"),
)
TREE = Tree("t", Problem("p", "48 and half as many?", "72", "test"), "slips", 0, (), GRAPH)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("48/2", "24"),
        ("1+2*3", "7"),
        ("(1+2)*3", "9"),
        ("-5 - -3", "-2"),
        ("+6+3", "9"),
        (".5*10", "5"),
        ("0.1+0.2", "3/10"),
        ("05*2", "10"),
        ("10.05*2", "20.1"),
        ("100/3", "100/3"),
        ("0", "0"),
        ("1.005", "1.005"),
    ],
)
def test_evaluate_is_exact(expression: str, value: str) -> None:
    assert evaluate(expression) == Fraction(value)


@pytest.mark.parametrize(
    "expression",
    ["", "1/0", "2**9", "9//2", "__import__('os')", "a+1", "1 if 1 else 2", "True", "e9", "(" * 300, "1;2", "x.real"]
    + ["9" * 2000, "f(2)", "1=2", "1e99999999", "9^9^9^9"],
)
def test_evaluate_refuses(expression: str) -> None:
    with pytest.raises(ValueError):
        evaluate(expression)


def test_graph_recomputes_and_lets_a_wrong_value_flow() -> None:
    assert graph_values(GRAPH) == {"q1": 48, "s1": 24, "s2": 72}
    assert graph_values(GRAPH, {"s1": Fraction(96)})["s2"] == 144
    with pytest.raises(ValueError, match="ancestor"):
        graph_values([Quantity("a", "1", "b"), Quantity("b", "1", "a")])
    with pytest.raises(ValueError, match="unknown"):
        graph_values([Quantity("a", "1", "zz + 1")])


@pytest.mark.parametrize(
    ("claim", "false"),
    [
        (Arith("48 / 2", "25"), True),
        (Arith("48 / 2", "24"), False),
        (Arith("48 / 0", "24"), None),
        (QuantityClaim("s1", "96"), True),
        (QuantityClaim("s2", "72"), False),
        (QuantityClaim("s9", "72"), None),
    ],
)
def test_claims_are_decided(claim: Arith | QuantityClaim, false: bool | None) -> None:
    assert claim_is_false(claim, TREE) is false
    assert claim_value(claim) == Fraction(claim.value)


@pytest.mark.parametrize(
    ("check", "x", "holds"),
    [
        (Check("inverse", "x * 2", "=", "48"), "24", True),
        (Check("inverse", "x * 2", "=", "48"), "25", False),
        (Check("size", "x", "<", "48"), "48", False),
        (Check("size", "x", "<=", "48"), "48", True),
        (Check("size", "x", ">", "48 + 1"), "50", True),
        (Check("negative", "50 - x", ">=", "0"), "96", False),
        (Check("digit", "x", "ends in", "4"), "-24", True),
        (Check("digit", "x", "ends in", "4"), "24.4", False),
        (Check("parity", "x", "is", "even"), "24", True),
        (Check("parity", "x", "is", "odd"), "24", False),
        (Check("parity", "x", "is", "odd"), "7", True),
        (Check("parity", "x", "is", "odd"), "7.5", False),
        (Check("whole", "x / 4", "is", "whole"), "24", True),
        (Check("whole", "x / 4", "is", "whole"), "26", False),
    ],
)
def test_checks(check: Check, x: str, holds: bool) -> None:
    assert check_holds(check, Fraction(x)) is holds


def test_a_notice_must_fail_on_the_claim_and_pass_on_the_truth() -> None:
    even = Check("parity", "x", "is", "even")
    assert notice_contradicts(Fraction(25), Fraction(24), even)
    assert not notice_contradicts(Fraction(96), Fraction(24), even)  # says nothing against 96
    assert not notice_contradicts(Fraction(24), Fraction(25), even)  # would refute the truth
    assert not notice_contradicts(Fraction(25), Fraction(24), Check("search", "x", "solves", "24"))
    assert not notice_contradicts(Fraction(0), Fraction(24), Check("inverse", "48 / x", "=", "2"))
