"""The audit: what every run is trained on, and in words what is equal between the arms and what differs.

The audit is deterministic: the same folder gives the same bytes. Seconds are in timing.json.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from journey.errors import JourneyError
from journey.finetune.cost import Shape, flops
from journey.finetune.rows import budget
from journey.finetune.rows.rows import ANSWER, CORRECT_PATH, MISTAKE, Rows
from journey.finetune.runs import Run
from journey.finetune.training.protocol import Trained
from journey.formats.finetune import AuditFile, RunCounts
from journey.numbers import number, spread

if TYPE_CHECKING:
    from rich.table import Table


def count(run: Run, rows: Rows, shape: Shape, rows_per_step: int) -> RunCounts:
    """Walk the run's optimiser steps and count."""
    steps = budget.laid_out(run, rows, rows_per_step)
    order = [row for step in steps for row in step]
    weight = np.add.reduceat(rows.weights, rows.starts[:-1], dtype=np.float64)[order].sum()

    def share(roles: Sequence[int]) -> float:
        return round(float(rows.weight_on(roles)[order].sum() / weight), 4)

    return RunCounts(
        run=run.run,
        arm=run.arm,
        seed=run.seed,
        rows=run.rows,
        problems=len({rows.problems[row] for row in order}),
        epochs=round(run.rows / (run.pool + run.withheld), 4),
        steps=run.steps,
        supervised_tokens=int(rows.supervised[order].sum()),
        total_tokens=int(rows.lengths[order].sum()),
        completion_tokens_p995=math.ceil(np.percentile((rows.lengths - rows.prompts)[order], 99.5)),
        flops=flops(shape, rows.lengths[order]),
        lr=run.lr,
        answer_share=share([ANSWER]),
        correct_path_share=share(CORRECT_PATH),
        mistake_share=share([MISTAKE]),
        rows_per_step=round(run.rows / run.steps, 1) if run.step_tokens is not None else rows_per_step,
        pairs=run.pairs or len(rows),
        rank=run.rank,
        mistake_weight=run.mistake_weight,
        axis=run.axis,
    )


def compare(counted: Sequence[RunCounts]) -> tuple[list[str], list[str]]:
    """What is equal between the arms of the first seed, and what differs, in words: within every value of the axes."""
    seed = min(one.seed for one in counted)
    by_axis: dict[str, list[RunCounts]] = {}
    for one in counted:
        if one.seed == seed:
            by_axis.setdefault(one.axis, []).append(one)
    equal = ["base, adapter shape, warm-up and shape of the schedule"]
    differs: list[str] = []
    for axis, arms in by_axis.items():
        same, other = _compared(arms)
        equal += [f"{axis}: {sentence}" if axis else sentence for sentence in same]
        differs += [f"{axis}: {sentence}" if axis else sentence for sentence in other]
    return equal, differs


def _compared(arms: Sequence[RunCounts]) -> tuple[list[str], list[str]]:
    equal: list[str] = []
    differs: list[str] = []
    facts: tuple[tuple[str, Mapping[str, float]], ...] = tuple(
        (what, {one.arm: getattr(one, name) for one in arms})
        for what, name in (
            ("problems", "problems"),
            ("rows seen", "rows"),
            ("epochs", "epochs"),
            ("rows in an optimiser step", "rows_per_step"),
            ("optimiser steps", "steps"),
            ("supervised tokens", "supervised_tokens"),
            ("all tokens", "total_tokens"),
            ("training FLOPs", "flops"),
            ("learning rate", "lr"),
            ("loss weight of mistakes", "mistake_weight"),
            ("share of the loss on the answer", "answer_share"),
            ("share of the loss on the correct path", "correct_path_share"),
            ("share of the loss on mistakes", "mistake_share"),
        )
    )
    for what, by_arm in facts:
        for group in _groups(by_arm):
            if len(group) > 1:
                values = sorted({number(by_arm[arm], commas=False) for arm in group})
                equal.append(f"{what}: {' to '.join(values)} in {', '.join(group)}")
        if len(_groups(by_arm)) > 1:
            differs.append(
                f"{what}: " + ", ".join(f"{arm} {number(value, commas=False)}" for arm, value in by_arm.items())
            )
    return equal, differs


