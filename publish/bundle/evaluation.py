"""An evaluation as a dataset: every question, sample and score as tables, with the report as it is.

README.md  report.html  report.md  scores.json  plan.json  samples/test-00000.parquet  questions/  scores/
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from journey import console
from journey.answers.grading import grade
from journey.formats.behaviour import BehaviourFile
from journey.formats.folders import EvaluatedFolder
from journey.formats.manifest import MANIFEST
from journey.formats.plan import EvaluationPlan, RunInfo
from journey.formats.scores import Scores
from journey.publish.bundle import card_model
from journey.publish.bundle.adapters import placeless
from journey.publish.bundle.evaluated import benchmarks_of, schemas
from journey.publish.bundle.runs import Link
from journey.publish.settings import PublishSettings
from journey.publish.tables import parquet
from journey.publish.tables.licences import Licence
from journey.schema import Question, Sample
from journey.store import Folder

EVALUATION_VERSION = 1
_VIEWS = ("report.html", "report.md", BehaviourFile.FILE, "judge.jsonl")  # where there are any: made again at will


def stage(
    evaluated: EvaluatedFolder,
    licence: Licence,
    settings: PublishSettings,
    repo: str,
    out: Path,
    links: dict[str, Link | None],
) -> Path:
    """Build the folder of an evaluation's repository and return it."""
    config = {
        "kind": "evaluation",
        "format": EVALUATION_VERSION,
        "repo": repo,
        "licence": licence.id,
        **{name: str(link) if link else None for name, link in links.items()},
    }
    with Folder.open(out, "publish", config, inputs={"evaluate": evaluated.sha256}) as folder:
        if not folder.finished:
            rows = _tables(folder, evaluated)
            for name in (EvaluationPlan.FILE, Scores.FILE):
                folder.write(name, evaluated.read(name))
            for name in _VIEWS:
                if (evaluated.path / name).is_file():
                    folder.write(name, (evaluated.path / name).read_bytes())
            folder.write(f"provenance/evaluate/{MANIFEST}", placeless(evaluated.manifest).encoded())
            folder.write("README.md", card_model.evaluation(evaluated, licence, settings, repo, rows, links).encode())
            folder.finish({"rows": rows})
    return out


def _tables(folder: Folder, evaluated: EvaluatedFolder) -> dict[str, int]:
    questions = {
        benchmark.name: {question.id: question for question in evaluated.questions(benchmark.name)}
        for benchmark in benchmarks_of(evaluated)
    }
    names = schemas()["scores"].names
    streams: dict[str, Iterator[list[dict[str, Any]]]] = {
        "samples": _samples(evaluated, questions),
        "questions": ([_question(question)] for of in questions.values() for question in of.values()),
        "scores": ([{name: getattr(run, name) for name in names}] for run in evaluated.scores.runs),
    }
    rows = {}
    for name, stream in streams.items():
        path_of = lambda number, name=name: folder.path(f"{name}/test-{number:05d}.parquet")
        shards = list(parquet.write_shards(stream, schemas()[name], path_of))
        folder.mark_files(f"table-{name}", [f"{name}/test-{shard.number:05d}.parquet" for shard in shards])
        rows[name] = sum(shard.rows for shard in shards)
    return rows


def _question(question: Question) -> dict[str, Any]:
    problem = question.problem
    return {
        "question_id": question.id,
        "benchmark": question.benchmark,
        "question": problem.question,
        "gold": problem.answer,
        "check": problem.check,
        "level": problem.level,
        "source": problem.source,
        "licence": problem.licence,
        "facts": json.dumps(problem.facts, separators=(",", ":")),
    }


def _samples(evaluated: EvaluatedFolder, questions: dict[str, dict[str, Question]]) -> Iterator[list[dict[str, Any]]]:
    """The rows of every sample, graded as the report grades it."""
    runs = {run.run: run for run in evaluated.plan.runs}
    drawn = evaluated.sampled()
    with console.progress("samples", len(drawn)) as bar:
        for run, benchmark, draw in drawn:
            known = runs.get(run) or RunInfo(run, run, None)  # the larger model of a comparison is no run of the plan
            facts = {"run": run, "arm": known.arm, "seed": known.seed, "benchmark": benchmark, "draw": draw}
            for sample in evaluated.samples(run, benchmark, draw):
                yield [{**facts, **_sample(sample, questions[benchmark][sample.question])}]
            bar.advance(detail=run)


def _sample(sample: Sample, question: Question) -> dict[str, Any]:
    judged = grade(question.problem, sample.text, sample.finish)
    return {
        "index": sample.index,
        "question_id": question.id,
        "question": question.problem.question,
        "gold": question.problem.answer,
        "text": sample.text,
        "outcome": judged.outcome,
        "answer": judged.answer,
        "why": judged.why,
        "tokens": sample.tokens,
        "prompt_tokens": sample.prompt_tokens or None,
        "flops": sample.flops,
        "logprob": sample.logprob,
        "finish": sample.finish,
    }
