"""The claims of a run or a sweep, written down before anything is scored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from journey.errors import UsageError
from journey.formats.files import write_atomic
from journey.formats.recipes.claims import FixedClaims
from journey.settings.claims import ClaimSettings


def fix(claims: Sequence[ClaimSettings], out: Path, *, scored: bool) -> None:
    """Write the claims into the folder. Raises UsageError where they are others than those fixed before it was scored."""
    path = out / FixedClaims.FILE
    now = FixedClaims(tuple(claim.model_dump(mode="json") for claim in claims), not scored)
    if not path.is_file():
        if claims:
            write_atomic(path, now.encoded())
        return
    known = FixedClaims.read(out)
    if known.plain()["claims"] == now.plain()["claims"]:
        return
    if scored:
        raise UsageError(
            f"{out} was scored under other claims, and they do not change afterwards",
            "give another --out, or the claims as they were",
        )
    write_atomic(path, now.encoded())
