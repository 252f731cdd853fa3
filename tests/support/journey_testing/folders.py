"""Stage folders made by the project's own writers, and folders changed the way a rightful writer would change them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from journey.formats.adapter import CONFIG
from journey.formats.files import sha256_of
from journey.formats.finetune import ADAPTER, PROBLEMS, AuditFile, BaseFacts, RunCounts, RunFile, TrajectoryPoint
from journey.formats.folders import Stage, open_finished
from journey.formats.manifest import MANIFEST, ListedFile, Manifest
from journey.formats.marks import DONE, Environment, Timing
from journey.formats.plan import EvaluationPlan
from journey.formats.scores import Scores
from journey.store import Folder

T = TypeVar("T")


def records(folder: Path, kind: str, record: type[T]) -> Iterator[T]:
    """All records of one kind in a finished folder."""
    return open_finished(folder).records(kind, record)


def write_folder(
    out: Path,
    stage: Stage,
    files: Mapping[str, bytes | Iterable[Any]],
    *,
    config: Mapping[str, Any] | None = None,
    inputs: Mapping[str, str] | None = None,
    counts: Mapping[str, Any] | None = None,
) -> Path:
    """A finished folder with these files (bytes, or records)."""
    with Folder.open(out, stage, config or {}, inputs=inputs) as folder:
        for name, content in files.items():
            folder.write(name, content)
        folder.finish(counts or {})
    return out


def change(folder: Path, files: Mapping[str, bytes | None] | None = None, **fields: Any) -> Path:
    """Rewrite files of a finished folder (None: remove) or fields of its manifest, and seal it again."""
    manifest = Manifest.read(folder)
    listed = dict(manifest.files)
    for name, data in (files or {}).items():
        if data is None:
            (folder / name).unlink()
            del listed[name]
        else:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
            listed[name] = ListedFile(sha256_of(data), len(data))
    changed = msgspec.structs.replace(manifest, files=dict(sorted(listed.items())), **fields).sealed()
    (folder / MANIFEST).write_bytes(changed.encoded())
    return folder


def run_file(run: str, arm: str, seed: int = 0, *, base: str = "pocket", **fields: Any) -> RunFile:
    """run.json of a run, with the fields that a test is about."""
    return RunFile(run=run, arm=arm, seed=seed, base=BaseFacts(base), **fields)


def run_counts(run: str, arm: str, seed: int = 0, **fields: Any) -> RunCounts:
    """A line of audit.json, with the fields that a test is about."""
    plain: dict[str, Any] = {
        "rows": 32, "problems": 32, "epochs": 1.0, "steps": 2, "supervised_tokens": 800, "total_tokens": 900,
        "completion_tokens_p995": 80, "flops": 10**9, "lr": 2e-4, "answer_share": 0.2, "correct_path_share": 0.5,
    }  # fmt: skip
    return RunCounts(run, arm, seed, **(plain | fields))


def audit_file(runs: Iterable[RunCounts] = (), **fields: Any) -> AuditFile:
    """audit.json of these runs."""
    plain: dict[str, Any] = {"reference": "journey", "equal": (), "differs": (), "notes": ()}
    return AuditFile(runs=tuple(runs), **(plain | fields))


def finetune_files(runs: Iterable[RunFile], audit: AuditFile | None = None) -> dict[str, bytes | Iterable[Any]]:
    """What a finetune folder holds besides weights: run.json of every run, a step of each trajectory, the audit."""
    files: dict[str, bytes | Iterable[Any]] = {AuditFile.FILE: (audit or audit_file()).encoded()}
    for run in runs:
        files[f"{run.run}/{RunFile.FILE}"] = run.encoded()
        files[f"{run.run}/trajectory.jsonl"] = [TrajectoryPoint(1, 2.0, 0.5, 1e-3, 400)]
    files[PROBLEMS] = b"".join(f"{number:032x}\n".encode() for number in range(32))
    return files


def keep_adapter(folder: Folder, run: str) -> None:
    """List an adapter that PEFT wrote into a folder being written."""
    (folder.work / run / "README.md").unlink(missing_ok=True)
    for name in (ADAPTER, CONFIG):
        folder.keep(f"{run}/{name}")


def plan_and_scores(folder: Path) -> tuple[EvaluationPlan, Scores]:
    """What a finished evaluation asked, and what came of it."""
    evaluated = open_finished(folder, "evaluate")
    return evaluated.plan, evaluated.scores


def relist(folder: Path) -> Path:
    """Seal a finished folder again as it lies there now, after a test put whole models into it or took them out."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    ours = {MANIFEST, Environment.FILE, Timing.FILE, "report.html", "report.md", "samples.parquet"}
    data = {name: (folder / name).read_bytes() for name in names if name not in ours and not name.startswith(DONE)}
    listed = {name: ListedFile(sha256_of(content), len(content)) for name, content in sorted(data.items())}
    manifest = msgspec.structs.replace(Manifest.read(folder), files=listed).sealed()
    (folder / MANIFEST).write_bytes(manifest.encoded())
    return folder
