"""Arms, budgets, axes and runs: what is trained. A run is an arm on a budget with one seed and one value of every axis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, Literal, get_args

import msgspec

from journey.catalog import ARMS
from journey.errors import UnknownName, UsageError
from journey.schema import Pair, Role, Trace
from journey.views import View

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Budget = Literal["examples", "tokens", "steps", "flops"]
ORIGINS = {"own": "own", "model": "own", "injected": "injected", "profiled": "profiled"}
"""Whose wrong steps an arm's journeys have, and what the pairs call them: `model` are own ones of another policy."""


@dataclass(frozen=True)
class ArmContext:
    """What an arm may need to know beside the pairs: the base's tokenizer, the view that is trained on, and the matched pairs
    of every origin by problem, where arms name one.
    """

    tokenizer: PreTrainedTokenizerBase
    view: View
    by_origin: Mapping[str, Mapping[str, Pair]] = field(default_factory=dict)


Maker = Callable[[Sequence[Pair], ArmContext], Sequence[Trace | None]]
"""Makes the trace of every pair; None where a pair has none."""


@dataclass(frozen=True)
class Arm:
    """How an arm reads a pair: one of its traces or one made from it, and the loss weight of each role (else 1).

    `trace` None trains nothing. `mistakes`: its text shows mistakes, so `mistake_weight` applies. `drops`: it may have
    no trace for a pair, which then leaves all arms. `withheld`: it sees further problems, which no other arm does.
    `origin`: whose wrong steps its journeys have, of pairs that are matched.
    """

    name: str
    trace: Literal["shortcut", "journey"] | Maker | None
    weights: Mapping[Role, float] = field(default_factory=dict)
    mistakes: bool = False
    drops: bool = False
    withheld: bool = False
    origin: str | None = None

    def traces(self, pairs: Sequence[Pair], reading: ArmContext) -> list[Trace | None]:
        """What the arm is trained on, pair by pair. Raises ValueError for an arm that trains nothing."""
        if self.trace is None:
            raise ValueError(f"arm {self.name} trains nothing")
        if self.origin is not None:
            pairs = [reading.by_origin[self.origin][pair.problem.id] for pair in pairs]
        if callable(self.trace):
            return list(self.trace(pairs, reading))
        return [pair.shortcut if self.trace == "shortcut" else pair.journey for pair in pairs]

    @property
    def mistake_weight(self) -> float:
        """The loss weight of tokens in mistakes: 1 unless the arm gives them another."""
        return self.weights.get("mistake", 1.0)


@dataclass(frozen=True)
class ArmChoice:
    """One entry of the list of arms; `label` is the entry as it was written."""

    label: str
    arm: Arm
    budget: Budget


@dataclass(frozen=True)
class Axes:
    """One value of every axis but the seed. `name` has those that vary, sorted, as in `lr0.001-r8`; "" if none does."""

    pairs: int
    lr: float
    rank: int
    name: str = ""


