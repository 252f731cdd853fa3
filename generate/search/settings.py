"""The settings of the method `search`, for every kind of search that it tells."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from journey.config import Settings, unset


class SearchSettings(Settings):
    """How the tree is searched and how much of it the journey tells."""

    strategy: Literal["depth-first", "best-first", "beam"] = Field("depth-first", description="which node comes next")
    order: Literal["canonical", "sum", "multiply", "singles"] = Field(
        "canonical",
        description="children as listed, by distance to the target, or to its nearest factor; "
        "grids: cells as the level says, or those with one digit left first (singles)",
    )
    prune: bool = Field(
        False, description="skip children whose heuristic exceeds the target (as Stream of Search does)"
    )
    exhaust: bool = Field(False, description="tell every last move of two numbers, also those that size rules out")
    width: int = Field(5, ge=1, le=1_000_000, description="states that a beam keeps at each depth")
    trials: Literal["all"] | Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        "all", description="wrong branches told before the right one: all, or at most K tries with the right one"
    )
    backtracks: int | None = Field(
        None,
        ge=0,
        le=1_000_000,
        exclude_if=unset,
        description="mistakes in each journey: exactly so many wrong branches are told, "
        "drawn from those that leave the right path; a problem with fewer is rejected",
    )
    depth: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="with trials=K or backtracks=N: how many moves into a wrong branch are told",
    )
    limit: int = Field(
        2_000, ge=1, le=10_000_000, description="moves after which a search is given up, and the problem rejected"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.backtracks is not None and self.trials != "all":
            raise ValueError("backtracks says how many wrong branches are told, and trials does too; set one of them")
        if self.depth is not None and self.trials == "all" and self.backtracks is None:
            raise ValueError("depth has no effect with trials=all; set search.trials=K too")
        if self.prune and (self.strategy == "beam" or (self.strategy == "depth-first" and self.order == "canonical")):
            raise ValueError("prune needs a heuristic: search.order=sum or multiply, and no beam")
        return self
