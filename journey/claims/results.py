"""What came of a recipe's claims, from a finished folder of `journey run` or `journey sweep`.

A comparison that a plan declares has that plan's verdict. Claims on other pairs, and on arms at two points of a sweep, are one
declared family of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from journey.errors import UsageError
from journey.evaluate.scoring.across import ScoredPair, decide_across, refuse_other_problems, scores_of
from journey.evaluate.scoring.decisions import key_of
from journey.evaluate.scoring.graded import GradedSamples
from journey.evaluate.scoring.score import book_of, rescore
from journey.evaluate.statistics.sizes import MIN_SEEDS
from journey.formats.comparison import Declared, Verdict
from journey.formats.files import sha256
from journey.formats.folders import EvaluatedFolder, open_finished
from journey.formats.manifest import MANIFEST
from journey.formats.marks import Environment
from journey.formats.recipes.claims import Agrees, ClaimResult, ClaimResults, FixedClaims
from journey.formats.recipes.sweep import SweepAxis, SweepResults, in_words
from journey.formats.scores import Compared, Scores, SeedLeftOut
from journey.pipeline import RESOLVED
from journey.questions import name_of
from journey.settings import plain_yaml
from journey.settings.claims import ClaimSettings
from journey.settings.given import build
from journey.settings.recipe import RunSettings
from journey.sweeps.axes import full_name

VERSIONS = ("journey-learning", "torch")
Place = tuple[str, ...]  # a point of a sweep: the JSON of each axis' value; () for a run


@dataclass(frozen=True)
class PlacedEvaluation:
    """One evaluation, its run folder relative to the whole, and what its scores say of declared comparisons."""

    folder: str
    evaluated: EvaluatedFolder

    @cached_property
    def book(self) -> GradedSamples:
        """All stored samples, graded."""
        return book_of(self.evaluated)

    @cached_property
    def scores(self) -> Scores:
        """The stored scores; made again where they were stored before words were tried without each seed."""
        stored = self.evaluated.scores
        lacks = not stored.survival and any(item.comparison.seeds > MIN_SEEDS for item in stored.compared)
        return rescore(self.evaluated) if lacks else stored


def results(folder: Path) -> ClaimResults:
    """The table of a finished folder. Raises UsageError where it is not finished or holds no claims."""
    swept = (folder / SweepResults.FILE).is_file()
    if not (folder / FixedClaims.FILE).is_file():
        raise UsageError(
            f"{folder} holds no claims", "give the folder of `journey run` or `journey sweep` of a recipe with claims"
        )
    if not swept and not (folder / "evaluate" / MANIFEST).is_file():
        raise UsageError(f"{folder} is not finished", "run the same command again; it goes on where it stopped")
    fixed, settings = FixedClaims.read(folder), _settings(folder)
    claims = [build(ClaimSettings, claim, f"{folder}: claims") for claim in fixed.claims]
    axes: tuple[SweepAxis, ...] = ()
    if swept:
        record = SweepResults.read(folder)
        axes = record.axes
        evaluations = {
            tuple(map(_json, point.values)): _placed(point.folder, folder / point.folder) for point in record.points
        }
    else:
        evaluations = {(): _placed(".", folder)}
    first = next(iter(evaluations.values()))
    bases = {one.evaluated.plan.base: _weights(folder / one.folder) for one in evaluations.values()}
    return ClaimResults(
        recipe=settings.name,
        summary=settings.summary,
        kept=tuple(settings.kept),
        differs=tuple(settings.differs),
        claims=tuple(_decided(claims, evaluations, axes)),
        margin=first.evaluated.plan.margin,
        base=", ".join(bases),
        base_sha256=", ".join(filter(None, bases.values())) or None,
        recipe_sha256=sha256(folder / RESOLVED),
        scores_sha256={
            (Path(one.folder) / "evaluate").as_posix(): one.evaluated.manifest.files[Scores.FILE].sha256
            for one in evaluations.values()
        },
        versions=_versions(first.evaluated.path),
        before_scoring=fixed.before_scoring,
    )


def finding(verdict: Verdict) -> str:
    """What a verdict found, without the names of the arms."""
    if verdict.outcome == "better":
        return "second better" if verdict.winner == verdict.second else "first better"
    return "equal" if verdict.outcome == "equal" else "too small to tell"


def agreement(found: str, agrees: Iterable[str], contradicts: Iterable[str]) -> Agrees:
    """Whether a finding agrees with what is published."""
    return "yes" if found in agrees else "no" if found in contradicts else "not decided"


def _settings(folder: Path) -> RunSettings:
    path = folder / RESOLVED
    return build(RunSettings, plain_yaml.read_mapping(path), str(path))


def _placed(name: str, run: Path) -> PlacedEvaluation:
    return PlacedEvaluation(name, open_finished(run / "evaluate", "evaluate"))


def _weights(run: Path) -> str | None:
    """The hash of the base's weights, as the runs name it."""
    runs = open_finished(run / "finetune", "finetune").runs.values()
    return next((one.base.weights for one in runs if one.base.weights), None)