def verify(runs: Sequence[Run], trained: Mapping[str, Trained]) -> list[str]:
    """Sentences on what was found equal in the trained runs of each seed. Raises JourneyError if it is not.

    Adapters of a seed start alike at one rank; rows of a seed have one order at one number of pairs.
    """
    starts: dict[tuple[int, int], set[str]] = {}
    orders: dict[tuple[int, int, int], set[str]] = {}
    finished = [run for run in runs if run.run in trained]
    for run in finished:
        starts.setdefault((run.seed, run.rank), set()).add(trained[run.run].initial)
        orders.setdefault((run.seed, run.pairs, min(run.rows, run.pool)), set()).add(trained[run.run].order)
    for key, hashes in (*starts.items(), *orders.items()):
        if len(hashes) > 1:
            raise JourneyError(f"the runs of seed {key[0]} did not start from the same adapter and row order")
    sentences = []
    for seed in sorted({run.seed for run in finished}):
        if sum(run.seed == seed for run in finished) < 2:
            continue
        adapters = _hashes("rank", {rank: hashes for (of, rank), hashes in starts.items() if of == seed})
        rows = _hashes("pairs", {pairs: hashes for (of, pairs, _), hashes in orders.items() if of == seed})
        sentences.append(f"seed {seed}: initial adapter {adapters}, row order {rows}, in all runs")
    return sentences


def _hashes(name: str, by_value: Mapping[int, set[str]]) -> str:
    """One hash, or one for each value of an axis."""
    if len(by_value) == 1:
        return "".join(min(hashes)[:12] for hashes in by_value.values())
    return ", ".join(f"{min(hashes)[:12]} ({name} {value})" for value, hashes in by_value.items())


def _groups(by_arm: Mapping[str, float]) -> list[list[str]]:
    """Arms whose values are the same to half a percent, which is how close tokens can be matched."""
    groups: list[list[str]] = []
    for arm, value in by_arm.items():
        for group in groups:
            if abs(value - by_arm[group[0]]) <= 0.005 * abs(by_arm[group[0]]):
                group.append(arm)
                break
        else:
            groups.append([arm])
    return groups


_SHOWN: tuple[tuple[str, str, str], ...] = (
    ("rows", "rows", ","),
    ("unique problems", "problems", ","),
    ("epochs", "epochs", ".2f"),
    ("rows per step", "rows_per_step", ",g"),
    ("optimiser steps", "steps", ","),
    ("supervised tokens", "supervised_tokens", ","),
    ("all tokens", "total_tokens", ","),
    ("training FLOPs", "flops", ".2e"),
    ("learning rate", "lr", "g"),
    ("loss on the answer", "answer_share", ".0%"),
    ("loss on the correct path", "correct_path_share", ".0%"),
    ("loss on mistakes", "mistake_share", ".0%"),
)
_WIDTH, _FIRST, _CELL, _RULE = 80, 28, 9, 3  # of a narrow terminal, the first column, a number, what parts columns


def tables(audit: AuditFile) -> list[Table]:
    """The audit for a terminal, an arm a column, as many arms a table as fit; where seeds differ, lowest and highest."""
    arms = list(dict.fromkeys(one.label for one in audit.runs))
    parts: list[list[str]] = [[]]
    width_left = _WIDTH - _FIRST
    for arm in arms:
        width = max([len(arm), _CELL, *(len(_cell(audit, arm, name, form)) for _, name, form in _SHOWN)]) + _RULE
        if width > width_left and parts[-1]:
            parts.append([])
            width_left = _WIDTH - _FIRST
        parts[-1].append(arm)
        width_left -= width
    return [_table(audit, part, number == 0) for number, part in enumerate(parts)]


def _cell(audit: AuditFile, arm: str, name: str, form: str) -> str:
    values = [getattr(one, name) for one in audit.runs if one.label == arm]
    return spread(format(min(values), form), format(max(values), form))


def _table(audit: AuditFile, arms: Sequence[str], first: bool) -> Table:
    from rich.table import Table

    table = Table(title="what each arm is trained on, per run" if first else None, title_justify="left")
    table.add_column("")
    for arm in arms:
        table.add_column(arm, justify="right")
    for label, name, form in _SHOWN:
        table.add_row(label, *(_cell(audit, arm, name, form) for arm in arms))
    return table
