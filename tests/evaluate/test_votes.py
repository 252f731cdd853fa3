"""Votes among samples: exact expectations against brute force over all subsets."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, permutations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey.evaluate.test_time.votes import _Grid, adaptive, best_of, majority, passes

Votes = list[int | None]
samples = st.lists(st.sampled_from([None, 0, 1, 2, 3]), min_size=2, max_size=6)


def counted(votes: Votes) -> tuple[list[int], list[float], int]:
    """Sizes, scores (class 0 is right) and the number without an answer."""
    sizes = Counter(vote for vote in votes if vote is not None)
    return [sizes[c] for c in sorted(sizes)], [float(c == 0) for c in sorted(sizes)], votes.count(None)


def voted(votes: tuple[int | None, ...]) -> float:
    counts = Counter(vote for vote in votes if vote is not None)
    first = [vote for vote, count in counts.items() if count == max(counts.values())]
    return first.count(0) / len(first) if first else 0.0


@settings(max_examples=150, deadline=None)
@given(samples, st.data())
def test_majority_is_the_mean_over_all_subsets(votes: Votes, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(votes)))
    every = [voted(subset) for subset in combinations(votes, k)]
    assert majority(*counted(votes), k) == pytest.approx(sum(every) / len(every))


@settings(max_examples=80, deadline=None)
@given(samples.filter(lambda votes: len(votes) <= 5), st.data())
def test_adaptive_is_the_mean_over_all_orders(votes: Votes, data: st.DataObject) -> None:
    k = data.draw(st.integers(2, len(votes)))
    scores, agreed = [], 0
    for order in permutations(votes):
        same = order[0] is not None and order[0] == order[1]
        agreed += same
        scores.append(float(order[0] == 0) if same else voted(order[:k]))
    score, share = adaptive(*counted(votes), k)
    assert score == pytest.approx(sum(scores) / len(scores)) and share == pytest.approx(agreed / len(scores))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=6), st.data())
def test_best_of_is_the_mean_over_all_subsets(rated: list[tuple[bool, int]], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(rated)))
    scores, values = np.array([float(r) for r, _ in rated]), np.array([float(v) for _, v in rated])
    means = []
    for subset in combinations(range(len(rated)), k):
        top = max(values[list(subset)])
        best = [scores[i] for i in subset if values[i] == top]
        means.append(sum(best) / len(best))
    assert best_of(scores, values, k) == pytest.approx(sum(means) / len(means))


def test_pass_at_k() -> None:
    assert passes(0, 10, 5) == 0 and passes(10, 10, 1) == 1 and passes(6, 10, 5) == 1
    assert passes(3, 10, 1) == pytest.approx(0.3)
    assert passes(2, 5, 2) == pytest.approx(1 - comb(3, 2) / comb(5, 2))
    every = [any(subset) for subset in combinations([1, 1, 0, 0, 0, 0], 3)]
    assert passes(2, 6, 3) == pytest.approx(sum(every) / len(every))


def test_a_vote_of_many_samples_is_quick_and_between_its_limits() -> None:
    score = majority([20, 18, *[1] * 20], [1.0, *[0.0] * 21], 6, 32)
    assert 0.5 < score < 1 and majority([33, 31], [1.0, 0.0], 0, 63) == pytest.approx(1.0, abs=0.1)


@settings(deadline=None)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(0, 2), st.data())
def test_an_expected_score_is_never_above_the_best_class(sizes: list[int], silent: int, data: st.DataObject) -> None:
    """Not by a rounding error either: comparisons refuse a score of 1 + 2e-16."""
    right = data.draw(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=len(sizes), max_size=len(sizes)))
    k = data.draw(st.integers(1, sum(sizes) + silent))
    assert 0 <= majority(sizes, right, silent, k) <= max(right)
    if k > 1:
        assert 0 <= adaptive(sizes, right, silent, k)[0] <= max(right)


def test_what_came_out_above_one() -> None:
    assert majority([2, 2], [1.0, 1.0], 2, 3) == 1 and majority([3, 2], [1.0, 1.0], 0, 1) == 1


@pytest.mark.parametrize(
    ("sizes", "silent", "k", "share"),
    [
        ([200] * 100, 0, 10_000, 0.01),
        ([1] * 20_000, 0, 10_000, 1 / 20_000),
        ([2] * 5000, 0, 5000, 1 / 5000),
        ([700, 700], 600, 512, 0.5),
        ([10_000, 10_000], 0, 10_000, 0.5),
    ],
)
def test_large_votes_are_exact_where_all_classes_are_alike(sizes: list[int], silent: int, k: int, share: float) -> None:
    scores = [1.0] + [0.0] * (len(sizes) - 1)
    assert majority(sizes, scores, silent, k) == pytest.approx(share, rel=1e-9)


@pytest.mark.parametrize("shares", [(0.4, 0.3), (1 / 40,) * 40, (0.5, 0.25, 0.125, 0.0625)])
def test_a_vote_of_more_samples_costs_about_as_many_times_more(
    shares: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Points at which generating functions are computed, for votes of half of the samples; single answers beside the classes."""
    computed: list[int] = []
    rest = _Grid.rest

    def counting(grid: _Grid, drawn: int, votes: int) -> float:
        computed.append(len(grid.points) * len(grid.groups))
        return rest(grid, drawn, votes)

    monkeypatch.setattr(_Grid, "rest", counting)
    points = []
    for n in (500, 8000):
        computed.clear()
        sizes = [int(share * n) for share in shares]
        sizes += [1] * ((n - sum(sizes)) // 2)
        majority(sizes, [1.0] + [0.0] * (len(sizes) - 1), n - sum(sizes), n // 2)
        points.append(sum(computed))
    assert 0 < points[1] < 2 * (8000 / 500) * points[0]


def test_the_chances_of_all_classes_add_up() -> None:
    for sizes, silent, k in (
        ([2000, 1500, 596], 0, 512),
        ([300, 290, 280, 100, 50, 5, 5, 1, 1], 90, 400),
        ([31, 30, 2], 1, 63),
    ):
        chances = [
            majority(sizes, [float(c == own) for c in range(len(sizes))], silent, k) for own in range(len(sizes))
        ]
        assert sum(chances) == pytest.approx(1, abs=1e-10) and chances == sorted(chances, reverse=True)


@pytest.mark.parametrize(
    "call", [lambda: majority([1], [1.0], 0, 2), lambda: passes(1, 2, 3), lambda: adaptive([2], [1.0], 0, 1)]
)
def test_more_votes_than_samples(call: object) -> None:
    with pytest.raises(ValueError):
        call()  # type: ignore[operator]
