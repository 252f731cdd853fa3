"""Arms, budgets and runs: what is trained. A run is an arm on a budget with one seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import msgspec

from journey.catalog import ARMS
from journey.errors import UnknownName, UsageError
from journey.schema import Role

Budget = Literal["examples", "tokens", "steps", "flops"]


@dataclass(frozen=True)
class Arm:
    """How an arm reads a pair: one of its traces, and the loss weight of each role (a role left out weighs 1).

    `trace` None trains nothing. `withheld` says that the arm sees further problems, which no other arm is trained on.
    """

    name: str
    trace: Literal["shortcut", "journey"] | None
    weights: Mapping[Role, float] = field(default_factory=dict)
    withheld: bool = False


@dataclass(frozen=True)
class Choice:
    """One entry of the list of arms; `label` is the entry as it was written."""

    label: str
    arm: Arm
    budget: Budget


class Run(msgspec.Struct, frozen=True):
    """One training run: an arm on a budget with one seed and one value of every axis, and how much of the data it sees.

    `rows` counts rows with repetition, over all epochs; `pool` is how many different rows they are drawn from, out of
    the first `pairs` rows of its `kind` (0: of all); `withheld` rows after those are seen too, in every epoch.
    `step_tokens` is set on the budget `steps` alone: the mean supervised tokens of an optimiser step.
    """

    run: str
    arm: str
    kind: str
    budget: str
    seed: int
    lr: float
    pool: int
    rows: int
    steps: int
    warmup_steps: int
    rank: int = 16
    alpha: int = 32
    step_tokens: float | None = None
    pairs: int = 0
    withheld: int = 0


def choose(arms: Iterable[str], match: Budget) -> tuple[list[Choice], list[str]]:
    """The arms to train and notes on the rest. Raises UsageError or UnknownName for a list that cannot be trained."""
    choices: list[Choice] = []
    notes: list[str] = []
    for label in arms:
        name, at, budget = label.partition("@")
        arm: Arm = ARMS.get(name)()
        if at and budget not in get_args(Budget):
            raise UnknownName("budget", budget, get_args(Budget))
        if arm.trace is None:
            notes.append(f"{name} trains nothing; it is always evaluated")
        elif any(label == other.label for other in choices):
            raise UsageError(f"arm {label!r} is listed twice", "name each arm once")
        else:
            choices.append(Choice(label, arm, budget if at else match))  # type: ignore[arg-type]
    if not choices:
        raise UsageError("no arm to train in the list of arms", "e.g. --arms shortcut@examples,shortcut@tokens,journey")
    return choices, notes


def run_name(label: str, seed: int) -> str:
    """`shortcut-tokens-s1` for `shortcut@tokens`, `journey-s0` for `journey`."""
    return f"{label.replace('@', '-')}-s{seed}"


def learning_rate(choice: Choice, default: float, by_arm: Mapping[str, float]) -> float:
    """The arm's own rate, by its label or else its name; the default otherwise."""
    return by_arm.get(choice.label, by_arm.get(choice.arm.name, default))
