"""The estimate of a first mistake: the guard, the binary search against a scan, and what is not accepted."""

from __future__ import annotations

import random

import pytest

from journey.generate.attempts.estimate import CONTINUATIONS, StepSearch, accepted, first_failure, one_sided_p


@pytest.mark.parametrize(
    ("before", "after", "sure"),
    [(3, 0, True), (2, 0, False), (8, 3, True), (4, 1, False), (8, 8, False), (0, 0, False)],
)
def test_the_guard(before: int, after: int, sure: bool) -> None:
    assert accepted(before, after) is sure


def test_the_p_of_the_guard_is_fishers() -> None:
    scipy = pytest.importorskip("scipy.stats")
    for before in range(9):
        for after in range(9):
            right = scipy.fisher_exact([[after, 8 - after], [before, 8 - before]], alternative="less").pvalue
            assert one_sided_p(before, after, 8) == pytest.approx(right)


def searched(counts: list[int]) -> tuple[tuple[int, int, int] | None, int]:
    """What a binary search finds, and how many prefixes it looks at."""
    search = StepSearch(len(counts) - 1)
    while asked := search.asks():
        for kept in asked:
            search.see(kept, counts[kept])
    return search.found(), len(search.counts)


def test_the_search_finds_the_last_prefix_that_still_succeeds_in_few_looks() -> None:
    assert searched([6, 5, 0, 0, 0, 0, 0, 0, 0]) == ((1, 5, 0), 5)
    assert searched([0, 0, 0]) == (None, 2)  # it never succeeds
    assert searched([6, 5, 5]) == (None, 2)  # it still succeeds at the end


def test_binary_search_agrees_with_scanning_where_success_only_falls() -> None:
    """Simulated: a true first mistake, chances that fall along the steps, eight continuations a prefix."""
    rng, agree, looks, scanned = random.Random(0), 0, 0, 0
    for _ in range(400):
        steps = rng.randint(3, 12)
        wrong = rng.randrange(steps)
        chances = [0.7 if kept <= wrong else 0.0 for kept in range(steps + 1)]
        counts = [sum(rng.random() < chance for _ in range(CONTINUATIONS)) for chance in chances]
        found, looked = searched(counts)
        agree += found == first_failure(dict(enumerate(counts)), steps)
        looks, scanned = looks + looked, scanned + steps + 1
    assert agree > 396 and looks < 0.7 * scanned
