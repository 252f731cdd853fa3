"""The finding of what `journey show` shows: a folder or file of any kind, and its first records.

Records are recognised by their shape, so that a file copied out of its folder is shown too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

import msgspec

from journey.errors import PartialError, UsageError
from journey.formats.adapter import CONFIG, read_adapter_config
from journey.formats.curation import LedgerLine, RejectedLine
from journey.formats.files import read_lines
from journey.formats.finetune import TrajectoryPoint
from journey.formats.folders import EvaluatedFolder, FinetunedFolder, FinishedFolder, open_finished, open_run
from journey.formats.manifest import MANIFEST
from journey.formats.recipes.sweep import SweepPlan, SweepResults
from journey.schema import Pair, Question, Reward, Sample, Tree
from journey.tables.files import read as read_rows

_RECORDS: tuple[type[Any], ...] = (Pair, Tree, Question, Sample, Reward, LedgerLine, RejectedLine, TrajectoryPoint)
_IN_A_RUN = ("curate", "generate", "evaluate", "finetune", "bundle")
_TEXT = (".json", ".md", ".txt", ".yaml", ".yml", ".log", ".csv", ".jinja")
_LONGEST = 20_000  # characters of a text file


@dataclass(frozen=True)
class ShownRecords:
    """What is shown: records of one kind, the facts of a folder, or both; `more` tells whether records are left."""

    title: str
    records: list[Any] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    folder: FinishedFolder | None = None
    text: str = ""
    more: bool = False
    sweep: SweepResults | None = None


def find(path: Path, number: int, skip: int = 0) -> ShownRecords:
    """The first records of a file or folder, or its facts. Raises UsageError where there is nothing to show."""
    if not path.exists():
        raise UsageError(f"no file or folder {path}", "give one that `journey generate` or another command wrote")
    if path.is_file():
        return _of_file(path, number, skip)
    if (path / SweepPlan.FILE).is_file():
        return _of_sweep(path)
    if (path / MANIFEST).is_file():
        return _of_folder(open_finished(path), number, skip)
    inner = next((path / name for name in _IN_A_RUN if (path / name / MANIFEST).is_file()), None)
    if inner is not None:
        return find(inner, number, skip)
    if (path / CONFIG).is_file() or (path / "config.json").is_file():
        return _of_weights(path)
    for end, read in ((".jsonl", _lines), (".parquet", _table)):
        files = sorted(path.rglob(f"*{end}"))
        if files:
            return _cut(str(path), chain.from_iterable(map(read, files)), number, skip)
    names = sorted(each.relative_to(path).as_posix() for each in path.rglob("*") if each.is_file())
    if not names:
        raise UsageError(f"{path} is empty", "give a folder or file that a command wrote")
    return ShownRecords(
        f"{path}: {len(names)} files", facts={name: f"{(path / name).stat().st_size:,}" for name in names[:40]}
    )


def _cut(title: str, records: Iterator[Any], number: int, skip: int, **more: Any) -> ShownRecords:
    try:
        chosen = list(islice(records, skip, skip + number + 1))
    except (PartialError, UnicodeDecodeError) as error:
        raise UsageError(f"{title} cannot be read: {error}", "give a file that a command wrote") from None
    if not chosen:
        raise UsageError(f"{title} holds no more records", "use a smaller --skip")
    return ShownRecords(title, chosen[:number], more=len(chosen) > number, **more)


def _of_file(path: Path, number: int, skip: int) -> ShownRecords:
    end = path.suffix.lower()
    if not path.stat().st_size:
        return ShownRecords(str(path), text="an empty file: it holds no records")
    if end in (".jsonl", ".ndjson"):
        return _cut(str(path), _lines(path), number, skip)
    if end == ".parquet":
        return _cut(str(path), _table(path), number, skip)
    if end == ".safetensors":
        return _of_weights(path.parent)
    if end in _TEXT or end == "":
        return ShownRecords(str(path), text=path.read_text(encoding="utf-8", errors="replace")[:_LONGEST])
    raise UsageError(f"{path} is no kind of file that is shown here", f"known: .jsonl, .parquet, {', '.join(_TEXT)}")


def _lines(path: Path) -> Iterator[Any]:
    """The records of a JSON-lines file; objects of no known kind as they are."""
    with path.open("rb") as file:
        first = next((line for line in file if line.strip()), b"")
    for record in _RECORDS:
        try:
            msgspec.json.Decoder(record).decode(first)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        yield from read_lines(path, record)
        return
    yield from (row for _, row in read_rows(path))


def _table(path: Path) -> Iterator[dict[str, Any]]:
    from journey.publish.tables import parquet

    return parquet.read_rows([path])


def _of_folder(opened: FinishedFolder, number: int, skip: int) -> ShownRecords:
    title = f"{opened.path}: written by journey {opened.manifest.stage}"
    if isinstance(opened, FinetunedFolder):
        return ShownRecords(title, list(opened.runs.values()), folder=opened)
    if isinstance(opened, EvaluatedFolder):
        return _cut(title, _answers(opened), number, skip, folder=opened)
    kind = next((kind for kind in ("train", "pairs", "dev", "test") if opened.shards(kind)), None)
    if kind is not None and opened.manifest.stage in ("generate", "curate"):
        return _cut(title, opened.records(kind, Pair), number, skip)
    return ShownRecords(title, facts=dict(opened.manifest.counts), folder=opened)


def _of_sweep(path: Path) -> ShownRecords:
    """What came of a sweep, or how far it is."""
    plan = SweepPlan.read(path)
    title = f"{path}: written by journey sweep"
    if (path / SweepResults.FILE).is_file():
        record = SweepResults.read(path)
        return ShownRecords(title, [record], sweep=record)
    done = {
        point.folder: "finished" if (path / point.folder / "evaluate" / MANIFEST).is_file() else "not finished"
        for point in plan.points
    }
    return ShownRecords(title, facts={"recipe": plan.recipe, **done})


def _answers(evaluated: EvaluatedFolder) -> Iterator[dict[str, Any]]:
    """Every question with the first stored answer of each run."""
    for benchmark in evaluated.plan.benchmarks:
        draws = {(run, draw) for run, name, draw in evaluated.sampled() if name == benchmark.name}
        by_question: dict[str, dict[str, str]] = {}
        for run, draw in sorted(draws, key=lambda each: (each[0] != "base", *each)):
            for sample in evaluated.samples(run, benchmark.name, draw):
                by_question.setdefault(sample.question, {}).setdefault(f"{run}, {draw}", sample.text)
        for question in evaluated.questions(benchmark.name):
            asked = {"benchmark": benchmark.name, "question": question.problem.question}
            yield {**asked, "answer": question.problem.answer, "answers": by_question.get(question.id, {})}


def _of_weights(folder: Path) -> ShownRecords:
    """A run, an adapter of any maker, or a whole model."""
    run = open_run(folder)
    if run is not None:
        opened, name = run
        return ShownRecords(f"{folder}: a run of journey finetune", [opened.runs[name], *opened.trajectory(name)[-3:]])
    sizes = {each.name: f"{each.stat().st_size:,} bytes" for each in sorted(folder.iterdir()) if each.is_file()}
    if (folder / CONFIG).is_file():
        config = read_adapter_config(folder)
        facts = {"kind": config.kind, "base": config.base, "rank": config.fields.get("r"), **sizes}
        return ShownRecords(f"{folder}: an adapter", facts=facts)
    return ShownRecords(f"{folder}: a model", facts=sizes)
