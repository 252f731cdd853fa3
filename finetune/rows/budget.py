"""Budgets: how much of the data each arm sees, in which order, and its layout in optimiser steps and forward passes.

Every arm of a seed goes through the same pool of rows in the same order: one permutation per (seed, epoch), epoch
after epoch, cut off where the arm's budget is used up. Steps are consecutive rows of that stream.

    examples   equal rows: the same epochs for every arm
    tokens     equal supervised tokens: as many as the reference, the arm with the most per epoch; a shorter arm gets
               more epochs, the last one a prefix of its permutation
    flops      the same with forward and backward operations instead of supervised tokens
    steps      the reference's optimiser steps, each filled up to the reference's mean supervised tokens a step

An arm that is trained on further problems goes through the shared rows of an epoch in the shared order and then
through the withheld ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from journey.finetune.rows.rows import Rows
from journey.finetune.runs import ArmChoice, Run
from journey.rng import rng_for

Counts = NDArray[np.int64]
Amounts = NDArray[np.float64] | NDArray[np.int64]


@dataclass(frozen=True)
class Amount:
    """What one arm sees with one seed: `rows` with repetition over `steps` optimiser steps.

    `withheld` further rows follow the shared ones in every epoch; `step_tokens` is set on the budget `steps` alone.
    """

    rows: int
    steps: int
    withheld: int = 0
    step_tokens: float | None = None


def laid_out(run: Run, rows: Rows, rows_per_step: int) -> list[list[int]]:
    """The rows of every optimiser step of a run, in order, on every budget: all that an engine needs to know."""
    size = run.pairs or len(rows)
    chosen = pool(size, run.seed, run.pool)
    order = stream(chosen, run.seed, run.rows, range(size, size + run.withheld))
    if run.step_tokens is None:
        return [list(step) for step in steps_of(order, rows_per_step)]
    return filled(order, rows.supervised, run.step_tokens, run.steps)


def pool_size(rows: int, epochs: float) -> int:
    """How many different rows are trained on: all of them, or a part if epochs is below 1."""
    return rows if epochs >= 1 else max(1, round(epochs * rows))


def pool(rows: int, seed: int, size: int) -> list[int]:
    """The rows that every arm of the seed draws from, `size` of them."""
    if size == rows:
        return list(range(rows))
    drawn = list(range(rows))
    rng_for("row pool", seed).shuffle(drawn)
    return sorted(drawn[:size])


def permutation(rows: Sequence[int], seed: int, epoch: int) -> list[int]:
    """The rows in the order of an epoch (from 0), shuffled by (seed, epoch): the same for all arms of a seed."""
    order = list(rows)
    rng_for("row order", seed, epoch).shuffle(order)
    return order


def stream(rows: Sequence[int], seed: int, count: int, withheld: Sequence[int] = ()) -> list[int]:
    """The first `count` rows of epoch after epoch; withheld rows come after the others of their epoch."""
    order: list[int] = []
    for epoch in range(-(-count // (len(rows) + len(withheld)))):
        order += _epoch(rows, withheld, seed, epoch)
    return order[:count]


def _epoch(rows: Sequence[int], withheld: Sequence[int], seed: int, epoch: int) -> list[int]:
    after = list(withheld)
    rng_for("withheld order", seed, epoch).shuffle(after)
    return permutation(rows, seed, epoch) + after


def reference(choices: Sequence[ArmChoice], supervised: Mapping[str, Counts], pairs: int | None = None) -> ArmChoice:
    """The arm with the most supervised tokens per epoch over the first `pairs` rows; the first of them if several have.

    Arms with problems of their own are matched to it and never are it, unless there is no other arm.
    """
    shared = [choice for choice in choices if not choice.arm.withheld] or list(choices)
    return max(shared, key=lambda choice: int(supervised[choice.arm.name][:pairs].sum()))


def amounts(
    choices: Sequence[ArmChoice],
    supervised: Mapping[str, Counts],
    operations: Mapping[str, Amounts],
    seed: int,
    epochs: float,
    rows_per_step: int,
    pairs: int | None = None,
) -> dict[str, Amount]:
    """By label, what each arm sees with a seed.

    `supervised` and `operations` have the supervised tokens and the FLOPs of every row by arm name, rows in the same
    order for all arms; the first `pairs` rows (all, if None) are the ones to train on, those after them are withheld.
    Raises ValueError if an arm has too few of the latter.
    """
    leader = reference(choices, supervised, pairs).arm.name
    size = len(supervised[leader]) if pairs is None else pairs
    chosen = pool(size, seed, pool_size(size, epochs))
    examples = max(1, round(max(epochs, 1.0) * len(chosen)))
    seen = stream(chosen, seed, examples)
    steps = -(-examples // rows_per_step)
    tokens, work = int(supervised[leader][seen].sum()), float(operations[leader][seen].sum())
    by_label = {}
    for choice in choices:
        own, more = supervised[choice.arm.name], 0
        if choice.arm.name == leader or (choice.budget == "examples" and not choice.arm.withheld):
            by_label[choice.label] = Amount(examples, steps)
            continue
        if choice.arm.withheld:
            more = withheld_rows(own, chosen, size, int(supervised[leader][chosen].sum()))
            if more > len(own) - size:
                raise ValueError(f"{choice.label} has {len(own) - size} withheld rows, too few")
        per_row, target = (operations[choice.arm.name], work) if choice.budget == "flops" else (own, float(tokens))
        rows = _until(chosen, range(size, size + more), per_row, target, seed)
        if choice.budget == "steps":
            by_label[choice.label] = Amount(max(rows, steps), steps, more, tokens / steps)
        else:
            by_label[choice.label] = Amount(rows, -(-rows // rows_per_step), more)
    return by_label


def withheld_rows(own: Counts, chosen: Sequence[int], size: int, target: int) -> int:
    """How many rows after the first `size` an arm needs to reach the target of supervised tokens in one epoch.

    One row more than there are, where they are not enough.
    """
    lacking = target - int(own[list(chosen)].sum())
    return 0 if lacking <= 0 else int(np.searchsorted(own[size:].cumsum(), lacking)) + 1


def withheld_needed(own: Counts, leader: Counts, size: int, seeds: int, epochs: float) -> int:
    """How many rows after the first `size` the seed that needs most of them needs; more than there are if too few."""
    needed = 0
    for seed in range(seeds):
        chosen = pool(size, seed, pool_size(size, epochs))
        needed = max(needed, withheld_rows(own, chosen, size, int(leader[chosen].sum())))
    return needed


def pairs_that_fit(own: Counts, leader: Counts, most: int, seeds: int, epochs: float) -> int:
    """The largest number of shared rows, up to `most`, that leaves enough withheld ones; 0 if there is none."""
    share = min(1.0, epochs)
    lacking = share * (leader[:most].cumsum() - own[:most].cumsum())
    left = own.sum() - own[:most].cumsum()
    size = int(np.flatnonzero(lacking <= left).max(initial=-1)) + 1
    while size and size + withheld_needed(own, leader, size, seeds, epochs) > len(own):
        size -= max(1, size // 100)
    return size


def _until(rows: Sequence[int], withheld: Sequence[int], per_row: Amounts, target: float, seed: int) -> int:
    """How many rows of the stream come closest to the target; at least one."""
    per_epoch = float(per_row[[*rows, *withheld]].sum())
    epochs = int(target // per_epoch)
    reached = np.concatenate([[0], per_row[_epoch(rows, withheld, seed, epochs)].cumsum()])
    nearest = int(np.abs(reached - (target - epochs * per_epoch)).argmin())
    return max(1, epochs * (len(rows) + len(withheld)) + nearest)


def filled(order: Sequence[int], supervised: Counts, step_tokens: float, steps: int) -> list[list[int]]:
    """The stream cut into steps where its supervised tokens come closest to 1, 2, ... times those of a step.

    So what a step lacks or has too much is made good in the next. Every step has a row at least.
    """
    reached = supervised[list(order)].cumsum()
    targets = step_tokens * np.arange(1, steps + 1)
    over = np.minimum(np.searchsorted(reached, targets), len(reached) - 1)
    under = np.maximum(over - 1, 0)
    ends = np.where(targets - reached[under] < reached[over] - targets, under, over) + 1
    ends[-1] = len(order)
    places = np.arange(steps)
    ends = np.maximum.accumulate(ends - places) + places  # each after the one before it
    ends = np.minimum(ends, len(order) - places[::-1])
    return [list(order[start:end]) for start, end in pairwise([0, *ends.tolist()])]


def steps_of(order: Sequence[int], rows_per_step: int) -> list[Sequence[int]]:
    """Consecutive rows of the stream; only the last step may have fewer."""
    return [order[start : start + rows_per_step] for start in range(0, len(order), rows_per_step)]


def micro_batches(rows: Sequence[int], lengths: Counts, rows_per_step: int, micro_batch: int) -> list[list[int]]:
    """One step's rows, sorted by length, parted into forward passes so that the padding is least.

    A step has ceil(rows_per_step / micro_batch) passes, more if it has more rows than that and fewer if it has fewer
    rows than passes. No pass holds more tokens, padding included, than `micro_batch` rows as long as the step's
    longest. Which rows share a step is not touched.
    """
    ordered = sorted(rows, key=lambda row: (int(lengths[row]), row))
    sizes = lengths[ordered]
    passes = min(-(-max(rows_per_step, len(ordered)) // micro_batch), len(ordered))
    limit = micro_batch * int(sizes[-1])
    # cost[start, end]: tokens of one pass over ordered[start:end]; best[a][end]: least tokens of a passes over [:end]
    count = len(ordered)
    starts, ends = np.indices((count, count + 1))
    cost = np.where(ends > starts, (ends - starts) * np.append(0, sizes)[ends], np.inf)
    cost[cost > limit] = np.inf
    best = np.full(count + 1, np.inf)
    best[0] = 0
    came_from = []
    for _ in range(passes):
        options = best[:count, None] + cost
        came_from.append(options.argmin(axis=0))
        best = options.min(axis=0)
    cuts = [count]
    for choices in reversed(came_from):
        cuts.append(int(choices[cuts[-1]]))
    cuts.reverse()
    return [ordered[start:end] for start, end in pairwise(cuts)]
