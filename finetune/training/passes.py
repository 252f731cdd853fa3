"""The forward passes of a stack: how the rows of an optimiser step, of all runs, are dealt so that padding is least.

Which rows share an optimiser step is the runs' own affair (`budget.laid_out`) and is not touched here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from journey.finetune.rows.rows import Rows
from journey.models.compute.packed import PackedRows
from journey.models.compute.transfer import on_device

# What a forward pass costs besides its tokens, counted in tokens: small passes have less padding, many passes cost time.
PASS_COST = {"cpu": 100}
PASS_COST_ELSEWHERE = 2000


class Unit(NamedTuple):
    """Rows of one run that must share a pass; `length` is the longest's."""

    run: int  # its index in the stack
    rows: tuple[int, ...]
    length: int


@dataclass(frozen=True)
class Pass:
    """One forward pass, the rows of a run one after the other, run after run.

    `ids` are (row, token), padded on the right, or (1, token) with the rows end to end (`packed`). `tokens` counts them by run
    of the stack, padding included; `shapes` are the rows and the longest row of every run that has some.
    `positions`, `labels`, `weights` and `owners` are (supervised token,): the index in the flattened ids whose hidden state
    predicts the label, the label, its share of its run's loss, and the run's index in the stack. `own` counts the tokens
    that are not padding by run of the stack.
    """

    ids: Tensor
    packed: PackedRows | None
    tokens: tuple[int, ...]
    shapes: tuple[tuple[int, int], ...]
    positions: Tensor
    labels: Tensor
    weights: Tensor
    owners: Tensor
    own: tuple[int, ...]


def deal(units: Sequence[Unit], limit: int, pass_cost: int, *, once: bool = False) -> list[list[Unit]]:
    """Passes of units of like length, at most `limit` tokens each (padding included) unless one unit has more.

    Minimises padding plus `pass_cost` a pass. With `once` no pass holds two units of one run (`run`).
    """
    ordered = sorted(units, key=lambda unit: (unit.length, unit.run, unit.rows))
    if once:
        return _dealt_once(ordered, limit)
    lengths = np.array([unit.length for unit in ordered])
    # (units,) to (units + 1,): rows before each unit, so that a pass over ordered[a:b] has rows[b] - rows[a] of them
    rows = np.concatenate([[0], np.cumsum([len(unit.rows) for unit in ordered])])
    best, came_from = np.full(len(ordered) + 1, np.inf), np.zeros(len(ordered) + 1, dtype=int)
    best[0] = 0
    for end in range(1, len(ordered) + 1):
        # (end,): tokens of the pass over ordered[start:end] for every start at once; the last unit is the longest
        tokens = (rows[end] - rows[:end]) * lengths[end - 1]
        cost = np.where(tokens <= limit, best[:end] + tokens + pass_cost, np.inf)
        if np.isinf(cost).all():
            cost[end - 1] = best[end - 1] + tokens[end - 1] + pass_cost  # a unit over the limit goes alone
        came_from[end] = int(cost.argmin())
        best[end] = cost[came_from[end]]
    passes, end = [], len(ordered)
    while end:
        passes.append(ordered[came_from[end] : end])
        end = int(came_from[end])
    return passes[::-1]


def _dealt_once(ordered: Sequence[Unit], limit: int) -> list[list[Unit]]:
    """In the order given, a pass ended by its limit or by a run that it has already."""
    passes: list[list[Unit]] = []
    for unit in ordered:
        last = passes[-1] if passes else []
        rows = sum(len(other.rows) for other in last) + len(unit.rows)
        if not last or rows * unit.length > limit or unit.run in {other.run for other in last}:
            passes.append([])
        passes[-1].append(unit)
    return passes


def fill(units: Sequence[Unit], limit: int) -> list[list[Unit]]:
    """Passes of rows that are laid end to end, units of one row each: the longest first, as many as the limit holds."""
    passes: list[list[Unit]] = []
    room = 0
    for unit in sorted(units, key=lambda unit: (-unit.length, unit.run, unit.rows)):
        if unit.length > room:
            passes.append([])
            room = limit
        passes[-1].append(unit)
        room -= unit.length
    return passes


def build(
    units: Sequence[Unit],
    data: Sequence[Rows],
    shares: Sequence[Mapping[int, np.ndarray]],
    pad: int,
    device: torch.device,
    *,
    packed: bool = False,
) -> Pass:
    """The tensors of a pass. `data` and `shares` are by run of the stack: a run's rows, and by row what each of its tokens
    counts in the run's loss (the weight of a token over that of the step)."""
    ordered = sorted(units, key=lambda unit: unit.run)
    rows = [(unit.run, row) for unit in ordered for row in unit.rows]
    spans = [data[run].at(row) for run, row in rows]
    lengths = [span.stop - span.start for span in spans]
    width = max(lengths)
    sizes = lengths if packed else [width] * len(rows)  # of every row, padding included
    ids = np.full(sum(sizes), pad, dtype=np.int64)
    counts, own = [0] * len(data), [0] * len(data)
    by_run: dict[int, list[int]] = {}
    positions, labels, weights, owners = [], [], [], []
    begin = 0
    for (run, row), span, length, size in zip(rows, spans, lengths, sizes, strict=True):
        tokens, share = data[run].ids[span], shares[run][row]
        ids[begin : begin + length] = tokens
        own[run] += length
        counts[run] += size
        by_run.setdefault(run, []).append(length)
        supervised = np.flatnonzero(share > 0)
        # (supervised of the row,) in the order of the flattened ids; the hidden state before the token
        positions.append(begin + supervised - 1)
        labels.append(tokens[supervised])
        weights.append(share[supervised])
        owners.append(np.full(len(supervised), run))
        begin += size

    def there(parts: list[np.ndarray], kind: type) -> Tensor:
        # (supervised of a row,) for every row, end to end (supervised,): one gather and one loss for the whole pass
        return on_device(torch.from_numpy(np.concatenate(parts).astype(kind)), device)

    return Pass(
        on_device(torch.from_numpy(ids.reshape(1 if packed else len(rows), -1)), device),
        PackedRows.of(lengths, device) if packed else None,
        tuple(counts),
        tuple((len(found), max(found)) for _, found in sorted(by_run.items())),
        there(positions, np.int64),
        there(labels, np.int64),
        there(weights, np.float64),
        there(owners, np.int64),
        tuple(own),
    )
