"""Settings of a recipe: those of all stages, one comparison from problems to report."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import Field, field_validator

from journey.config import CurateSettings, EvaluateSettings, FinetuneSettings, GenerateSettings, SampleSettings
from journey.settings.base import Settings, off, unset
from journey.settings.claims import ClaimSettings, SweepSettings
from journey.settings.given import build, merge


class WarmSettings(Settings):
    """A short training run whose model is the policy that is sampled, and what every arm starts from."""

    generate: GenerateSettings = Field(GenerateSettings(), description="see `journey list settings generate`")
    curate: CurateSettings = Field(CurateSettings(), description="see `journey list settings curate`")
    finetune: FinetuneSettings = Field(
        FinetuneSettings(), description="see `journey list settings finetune`; one arm with one seed"
    )


class RunSettings(Settings):
    """A recipe: one comparison from problems to report."""

    name: str = Field("run", description="name of the comparison and of its folder: letters, digits and . _ -")
    summary: str = Field("", description="one line for `journey list recipes`")
    base: str = Field("pocket", description="base of curate and finetune, unless they name one")
    benchmarks: list[str] = Field(
        [], description="what evaluate asks and curate keeps out of the training data, unless they name their own"
    )
    warm: WarmSettings | None = Field(
        None, description="a run that comes first: the policy, and the start of all arms", exclude_if=unset
    )
    sample: SampleSettings | None = Field(
        None, description="attempts that the pairs are made of: see `journey list settings sample`", exclude_if=unset
    )
    generate: GenerateSettings = Field(GenerateSettings(), description="see `journey list settings generate`")
    curate: CurateSettings = Field(CurateSettings(), description="see `journey list settings curate`")
    finetune: FinetuneSettings = Field(FinetuneSettings(), description="see `journey list settings finetune`")
    evaluate: EvaluateSettings = Field(EvaluateSettings(), description="see `journey list settings evaluate`")
    claims: list[ClaimSettings] = Field(
        [], exclude_if=off, description="published results that this recipe is held against, fixed before scoring"
    )
    kept: list[str] = Field([], exclude_if=off, description="sentences: what of the published experiments is kept")
    differs: list[str] = Field([], exclude_if=off, description="sentences: what differs from them")
    sweep: SweepSettings | None = Field(
        None, exclude_if=unset, description="the grid of `journey sweep`, where --over names none"
    )

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        return folder_name(value)


def folder_name(name: str) -> str:
    """A recipe's name, which becomes a folder of data/runs. Raises ValueError for one that could lead elsewhere."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise ValueError("expected letters, digits and . _ - (64 at most, a letter or digit first)")
    return name


def resolve_run(recipe: Mapping[str, Any], overrides: Mapping[str, Any], where: str) -> RunSettings:
    """A recipe with overrides on top.

    `base` at the top is the base of curate and finetune unless they name one, `benchmarks` what evaluate asks; and what
    evaluate asks is what curate keeps out of the training data, unless it names its own.
    """
    data = merge(recipe, overrides)
    base, asked = data.get("base", "pocket"), _asked(data)
    for stage in ("generate", "curate", "finetune", "evaluate"):
        section = {} if data.get(stage) is None else data[stage]
        if isinstance(section, Mapping) and stage in ("curate", "finetune"):
            section = {"base": base, **section}
        if isinstance(section, Mapping) and stage in ("curate", "evaluate") and asked is not None:
            section = {"benchmarks": asked, **section}
        data[stage] = section
    warm = data.get("warm")
    if isinstance(warm, Mapping):
        based = {
            stage: {"base": base, **section}
            for stage in ("curate", "finetune")
            if isinstance(section := warm.get(stage) or {}, Mapping)
        }
        data["warm"] = {**warm, **based}
    return build(RunSettings, data, where)


def _asked(data: Mapping[str, Any]) -> Any:
    """The benchmarks of a recipe: evaluate's own, else those at the top; None where none are named."""
    evaluation = data.get("evaluate")
    own = evaluation.get("benchmarks") if isinstance(evaluation, Mapping) else None
    return own if own is not None else data.get("benchmarks")
