"""Cards of adapters, evaluations and plain models. Numbers come from run.json, audit.json and scores.json alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from journey.formats.folders import EvaluatedFolder
from journey.formats.scores import ArmScore, RunScore
from journey.numbers import NOT_KNOWN, interval, number, points, spread
from journey.publish.bundle import card_dataset
from journey.publish.bundle.evaluated import benchmarks_of, licences_of, schemas
from journey.publish.bundle.runs import AdapterRepoPlan, Link
from journey.publish.settings import PublishSettings

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

    from journey.publish.tables.licences import Licence

_HUB_SOURCE = re.compile(r"([\w.-]+/[\w.-]+)(?:, from .*)?")
_AUDIT = (
    ("rows", "rows"), ("unique problems", "problems"), ("epochs", "epochs"), ("optimiser steps", "steps"),
    ("supervised tokens", "supervised_tokens"), ("all tokens", "total_tokens"), ("training FLOPs", "flops"),
    ("learning rate", "lr"), ("share of the loss on the answer", "answer_share"),
    ("share of the loss on the correct path", "correct_path_share"),
)  # fmt: skip


STARTS = ("base", "warmup")  # what the runs began as, sampled beside them


def adapters(plan: AdapterRepoPlan, settings: PublishSettings, repo: str) -> str:
    """The card of a repository of adapters."""
    from huggingface_hub import ModelCardData

    found, runs = plan.evaluation, plan.runs.adapters
    arms = list(dict.fromkeys(runs[run].label for run in plan.names))
    scored = _scored(found, plan, arms) if found else []
    data = ModelCardData(
        base_model=plan.start.repo,
        library_name="peft",
        pipeline_tag="text-generation",
        license=plan.duties.licence.id,
        language=["en"],
        datasets=[plan.dataset.repo] if plan.dataset else None,
        tags=["lora", "sft", "reasoning", "journey-learning"],
        model_name=repo.rpartition("/")[2],
        eval_results=_eval_results(found, scored, plan.evaluation_link) if found else None,
    )
    body = card_dataset.render(
        "adapters.md.j2",
        plan=plan,
        name=repo.rpartition("/")[2],
        repo=repo,
        slug=card_dataset.slug(repo),
        url=card_dataset.hub_page(repo, "model"),
        runs=[runs[run] for run in plan.names],
        first=plan.names[0],
        arms=arms,
        audit_rows=_audit_rows(plan, arms),
        audit=plan.runs.folder.audit,
        scored=scored,
        found=found,
        compared=_compared(found),
        manifest=plan.runs.folder.sha256,
    )
    return card_dataset.join(data.to_yaml(), body)


def _audit_rows(plan: AdapterRepoPlan, arms: list[str]) -> list[list[str]]:
    """One line a fact: its name, then what each arm has; where seeds differ, the lowest and the highest."""
    counts = plan.runs.folder.audit.runs
    rows = []
    for words, name in _AUDIT:
        cells = []
        for arm in arms:
            values = sorted(getattr(one, name) for one in counts if one.label == arm)
            cells.append(spread(number(values[0]), number(values[-1])) if values else NOT_KNOWN)
        rows.append([words, *cells])
    return rows


@dataclass(frozen=True)
class Scored:
    """An accuracy as a card shows it: of an arm over its seeds, or of one run."""

    name: str  # the arm, or the run
    arm: str
    benchmark: str
    strategy: str
    n: int
    seeds: int
    accuracy: float
    low: float | None
    high: float | None
    truncation_rate: float
    no_answer_rate: float
    mean_tokens: float
    oracle: bool = False


def _scored(found: EvaluatedFolder, plan: AdapterRepoPlan, arms: list[str]) -> list[Scored]:
    """Accuracy with its interval, by benchmark and strategy: of each arm, or of the one run, and of the base."""
    if plan.only is None:
        return [_of_arm(one) for one in found.scores.arms if one.arm in (*arms, *STARTS)]
    wanted = (plan.only, *STARTS)
    return [_of_run(one) for one in found.scores.runs if one.run in wanted]


def _of_arm(arm: ArmScore) -> Scored:
    return Scored(
        arm.arm,
        arm.arm,
        arm.benchmark,
        arm.strategy,
        arm.n,
        arm.seeds,
        arm.accuracy,
        arm.low,
        arm.high,
        arm.truncation_rate,
        arm.no_answer_rate,
        arm.mean_tokens,
        arm.oracle,
    )


def _of_run(run: RunScore) -> Scored:
    """A run's score; with Wilson's interval where it is a share of single answers."""
    from scipy.stats import binomtest

    read = run.samples or run.n
    accuracy, low, high = run.accuracy, None, None
    if read == run.n:
        interval = binomtest(run.correct, run.n).proportion_ci(method="wilson")
        accuracy, low, high = run.correct / run.n, float(interval.low), float(interval.high)
    return Scored(
        run.run,
        run.arm,
        run.benchmark,
        run.strategy,
        run.n,
        1,
        accuracy,
        low,
        high,
        run.truncated / read,
        run.no_answer / read,
        run.mean_tokens,
    )


def _eval_results(found: EvaluatedFolder, scored: list[Scored], link: Link | None) -> list[EvalResult]:
    from huggingface_hub import EvalResult

    benchmarks = {benchmark.name: benchmark for benchmark in found.plan.benchmarks}
    results = []
    for one in scored:
        if one.oracle:  # looks at the gold answers: no result of the model
            continue
        benchmark = benchmarks[one.benchmark]
        source = _HUB_SOURCE.fullmatch(benchmark.source)
        of_hub = source[1] if source else None
        ends = {"low": one.low, "high": one.high}
        results.append(
            EvalResult(
                task_type="text-generation",
                task_name="reasoning",
                dataset_type=of_hub or (link.repo if link else one.benchmark),
                dataset_name=one.benchmark,
                dataset_revision=benchmark.revision if of_hub and _is_commit(benchmark.revision) else None,
                dataset_split="test",
                metric_type="accuracy",
                metric_name=f"accuracy of {one.name}, {one.strategy}",
                metric_value=round(one.accuracy, 6),
                metric_args={
                    "arm": one.arm,
                    "strategy": one.strategy,
                    **{end: round(value, 6) for end, value in ends.items() if value is not None},
                    "level": 0.95,
                    "problems": one.n,
                    "seeds": one.seeds,
                    "mean_tokens": round(one.mean_tokens, 2),
                },
                source_name="journey-learning evaluation" if link else None,
                source_url=card_dataset.hub_page(link.repo, "dataset") if link else None,
            )
        )
    return results


def _is_commit(revision: object) -> bool:
    return isinstance(revision, str) and re.fullmatch(r"[0-9a-f]{40}", revision) is not None


def _compared(found: EvaluatedFolder | None) -> list[dict[str, str]]:
    """The comparisons between arms, flat: names, difference, interval, p and the verdict's words."""
    return [
        {
            "benchmark": one.benchmark,
            "arms": f"{one.second} minus {one.first}",
            "difference": points(one.comparison.difference),
            "interval": interval(one.comparison.low, one.comparison.high),
            "words": "; ".join([one.verdict.words, *one.verdict.qualifiers]),
        }
        for one in (found.scores.compared if found else ())
        if one.first not in STARTS
    ]


