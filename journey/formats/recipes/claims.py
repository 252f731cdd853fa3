"""Published results held against this project's own: what was fixed before scoring, and what came of it.

claims.json lies in the folder of a run or a sweep; a table of results is written where `journey claims --out` says, and those
of the shipped recipes are package data.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import msgspec

from journey.formats.comparison import Comparison, Verdict
from journey.formats.record import FileRecord
from journey.formats.scores import SeedLeftOut, left_out_in_words

Agrees = Literal["no", "not decided", "yes"]
ORDER: tuple[Agrees, ...] = ("no", "not decided", "yes")  # negatives first


class FixedClaims(FileRecord, frozen=True):
    """claims.json: the claims of a recipe, written before the test split is scored."""

    FILE: ClassVar[str] = "claims.json"

    claims: tuple[dict[str, Any], ...]  # as the recipe has them
    before_scoring: bool  # false where the folder had scores already
    version: int = 1


class ClaimResult(msgspec.Struct, frozen=True):
    """One claim and what came of it here. `finding` is the verdict without names: who is better, equal, too small to tell."""

    name: str
    source: str
    published: str
    benchmark: str
    strategy: str
    first: str  # with its place in a sweep, as the verdict calls it
    second: str
    agrees_if: tuple[str, ...]
    contradicted_by: tuple[str, ...]
    comparison: Comparison
    verdict: Verdict
    without: tuple[SeedLeftOut, ...]
    finding: str
    agrees: Agrees
    policy: str = ""
    at: str = ""  # the place in a sweep that both arms share, where the names do not say it

    @property
    def survives(self) -> str:
        """Whether the words survive leaving out each seed, in words; empty with fewer than three seeds."""
        return left_out_in_words(self.without)


class ClaimResults(FileRecord, frozen=True):
    """What came of the claims of one recipe, and the hashes of what it came from."""

    FILE: ClassVar[str] = "claim_results.json"

    recipe: str
    summary: str
    kept: tuple[str, ...]
    differs: tuple[str, ...]
    claims: tuple[ClaimResult, ...]
    margin: float
    base: str  # of a sweep over bases all of them, in order, with commas between
    base_sha256: str | None  # of its weights, where they lie on this machine; of several alike
    recipe_sha256: str  # of recipe.yaml, the resolved settings
    scores_sha256: dict[str, str]  # of every scores.json, by its folder
    versions: dict[str, str]  # of this package and of torch, when the answers were scored
    before_scoring: bool = True
    version: int = 1
