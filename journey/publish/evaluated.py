"""An evaluation as a dataset: every question, sample and score as tables, with the report as it is.

README.md  report.html  report.md  scores.json  plan.json  samples/test-00000.parquet  questions/  scores/
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from journey import console
from journey.errors import UsageError
from journey.grading import grade
from journey.publish import cards_model, parquet
from journey.publish.licences import Licence
from journey.publish.settings import PublishSettings
from journey.publish.trained import Link, placeless
from journey.schema import Question, Sample, decode
from journey.store import Folder, corrupt_files, dump_json, manifest_hash, read_manifest, read_shard, shards

if TYPE_CHECKING:
    import pyarrow

EVALUATION_VERSION = 1
_REPORTS = ("report.html", "report.md", "scores.json", "plan.json")


@dataclass(frozen=True)
class Evaluation:
    """A finished evaluation folder."""

    folder: Path
    plan: dict[str, Any]
    scores: dict[str, Any]

    @property
    def licences(self) -> dict[str, str | None]:
        """The licence of every benchmark, by name."""
        return {one["name"]: one["licence"] for one in self.plan["benchmarks"]}


def read(folder: Path) -> Evaluation:
    """The folder's plan and scores. Raises UsageError if it is none or damaged."""
    read_manifest(folder, "evaluate")
    damaged = corrupt_files(folder)
    if damaged:
        raise UsageError(f"{folder} is damaged: {', '.join(damaged[:3])}", "run `journey evaluate` again")
    plan, scores = (json.loads((folder / name).read_bytes()) for name in ("plan.json", "scores.json"))
    return Evaluation(folder, plan, scores)


def schemas() -> dict[str, pyarrow.Schema]:
    """The Arrow types of every config."""
    import pyarrow as pa

    text, whole, real = pa.string(), pa.int32(), pa.float64()
    score = [("run", text), ("arm", text), ("seed", whole), ("benchmark", text), ("strategy", text)]
    return {
        "samples": pa.schema(
            [
                *score, ("question_id", text), ("question", text), ("gold", text), ("text", text), ("outcome", text),
                ("answer", text), ("why", text), ("tokens", whole), ("finish", text), ("more", text),
            ]
        ),
        "questions": pa.schema(
            [
                ("question_id", text), ("benchmark", text), ("question", text), ("gold", text), ("check", text),
                ("level", whole), ("source", text), ("licence", text), ("facts", text),
            ]
        ),
        "scores": pa.schema(
            [
                *score, ("n", whole), ("correct", whole), ("wrong", whole), ("no_answer", whole),
                ("undecided", whole), ("truncated", whole), ("mean_tokens", real), ("mean_seconds", real),
            ]
        ),
    }  # fmt: skip


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
            manifest = placeless(read_manifest(found.folder, "evaluate"))
            folder.write("provenance/evaluate/manifest.json", dump_json(manifest))
            folder.write("README.md", cards_model.evaluation(found, licence, settings, repo, rows, links).encode())
            folder.finish({"rows": rows})
    return out


def _tables(folder: Folder, found: Evaluation) -> dict[str, int]:
    questions = {
        benchmark["name"]: {
            question.id: question
            for question in read_shard(found.folder / "questions" / f"{benchmark['name']}.jsonl", Question)
        }
        for benchmark in found.plan["benchmarks"]
    }
    streams: dict[str, Iterator[list[dict[str, Any]]]] = {
        "samples": _samples(found, questions),
        "questions": ([_question(one)] for of in questions.values() for one in of.values()),
        "scores": ([{name: run[name] for name in schemas()["scores"].names}] for run in found.scores["runs"]),
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
    known = set(schemas()["samples"].names) | {"seconds"}
    with console.progress("samples", len(places)) as bar:
        for place in places:
            run, benchmark, strategy = place.parts[-3:]
            for path in shards(place.parent, strategy):
                for line in path.read_bytes().splitlines():
                    sample = decode(line, Sample)
                    question = questions[benchmark][sample.question]
                    judged = grade(question.problem, sample.text, sample.finish)
                    told = msgspec.to_builtins(sample)
                    more = {name: value for name, value in told.items() if name not in known}
                    yield [
                        {
                            "run": run,
                            "arm": runs[run]["arm"],
                            "seed": runs[run]["seed"],
                            "benchmark": benchmark,
                            "strategy": strategy,
                            "question_id": question.id,
                            "question": question.problem.question,
                            "gold": question.problem.answer,
                            "text": sample.text,
                            "outcome": judged.outcome,
                            "answer": judged.answer,
                            "why": judged.why,
                            "tokens": sample.tokens,
                            "finish": sample.finish,
                            "more": json.dumps({k: v for k, v in more.items() if k != "question"}) if more else None,
                        }
                    ]
            bar.advance(detail=run)
