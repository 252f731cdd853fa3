"""The sample matrix: all graded samples of one run on one benchmark, and a policy's score and cost per problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
NO_CLASS = -1  # of a sample without an answer


@dataclass(frozen=True)
class SampleMatrix:
    """Arrays (problem, sample). `points` is 1 for correct; `classes` are of equal answers, -1 without one.

    What a draw does not have (rewards, log-probabilities, FLOPs of an unknown model) is None.
    """

    points: Array
    classes: npt.NDArray[np.int64]
    tokens: Array
    seconds: Array
    flops: Array | None = None
    logprobs: Array | None = None
    rewards: Array | None = None
    called_wrong: npt.NDArray[np.bool_] | None = None  # by the sample's own text, where a strategy asks for it

    @property
    def samples(self) -> int:
        """How many samples each problem has."""
        return int(self.points.shape[1])

    def columns(self, which: Sequence[int]) -> SampleMatrix:
        """A matrix of these samples of every problem alone, in the order given: (problem, len(which))."""
        columns = list(which)
        more = {name: None if getattr(self, name) is None else getattr(self, name)[:, columns] for name in _MAYBE}
        return SampleMatrix(
            self.points[:, columns], self.classes[:, columns], self.tokens[:, columns], self.seconds[:, columns], **more
        )

    def votes(self) -> list[tuple[tuple[int, ...], tuple[float, ...], int]]:
        """For every problem: sizes of its classes, the mean score of each, and the samples without an answer."""
        votes = []
        for classes, points in zip(self.classes, self.points, strict=True):
            names, class_of, sizes = np.unique(classes, return_inverse=True, return_counts=True)
            means = np.bincount(class_of, weights=points) / sizes
            silent = int(sizes[0]) if names[0] == NO_CLASS else 0
            start = 1 if silent else 0
            votes.append((tuple(sizes[start:].tolist()), tuple(means[start:].tolist()), silent))
        return votes


_MAYBE = ("flops", "logprobs", "rewards", "called_wrong")


@dataclass(frozen=True)
class PolicyResult:
    """What a policy gives: expected score and costs of every problem (problem,)."""

    scores: Array
    tokens: Array
    seconds: Array
    flops: Array | None = None

    def mixed(self, other: PolicyResult, share: float) -> PolicyResult:
        """Between this and another policy: each problem gets the other one with this chance."""

        def between(a: Array, b: Array) -> Array:
            return (1 - share) * a + share * b

        flops = None if self.flops is None or other.flops is None else between(self.flops, other.flops)
        return PolicyResult(
            between(self.scores, other.scores),
            between(self.tokens, other.tokens),
            between(self.seconds, other.seconds),
            flops,
        )

    def cost(self, unit: str) -> float | None:
        """Mean per problem in tokens, flops or seconds."""
        values = getattr(self, unit)
        return None if values is None else float(values.mean())


def of_samples(matrix: SampleMatrix, k: int, scores: Sequence[float]) -> PolicyResult:
    """A policy that draws k samples of each problem and comes to these expected scores."""
    flops = None if matrix.flops is None else k * matrix.flops.mean(axis=1)
    return PolicyResult(np.array(scores), k * matrix.tokens.mean(axis=1), k * matrix.seconds.mean(axis=1), flops)


def of_column(matrix: SampleMatrix, column: int, scores: Array | None = None, *, add_up: bool = False) -> PolicyResult:
    """A policy that stops at one column (a round, a level); with `add_up` the columns before it cost as well."""

    def cost(values: Array) -> Array:
        return values[:, : column + 1].sum(axis=1) if add_up else values[:, column]

    flops = None if matrix.flops is None else cost(matrix.flops)
    points = matrix.points[:, column] if scores is None else scores
    return PolicyResult(points, cost(matrix.tokens), cost(matrix.seconds), flops)


def doubling(most: int) -> list[int]:
    """1, 2, 4, ... and the largest number itself: the places of a curve."""
    sizes = [1]
    while sizes[-1] * 2 < most:
        sizes.append(sizes[-1] * 2)
    return sizes if most == 1 else [*sizes, most]