def _versions(evaluated: Path) -> dict[str, str]:
    versions = Environment.read(evaluated).versions
    return {name: versions[name] for name in VERSIONS if name in versions}


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _decided(
    claims: Sequence[ClaimSettings], evaluations: Mapping[Place, PlacedEvaluation], axes: Sequence[SweepAxis]
) -> list[ClaimResult]:
    """The result of every claim, in the recipe's order."""
    done: dict[str, tuple[Compared, tuple[SeedLeftOut, ...]]] = {}
    left: dict[str, ScoredPair] = {}
    shared: dict[str, str] = {}
    for claim in claims:
        started, placed = (
            {full_name(name): value for name, value in one.items()} for one in (claim.starts_at, claim.at)
        )
        first, second = (_at(place, evaluations, axes) for place in (started, placed))
        benchmark = _name(claim.benchmark, second.evaluated)
        strategy = claim.strategy or second.evaluated.plan.strategies[0]
        if first is second and axes:
            shared[claim.name] = in_words(axes, [placed[axis.setting] for axis in axes])
        stored = _stored(claim, second.scores, benchmark, strategy) if first is second else None
        if stored is not None:
            done[claim.name] = stored
            continue
        refuse_other_problems((first.book, second.book), benchmark)
        names = (claim.first, claim.second)
        if first is not second:
            places = [in_words(axes, [place[axis.setting] for axis in axes]) for place in (started, placed)]
            names = (f"{claim.first} at {places[0]}", f"{claim.second} at {places[1]}")
        left[claim.name] = ScoredPair(
            Declared(benchmark, *names, strategy),
            scores_of(first.book, benchmark, strategy, claim.first),
            scores_of(second.book, benchmark, strategy, claim.second),
        )
    if left:
        plan = next(iter(evaluations.values())).evaluated.plan
        across = {key_of(one.compared): one for one in decide_across(list(left.values()), plan.margin, plan.seed)}
        for name, pair in left.items():
            item = pair.declared
            one = across.get((item.benchmark, item.at, item.first, item.second))
            if one is None:
                raise UsageError(f"claim {name}: the two arms share no training seed", "train the same seeds of both")
            done[name] = one.compared, one.without
    return [_result(claim, shared.get(claim.name, ""), *done[claim.name]) for claim in claims]


def _at(
    place: Mapping[str, object], evaluations: Mapping[Place, PlacedEvaluation], axes: Sequence[SweepAxis]
) -> PlacedEvaluation:
    key = tuple(_json(place[axis.setting]) for axis in axes)
    if key not in evaluations:
        raise UsageError(f"no point of the sweep is at {dict(place)}", "run the sweep with the recipe's own grid")
    return evaluations[key]


def _name(benchmark: str, evaluated: EvaluatedFolder) -> str:
    names = [info.name for info in evaluated.plan.benchmarks]
    return benchmark if benchmark in names else name_of(benchmark)


def _stored(
    claim: ClaimSettings, scores: Scores, benchmark: str, strategy: str
) -> tuple[Compared, tuple[SeedLeftOut, ...]] | None:
    """What a plan's own verdict is, where it declares the comparison."""
    key = benchmark, strategy, claim.first, claim.second
    compared = next((c for c in scores.compared if (c.benchmark, c.strategy, c.first, c.second) == key), None)
    if compared is None:
        return None
    survival = next((s for s in scores.survival if (s.benchmark, s.strategy, s.first, s.second) == key), None)
    return compared, survival.without if survival else ()


def _result(claim: ClaimSettings, at: str, compared: Compared, without: tuple[SeedLeftOut, ...]) -> ClaimResult:
    found = finding(compared.verdict)
    return ClaimResult(
        name=claim.name,
        source=claim.source,
        published=claim.published,
        benchmark=compared.benchmark,
        strategy=compared.strategy,
        first=compared.first,
        second=compared.second,
        agrees_if=tuple(claim.agrees),
        contradicted_by=tuple(claim.contradicts),
        comparison=compared.comparison,
        verdict=compared.verdict,
        without=without,
        finding=found,
        agrees=agreement(found, claim.agrees, claim.contradicts),
        policy=compared.policy,
        at=at,
    )