def evaluation(
    found: EvaluatedFolder,
    licence: Licence,
    settings: PublishSettings,
    repo: str,
    rows: Mapping[str, int],
    links: Mapping[str, Link | None],
) -> str:
    """The card of an evaluation's repository."""
    from huggingface_hub import DatasetCardData

    names = ("samples", "questions", "scores")
    configs: list[dict[str, Any]] = [
        {
            "config_name": name,
            **({"default": True} if name == "samples" else {}),
            "data_files": [{"split": "test", "path": f"{name}/test-*"}],
        }
        for name in names
    ]
    data = DatasetCardData(
        pretty_name=repo.rpartition("/")[2],
        license=licence.id,
        language=["en"],
        task_categories=["text-generation"],
        size_categories=[card_dataset.size_category(max(rows.values()))],
        tags=["evaluation", "reasoning", "journey-learning"],
        configs=configs,
    )
    tables = [
        {
            "name": name,
            "rows": rows[name],
            "columns": [{"name": f.name, "type": card_dataset.type_words(f.type)} for f in schemas()[name]],
        }
        for name in names
    ]
    body = card_dataset.render(
        "evaluation.md.j2",
        name=repo.rpartition("/")[2],
        repo=repo,
        plan=found.plan,
        benchmarks=benchmarks_of(found),
        scores=found.scores,
        compared=_compared(found),
        tables=tables,
        links={name: link for name, link in links.items() if link},
        licence=licence.id,
        licences={
            name: given or settings.source_license.get(name, "not stated") for name, given in licences_of(found).items()
        },
        manifest=found.sha256,
    )
    return card_dataset.join(data.to_yaml(), body)
