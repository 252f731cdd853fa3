"""The exact expected outcome of a majority vote among k of n samples: over all subsets, without drawing any.

Samples fall into classes of equal answers; a sample without an answer casts no vote; ties are broken at random. For one
class the chance of winning is a sum over its votes v: ways to draw v of its samples, times ways to draw the rest so that
no other class has more than v, each divided by one more than the number of classes that have exactly v.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from math import comb
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

NEGLIGIBLE = 1e-22  # a chance that no sum of chances feels
SPREAD = 11  # standard deviations beyond which a count is negligible

Head = Literal["none", "own"] | int  # who holds the first two votes: nobody, the class itself, another class (its size)


def majority(sizes: Sequence[int], right: Sequence[float], silent: int, k: int) -> float:
    """Expected score of the vote of k random samples.

    `sizes` of the classes, `right` the score of each, `silent` the samples without an answer. Raises ValueError for
    more votes than samples.
    """
    if not 1 <= k <= sum(sizes) + silent:
        raise ValueError(f"a vote of {k} among {sum(sizes) + silent} samples")
    scores: Counter[int] = Counter()
    for size, score in zip(sizes, right, strict=True):
        scores[size] += score  # type: ignore[assignment]
    first = {size: index for index, size in reversed(list(enumerate(sizes)))}
    expected = sum(
        score * _wins(size, _others(sizes, first[size]), silent, k, "none") for size, score in scores.items() if score
    )
    return _within(expected, right)


def adaptive(sizes: Sequence[int], right: Sequence[float], silent: int, k: int) -> tuple[float, float]:
    """Expected score of taking two samples, and the vote of k where these two disagree; and how often they agree.

    Agreement is the same class twice; a sample without an answer agrees with nothing. Needs k >= 2.
    """
    if not 2 <= k <= sum(sizes) + silent:
        raise ValueError(f"a vote of {k} among {sum(sizes) + silent} samples, after two")
    pairs = comb(sum(sizes) + silent, 2)
    agree = [comb(size, 2) / pairs for size in sizes]
    score = majority(sizes, right, silent, k) + sum(a * r for a, r in zip(agree, right, strict=True))
    for head, probability in enumerate(agree):
        if probability:  # the vote that is not taken
            score -= probability * sum(
                right[c] * _wins(sizes[c], _others(sizes, c), silent, k, "own" if c == head else sizes[head])
                for c in range(len(sizes))
                if right[c]
            )
    return _within(score, right), sum(agree)


def _within(expected: float, right: Sequence[float]) -> float:
    """An expected score without what rounding adds: chances that add up to 1 may come out as 1 + 2e-16."""
    return min(max(right, default=0.0), max(0.0, expected))


def _others(sizes: Sequence[int], index: int) -> tuple[int, ...]:
    return tuple(sorted((*sizes[:index], *sizes[index + 1 :]), reverse=True))


@lru_cache(maxsize=1 << 17)
def _wins(size: int, others: tuple[int, ...], silent: int, k: int, head: Head) -> float:
    """The chance that a class of this size wins a vote of k.

    Were every sample drawn by itself with probability k/n, the counts of the classes would be independent binomials; given
    that k are drawn in all, they are the counts of the vote. So the chance is a coefficient of a product of generating
    functions, one a class, cut off at the winner's votes: all numbers are probabilities, and nothing overflows. It is
    taken out by a discrete Fourier transform over the number drawn and the number of ties.
    """
    if head == "none" and not silent and not others:
        return 1.0
    own_start, rest = (2, list(others)) if head == "own" else (0, list(others))
    groups = Counter((other, 0) for other in rest)
    if isinstance(head, int):
        groups[head, 0] -= 1
        groups[head - 2, 2] += 1
    size, drawn = size - own_start, k - (2 if head != "none" else 0)
    total = size + sum(other * count for (other, _), count in groups.items()) + silent
    if drawn > total:
        raise ValueError(f"a vote of {k} among too few samples")
    if total == 0:
        return 1.0
    grid = _Grid(total, drawn, silent, +groups)
    mine = np.arange(max(0, 1 - own_start), min(size, drawn) + 1)
    own = grid.pmf(mine, size)
    chosen = own > NEGLIGIBLE
    won = sum(
        float(p) * grid.rest(drawn - int(j), int(j) + own_start) for j, p in zip(mine[chosen], own[chosen], strict=True)
    )
    return min(1.0, max(0.0, won / float(grid.pmf(drawn, total))))


class _Grid:
    """The other classes of a vote, by (size, votes that each has already), at points of the unit circle."""

    def __init__(self, total: int, drawn: int, silent: int, groups: Counter[tuple[int, int]]) -> None:
        self.chance, self.silent, self.groups = drawn / total, silent, groups
        deviation = np.sqrt(total * self.chance * (1 - self.chance))
        self.length = min(total + 1, 2 * int(SPREAD * deviation) + 41)  # what lies further out is negligible
        half = self.length // 2 + 1
        self.angles = np.arange(half) * (2 * np.pi / self.length)
        self.points = np.exp(1j * self.angles)  # (half the circle,)
        self.sums: dict[int, tuple[int, npt.NDArray[np.complex128]]] = {}
        self.masses: dict[int, npt.NDArray[np.float64]] = {}
        self.weights = np.full(half, 2.0)
        self.weights[0] = 1.0
        if self.length % 2 == 0:
            self.weights[-1] = 1.0

    def pmf(self, count: Any, size: int) -> npt.NDArray[np.float64]:
        """The chance that so many of a class of this size are drawn."""
        return np.asarray(binom.pmf(count, size, self.chance), dtype=np.float64)

    def rest(self, drawn: int, votes: int) -> float:
        """The chance that the others draw so many and none has more than `votes`, over one more than the ties."""
        free, held, expected = self.silent, [], 0.0
        for (size, start), count in self.groups.items():
            level = votes - start
            if level < 0:
                return 0.0
            above = float(binom.sf(level - 1, size, self.chance))
            if level > size or count * above < NEGLIGIBLE:
                free += size * count
                continue
            at_most = float(binom.cdf(level, size, self.chance))
            if at_most**count < NEGLIGIBLE:
                return 0.0
            held.append((size, level, count))
            expected += count * float(self._masses(size)[level])
        product = (1 - self.chance + self.chance * self.points) ** free  # (points,)
        if not held:
            return self._coefficient(product, drawn)
        most = sum(count for _, _, count in held)
        first = max(0, int(expected - SPREAD * np.sqrt(expected)) - 20)
        ties = min(most + 1 - first, 2 * int(SPREAD * np.sqrt(expected)) + 41)
        turns = np.exp(2j * np.pi * np.arange(ties) / ties)
        grid = np.repeat(product[None, :], ties, axis=0)  # (ties, points)
        for size, level, count in held:
            below = self._below(size, level)
            equal = float(self._masses(size)[level]) * np.exp(1j * level * self.angles)
            grid = grid * (below + turns[:, None] * equal[None, :]) ** count
        share = np.fft.fft(1 / (1.0 + first + np.arange(ties))) / ties * turns ** (-first)  # turns the ties into shares
        return self._coefficient((share[:, None] * grid).sum(axis=0), drawn)

    def _below(self, size: int, level: int) -> npt.NDArray[np.complex128]:
        """The generating function of counts under `level`, made from the one that was asked for before."""
        known, value = self.sums.get(size, (0, np.zeros(len(self.points), dtype=np.complex128)))
        if known > level:
            known, value = 0, np.zeros(len(self.points), dtype=np.complex128)
        for count in range(known, level):
            if (chance := float(self._masses(size)[count])) > NEGLIGIBLE:
                value = value + chance * np.exp(1j * count * self.angles)
        self.sums[size] = level, value
        return value

    def _masses(self, size: int) -> npt.NDArray[np.float64]:
        if size not in self.masses:
            self.masses[size] = self.pmf(np.arange(size + 1), size)
        return self.masses[size]

    def _coefficient(self, values: npt.NDArray[np.complex128], power: int) -> float:
        return float((self.weights * (values * np.exp(-1j * power * self.angles)).real).sum() / self.length)


def passes(right: int, n: int, k: int) -> float:
    """Unbiased pass@k: 1 - C(n - c, k) / C(n, k) (Chen et al. 2021, arXiv 2107.03374, section 2.1)."""
    if not 1 <= k <= n:
        raise ValueError(f"pass@{k} of {n} samples")
    return 1 - comb(n - right, k) / comb(n, k)


def best_of(scores: npt.NDArray[np.float64], values: npt.NDArray[np.float64], k: int) -> float:
    """Expected score of the sample with the highest value among k of n; equal values are broken at random."""
    n = len(scores)
    if not 1 <= k <= n:
        raise ValueError(f"best of {k} among {n} samples")
    order = np.argsort(-values, kind="stable")
    ranked, total, expected, start = values[order], comb(n, k), 0.0, 0
    while start < n:
        end = int(np.searchsorted(-ranked, -ranked[start], side="right"))
        probability = (comb(n - start, k) - comb(n - end, k)) / total  # the best of the k is one of these equals
        expected += probability * float(scores[order[start:end]].mean())
        start = end
    return expected
