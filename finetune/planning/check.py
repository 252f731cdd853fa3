"""Checks of finetune's settings alone, before a pair is read: arms, axes, rates, engine, benchmarks."""

from __future__ import annotations

from pathlib import Path

from journey.catalog import ENGINES
from journey.config import FinetuneSettings
from journey.errors import UnknownName, UsageError
from journey.finetune.planning import abilities, sweep, warmup
from journey.finetune.runs import ArmChoice, choose, combinations
from journey.questions import name_of


def check(settings: FinetuneSettings) -> tuple[list[ArmChoice], list[str]]:
    """The arms to train, and notes on the others. Raises UsageError or UnknownName for settings that cannot be trained."""
    choices, notes = choose(settings.arms, settings.match, settings.mistake_weight)
    known = {name for choice in choices for name in (choice.label, choice.arm.name)}
    known |= {warmup.NAME} if settings.warmup else set()
    for name in settings.lr_by_arm:
        if name not in known:
            raise UnknownName("arm of lr_by_arm", name, known)
    if settings.lr_by_arm.keys() - {warmup.NAME} and len(settings.rates) > 1:
        raise UsageError("lr lists several rates and lr_by_arm names one for an arm", "give only one of the two")
    combinations(settings.sizes or [0], settings.rates, settings.ranks)
    sweep.check_rates(settings)
    ENGINES.entry(settings.engine)
    abilities.check_trl_only(settings)
    for spec in settings.benchmarks:
        name_of(spec)
    if settings.warmup:
        warmup.kind_of(Path(settings.warmup))
    return choices, notes


def labels(settings: FinetuneSettings) -> list[tuple[str, str]]:
    """The arms that train as an evaluation names them, `journey r8` where the rank varies, each with the values of its axes."""
    choices, _ = choose(settings.arms, settings.match, settings.mistake_weight)
    axes = combinations(settings.sizes or [0], settings.rates, settings.ranks)
    return [(f"{choice.label} {one.name}".strip(), one.name) for one in axes for choice in choices]
