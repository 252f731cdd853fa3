"""Cards of adapters, evaluations and plain models. Numbers come from run.json, audit.json and scores.json alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from journey.formats.folders import EvaluatedFolder
from journey.formats.scores import ArmScore, RunScore
from journey.models import policy
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
    """README.md of a repository of adapters: training data, audit, and scores where an evaluation is published with it."""
    from huggingface_hub import ModelCardData

    evaluated, runs = plan.evaluation, plan.runs.adapters
    arms = list(dict.fromkeys(runs[run].label for run in plan.names))
    scored = _scored(evaluated, plan, arms) if evaluated else []
    data = ModelCardData(
        base_model=plan.start.repo,
        library_name="peft",
        pipeline_tag="text-generation",
        license=plan.duties.licence.id,
        language=["en"],
        datasets=[plan.dataset.repo] if plan.dataset else None,
        tags=["lora", "sft", "reasoning", "journey-learning"],
        model_name=repo.rpartition("/")[2],
        eval_results=_eval_results(evaluated, scored, plan.evaluation_link) if evaluated else None,
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
        template_notes=policy.sentences(plan.runs.folder.template or policy.PLAIN),
        arms=arms,
        audit_rows=_audit_rows(plan, arms),
        audit=plan.runs.folder.audit,
        scored=scored,
        evaluated=evaluated,
        compared=_compared(evaluated),
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
            values = sorted(getattr(run, name) for run in counts if run.label == arm)
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


def _scored(evaluated: EvaluatedFolder, plan: AdapterRepoPlan, arms: list[str]) -> list[Scored]:
    """Accuracy with its interval, by benchmark and strategy: of each arm, or of the one run, and of the base."""
    if plan.only is None:
        return [_of_arm(score) for score in evaluated.scores.arms if score.arm in (*arms, *STARTS)]
    wanted = (plan.only, *STARTS)
    return [_of_run(score) for score in evaluated.scores.runs if score.run in wanted]


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


def _eval_results(evaluated: EvaluatedFolder, scored: list[Scored], link: Link | None) -> list[EvalResult]:
    from huggingface_hub import EvalResult

    benchmarks = {benchmark.name: benchmark for benchmark in evaluated.plan.benchmarks}
    results = []
    for score in scored:
        if score.oracle:  # looks at the gold answers: no result of the model
            continue
        benchmark = benchmarks[score.benchmark]
        source = _HUB_SOURCE.fullmatch(benchmark.source)
        of_hub = source[1] if source else None
        ends = {"low": score.low, "high": score.high}
        results.append(
            EvalResult(
                task_type="text-generation",
                task_name="reasoning",
                dataset_type=of_hub or (link.repo if link else score.benchmark),
                dataset_name=score.benchmark,
                dataset_revision=benchmark.revision if of_hub and _is_commit(benchmark.revision) else None,
                dataset_split="test",
                metric_type="accuracy",
                metric_name=f"accuracy of {score.name}, {score.strategy}",
                metric_value=round(score.accuracy, 6),
                metric_args={
                    "arm": score.arm,
                    "strategy": score.strategy,
                    **{end: round(value, 6) for end, value in ends.items() if value is not None},
                    "level": 0.95,
                    "problems": score.n,
                    "seeds": score.seeds,
                    "mean_tokens": round(score.mean_tokens, 2),
                },
                source_name="journey-learning evaluation" if link else None,
                source_url=card_dataset.hub_page(link.repo, "dataset") if link else None,
            )
        )
    return results


def _is_commit(revision: object) -> bool:
    return isinstance(revision, str) and re.fullmatch(r"[0-9a-f]{40}", revision) is not None


def _compared(evaluated: EvaluatedFolder | None) -> list[dict[str, str]]:
    """The comparisons between arms, flat: names, difference, interval, p and the verdict's words."""
    return [
        {
            "benchmark": row.benchmark,
            "arms": f"{row.second} minus {row.first}",
            "difference": points(row.comparison.difference),
            "interval": interval(row.comparison.low, row.comparison.high),
            "words": "; ".join([row.verdict.words, *row.verdict.qualifiers]),
        }
        for row in (evaluated.scores.compared if evaluated else ())
        if row.first not in STARTS
    ]


def evaluation(
    evaluated: EvaluatedFolder,
    licence: Licence,
    settings: PublishSettings,
    repo: str,
    rows: Mapping[str, int],
    links: Mapping[str, Link | None],
) -> str:
    """README.md of an evaluation's repository; `rows` by table, `links` to the adapters and the data it is about."""
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
        plan=evaluated.plan,
        benchmarks=benchmarks_of(evaluated),
        scores=evaluated.scores,
        compared=_compared(evaluated),
        tables=tables,
        links={name: link for name, link in links.items() if link},
        licence=licence.id,
        licences={
            name: given or settings.source_license.get(name, "not stated")
            for name, given in licences_of(evaluated).items()
        },
        manifest=evaluated.sha256,
    )
    return card_dataset.join(data.to_yaml(), body)
