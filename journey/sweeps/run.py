"""The sweep: every point of a grid as a run, stages with equal settings done once, and one report over all points.

DIR/sweep_plan.json     axes, points and comparisons, fixed before the first point is run
DIR/rank-4/             a run folder, as `journey run` writes it
DIR/rank-16/            another; generate and curate in it are links to those of rank-4
DIR/sweep.json          what came of it, with report.html and report.md
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from journey import console, pipeline
from journey.claims.fixed import fix
from journey.errors import UsageError
from journey.evaluate.planning.check import check_benchmarks
from journey.evaluate.sweep import build
from journey.finetune.planning import check as training
from journey.formats.files import write_atomic
from journey.formats.manifest import MANIFEST
from journey.formats.recipes.sweep import SweepAxis, SweepPair, SweepPlan, SweepPoint, SweepResults
from journey.pipeline import RESOLVED, Recipe, resolve
from journey.settings.recipe import RunSettings
from journey.sweeps.axes import GridPoint, axes_of, full_name, grid

ORDER = ("warm", "sample", "generate", "curate", "finetune", "evaluate")
# By stage: what a stage reads beside its own settings.
BEFORE = {
    "warm": (),
    "sample": ("warm",),
    "generate": ("sample",),
    "curate": ("generate",),
    "finetune": ("warm", "curate"),
    "evaluate": ("finetune",),
}


@dataclass(frozen=True)
class PlannedSweep:
    """Everything that is fixed before a point is run."""

    settings: RunSettings
    points: tuple[GridPoint, ...]
    plan: SweepPlan


def prepare(recipe: Recipe, over: Sequence[str], sets: Mapping[str, Any]) -> PlannedSweep:
    """The plan of a sweep. Raises UsageError or UnknownName for whatever a point would refuse later."""
    axes = axes_of(recipe, over, sets)
    settings = resolve(recipe, sets)
    points = grid(recipe, axes, sets)
    _refuse_foreign_claims(settings, axes)
    names = check_benchmarks(settings.evaluate)
    primary = settings.evaluate.primary
    primary = next(iter(names.values())) if primary is None else names.get(primary, primary)
    plan = SweepPlan(
        recipe=recipe.name,
        settings=settings.model_dump(mode="json"),
        axes=tuple(axes),
        points=tuple(_shared(points)),
        pairs=tuple(_pairs(axes, points, list(names.values()))),
        primary=primary,
        margin=settings.evaluate.margin,
    )
    return PlannedSweep(settings, tuple(points), plan)


def sweep(planned: PlannedSweep, out: Path, *, workers: int | None = None) -> SweepResults:
    """Run every point that is not finished, then compare and report. An interrupted call goes on where it stopped.

    Raises UsageError if `out` holds another sweep.
    """
    out, plan = Path(out), planned.plan
    _begin(planned, out)
    for number, (point, known) in enumerate(zip(planned.points, plan.points, strict=True), start=1):
        folder = out / point.folder
        done = (folder / "evaluate" / MANIFEST).is_file()
        console.note(f"point {number} of {len(plan.points)}: {point.folder}{' (finished)' if done else ''}")
        _link(out, known)
        if not done:
            pipeline.run(point.settings, folder, workers=workers)
    return build.build(out)


def describe(planned: PlannedSweep, out: Path) -> dict[str, Any]:
    """What `sweep` would do, for --dry-run; writes nothing."""
    plan, out = planned.plan, Path(out)
    stages = {
        stage: sum(stage in _stages(point.settings) and stage not in known.shares for point, known in _zip(planned))
        for stage in ORDER
    }
    return {
        "out": str(out),
        "axes": {axis.setting: list(axis.values) for axis in plan.axes},
        "points": [point.folder for point in plan.points],
        "finished": [p.folder for p in plan.points if (out / p.folder / "evaluate" / MANIFEST).is_file()],
        "stages": {stage: count for stage, count in stages.items() if count},
        "shared": {p.folder: p.shares for p in plan.points if p.shares},
        "comparisons": len(plan.pairs),
        "primary": plan.primary,
        "settings": plan.settings,
        "claims": [pipeline.told_of(claim) for claim in planned.settings.claims if claim.at],
    }


def _zip(planned: PlannedSweep) -> Iterator[tuple[GridPoint, SweepPoint]]:
    return zip(planned.points, planned.plan.points, strict=True)


def _begin(planned: PlannedSweep, out: Path) -> None:
    """Fix plan, settings and claims. Raises UsageError where the folder holds something else."""
    path, plan = out / SweepPlan.FILE, planned.plan
    if path.is_file():
        known = SweepPlan.read(out)
        if known.plain() != plan.plain():
            raise UsageError(f"{out} holds another sweep: {_difference(known, plan)}", "give another --out")
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} exists and is no folder of a sweep", "give another --out, or remove it")
    scored = any((out / point.folder / "evaluate" / MANIFEST).is_file() for point in plan.points)
    out.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        write_atomic(path, plan.encoded())
    fix([claim for claim in planned.settings.claims if claim.at], out, scored=scored)
    write_atomic(out / RESOLVED, pipeline.as_yaml(planned.settings))


def _difference(known: SweepPlan, now: SweepPlan) -> str:
    before, after = ({axis.setting: list(axis.values) for axis in plan.axes} for plan in (known, now))
    if before != after:
        return f"over {before} there, {after} now"
    changed = [name for name in now.settings if known.settings.get(name) != now.settings[name]]
    return f"other settings ({', '.join(changed) or 'of comparison'})"


def _refuse_foreign_claims(settings: RunSettings, axes: Sequence[SweepAxis]) -> None:
    """Claims at places of the recipe's grid need that very grid."""
    placed = [claim.name for claim in settings.claims if claim.at]
    own = {} if settings.sweep is None else {full_name(name): values for name, values in settings.sweep.over.items()}
    if placed and own != {axis.setting: list(axis.values) for axis in axes}:
        raise UsageError(
            f"claim {placed[0]} lies on the recipe's own grid, and --over names another", "leave out --over"
        )


