"""Cards of adapters, evaluations and plain models. Numbers come from run.json, audit.json and scores.json alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from journey.numbers import NOT_KNOWN, interval, number, points, spread
from journey.publish.bundle import card_dataset
from journey.publish.bundle.evaluated import Evaluation, read, schemas
from journey.publish.bundle.runs import Link, Plan, label
from journey.publish.settings import PublishSettings
from journey.store import manifest_hash

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


def adapters(plan: Plan, settings: PublishSettings, repo: str) -> str:
    """The card of a repository of adapters."""
    from huggingface_hub import ModelCardData

    found = read(plan.evaluation) if plan.evaluation is not None else None
    arms = list(dict.fromkeys(plan.runs.label(run) for run in plan.names))
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
        runs=[{"name": run, **plan.runs.told[run]} for run in plan.names],
        first=plan.names[0],
        arms=arms,
        audit_rows=_audit_rows(plan, arms),
        audit=plan.runs.audit,
        scored=scored,
        found=found,
        compared=_compared(found),
        manifest=manifest_hash(plan.runs.folder),
    )
    return card_dataset.join(data.to_yaml(), body)


def _audit_rows(plan: Plan, arms: list[str]) -> list[list[str]]:
    """One line a fact: its name, then what each arm has; where seeds differ, the lowest and the highest."""
    by_arm = {arm: [one for one in plan.runs.audit["runs"] if label(one) == arm] for arm in arms}
    rows = []
    for words, key in _AUDIT:
        cells = []
        for arm in arms:
            values = sorted(one[key] for one in by_arm[arm] if key in one)
            cells.append(spread(number(values[0]), number(values[-1])) if values else NOT_KNOWN)
        rows.append([words, *cells])
    return rows


def _scored(found: Evaluation, plan: Plan, arms: list[str]) -> list[dict[str, Any]]:
    """Accuracy with its interval, by benchmark and strategy: of each arm, or of the one run, and of the base."""
    if plan.only is None:
        return [one for one in found.scores["arms"] if one["arm"] in (*arms, *STARTS)]
    wanted = (plan.only, *STARTS)
    return [_of_run(one) for one in found.scores["runs"] if one["run"] in wanted]


def _of_run(run: Mapping[str, Any]) -> dict[str, Any]:
    """A run's score in the shape of an arm's; with Wilson's interval where it is a share of single answers."""
    from scipy.stats import binomtest

    read = run.get("samples") or run["n"]
    rates = {f"{name}_rate": run[key] / read for name, key in (("truncation", "truncated"), ("no_answer", "no_answer"))}
    told = {**run, **rates, "seeds": 1, "low": None, "high": None}
    if read == run["n"]:
        interval = binomtest(run["correct"], run["n"]).proportion_ci(method="wilson")
        told |= {"accuracy": run["correct"] / run["n"], "low": float(interval.low), "high": float(interval.high)}
    return told


def _eval_results(found: Evaluation, scored: list[dict[str, Any]], link: Link | None) -> list[EvalResult]:
    from huggingface_hub import EvalResult

    benchmarks = {one["name"]: one for one in found.plan["benchmarks"]}
    results = []
    for one in scored:
        if one.get("oracle"):  # looks at the gold answers: no result of the model
            continue
        benchmark = benchmarks[one["benchmark"]]
        source = _HUB_SOURCE.fullmatch(str(benchmark["source"]))
        of_hub = source[1] if source else None
        results.append(
            EvalResult(
                task_type="text-generation",
                task_name="reasoning",
                dataset_type=of_hub or (link.repo if link else one["benchmark"]),
                dataset_name=one["benchmark"],
                dataset_revision=benchmark["revision"] if of_hub and _is_commit(benchmark["revision"]) else None,
                dataset_split="test",
                metric_type="accuracy",
                metric_name=f"accuracy of {one.get('run') or one['arm']}, {one['strategy']}",
                metric_value=round(one["accuracy"], 6),
                metric_args={
                    "arm": one["arm"],
                    "strategy": one["strategy"],
                    **{end: round(one[end], 6) for end in ("low", "high") if one[end] is not None},
                    "level": 0.95,
                    "problems": one["n"],
                    "seeds": one["seeds"],
                    "mean_tokens": round(one["mean_tokens"], 2),
                },
                source_name="journey-learning evaluation" if link else None,
                source_url=card_dataset.hub_page(link.repo, "dataset") if link else None,
            )
        )
    return results


def _is_commit(revision: object) -> bool:
    return isinstance(revision, str) and re.fullmatch(r"[0-9a-f]{40}", revision) is not None


def _compared(found: Evaluation | None) -> list[dict[str, Any]]:
    """The comparisons between arms, flat: names, difference, interval, p and the verdict's words."""
    rows = []
    for one in found.scores["compared"] if found else ():
        if one["first"] in STARTS:
            continue
        result, verdict = one["comparison"], one["verdict"]
        rows.append(
            {
                "benchmark": one["benchmark"],
                "arms": f"{one['second']} minus {one['first']}",
                "difference": points(result["difference"]),
                "interval": interval(result.get("low"), result.get("high")),
                "words": "; ".join([verdict["words"], *verdict["qualifiers"]]),
            }
        )
    return rows


def evaluation(
    found: Evaluation,
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
        benchmarks=found.benchmarks,
        scores=found.scores,
        compared=_compared(found),
        tables=tables,
        links={name: link for name, link in links.items() if link},
        licence=licence.id,
        licences={
            name: given or settings.source_license.get(name, "not stated") for name, given in found.licences.items()
        },
        manifest=manifest_hash(found.folder),
    )
    return card_dataset.join(data.to_yaml(), body)
