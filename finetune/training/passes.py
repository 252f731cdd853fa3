"""The forward passes of a stack: how the rows of an optimiser step, of all runs, are dealt so that padding is least.

Which rows share an optimiser step is the runs' own affair (`budget.laid_out`) and is not touched here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from journey.finetune.rows.rows import Rows

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
    """One forward pass: ids (row, token), padded on the right, in `groups` of equally many rows, each of one run.

    `positions`, `labels`, `weights` and `owners` are (supervised token,): the index in the flattened ids whose hidden state
    predicts the label, the label, its share of its run's loss, and the run's index in the stack. `own` counts the tokens
    that are not padding by run of the stack, `padded` what the pass spends on each.
    """

    ids: Tensor
    groups: tuple[int, ...]
    shapes: tuple[tuple[int, int], ...]  # rows and tokens of every group that are not padding
    positions: Tensor
    labels: Tensor
    weights: Tensor
    owners: Tensor
    own: dict[int, int]
    padded: dict[int, int]


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
        height = max([len(unit.rows), *(len(other.rows) for other in last)])
        fits = (len(last) + 1) * height * unit.length <= limit
        if not last or not fits or unit.run in {other.run for other in last}:
            passes.append([])
        passes[-1].append(unit)
    return passes


def build(
    units: Sequence[Unit], data: Sequence[Rows], shares: Sequence[np.ndarray], pad: int, device: torch.device
) -> Pass:
    """The tensors of a pass. `data` and `shares` are by run of the stack: a run's rows, and what every token of them
    counts in the run's loss (the weight of a token over that of the step)."""
    width = max(unit.length for unit in units)
    ordered = sorted(units, key=lambda unit: unit.run)
    blocks = _blocks(ordered)
    height = max(len(rows) for _, rows in blocks)
    ids = np.full((len(blocks) * height, width), pad, dtype=np.int64)
    positions, labels, weights, owners, shapes = [], [], [], [], []
    own: dict[int, int] = {}
    padded: dict[int, int] = {}
    for number, (run, members) in enumerate(blocks):
        rows = data[run]
        shapes.append((len(members), int(rows.lengths[list(members)].max())))
        padded[run] = padded.get(run, 0) + height * width
        for offset, member in enumerate(members):
            line, where = number * height + offset, rows.at(member)
            tokens, share = rows.ids[where], shares[run][where]
            ids[line, : len(tokens)] = tokens
            own[run] = own.get(run, 0) + len(tokens)
            supervised = np.flatnonzero(share > 0)
            # (supervised of the row,) in the order of ids (rows, tokens) seen flat; the hidden state before the token
            positions.append(line * width + supervised - 1)
            labels.append(tokens[supervised])
            weights.append(share[supervised])
            owners.append(np.full(len(supervised), run))
    return Pass(
        torch.from_numpy(ids).to(device),
        tuple(run for run, _ in blocks),
        tuple(shapes),
        # (supervised of a row,) for every row, end to end (supervised,): one gather and one loss for the whole pass
        torch.from_numpy(np.concatenate(positions)).to(device),
        torch.from_numpy(np.concatenate(labels).astype(np.int64)).to(device),
        torch.from_numpy(np.concatenate(weights)).to(device),
        torch.from_numpy(np.concatenate(owners)).to(device),
        own,
        padded,
    )


def _blocks(ordered: Sequence[Unit]) -> list[tuple[int, tuple[int, ...]]]:
    """Groups of rows of one run: whole runs where all have equally many rows in the pass, else the units as they are."""
    by_run: dict[int, tuple[int, ...]] = {}
    for unit in ordered:
        by_run[unit.run] = by_run.get(unit.run, ()) + unit.rows
    if len({len(rows) for rows in by_run.values()}) == 1:
        return list(by_run.items())
    return [(unit.run, unit.rows) for unit in ordered]
