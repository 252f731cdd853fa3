"""Groups of runs that are trained together."""

from __future__ import annotations

from collections.abc import Sequence

from journey.catalog import ENGINES
from journey.finetune.planning.audit import RunCounts
from journey.finetune.runs import Run


def grouped(
    runs: Sequence[Run], counted: Sequence[RunCounts], engine: str, stacks: int | None, device: str
) -> list[tuple[Run, ...]]:
    """The runs in groups, each trained in one process; a group each where the engine trains one run at a time.

    On a CPU the runs of a seed are a stack, since stacks can then be in different processes; on a GPU all runs are. The
    groups depend on settings and device alone, never on the number of workers: forward passes, and so the last bits of
    the weights, depend on who is in a stack.
    """
    if not ENGINES.entry(engine).facts.get("together"):
        return [(run,) for run in runs]
    if stacks is None and device == "cpu":
        return [tuple(run for run in runs if run.seed == seed) for seed in sorted({run.seed for run in runs})]
    cost = {one.run: one.flops for one in counted}
    dealt: list[list[Run]] = [[] for _ in range(min(stacks or 1, len(runs)))]
    for run in sorted(runs, key=lambda run: (-cost[run.run], run.run)):
        min(dealt, key=lambda stack: sum(cost[other.run] for other in stack)).append(run)
    position = {run.run: number for number, run in enumerate(runs)}
    return [tuple(sorted(stack, key=lambda run: position[run.run])) for stack in dealt]
