"""What every run is trained on, and in words what is equal between the arms and what differs.

The audit is deterministic: the same folder gives the same bytes. Seconds are in timing.json.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from journey.errors import JourneyError
from journey.finetune import budget
from journey.finetune.cost import Shape, flops
from journey.finetune.jobs import Trained
from journey.finetune.runs import Run
from journey.finetune.tokens import ANSWER, CORRECT_PATH, Rows

if TYPE_CHECKING:
    from rich.table import Table

AUDIT_VERSION = 1


class Counted(msgspec.Struct, frozen=True):
    """One run in numbers. `flops` leave padding out; the two shares are of the supervised weight.

    `completion_tokens_p995` is the 99.5th percentile of the completions trained on, the end-of-turn token included.
    """

    run: str
    arm: str
    seed: int
    rows: int
    problems: int
    epochs: float
    steps: int
    supervised_tokens: int
    total_tokens: int
    completion_tokens_p995: int
    flops: int
    lr: float
    answer_share: float
    correct_path_share: float


class Audit(msgspec.Struct, frozen=True):
    """audit.json. `failed` has the reason by run; `equal` and `differs` are sentences."""

    reference: str
    runs: tuple[Counted, ...]
    equal: tuple[str, ...]
    differs: tuple[str, ...]
    notes: tuple[str, ...]
    failed: dict[str, str] = {}
    version: int = AUDIT_VERSION


def count(run: Run, rows: Rows, shape: Shape, rows_per_step: int) -> Counted:
    """Walk the run's optimiser steps and count."""
    order = [row for step in budget.laid_out(run, rows, rows_per_step) for row in step]
    weight = np.add.reduceat(rows.weights, rows.starts[:-1], dtype=np.float64)[order].sum()
    return Counted(
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
        answer_share=round(float(rows.weight_on([ANSWER])[order].sum() / weight), 4),
        correct_path_share=round(float(rows.weight_on(CORRECT_PATH)[order].sum() / weight), 4),
    )


def compare(counted: Sequence[Counted]) -> tuple[list[str], list[str]]:
    """What is equal between the arms of the first seed, and what differs, in words."""
    seed = min(one.seed for one in counted)
    arms = [one for one in counted if one.seed == seed]
    equal = ["base, prompts, adapter shape, rows per step, warm-up and shape of the schedule"]
    differs: list[str] = []
    facts: tuple[tuple[str, Mapping[str, float]], ...] = (
        ("problems", {one.arm: one.problems for one in arms}),
        ("rows seen", {one.arm: one.rows for one in arms}),
        ("epochs", {one.arm: one.epochs for one in arms}),
        ("optimiser steps", {one.arm: one.steps for one in arms}),
        ("supervised tokens", {one.arm: one.supervised_tokens for one in arms}),
        ("all tokens", {one.arm: one.total_tokens for one in arms}),
        ("training FLOPs", {one.arm: one.flops for one in arms}),
        ("learning rate", {one.arm: one.lr for one in arms}),
        ("share of the loss on the answer", {one.arm: one.answer_share for one in arms}),
        ("share of the loss on the correct path", {one.arm: one.correct_path_share for one in arms}),
    )
    for what, by_arm in facts:
        for group in _groups(by_arm):
            if len(group) > 1:
                values = sorted({_said(by_arm[arm]) for arm in group})
                equal.append(f"{what}: {' to '.join(values)} in {', '.join(group)}")
        if len(_groups(by_arm)) > 1:
            differs.append(f"{what}: " + ", ".join(f"{arm} {_said(value)}" for arm, value in by_arm.items()))
    return equal, differs


def verify(runs: Sequence[Run], trained: Mapping[str, Trained]) -> list[str]:
    """Sentences on what was found equal in the trained runs of each seed. Raises JourneyError if it is not."""
    said = []
    for seed in sorted({run.seed for run in runs}):
        done = [trained[run.run] for run in runs if run.seed == seed and run.run in trained]
        if len({(one.initial, one.order) for one in done}) > 1:
            raise JourneyError(f"the runs of seed {seed} did not start from the same adapter and row order")
        if len(done) > 1:
            said.append(
                f"seed {seed}: initial adapter {done[0].initial[:12]}, row order {done[0].order[:12]}, in all runs"
            )
    return said


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


def _said(value: float) -> str:
    if isinstance(value, int):
        return f"{value:.3g}" if value >= 10**9 else f"{value:,}"
    return f"{value:.4g}"


_SHOWN: tuple[tuple[str, str, str], ...] = (
    ("rows", "rows", ","),
    ("unique problems", "problems", ","),
    ("epochs", "epochs", ".2f"),
    ("optimiser steps", "steps", ","),
    ("supervised tokens", "supervised_tokens", ","),
    ("all tokens", "total_tokens", ","),
    ("training FLOPs", "flops", ".2e"),
    ("learning rate", "lr", "g"),
    ("loss on the answer", "answer_share", ".0%"),
    ("loss on the correct path", "correct_path_share", ".0%"),
)


def table(audit: Audit) -> Table:
    """The audit as a table for a terminal, an arm a column; where seeds differ, the lowest and highest."""
    from rich.table import Table

    arms = list(dict.fromkeys(one.arm for one in audit.runs))
    made = Table(title="what each arm is trained on, per run", title_justify="left")
    made.add_column("")
    for arm in arms:
        made.add_column(arm, justify="right")
    for label, name, form in _SHOWN:
        cells = []
        for arm in arms:
            values = [getattr(one, name) for one in audit.runs if one.arm == arm]
            low, high = format(min(values), form), format(max(values), form)
            cells.append(low if low == high else f"{low} to {high}")
        made.add_row(label, *cells)
    return made