class Run(msgspec.Struct, frozen=True):
    """One training run: an arm on a budget with one seed and one value of every axis, and how much of the data it sees.

    `rows` counts rows with repetition, over all epochs; `pool` is how many different rows they are drawn from, out of
    the first `pairs` rows of its `kind` (0: of all); `withheld` rows after those are seen too, in every epoch.
    `step_tokens` is set on the budget `steps` alone: the mean supervised tokens of an optimiser step. `axis` says which
    values of the axes that vary it has; runs are compared within one.
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
    axis: str = ""
    mistake_weight: float = 1.0


def choose(
    arms: Iterable[str], match: Budget, mistake_weight: float | Mapping[str, float] | None = None
) -> tuple[list[ArmChoice], list[str]]:
    """The arms to train and notes on the rest. Raises UsageError or UnknownName for a list that cannot be trained.

    `mistake_weight` is the loss weight of mistakes: of every arm that shows them, or by arm.
    """
    choices: list[ArmChoice] = []
    notes: list[str] = []
    for label in arms:
        name, separator, budget = label.partition("@")
        arm = arm_of(name)
        if separator and budget not in get_args(Budget):
            raise UnknownName("budget", budget, get_args(Budget))
        if arm.trace is None:
            notes.append(f"{name} trains nothing; it is always evaluated")
        elif any(label == other.label for other in choices):
            raise UsageError(f"arm {label!r} is listed twice", "name each arm once")
        elif arm.withheld and separator:
            raise UsageError(
                f"{label}: {name} takes no budget, it always sees as many supervised tokens as the reference",
                f"write {name}",
            )
        elif arm.withheld:
            choices.append(ArmChoice(label, arm, "tokens"))
        else:
            choices.append(ArmChoice(label, arm, budget if separator else match))  # type: ignore[arg-type]
    if not choices:
        raise UsageError("no arm to train in the list of arms", "e.g. --arms shortcut@examples,shortcut@tokens,journey")
    return _weighted(choices, mistake_weight), notes


def arm_of(name: str) -> Arm:
    """The arm of a name, `journey` or `journey:own`. Raises UnknownName, or UsageError for an arm without journeys."""
    bare, colon, origin = name.partition(":")
    arm: Arm = ARMS.get(bare)()
    if not colon:
        return arm
    if origin not in ORIGINS:
        raise UnknownName("origin of journeys", origin, ORIGINS)
    if not arm.mistakes:
        raise UsageError(f"arm {name}: {bare} shows no mistakes, whosever they are", f"write {bare}")
    return replace(arm, name=name, origin=origin)


def _weighted(choices: list[ArmChoice], weight: float | Mapping[str, float] | None) -> list[ArmChoice]:
    """The choices with the loss weight of mistakes that was asked for."""
    if weight is None:
        return choices
    showing = {choice.arm.name for choice in choices if choice.arm.mistakes}
    if isinstance(weight, Mapping):
        wrong = [name for name in weight if name not in showing]
        if wrong:
            raise UnknownName("arm of mistake_weight", wrong[0], showing, "name arms of the list that show mistakes")
        by_arm = dict(weight)
    elif not showing:
        raise UsageError(
            f"mistake_weight {weight:g}: no arm of the list shows mistakes", "e.g. --arms shortcut,journey"
        )
    elif {"journey", "journey-masked"} <= showing:
        raise UsageError(
            f"mistake_weight {weight:g} for all arms makes journey and journey-masked the same",
            f"name the arms that it is meant for, e.g. --mistake-weight journey-masked={weight:g}",
        )
    else:
        by_arm = dict.fromkeys(showing, weight)
    return [
        replace(choice, arm=replace(choice.arm, weights={**choice.arm.weights, "mistake": by_arm[choice.arm.name]}))
        if choice.arm.name in by_arm
        else choice
        for choice in choices
    ]


def combinations(pairs: Sequence[int], lrs: Sequence[float], ranks: Sequence[int]) -> list[Axes]:
    """Every combination of the axes' values. Raises UsageError for a value that is listed twice."""
    values = {"lr": lrs, "n": pairs, "r": ranks}
    for name, listed in zip(("lr", "pairs", "rank"), values.values(), strict=True):
        if len(set(listed)) < len(listed):
            raise UsageError(f"{name} {_commas(listed)}: a value is listed twice", "list each value once")
    axes = []
    for size, lr, rank in product(pairs, lrs, ranks):
        own = {"lr": lr, "n": size, "r": rank}
        name = "-".join(
            f"{axis}{value:g}" if axis == "lr" else f"{axis}{value}"
            for axis, value in own.items()
            if len(values[axis]) > 1
        )
        axes.append(Axes(size, lr, rank, name))
    return axes


def _commas(values: Iterable[float]) -> str:
    return ",".join(f"{value:g}" for value in values)


def run_name(label: str, seed: int, axis: str = "") -> str:
    """`shortcut-tokens-s1` for `shortcut@tokens`, `journey-s0` for `journey`, `journey-r8-s0` where the rank varies."""
    return "-".join([label.replace("@", "-").replace(":", "-"), *([axis] if axis else []), f"s{seed}"])


def learning_rate(choice: ArmChoice, default: float, by_arm: Mapping[str, float]) -> float:
    """The arm's own rate, by its label or else its name; the default otherwise."""
    return by_arm.get(choice.label, by_arm.get(choice.arm.name, default))
