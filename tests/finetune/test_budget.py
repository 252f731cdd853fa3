"""Laws of the budgets, the row order and the forward passes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey.finetune import budget
from journey.finetune.runs import choose

CHOICES, _ = choose(["shortcut@examples", "shortcut@tokens", "journey"], "examples")
ROWS = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 300)), min_size=1, max_size=60)
EPOCHS = st.sampled_from([0.3, 0.5, 1.0, 1.5, 2.0, 3.0])


def stream_of(count: int, rows: int, seed: int, epochs: float) -> list[int]:
    return budget.stream(budget.pool(rows, seed, budget.pool_size(rows, epochs)), seed, count)


@settings(max_examples=150, deadline=None)
@given(ROWS, EPOCHS, st.integers(0, 5))
def test_tokens_are_equal_to_half_a_row_and_problems_are_the_same(
    rows: list[tuple[int, int]], epochs: float, seed: int
) -> None:
    supervised = {"shortcut": np.array([a for a, _ in rows]), "journey": np.array([max(a, b) for a, b in rows])}
    counts = budget.row_counts(CHOICES, supervised, seed, epochs)
    seen = {label: stream_of(count, len(rows), seed, epochs) for label, count in counts.items()}
    assert counts["shortcut@examples"] == counts["journey"]
    assert set(seen["shortcut@tokens"]) == set(seen["journey"]) == set(seen["shortcut@examples"])
    wanted = supervised["journey"][seen["journey"]].sum()
    got = supervised["shortcut"][seen["shortcut@tokens"]].sum()
    assert abs(got - wanted) <= max(supervised["shortcut"]) / 2
    # One shared stream: every arm's rows are the beginning of the longest arm's.
    assert seen["shortcut@tokens"][: counts["journey"]] == seen["journey"]


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 80), st.integers(0, 3), st.integers(1, 300))
def test_the_stream_is_permutation_after_permutation(rows: int, seed: int, count: int) -> None:
    order = budget.stream(range(rows), seed, count)
    assert len(order) == count
    for start in range(0, count, rows):
        epoch = order[start : start + rows]
        assert len(set(epoch)) == len(epoch)
        assert epoch == budget.permutation(range(rows), seed, start // rows)[: len(epoch)]


def test_seeds_and_epochs_have_orders_of_their_own() -> None:
    orders = [budget.permutation(range(200), seed, epoch) for seed in (0, 1) for epoch in (0, 1)]
    for place, one in enumerate(orders):
        for other in orders[:place]:
            assert sum(a == b for a, b in zip(one, other, strict=True)) < 10


def test_below_one_epoch_all_arms_of_a_seed_share_one_part_of_the_rows() -> None:
    assert len(budget.pool(100, 0, budget.pool_size(100, 0.25))) == 25
    assert budget.pool(100, 0, 25) != budget.pool(100, 1, 25)
    assert budget.pool(100, 0, 100) == list(range(100))


def test_the_reference_is_the_arm_with_most_supervised_tokens() -> None:
    many, few = np.array([9, 9]), np.array([5, 5])
    assert budget.reference(CHOICES, {"shortcut": few, "journey": many}).label == "journey"
    assert budget.reference(CHOICES, {"shortcut": many, "journey": few}).label == "shortcut@examples"


@pytest.mark.parametrize(("seed", "epochs"), [(0, 1.0), (1, 1.0), (0, 2.5)])
def test_known_budgets(seed: int, epochs: float) -> None:
    supervised = {"shortcut": np.full(1000, 30), "journey": np.full(1000, 80)}
    counts = budget.row_counts(CHOICES, supervised, seed, epochs)
    assert counts == {
        "shortcut@examples": 1000 * epochs,
        "shortcut@tokens": round(1000 * epochs * 80 / 30),
        "journey": 1000 * epochs,
    }


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=24), st.integers(1, 24), st.integers(0, 20))
def test_forward_passes_keep_the_step_and_pad_no_more_than_equal_parts(
    sizes: list[int], micro_batch: int, more: int
) -> None:
    lengths = np.array(sizes)
    rows_per_step = len(sizes) + more
    passes = budget.micro_batches(range(len(sizes)), lengths, rows_per_step, micro_batch)
    assert sorted(row for part in passes for row in part) == list(range(len(sizes)))
    assert len(passes) == min(-(-rows_per_step // micro_batch), len(sizes))
    padded = [len(part) * max(sizes[row] for row in part) for part in passes]
    assert max(padded) <= micro_batch * max(sizes)
    ordered = np.array_split(np.sort(lengths), len(passes))
    if max(len(part) for part in ordered) <= micro_batch:
        assert sum(padded) <= sum(len(part) * int(part.max()) for part in ordered)


def test_steps_are_full_but_for_the_last() -> None:
    assert [list(step) for step in budget.steps_of([5, 3, 1, 2, 4], 2)] == [[5, 3], [1, 2], [4]]
