"""Checks of a recipe's claims, before anything is run: each must speak of what the recipe trains, asks and sweeps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from journey.errors import UnknownName, UsageError
from journey.evaluate.planning import check as evaluation
from journey.evaluate.planning import comparisons
from journey.evaluate.planning.plan import wants_equal_tokens
from journey.evaluate.planning.runs import pairs
from journey.evaluate.statistics.verdict import AFTER_MISTAKE, AGAINST_TWIN, BASE, EQUAL_TOKENS
from journey.finetune.planning import check as training
from journey.formats.plan import RunInfo
from journey.settings.claims import ClaimSettings
from journey.settings.recipe import RunSettings

PROBED = (AFTER_MISTAKE, AGAINST_TWIN)


def check(settings: RunSettings) -> None:
    """Raises UsageError or UnknownName for a claim that this recipe could not decide."""
    runs = [RunInfo("", label, 0, axis=axis) for label, axis in training.labels(settings.finetune)]
    names = evaluation.check_benchmarks(settings.evaluate)
    seen: set[str] = set()
    for claim in settings.claims:
        if claim.name in seen:
            raise UsageError(f"two claims are called {claim.name}", "give each a name of its own")
        seen.add(claim.name)
        try:
            _check(claim, settings, runs, names)
        except UsageError as error:
            error.args = (f"claim {claim.name}: {error}",)
            raise


def _check(claim: ClaimSettings, settings: RunSettings, runs: Sequence[RunInfo], names: dict[str, str]) -> None:
    arms = [run.arm for run in runs]
    if settings.evaluate.aa:
        raise UsageError("aa compares an arm with itself, which speaks of no published result", "leave out aa")
    if claim.benchmark not in {*names, *names.values()}:
        raise UnknownName("benchmark", claim.benchmark, names)
    if claim.second == BASE:
        raise UsageError(
            "the base stands first: differences are the trained arm minus the base", "swap first and second"
        )
    for arm in (claim.first, claim.second):
        if arm != BASE and arm not in arms:
            raise UnknownName("arm that the recipe trains", arm, [*arms, BASE])
    compared = pairs(runs)
    if claim.at == claim.starts_at and (claim.second, claim.first) in compared:
        raise UsageError(
            f"{claim.second} v {claim.first} is what is compared, the latter second", "swap first and second"
        )
    known = list(_strategies(settings))
    if claim.strategy and claim.strategy not in known:
        raise UnknownName("strategy of a comparison in this recipe", claim.strategy, known)
    if claim.strategy and claim.strategy != settings.evaluate.strategy[0]:
        _check_further(claim, settings, compared, names)
    _check_places(claim, settings)


def _strategies(settings: RunSettings) -> Iterator[str]:
    """What a comparison of two arms can rest on: strategies that are no oracles, equal test tokens, the recovery probe."""
    for name in settings.evaluate.strategy:
        one = comparisons.strategy(name)
        if one.probe:
            yield from PROBED
        elif not one.oracle:
            yield name
    if wants_equal_tokens(settings.evaluate):
        yield EQUAL_TOKENS


def _check_further(
    claim: ClaimSettings, settings: RunSettings, compared: Sequence[tuple[str, str]], names: dict[str, str]
) -> None:
    """What a strategy other than the first is asked of."""
    sampled = settings.evaluate.sampled
    asked = {spec for spec, name in names.items() if claim.benchmark in (spec, name)} | {claim.benchmark}
    if sampled is not None and not {*asked, *(names[spec] for spec in asked if spec in names)} & set(sampled):
        raise UsageError(
            f"{claim.benchmark} is answered with {settings.evaluate.strategy[0]} alone", "add it to sampled"
        )
    if claim.first == BASE:
        raise UsageError("the base is compared with the first strategy alone", "leave out strategy")
    if claim.strategy in (EQUAL_TOKENS, *PROBED) and (
        (claim.first, claim.second) not in compared or claim.at != claim.starts_at
    ):
        known = "; ".join(f"{first} v {second}" for first, second in compared)
        raise UsageError(f"{claim.strategy}: only what the plan compares within one run: {known}", "name such a pair")


def _check_places(claim: ClaimSettings, settings: RunSettings) -> None:
    """Both places must be points of the recipe's own grid."""
    grid: dict[str, list[Any]] = {} if settings.sweep is None else settings.sweep.over
    if not grid and (claim.at or claim.first_at):
        raise UsageError("at and first_at are places in a sweep, and the recipe has none", "add sweep: {over: {...}}")
    for place in (claim.at, claim.starts_at) if claim.at or claim.first_at else ():
        for axis, value in place.items():
            if axis not in grid:
                raise UnknownName("axis of the sweep", axis, grid)
            if value not in grid[axis]:
                raise UsageError(f"{axis} = {value} is no value of the sweep", f"values: {grid[axis]}")
        if missing := [axis for axis in grid if axis not in place]:
            raise UsageError(f"at does not say the value of {missing[0]}", f"values: {grid[missing[0]]}")


def named(claim: ClaimSettings) -> str:
    """What is compared, in one phrase: `journey - shortcut@examples on countdown@1, majority`."""
    places = [_place(claim.at), _place(claim.starts_at)]
    second, first = (
        f"{arm}{f' at {place}' if place else ''}"
        for arm, place in zip((claim.second, claim.first), places, strict=True)
    )
    if claim.first == BASE:
        first = BASE
    return f"{second} minus {first} on {claim.benchmark}" + (f", {claim.strategy}" if claim.strategy else "")


def _place(values: dict[str, Any]) -> str:
    return ", ".join(f"{axis.rpartition('.')[2]} {value}" for axis, value in values.items())
