"""Numbers in words: the forms that terminal, report and cards share, and what is not known."""

from __future__ import annotations

import pytest

from journey.numbers import gib, interval, number, p_equals, p_value, percent, plural, points, seconds, short, spread

UNKNOWN = "n/a"


def test_shares_and_differences() -> None:
    assert (percent(0.8734), percent(None), percent(float("nan"))) == ("87.3%", UNKNOWN, UNKNOWN)
    assert (percent(0.932, space=True), percent(None, space=True)) == ("93.2 %", UNKNOWN)
    assert (points(0.213), points(-0.004), points(0), points(None)) == ("+21.3", "-0.4", "+0.0", UNKNOWN)
    assert (points(0.213, signed=False), points(None, signed=False)) == ("21.3", UNKNOWN)
    assert interval(0.01, 0.052) == "+1.0 to +5.2" and interval(0.01, 0.052, signed=False) == "1.0 to 5.2"
    assert interval(None, 0.1) == interval(0.1, None) == UNKNOWN


def test_p_values() -> None:
    assert (p_value(0.0004), p_value(0.05), p_value(None)) == ("< 0.001", "0.050", UNKNOWN)
    assert (p_equals(0.0004), p_equals(0.05)) == ("< 0.001", "= 0.050")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, UNKNOWN),
        (0, "0"),
        (1_234_567, "1,234,567"),
        (2 * 10**9, "2e+09"),
        (0.00021, "0.00021"),
        (1234.56, "1,235"),
    ],
)
def test_numbers(value: float | None, text: str) -> None:
    assert number(value) == text


def test_fractions_without_commas() -> None:
    assert (number(1234.56, commas=False), number(1234, commas=False)) == ("1235", "1,234")


def test_counts_spreads_sizes_and_times() -> None:
    assert (plural(1, "seed"), plural(0, "seed"), plural(1319, "problem")) == ("1 seed", "0 seeds", "1,319 problems")
    assert (spread("3", "5"), spread("3", "3")) == ("3 to 5", "3")
    assert (gib(1.5 * 2**30), gib(80 * 2**30, digits=0)) == ("1.5 GiB", "80 GiB")
    assert (seconds(0.0123), seconds(1.5), seconds(1234)) == ("0.012", "1.50", "1,234")


@pytest.mark.parametrize(
    ("value", "text"), [(0.5, "0.5"), (1500, "1.5k"), (2e9, "2G"), (3e12, "3T"), (4e18, "4e+18"), (999, "999")]
)
def test_short_numbers(value: float, text: str) -> None:
    assert short(value) == text
