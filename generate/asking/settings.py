"""What `--set rollouts.KEY=VALUE` may say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from journey.config import Settings
from journey.generate.asking.proposing import Scorer


class RolloutsSettings(Settings):
    """How the tree is grown, scored and told."""

    width: int = Field(4, ge=1, le=256, description="steps that the policy proposes at every place")
    depth: int = Field(12, ge=1, le=200, description="steps of a path, at most")
    beam: int | None = Field(
        None,
        ge=1,
        le=100_000,
        description="steps of one depth that are kept, those with the best scores (default: all)",
    )
    score: Scorer = Field(
        "solver",
        description="what a step is worth: what can be computed, the share of continuations that come out right, or what the "
        "critic says as a reward model or as a judge",
    )
    continuations: int = Field(8, ge=1, le=1000, description="continuations after each step, with score=montecarlo")
    step_tokens: int = Field(64, ge=4, le=4096, description="tokens of a proposed step, at most")
    answer_tokens: int = Field(256, ge=4, le=32_768, description="tokens of a continuation, at most")
    trials: Literal["all"] | Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        "all", description="wrong branches told before the right one: all, or at most K tries with the right one"
    )
    detour: int = Field(
        2, ge=0, le=100, description="right steps of a branch that are told before its mistake, at most"
    )
    told: Literal["checked", "all"] = Field(
        "checked",
        description="which steps are told as mistakes: refuted ones, or also those that were only scored as wrong",
    )
    limit: int = Field(
        2_000, ge=1, le=10_000_000, description="moves after which the walk through a search is given up"
    )
