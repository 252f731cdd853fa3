"""Axes of a sweep: settings with their values, checked at every point of the grid before anything is run."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from pydantic import BaseModel

from journey.config import CurateSettings, EvaluateSettings, FinetuneSettings, GenerateSettings, SampleSettings
from journey.errors import UsageError
from journey.formats.recipes.sweep import SweepAxis, as_text, axis_names, in_words
from journey.pipeline import Recipe, resolve
from journey.settings import plain_yaml
from journey.settings.fields import shown
from journey.settings.given import merge
from journey.settings.recipe import RunSettings

EXAMPLE = "e.g. --over finetune.rank=4,16"
MOST_POINTS = 256
STAGES: dict[str, type[BaseModel]] = {
    "sample": SampleSettings,
    "generate": GenerateSettings,
    "curate": CurateSettings,
    "finetune": FinetuneSettings,
    "evaluate": EvaluateSettings,
}
EVERY_METHOD = ".*."  # in an axis: generate.*.rechecks is that setting of every method of the recipe
OF_THE_WHOLE = ("name", "summary", "claims", "kept", "differs", "sweep")  # no settings of a run's result
# What is asked, and how it is compared.
ASKED = (
    "benchmarks",
    *(
        f"evaluate.{name}"
        for name in "benchmarks map strict allow_golds fresh primary limit sizes split seed margin aa aa_arm sampled".split()
    ),
)


@dataclass(frozen=True)
class GridPoint:
    """One point of the grid: its folder's name, its value on every axis, and the resolved settings of its run."""

    folder: str
    values: tuple[Any, ...]
    settings: RunSettings


def axes_of(recipe: Recipe, over: Sequence[str], sets: Mapping[str, Any]) -> list[SweepAxis]:
    """The axes of `--over`, else those of the recipe. Raises UsageError for what is no axis."""
    own = (recipe.data.get("sweep") or {}) if isinstance(recipe.data.get("sweep"), Mapping) else {}
    given = [_parsed(one) for one in over] or list((own.get("over") or {}).items())
    if not given:
        raise UsageError(f"{recipe.where} has no axes of its own and none are given", EXAMPLE)
    axes: list[SweepAxis] = []
    for setting, values in given:
        axis = SweepAxis(full_name(setting), _values(setting, values))
        if axis.setting in [other.setting for other in axes]:
            raise UsageError(f"{setting} is an axis twice", "list all its values in one")
        if any(_has(sets, setting) for setting in _spelled_out(axis.setting, sets)):
            raise UsageError(f"{setting} is an axis, and --set fixes it", "leave one of them out")
        axes.append(axis)
    return axes


def grid(recipe: Recipe, axes: Sequence[SweepAxis], sets: Mapping[str, Any]) -> list[GridPoint]:
    """Every point, the last axis fastest. Raises UsageError or UnknownName where a point's settings are refused."""
    if (number := _count(axes)) > MOST_POINTS:
        raise UsageError(f"{number:,} points are more than a sweep has, {MOST_POINTS}", "list fewer values")
    points: list[GridPoint] = []
    for values in product(*(axis.values for axis in axes)):
        try:
            settings = resolve(_without_claims(recipe), _overrides(recipe, axes, values, sets))
        except UsageError as error:
            error.args = (f"at {in_words(axes, values)}: {error}",)
            raise
        points.append(GridPoint(_folder(axes, values), values, settings))
    _refuse_alike(axes, points)
    return points


def _spelled_out(setting: str, sets: Mapping[str, Any]) -> list[str]:
    """A setting, or where it is that of every method, those of the methods that `sets` names."""
    if EVERY_METHOD not in setting:
        return [setting]
    named = (sets.get("generate") or {}).get("options") or {}
    return [setting.replace(EVERY_METHOD, f".{name}.") for name in named]


def _overrides(
    recipe: Recipe, axes: Sequence[SweepAxis], values: Sequence[Any], sets: Mapping[str, Any]
) -> dict[str, Any]:
    """The settings of a point: its value on every axis, written for each method where the axis is of all of them."""
    placed = list(zip([axis.setting for axis in axes], values, strict=True))
    plain = merge(sets, *(_nested(setting, value) for setting, value in placed if EVERY_METHOD not in setting))
    if all(EVERY_METHOD not in setting for setting, _ in placed):
        return plain
    methods = resolve(_without_claims(recipe), plain).generate.method
    of_all = [
        _nested(setting.replace(EVERY_METHOD, f".{name}."), value)
        for setting, value in placed
        if EVERY_METHOD in setting
        for name in methods
    ]
    return merge(plain, *of_all)


