"""Settings of claims: published results that a recipe is held against, and the grid of a sweep that they may lie on."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from journey.settings.base import Settings, off, unset

Finding = Literal["second better", "first better", "equal", "too small to tell"]
"""What a verdict found, without the names of arms: its outcome with its winner."""


class ClaimSettings(Settings):
    """One published result and the comparison that speaks of it. Fixed before the test split is scored.

    The difference is second minus first. A finding in neither list leaves the claim undecided.
    """

    name: str = Field(description="short name in lower case, e.g. streams-beat-optimal-paths")
    source: str = Field(description="where it is published, e.g. arXiv 2404.03683, section 4")
    published: str = Field(description="one sentence with the published figure")
    benchmark: str = Field(description="a benchmark that evaluate asks, e.g. countdown@1")
    first: str = Field(description="an arm as finetune lists it, e.g. shortcut@examples; or base")
    second: str = Field("journey", description="an arm as finetune lists it: the difference is second minus first")
    strategy: str = Field(
        "",
        description="a strategy of evaluate, equal test tokens, right after a mistake or mistake against clean twin "
        "(default: evaluate's first strategy)",
    )
    at: dict[str, Any] = Field({}, exclude_if=off, description="of a sweep: the value of each axis for both arms")
    first_at: dict[str, Any] | None = Field(
        None, exclude_if=unset, description="of a sweep: the value of each axis for the first arm, where it is another"
    )
    agrees: list[Finding] = Field(
        description="findings that agree: second better, first better, equal, too small to tell"
    )
    contradicts: list[Finding] = Field([], description="findings that contradict it; any other leaves it undecided")

    @field_validator("name")
    @classmethod
    def _is_a_slug(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", value) or len(value) > 64:
            raise ValueError("expected lower-case letters, digits and single hyphens between them, 64 at most")
        return value

    @field_validator("source", "published", "benchmark", "first", "second")
    @classmethod
    def _is_said(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("expected some text")
        return value

    @field_validator("agrees")
    @classmethod
    def _can_agree(cls, value: list[Finding]) -> list[Finding]:
        if not value:
            raise ValueError("expected at least one finding that agrees, e.g. [second better]")
        return value

    @model_validator(mode="after")
    def _says_one_thing(self) -> ClaimSettings:
        if both := [finding for finding in self.agrees if finding in self.contradicts]:
            raise ValueError(f"claim {self.name}: {', '.join(both)} both agrees and contradicts; name it in one list")
        if self.first == self.second and self.at == self.starts_at:
            raise ValueError(f"claim {self.name}: {self.first} is compared with itself; name another arm or first_at")
        if self.first == "base" and self.first_at is not None:
            raise ValueError(f"claim {self.name}: the base has no place of its own in a sweep; leave out first_at")
        return self

    @property
    def starts_at(self) -> dict[str, Any]:
        """The value of each axis for `first`."""
        return self.at if self.first_at is None else self.first_at


class SweepSettings(Settings):
    """The grid of `journey sweep RECIPE`, as a recipe carries it."""

    over: dict[str, list[Any]] = Field(
        description="values of each axis, by the dotted name of a setting, e.g. finetune.rank: [4, 16]"
    )
