"""Laws of the budgets, the row order and the forward passes."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey.finetune.rows import budget
from journey.finetune.rows.rows import Rows
from journey.finetune.runs import ArmChoice, Run, choose

CHOICES, _ = choose(["shortcut@examples", "shortcut@tokens", "journey"], "examples")
ROWS = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 300)), min_size=1, max_size=60)
EPOCHS = st.sampled_from([0.3, 0.5, 1.0, 1.5, 2.0, 3.0])


def stream_of(count: int, rows: int, seed: int, epochs: float) -> list[int]:
    return budget.stream(budget.pool(rows, seed, budget.pool_size(rows, epochs)), seed, count)


def row_counts(choices: Any, supervised: dict[str, Any], seed: int, epochs: float) -> dict[str, int]:
    found = budget.amounts(choices, supervised, supervised, seed, epochs, 4)
    return {label: amount.rows for label, amount in found.items()}


@settings(max_examples=150, deadline=None)
@given(ROWS, EPOCHS, st.integers(0, 5))
def test_tokens_are_equal_to_half_a_row_and_problems_are_the_same(
    rows: list[tuple[int, int]], epochs: float, seed: int
) -> None:
    supervised = {"shortcut": np.array([a for a, _ in rows]), "journey": np.array([max(a, b) for a, b in rows])}
    counts = row_counts(CHOICES, supervised, seed, epochs)
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
    """Of the shared rows and of the withheld ones after them, however many epochs there are."""
    size, epochs = 100, 6
    orders: list[list[int]] = []
    for seed in (0, 1):
        seen = budget.stream(range(size), seed, 2 * size * epochs, range(size, 2 * size))
        orders += [seen[start : start + size] for start in range(0, len(seen), size)]
    assert len(orders) == 4 * epochs
    for place, one in enumerate(orders):
        assert sorted(one) == list(range(place % 2 * size, place % 2 * size + size))
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
    counts = row_counts(CHOICES, supervised, seed, epochs)
    assert counts == {
        "shortcut@examples": 1000 * epochs,
        "shortcut@tokens": round(1000 * epochs * 80 / 30),
        "journey": 1000 * epochs,
    }


def rows_of(supervised: Any) -> Rows:
    """Rows with a prompt of three tokens and so many supervised ones."""
    count = len(supervised)
    starts = np.concatenate([[0], np.cumsum(np.asarray(supervised) + 3)])
    weights = np.ones(starts[-1], dtype=np.float32)
    for start in starts[:-1]:
        weights[start : start + 3] = 0
    return Rows(
        tuple(map(str, range(count))),
        np.zeros(starts[-1], dtype=np.int32),
        weights,
        np.zeros(starts[-1], dtype=np.int8),
        starts,
        np.full(count, 3),
    )


def run_of(label: str, budget_: str, amount: budget.Amount, seed: int, pool: int, pairs: int = 0) -> Run:
    return Run(
        run=f"{label}-s{seed}",
        arm=label,
        kind=label.partition("@")[0],
        budget=budget_,
        seed=seed,
        lr=1e-3,
        pool=pool,
        rows=amount.rows,
        steps=amount.steps,
        warmup_steps=0,
        step_tokens=amount.step_tokens,
        pairs=pairs,
        withheld=amount.withheld,
    )


@settings(max_examples=150, deadline=None)
@given(ROWS, EPOCHS, st.integers(0, 5), st.integers(1, 7))
def test_every_budget_equals_what_it_says_and_all_share_one_stream(
    sizes: list[tuple[int, int]], epochs: float, seed: int, rows_per_step: int
) -> None:
    labels = ["shortcut@examples", "shortcut@tokens", "shortcut@steps", "shortcut@flops", "journey"]
    choices, _ = choose(labels, "examples")
    data = {"shortcut": rows_of([a for a, _ in sizes]), "journey": rows_of([a + b for a, b in sizes])}
    supervised = {name: rows.supervised for name, rows in data.items()}
    work = {name: rows.lengths**2 for name, rows in data.items()}
    found = budget.amounts(choices, supervised, work, seed, epochs, rows_per_step)
    pool = budget.pool_size(len(sizes), epochs)
    steps = {
        choice.label: budget.laid_out(
            run_of(choice.label, choice.budget, found[choice.label], seed, pool), data[choice.arm.name], rows_per_step
        )
        for choice in choices
    }
    seen = {label: [row for step in laid for row in step] for label, laid in steps.items()}
    longest = max(seen.values(), key=len)
    for label, order in seen.items():
        assert order == longest[: len(order)]
        assert (len(order), len(steps[label])) == (found[label].rows, found[label].steps)
        assert all(steps[label])
    for label in set(labels) - {"shortcut@steps"}:
        assert all(len(step) == rows_per_step for step in steps[label][:-1])
    assert len(seen["shortcut@examples"]) == len(seen["journey"])
    assert len(steps["shortcut@steps"]) == len(steps["journey"])
    for label, per_row in (("shortcut@tokens", supervised), ("shortcut@flops", work)):
        gap = per_row["shortcut"][seen[label]].sum() - per_row["journey"][seen["journey"]].sum()
        assert abs(gap) <= per_row["shortcut"].max() / 2


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=8, max_size=80), st.integers(1, 5), st.floats(1, 3))
def test_filled_steps_carry_over_what_is_missing(sizes: list[int], rows_per_step: int, factor: float) -> None:
    """After every step the stream is within half a row of so many times the reference's tokens of a step."""
    supervised = np.array(sizes)
    steps = -(-len(sizes) // rows_per_step)
    step_tokens = factor * supervised.max()
    order = budget.stream(range(len(sizes)), 0, 40 * len(sizes))
    reached = supervised[order].cumsum()
    order = order[: int(np.abs(reached - steps * step_tokens).argmin()) + 1]
    laid = budget.filled(order, supervised, step_tokens, steps)
    assert [row for step in laid for row in step] == order
    assert len(laid) == steps
    done = np.cumsum([supervised[step].sum() for step in laid])
    assert np.abs(done - step_tokens * np.arange(1, steps + 1)).max() <= supervised.max() / 2 + 1e-9


def test_withheld_rows_follow_the_shared_ones_of_every_epoch() -> None:
    choices, _ = choose(["journey", "shortcut"], "examples")
    longer = ArmChoice("longer", dataclasses.replace(choices[1].arm, name="longer", withheld=True), "tokens")
    data = {"journey": rows_of([50] * 100), "longer": rows_of([20] * 300)}
    supervised = {name: rows.supervised for name, rows in data.items()}
    found = budget.amounts([choices[0], longer], supervised, supervised, 0, 2.0, 10, pairs=100)
    amount = found["longer"]
    assert amount == budget.Amount(rows=500, steps=50, withheld=150)
    journey, other = (
        [row for step in budget.laid_out(run_of(n, "x", found[n], 0, 100, 100), data[n], 10) for row in step]
        for n in ("journey", "longer")
    )
    assert other[:100] == journey[:100] and other[250:350] == journey[100:]
    assert sorted(other[100:250]) == sorted(other[350:]) == list(range(100, 250))
    assert other[100:250] != other[350:]
    short = {**supervised, "longer": supervised["longer"][:240]}
    with pytest.raises(ValueError, match="140 withheld rows, too few"):
        budget.amounts([choices[0], longer], short, short, 0, 1.0, 10, pairs=100)


def test_a_run_of_fewer_pairs_draws_from_the_first_ones() -> None:
    choices, _ = choose(["shortcut@tokens", "journey"], "examples")
    data = {"shortcut": rows_of([10] * 90), "journey": rows_of([30] * 90)}
    supervised = {name: rows.supervised for name, rows in data.items()}
    for pairs in (30, 90):
        found = budget.amounts(choices, supervised, supervised, 0, 1.0, 8, pairs=pairs)
        assert {label: amount.rows for label, amount in found.items()} == {
            "shortcut@tokens": 3 * pairs,
            "journey": pairs,
        }
        laid = budget.laid_out(
            run_of("shortcut@tokens", "tokens", found["shortcut@tokens"], 0, pairs, pairs), data["shortcut"], 8
        )
        assert {row for step in laid for row in step} == set(range(pairs))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=24), st.integers(1, 24), st.integers(-20, 20))
def test_forward_passes_keep_the_step_and_pad_no_more_than_equal_parts(
    sizes: list[int], micro_batch: int, more: int
) -> None:
    lengths = np.array(sizes)
    rows_per_step = max(1, len(sizes) + more)
    passes = budget.micro_batches(range(len(sizes)), lengths, rows_per_step, micro_batch)
    assert sorted(row for part in passes for row in part) == list(range(len(sizes)))
    assert len(passes) == min(-(-max(rows_per_step, len(sizes)) // micro_batch), len(sizes))
    padded = [len(part) * max(sizes[row] for row in part) for part in passes]
    assert max(padded) <= micro_batch * max(sizes)
    ordered = np.array_split(np.sort(lengths), len(passes))
    if max(len(part) for part in ordered) <= micro_batch:
        assert sum(padded) <= sum(len(part) * int(part.max()) for part in ordered)


def test_steps_are_full_but_for_the_last() -> None:
    assert [list(step) for step in budget.steps_of([5, 3, 1, 2, 4], 2)] == [[5, 3], [1, 2], [4]]
