"""The exact expected outcome of a majority vote among k of n samples: over all subsets, without drawing any.

Samples fall into classes of equal answers; a sample without an answer casts no vote; ties are broken at random. For one
class the chance of winning is a sum over its votes v: ways to draw v of its samples, times ways to draw the rest so that
no other class has more than v, each divided by one more than the number of classes that have exactly v.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import comb
from typing import Literal

import numpy as np
import numpy.typing as npt

Head = Literal["none", "own"] | int  # who holds the first two votes: nobody, the class itself, another class (its size)


def majority(sizes: Sequence[int], right: Sequence[float], silent: int, k: int) -> float:
    """Expected score of the vote of k random samples.

    `sizes` of the classes, `right` the score of each, `silent` the samples without an answer. Raises ValueError for
    more votes than samples.
    """
    if not 1 <= k <= sum(sizes) + silent:
        raise ValueError(f"a vote of {k} among {sum(sizes) + silent} samples")
    return sum(right[c] * _wins(sizes[c], _others(sizes, c), silent, k, "none") for c in range(len(sizes)) if right[c])


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
    return score, sum(agree)


def _others(sizes: Sequence[int], index: int) -> tuple[int, ...]:
    return tuple(sorted((*sizes[:index], *sizes[index + 1 :]), reverse=True))


@lru_cache(maxsize=1 << 17)
def _wins(size: int, others: tuple[int, ...], silent: int, k: int, head: Head) -> float:
    """The chance that a class of this size wins a vote of k."""
    if head == "none" and not silent and not others:
        return 1.0
    own_start, rest = (2, list(others)) if head == "own" else (0, list(others))
    starts = [0] * len(rest)
    if isinstance(head, int):
        index = rest.index(head)
        rest[index], starts[index] = head - 2, 2
    size, drawn = size - own_start, k - (2 if head != "none" else 0)
    total = comb(size + sum(rest) + silent, drawn)
    if total == 0:
        raise ValueError(f"a vote of {k} among too few samples")
    won = 0.0
    for mine in range(max(0, 1 - own_start), min(size, drawn) + 1):
        won += comb(size, mine) * _rest(tuple(zip(rest, starts, strict=True)), silent, drawn - mine, mine + own_start)
    return won / total


def _rest(others: Sequence[tuple[int, int]], silent: int, drawn: int, votes: int) -> float:
    """Ways to draw from the others so that none has more than `votes`, each divided by (1 + classes that have as many)."""
    ways = np.zeros((len(others) + 1, drawn + 1))  # (ties, drawn so far)
    ways[0] = [comb(silent, j) for j in range(drawn + 1)]
    for size, start in others:
        if start > votes:
            return 0.0
        below = [comb(size, j) if start + j < votes else 0 for j in range(drawn + 1)]
        level = votes - start
        step = np.array([np.convolve(row, below)[: drawn + 1] for row in ways])
        if level <= min(size, drawn):
            step[1:, level:] += comb(size, level) * ways[:-1, : drawn + 1 - level]
        ways = step
    return float((ways[:, drawn] / np.arange(1, len(ways) + 1)).sum())


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
