"""Numbers as people read them, the same in the terminal, the report and the cards. What is not known is "n/a", never 0."""

from __future__ import annotations

import math

NOT_KNOWN = "n/a"
GIB = 2**30  # bytes


def percent(share: float | None, *, space: bool = False) -> str:
    """A share in [0, 1] as e.g. "87.3%", or "87.3 %" with a space."""
    if share is None or math.isnan(share):
        return NOT_KNOWN
    return f"{100 * share:.1f}{' ' if space else ''}%"


def points(share: float | None, *, signed: bool = True) -> str:
    """A share or a difference of shares in percentage points, e.g. "+21.3", or "21.3" where it has no direction."""
    if share is None:
        return NOT_KNOWN
    return f"{100 * share:+.1f}" if signed else f"{100 * share:.1f}"


def interval(low: float | None, high: float | None, *, signed: bool = True) -> str:
    """An interval in points, e.g. "+1.0 to +5.2"."""
    if low is None or high is None:
        return NOT_KNOWN
    return f"{points(low, signed=signed)} to {points(high, signed=signed)}"


def p_value(p: float | None) -> str:
    """A p with three digits, or "< 0.001"."""
    return NOT_KNOWN if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def p_equals(p: float) -> str:
    """A p to stand after its letter: "= 0.012", "< 0.001"."""
    return p_value(p) if p < 0.001 else f"= {p_value(p)}"


def number(value: float | None, *, commas: bool = True) -> str:
    """A count as 1,234,567, a fraction in four digits, from a thousand million on three digits and a power of ten.

    `commas`: whether a fraction beyond a thousand has them too.
    """
    if value is None:
        return NOT_KNOWN
    if abs(value) >= 10**9:
        return f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}" if commas else f"{value:.4g}"


def plural(count: int, noun: str) -> str:
    """A count with its noun, e.g. "1 seed", "1,000 problems"."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def spread(low: str, high: str) -> str:
    """Two numbers already written, as "3 to 5", or one where they read the same."""
    return low if low == high else f"{low} to {high}"


def seconds(value: float) -> str:
    """Seconds with about three digits."""
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def gib(size: float, *, digits: int = 1) -> str:
    """A number of bytes as e.g. "1.5 GiB"."""
    return f"{size / GIB:.{digits}f} GiB"


def short(value: float) -> str:
    """A number for an axis: 1500 is 1.5k, 2e9 is 2G, 3e12 is 3T; beyond and below as a power."""
    for unit, sign in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if unit <= abs(value) < 1000 * unit:
            return f"{value / unit:.3g}{sign}"
    return f"{value:.3g}"
