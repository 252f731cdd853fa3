"""How much of the data each arm sees, in which order, and how an optimiser step is split into forward passes.

Every arm of a seed goes through the same pool of rows in the same order: one permutation per (seed, epoch), epoch
after epoch, cut off where the arm's budget is used up. Steps are consecutive rows of that stream.

    examples   equal rows: the same epochs for every arm
    tokens     equal supervised tokens: as many as the reference, the arm with the most per epoch; a shorter arm gets
               more epochs, the last one a prefix of its permutation
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from journey.finetune.runs import Choice
from journey.rng import rng_for

Counts = NDArray[np.int64]


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
    """The order of one epoch."""
    order = list(rows)
    rng_for("row order", seed, epoch).shuffle(order)
    return order


def stream(rows: Sequence[int], seed: int, count: int) -> list[int]:
    """The first `count` rows of epoch after epoch."""
    order: list[int] = []
    for epoch in range(-(-count // len(rows))):
        order += permutation(rows, seed, epoch)
    return order[:count]


def reference(choices: Sequence[Choice], supervised: Mapping[str, Counts]) -> Choice:
    """The arm with the most supervised tokens per epoch; the first of them if several have."""
    return max(choices, key=lambda choice: int(supervised[choice.arm.name].sum()))


def row_counts(choices: Sequence[Choice], supervised: Mapping[str, Counts], seed: int, epochs: float) -> dict[str, int]:
    """By label, how many rows of the seed's stream each arm sees.

    `supervised` has the supervised tokens of every row by arm name, rows in the same order for all arms.
    """
    rows = len(next(iter(supervised.values())))
    chosen = pool(rows, seed, pool_size(rows, epochs))
    examples = max(1, round(max(epochs, 1.0) * len(chosen)))
    leader = supervised[reference(choices, supervised).arm.name]
    target = int(leader[stream(chosen, seed, examples)].sum())
    counts = {}
    for choice in choices:
        own = supervised[choice.arm.name]
        counts[choice.label] = examples if choice.budget == "examples" else _until(chosen, own, target, seed)
    return counts


def _until(rows: Sequence[int], supervised: Counts, target: int, seed: int) -> int:
    """How many rows of the stream come closest to the target of supervised tokens; at least one."""
    per_epoch = int(supervised[list(rows)].sum())
    epochs, rest = divmod(target, per_epoch)
    reached = np.concatenate([[0], supervised[permutation(rows, seed, epochs)].cumsum()])
    return max(1, epochs * len(rows) + int(np.abs(reached - rest).argmin()))


def steps_of(order: Sequence[int], rows_per_step: int) -> list[Sequence[int]]:
    """Consecutive rows of the stream; only the last step may have fewer."""
    return [order[at : at + rows_per_step] for at in range(0, len(order), rows_per_step)]


def micro_batches(rows: Sequence[int], lengths: Counts, rows_per_step: int, micro_batch: int) -> list[list[int]]:
    """One step's rows, sorted by length, parted into forward passes so that the padding is least.

    A full step has ceil(rows_per_step / micro_batch) passes. No pass holds more tokens, padding included, than
    `micro_batch` rows as long as the step's longest. Which rows share a step is not touched.
    """
    ordered = sorted(rows, key=lambda row: (int(lengths[row]), row))
    sizes = lengths[ordered]
    passes = min(-(-rows_per_step // micro_batch), len(ordered))
    room = micro_batch * int(sizes[-1])
    # cost[start, end]: tokens of one pass over ordered[start:end]; best[a][end]: least tokens of a passes over [:end]
    count = len(ordered)
    starts, ends = np.indices((count, count + 1))
    cost = np.where(ends > starts, (ends - starts) * np.append(0, sizes)[ends], np.inf)
    cost[cost > room] = np.inf
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


def laid_out(run, rows, rows_per_step: int) -> list[list[int]]:  # replaced by arms branch
    order = stream(pool(len(rows), run.seed, run.pool), run.seed, run.rows)
    return [list(step) for step in steps_of(order, rows_per_step)]
