"""The sample sets of a plan: of which runs, on which questions, with which draws."""

from __future__ import annotations

from journey.evaluate.planning.runs import pairs, trained
from journey.evaluate.statistics.verdict import BASE
from journey.formats.finetune import WARMUP
from journey.formats.plan import BenchmarkInfo, EvaluationPlan, RunInfo


def sampled_runs(plan: EvaluationPlan) -> list[RunInfo]:
    """The runs that are sampled: the base, and every run that left an adapter."""
    return [run for run in plan.runs if run.arm == BASE or run.adapter is not None]


def all_benchmarks(plan: EvaluationPlan) -> tuple[BenchmarkInfo, ...]:
    """The benchmarks of the report, and the dev problems."""
    return (*plan.benchmarks, *plan.dev)


def start_of(plan: EvaluationPlan) -> RunInfo:
    """The run of what every arm starts from: the warm start where there is one, else the base."""
    runs = sampled_runs(plan)
    return next((run for run in runs if run.arm == WARMUP), runs[0])


def draws_on(plan: EvaluationPlan, benchmark: str, run: RunInfo) -> list[str]:
    """What is drawn of a run on a benchmark. Dev problems: policies of the arms that may choose, greedy of the others."""
    known = {draw.name for draw in plan.draws}
    on_dev = next((b for b in plan.benchmarks if b.dev == benchmark), None)
    if on_dev is None:
        wanted = ["greedy", *(plan.draw_of(name) for name in plan.strategies_on(benchmark))]
        if run.arm == BASE and plan.base_draws is not None:
            wanted = [draw for draw in wanted if draw in plan.base_draws]
        if run.run == start_of(plan).run and "samples" in (
            plan.base_draws or ()
        ):  # for accuracies by how often it is right
            wanted.append("samples")
        return [draw for draw in dict.fromkeys(wanted) if draw in known or not known]
    if run.seed is None:
        return []
    choosers = {first for first, _ in pairs(plan.runs)}
    if plan.larger is not None:
        choosers |= {one.arm for one in trained(plan.runs)}
    infos = {info.name: info for info in plan.policies}
    names = [name for name in plan.strategies_on(on_dev.name) if not infos[name].oracle] if run.arm in choosers else []
    return list(dict.fromkeys(["greedy", *(plan.draw_of(name) for name in names)]))
