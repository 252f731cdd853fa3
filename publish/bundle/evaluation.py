"""An evaluation as a dataset: every question, sample and score as tables, with the report as it is.

README.md  report.html  report.md  scores.json  plan.json  samples/test-00000.parquet  questions/  scores/
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from journey import console
from journey.answers.grading import grade
from journey.publish.bundle import card_model
from journey.publish.bundle.adapters import placeless
from journey.publish.bundle.evaluated import Evaluation, schemas
from journey.publish.bundle.runs import Link
from journey.publish.settings import PublishSettings
from journey.publish.tables import parquet
from journey.publish.tables.licences import Licence
from journey.schema import Question, Sample
from journey.store import Folder, dump_json, manifest_hash, read_manifest, read_shard, shards

EVALUATION_VERSION = 1
_REPORTS = ("report.html", "report.md", "scores.json", "plan.json")
_MORE = ("behaviour.json", "judge.jsonl")  # where there are any


def stage(
    found: Evaluation, licence: Licence, settings: PublishSettings, repo: str, out: Path, links: dict[str, Link | None]
) -> Path:
    """Build the folder of an evaluation's repository and return it."""
    config = {
        "kind": "evaluation",
        "format": EVALUATION_VERSION,
        "repo": repo,
        "licence": licence.id,
        **{name: str(link) if link else None for name, link in links.items()},
    }
    with Folder.open(out, "publish", config, inputs={"evaluate": manifest_hash(found.folder)}) as folder:
        if not folder.finished:
            rows = _tables(folder, found)
            for name in _REPORTS:
                shutil.copyfile(found.folder / name, folder.path(name))
            for name in _MORE:
                if (found.folder / name).is_file():
                    shutil.copyfile(found.folder / name, folder.path(name))
            manifest = placeless(read_manifest(found.folder, "evaluate"))
            folder.write("provenance/evaluate/manifest.json", dump_json(manifest))
            folder.write("README.md", card_model.evaluation(found, licence, settings, repo, rows, links).encode())
            folder.finish({"rows": rows})
    return out


def _tables(folder: Folder, found: Evaluation) -> dict[str, int]:
    questions = {
        benchmark["name"]: {
            question.id: question
            for question in read_shard(found.folder / "questions" / f"{benchmark['name']}.jsonl", Question)
        }
        for benchmark in found.benchmarks
    }
    streams: dict[str, Iterator[list[dict[str, Any]]]] = {
        "samples": _samples(found, questions),
        "questions": ([_question(one)] for of in questions.values() for one in of.values()),
        "scores": ([{name: run.get(name) for name in schemas()["scores"].names}] for run in found.scores["runs"]),
    }
    rows = {}
    for name, stream in streams.items():
        place = lambda number, name=name: folder.path(f"{name}/test-{number:05d}.parquet")
        rows[name] = sum(shard.rows for shard in parquet.write_shards(stream, schemas()[name], place))
    return rows


def _question(one: Question) -> dict[str, Any]:
    problem = one.problem
    return {
        "question_id": one.id,
        "benchmark": one.benchmark,
        "question": problem.question,
        "gold": problem.answer,
        "check": problem.check,
        "level": problem.level,
        "source": problem.source,
        "licence": problem.licence,
        "facts": json.dumps(problem.facts, separators=(",", ":")),
    }


def _samples(found: Evaluation, questions: dict[str, dict[str, Question]]) -> Iterator[list[dict[str, Any]]]:
    """The rows of every sample, graded as the report grades it."""
    runs = {run["run"]: run for run in found.plan["runs"]}
    places = sorted(path for path in (found.folder / "samples").glob("*/*/*") if path.is_dir())
    with console.progress("samples", len(places)) as bar:
        for place in places:
            run, benchmark, draw = place.parts[-3:]
            known = runs.get(run, {"arm": run, "seed": None})  # the larger model of a comparison is no run of the plan
            told = {"run": run, "arm": known["arm"], "seed": known["seed"], "benchmark": benchmark, "draw": draw}
            for path in shards(place.parent, draw):
                for sample in read_shard(path, Sample):
                    yield [{**told, **_sample(sample, questions[benchmark][sample.question])}]
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
