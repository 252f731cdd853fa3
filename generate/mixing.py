"""Shares of a mixture: `own=3`, `countdown@2=1`, as families and methods are named with.

journey generate --attempts data/runs/attempts --method own=3 --method slips=1 --out data/runs/mixed
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from journey.errors import UsageError

MOST = 1000  # places of one share, so that a turn of places stays short


@dataclass(frozen=True)
class Share:
    """A name with its share; `given` says whether one was named."""

    name: str
    share: int = 1
    given: bool = False


def parse_shares(specs: Sequence[str]) -> list[Share]:
    """Names with their shares, a whole number from 1 to MOST; without any, all are alike. Raises UsageError."""
    shares: list[Share] = []
    for spec in specs:
        name, equals, share = spec.partition("=")
        if equals and not (share.isascii() and share.isdigit() and 1 <= int(share) <= MOST):
            raise UsageError(f"{spec!r}: a share is a whole number from 1 to {MOST}", f"e.g. {name or 'own'}=3")
        if any(other.name == name and (equals or other.given) for other in shares):
            raise UsageError(f"{name} is named twice", "give one share for each")
        shares.append(Share(name, int(share) if equals else 1, bool(equals)))
    return shares