def _stages(settings: RunSettings) -> dict[str, Any]:
    """The settings of every stage that a recipe has."""
    sections = {stage: getattr(settings, stage) for stage in ORDER}
    return {stage: section.model_dump(mode="json") for stage, section in sections.items() if section is not None}


def _keys(settings: RunSettings) -> dict[str, str]:
    """By stage, all that it depends on: its own settings and those of the stages before it."""
    keys: dict[str, str] = {}
    for stage, section in _stages(settings).items():
        keys[stage] = json.dumps([section, *(keys.get(before) for before in BEFORE[stage])], sort_keys=True)
    return keys


def _shared(points: Sequence[GridPoint]) -> Iterator[SweepPoint]:
    """The points with the stages that an earlier one has done."""
    owner: dict[tuple[str, str], str] = {}
    for point in points:
        shares = {}
        for stage, key in _keys(point.settings).items():
            done = owner.setdefault((stage, key), point.folder)
            if done != point.folder:
                shares[stage] = done
        yield SweepPoint(point.folder, point.values, shares)


def _link(out: Path, point: SweepPoint) -> None:
    """Put relative links to the stages of earlier points in place of this point's own."""
    for stage, owner in point.shares.items():
        link = out / point.folder / stage
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink() and not link.exists():
            os.symlink(Path("..") / owner / stage, link, target_is_directory=True)


def _pairs(axes: Sequence[SweepAxis], points: Sequence[GridPoint], benchmarks: Sequence[str]) -> Iterator[SweepPair]:
    """Each value of an axis against the first value, every other axis unchanged, for every arm of both points."""
    by_values = {json.dumps(point.values): point for point in points}
    for number, axis in enumerate(axes):
        for point in points:
            if point.values[number] == axis.values[0]:
                continue
            first = by_values[json.dumps([*point.values[:number], axis.values[0], *point.values[number + 1 :]])]
            arms = [label for label, _ in training.labels(first.settings.finetune)]
            common = {label for label, _ in training.labels(point.settings.finetune)}
            for benchmark in benchmarks:
                yield from (
                    SweepPair(axis.setting, benchmark, arm, first.folder, point.folder) for arm in arms if arm in common
                )