def _parsed(text: str) -> tuple[str, Any]:
    setting, equals, values = text.partition("=")
    if not equals or not setting.strip() or not values.strip():
        raise UsageError(f"--over {shown(text)} is not SETTING=VALUE,VALUE", EXAMPLE)
    where = f"--over {shown(text)}"
    return setting.strip(), plain_yaml.read(f"[{values}]", where, EXAMPLE)


def full_name(setting: str) -> str:
    """The setting with `options` before a method's or filter's name: generate.search.width is generate.options.search.width,
    and generate.*.rechecks that setting of every method.

    Raises UsageError for what is no axis.
    """
    stage, _, rest = setting.partition(".")
    warm = stage == "warm"
    if warm:
        stage, _, rest = rest.partition(".")
    first = rest.partition(".")[0]
    kind = STAGES.get(stage)
    if kind is not None and "options" in kind.model_fields and "." in rest and first not in kind.model_fields:
        rest = f"options.{rest}"
    full = f"{'warm.' if warm else ''}{stage}.{rest}" if rest else stage
    if full.partition(".")[0] in OF_THE_WHOLE:
        raise UsageError(f"{setting} is no axis: it changes nothing that is run", EXAMPLE)
    if any(full == name or full.startswith(f"{name}.") for name in ASKED):
        raise UsageError(
            f"{setting} is no axis: it changes what is asked or how it is compared, so points could not be paired",
            "sweep what is trained or how it answers; set this one with --set",
        )
    if "*" in full and not (full.startswith("generate.options.*.") and full.count("*") == 1):
        raise UsageError(f"{setting} is no axis: * stands for every method", "e.g. --over 'generate.*.rechecks=0,0.2'")
    if full in STAGES or full == "warm":
        raise UsageError(f"{setting} is a stage, no setting of one", f"see `journey list settings {stage}`; {EXAMPLE}")
    return full


def _values(setting: str, values: Any) -> tuple[Any, ...]:
    if not isinstance(values, list) or len(values) < 2:
        raise UsageError(f"axis {setting} has one value, and a sweep compares two or more", EXAMPLE)
    written = [json.dumps(value, sort_keys=True, default=str) for value in values]
    for value in values:
        if written.count(json.dumps(value, sort_keys=True, default=str)) > 1:
            raise UsageError(f"axis {setting} lists {as_text(value)} twice", "list each value once")
    return tuple(values)


def _refuse_alike(axes: Sequence[SweepAxis], points: Sequence[GridPoint]) -> None:
    seen: dict[str, GridPoint] = {}
    for point in points:
        other = seen.setdefault(point.settings.model_dump_json(), point)
        if other is not point:
            raise UsageError(
                f"{in_words(axes, other.values)} and {in_words(axes, point.values)} are the same settings",
                "list each value once",
            )
    folders = [point.folder for point in points]
    for name in folders:
        if folders.count(name) > 1:
            raise UsageError(f"two points would have the folder {name}", "write their values in another way")


def _without_claims(recipe: Recipe) -> Recipe:
    """The recipe of one point, which is a plain run: claims and grid are the sweep's."""
    left = {name: value for name, value in recipe.data.items() if name not in OF_THE_WHOLE[2:]}
    return Recipe(recipe.name, recipe.summary, left, recipe.where)


def _count(axes: Sequence[SweepAxis]) -> int:
    count = 1
    for axis in axes:
        count *= len(axis.values)
    return count


def _nested(setting: str, value: Any) -> dict[str, Any]:
    for part in reversed(setting.split(".")):
        value = {part: value}
    return dict(value)


def _has(data: Any, setting: str) -> bool:
    for part in setting.split("."):
        if not isinstance(data, Mapping) or part not in data:
            return False
        data = data[part]
    return True


def _folder(axes: Sequence[SweepAxis], values: Sequence[Any]) -> str:
    parts = [f"{name}-{as_text(value)}" for name, value in zip(axis_names(axes), values, strict=True)]
    return re.sub(r"[^A-Za-z0-9.+_-]+", "-", "_".join(parts)).strip("-.")[:120]
