"""Readers of finished folders, opened by one function: hashes compared, names confined, typed contents handed down.

    curated = open_finished(path, "curate")            # a CuratedFolder; raises where anything is not as it was written
    for pair in curated.pairs("train"): ...

A folder made from downloaded data is held to the same. A folder is opened once and handed on, so nobody reads a file that
its manifest does not list, or one whose bytes have changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, TypeVar, overload

import msgspec

from journey.errors import PartialError, UnknownName, UsageError
from journey.formats.adapter import CONFIG, AdapterConfig, read_adapter_config
from journey.formats.attempts import (
    ATTEMPTS,
    ESTIMATES,
    PROBLEMS_FILE,
    EstimatedMistake,
    ProfileFile,
    with_estimates,
)
from journey.formats.curation import FunnelFile, GenerateCounts
from journey.formats.files import inside, read_lines, sha256, sha256_of
from journey.formats.finetune import (
    ADAPTER,
    PROBLEMS,
    TRAJECTORY,
    WARMUP,
    AuditFile,
    RunFile,
    TemplateFile,
    TrajectoryPoint,
)
from journey.formats.manifest import MANIFEST, Manifest
from journey.formats.marks import DONE, Environment, ShardMark, Timing
from journey.formats.plan import EvaluationPlan, SampleIdentities
from journey.formats.scores import Scores
from journey.schema import Attempt, Pair, Problem, Question, Reward, Sample, Tree
from journey.splits import Split
from journey.views import View

T = TypeVar("T")
WEIGHTS = (ADAPTER, "model.safetensors", "model.safetensors.index.json")  # of a run: an adapter, or a whole model
STAGES = ("sample", "generate", "curate", "finetune", "evaluate", "harness", "publish")
Stage = Literal["sample", "generate", "curate", "finetune", "evaluate", "harness", "publish"]


class StoredFiles(Protocol):
    """What readers of records need of a folder: a finished one, or one's own that is being written."""

    def has(self, name: str) -> bool:
        """Whether it holds a file of this name."""

    def file(self, name: str) -> Path:
        """Where the file lies."""

    def shards(self, kind: str) -> list[Path]:
        """The shard files of one kind, in order."""


class FinishedFolder:
    """A finished folder whose listed files have the bytes that its manifest says; made by `open_finished`."""

    stage: ClassVar[str] = ""

    def __init__(self, path: Path, manifest: Manifest, digest: str) -> None:
        self.path, self.manifest, self.sha256 = path, manifest, digest

    def has(self, name: str) -> bool:
        """Whether the manifest lists a file of this name."""
        return name in self.manifest.files

    def file(self, name: str) -> Path:
        """Where a listed file lies. Raises PartialError for a name that the manifest does not list."""
        if not self.has(name):
            raise PartialError(f"{self.path} holds no {name}\n  rerun the command that wrote it")
        return inside(self.path, name)

    def read(self, name: str) -> bytes:
        """The bytes of a listed file."""
        return self.file(name).read_bytes()

    def names(self, folder: str, suffix: str = ".jsonl") -> list[str]:
        """Listed files right inside a folder of this one, in order."""
        prefix = f"{folder}/"
        names = [name for name in self.manifest.files if name.startswith(prefix) and name.endswith(suffix)]
        return sorted(name for name in names if "/" not in name.removeprefix(prefix))

    def shards(self, kind: str) -> list[Path]:
        """The shard files of one kind (e.g. "pairs", "train"), in order."""
        return [self.file(name) for name in self.names(kind)]

    def records(self, kind: str, record: type[T]) -> Iterator[T]:
        """All records of one kind, shard after shard."""
        for path in self.shards(kind):
            yield from read_lines(path, record)

    def inputs(self, stage: str) -> list[str]:
        """The manifest hashes of the folders of a stage that this one was made from, in their order."""
        inputs = self.manifest.inputs
        names = [name for name in inputs if name == stage or name.startswith(f"{stage} ")]
        return [inputs[name] for name in sorted(names, key=lambda name: int(name.removeprefix(stage) or 0))]


class SampledFolder(FinishedFolder):
    """Attempts of one policy or several at the same problems, as `journey sample` drew them."""

    stage = "sample"

    @cached_property
    def profile(self) -> ProfileFile:
        """The policies, how often they are right, and what their mistakes are."""
        return ProfileFile.parse(self.read(ProfileFile.FILE), str(self.path / ProfileFile.FILE))

    def policy(self, name: str | None) -> str:
        """The policy of a name; the only one without one. Raises UsageError where several answered, UnknownName."""
        names = [each.policy.name for each in self.profile.policies]
        if name is None and len(names) > 1:
            raise UsageError(
                f"{self.path} holds attempts of several policies: {', '.join(names)}", f"add --policy {names[0]}"
            )
        if name not in (None, *names):
            raise UnknownName("policy", str(name), names)
        return name or names[0]

    def problems(self) -> Iterator[Problem]:
        """The problems, in order."""
        return read_lines(self.file(PROBLEMS_FILE), Problem)

    def attempts(self, policy: str) -> dict[str, list[Attempt]]:
        """The attempts of one policy by problem, in the order of their draws; the greedy one first."""
        by_problem: dict[str, list[Attempt]] = {}
        estimates = list(self.records(ESTIMATES, EstimatedMistake))
        for attempt in with_estimates(self.records(ATTEMPTS, Attempt), estimates):
            if attempt.policy == policy:
                by_problem.setdefault(attempt.problem, []).append(attempt)
        return {name: sorted(of_one, key=lambda one: (one.prefix, one.index)) for name, of_one in by_problem.items()}


class GeneratedFolder(FinishedFolder):
    """Pairs with their trees, as `journey generate` wrote them."""

    stage = "generate"

    @property
    def per_problem(self) -> int | None:
        """How many trees of one problem were asked for; None where the folder does not say."""
        number = self.manifest.config.get("per_problem")
        return None if number is None else int(number)

    @property
    def counts(self) -> GenerateCounts:
        """What was counted when the pairs were made."""
        return msgspec.convert(self.manifest.counts, GenerateCounts)

    def aligned(self) -> list[tuple[Path, Path]]:
        """Each shard of pairs with the shard of their trees. Raises PartialError where one lacks the other."""
        pairs, trees = self.shards("pairs"), self.shards("trees")
        if [path.name for path in pairs] != [path.name for path in trees]:
            raise PartialError(
                f"{self.path}: {len(pairs)} shards of pairs, {len(trees)} of trees\n  rerun the command that wrote it"
            )
        return list(zip(pairs, trees, strict=True))

    def pairs(self) -> Iterator[Pair]:
        """The pairs, in order."""
        return self.records("pairs", Pair)

    def trees(self) -> Iterator[Tree]:
        """The trees, in the order of their pairs."""
        return self.records("trees", Tree)


class FolderForBase(FinishedFolder):
    """A folder that was made for one base: pairs that were measured for it, or its runs."""

    @property
    def base_place(self) -> str | None:
        """Where the base's folder lay when this folder was made on this machine, if it is still there."""
        try:
            base = Environment.read(self.path).base
        except (UsageError, PartialError):
            return None
        return base if base and Path(base).is_dir() else None

    @cached_property
    def template(self) -> TemplateFile | None:
        """How the base's chat template is used; None where that is as it is."""
        if not self.has(TemplateFile.FILE):
            return None
        return TemplateFile.parse(self.read(TemplateFile.FILE), str(self.path / TemplateFile.FILE))


class CuratedFolder(FolderForBase):
    """Pairs that every filter let pass, by split."""

    stage = "curate"

    @property
    def base_setting(self) -> str | None:
        """The model that the pairs were measured for, as the manifest names it; None for none in particular."""
        base = self.manifest.config.get("base")
        return None if base is None else str(base)

    @property
    def base(self) -> str | None:
        """The same, or the folder that it lay in where that is there."""
        return self.base_place or self.base_setting

    @property
    def benchmarks(self) -> list[str]:
        """The benchmarks whose problems were left out."""
        return list(self.manifest.config.get("benchmarks") or [])

    def pairs(self, split: Split) -> Iterator[Pair]:
        """The pairs of a split, in order."""
        return self.records(split, Pair)

    @cached_property
    def funnel(self) -> FunnelFile:
        """What each filter did."""
        return FunnelFile.parse(self.read(FunnelFile.FILE), str(self.path / FunnelFile.FILE))


class FinetunedFolder(FolderForBase):
    """The runs of a finetune folder, with what was trained on and what came of it."""

    stage = "finetune"

    @property
    def base_setting(self) -> str:
        """The base as the settings name it: catalog name, Hub id, or a folder."""
        return str(self.manifest.config.get("base") or "")

    @property
    def base(self) -> str:
        """The model that was trained: the folder that it lay in, or as the settings name it, else as the runs do."""
        return self.base_place or self.base_setting or next((run.base.name for run in self.runs.values()), "")

    @property
    def arms(self) -> list[str]:
        """The arms as they were asked for, in their order."""
        return [str(arm) for arm in self.manifest.config.get("arms") or ()]

    @property
    def settings(self) -> dict[str, Any]:
        """The resolved settings of the stage, to be validated by its own model."""
        return dict(self.manifest.config)

    @property
    def curated(self) -> str | None:
        """The manifest hash of the curate folder that was trained on; None for adapters of other makers."""
        return self.manifest.inputs.get("curate")

    @cached_property
    def runs(self) -> dict[str, RunFile]:
        """Every run by name, those that failed too."""
        names = sorted(
            name for name in self.manifest.files if name.count("/") == 1 and name.endswith(f"/{RunFile.FILE}")
        )
        runs = {name.split("/")[0]: RunFile.parse(self.read(name), str(self.path / name)) for name in names}
        for name, run in runs.items():
            if run.run != name:
                raise PartialError(f"{self.path / name / RunFile.FILE} is of a run {run.run!r}")
        return runs

    @cached_property
    def trained(self) -> dict[str, RunFile]:
        """The runs that left weights."""
        return {name: run for name, run in self.runs.items() if self.weights(name) is not None}

    @cached_property
    def audit(self) -> AuditFile:
        """What every run was trained on, and in words what is equal."""
        return AuditFile.parse(self.read(AuditFile.FILE), str(self.path / AuditFile.FILE))

    def weights(self, run: str) -> str | None:
        """The listed name of a run's weights, an adapter's or a whole model's; None if it left none."""
        return next((f"{run}/{name}" for name in WEIGHTS if self.has(f"{run}/{name}")), None)

    def weights_sha256(self, run: str) -> str:
        """The hash of a run's weights; of all their files where there are several."""
        files = sorted(
            name for name in self.manifest.files if name.startswith(f"{run}/") and name.endswith(".safetensors")
        )
        digests = [(name.split("/")[-1], self.manifest.files[name].sha256) for name in files]
        if len(digests) == 1:
            return digests[0][1]
        return sha256_of("".join(f"{name} {digest}\n" for name, digest in digests).encode())

    def run_folder(self, run: str) -> Path:
        """The folder of a run's weights."""
        weights = self.weights(run)
        assert weights is not None, run
        return self.file(weights).parent

    def adapter_config(self, run: str) -> AdapterConfig | None:
        """PEFT's configuration of a run's adapter; None for a whole model. Raises PartialError for a base elsewhere."""
        if not self.has(f"{run}/{CONFIG}"):
            return None
        config = read_adapter_config(self.run_folder(run))
        if config.base.startswith("../") and (config.base != f"../{WARMUP}" or self.warmup is None):
            raise PartialError(f"{self.path / run}: its base {config.base!r} is no model of this folder")
        return config

    @property
    def warmup(self) -> Path | None:
        """The model at which all arms began; None where that is the base."""
        return self.file(f"{WARMUP}/model.safetensors").parent if self.has(f"{WARMUP}/model.safetensors") else None

    @property
    def view(self) -> View | None:
        """The view that the runs were trained on; None where they do not say. Raises UsageError where they differ."""
        views = {run.view for run in self.runs.values()}
        if len(views) > 1:
            raise UsageError(f"{self.path} holds runs of different views: {sorted(map(str, views))}")
        return next(iter(views), None)

    @property
    def problem_ids(self) -> frozenset[str] | None:
        """The ids of the problems trained on; None where the folder does not list them."""
        return frozenset(self.read(PROBLEMS).decode("ascii").split()) if self.has(PROBLEMS) else None

    @property
    def longest_completion(self) -> int | None:
        """Tokens of the longest reference completions: the most of the runs' 99.5th percentiles; None if not told."""
        percentiles = [run.completion_tokens_p995 for run in self.runs.values()]
        return max((tokens for tokens in percentiles if tokens is not None), default=None)

    @property
    def longest_row(self) -> int | None:
        """The most tokens that a row might have; None if no run tells."""
        return max((run.max_length for run in self.runs.values() if run.max_length is not None), default=None)

    def trajectory(self, run: str) -> list[TrajectoryPoint]:
        """The optimiser steps of a run; none where a run that failed left none."""
        name = f"{run}/{TRAJECTORY}"
        return list(read_lines(self.file(name), TrajectoryPoint)) if self.has(name) else []


class EvaluatedFolder(FinishedFolder):
    """A plan, the samples that were drawn by it, and their scores."""

    stage = "evaluate"

    @property
    def finetuned(self) -> str | None:
        """The manifest hash of the finetune folder that was evaluated."""
        return self.manifest.inputs.get("finetune")

    @cached_property
    def plan(self) -> EvaluationPlan:
        """What was asked and compared."""
        return EvaluationPlan.parse(self.read(EvaluationPlan.FILE), str(self.path / EvaluationPlan.FILE))

    @property
    def plan_sha256(self) -> str:
        """The hash of plan.json."""
        return self.manifest.files[EvaluationPlan.FILE].sha256

    @cached_property
    def scores(self) -> Scores:
        """What came of it."""
        return Scores.parse(self.read(Scores.FILE), str(self.path / Scores.FILE))

    def questions(self, benchmark: str) -> Iterator[Question]:
        """The questions of a benchmark, in order."""
        return read_lines(self.file(f"questions/{benchmark}.jsonl"), Question)

    def samples(self, run: str, benchmark: str, draw: str) -> Iterator[Sample]:
        """The stored answers of a run, in the order of the files; none where nothing was drawn."""
        return self.records(f"samples/{run}/{benchmark}/{draw}", Sample)

    def sampled(self) -> list[tuple[str, str, str]]:
        """(run, benchmark, draw) of all stored samples, sorted."""
        parts = (name.split("/") for name in self.manifest.files if name.startswith("samples/"))
        return sorted({(part[1], part[2], part[3]) for part in parts if len(part) == 5})

    def identities(self) -> dict[str, str]:
        """By file of samples, the hash of all that they depend on: equal hashes, equal bytes."""
        if self.has(SampleIdentities.FILE):
            where = str(self.path / SampleIdentities.FILE)
            return SampleIdentities.parse(self.read(SampleIdentities.FILE), where).samples
        marks = (ShardMark.read(path.parent, path.name) for path in sorted((self.path / DONE).glob("samples--*.json")))
        return {name: mark.counts["identity"] for mark in marks for name in mark.files if "identity" in mark.counts}

    def rewards(self, run: str, benchmark: str) -> Iterator[Reward]:
        """What a reward model gave a run's samples."""
        return self.records(f"rewards/{run}/{benchmark}", Reward)

    @property
    def timing(self) -> Timing:
        """Seconds as they were measured; empty where the file is gone (it is no part of the result)."""
        try:
            return Timing.read(self.path)
        except (UsageError, PartialError):
            return Timing()


class HarnessFolder(FinishedFolder):
    """Scores of another harness."""

    stage = "harness"


class PublishedFolder(FinishedFolder):
    """A bundle, as it goes up to the Hub or came down from it."""

    stage = "publish"

    @property
    def kind(self) -> str:
        """dataset, adapters, evaluation or model."""
        return str(self.manifest.config.get("kind") or "")

    @property
    def licence(self) -> str | None:
        """The licence that the bundle states."""
        licence = self.manifest.config.get("licence")
        return None if licence is None else str(licence)

    @property
    def only(self) -> str | None:
        """The run of a repository that holds one run alone."""
        only = self.manifest.config.get("only")
        return None if only is None else str(only)

    @property
    def start(self) -> tuple[str, str | None] | None:
        """Repository and commit of the model that adapters are laid on, where that is not the base."""
        start = self.manifest.config.get("start")
        return None if not start else (str(start["repo"]), start.get("revision"))

    @property
    def teachers(self) -> dict[str, str | None]:
        """The models that wrote a dataset, with the terms that its publisher stated."""
        stated = self.manifest.config.get("source_license") or {}
        return {str(name): stated.get(name) for name in self.manifest.counts.get("policies") or {}}

    @property
    def rows(self) -> dict[str, dict[str, int]]:
        """Rows by table and split."""
        counts = self.manifest.counts.get("rows") or {}
        return {name: rows if isinstance(rows, dict) else {"test": rows} for name, rows in counts.items()}


_FOLDERS: dict[str, type[FinishedFolder]] = {
    kind.stage: kind
    for kind in (
        SampledFolder,
        GeneratedFolder,
        CuratedFolder,
        FinetunedFolder,
        EvaluatedFolder,
        HarnessFolder,
        PublishedFolder,
    )
}


@overload
def open_finished(folder: Path | str, stage: Literal["sample"]) -> SampledFolder: ...
@overload
def open_finished(folder: Path | str, stage: Literal["generate"]) -> GeneratedFolder: ...
@overload
def open_finished(folder: Path | str, stage: Literal["curate"]) -> CuratedFolder: ...
@overload
def open_finished(folder: Path | str, stage: Literal["finetune"]) -> FinetunedFolder: ...
@overload
def open_finished(folder: Path | str, stage: Literal["evaluate"]) -> EvaluatedFolder: ...
@overload
def open_finished(folder: Path | str, stage: Literal["harness"]) -> HarnessFolder: ...
@overload
def open_finished(folder: Path | str, stage: Literal["publish"]) -> PublishedFolder: ...
@overload
def open_finished(folder: Path | str, stage: None = None) -> FinishedFolder: ...
def open_finished(folder: Path | str, stage: Stage | None = None) -> FinishedFolder:
    """The finished folder of a stage (None: of whichever wrote it), every listed file compared with its hash.

    Raises UsageError if it is missing, unfinished, of another stage, or names a file outside itself; PartialError if its
    bytes are not those that were written.
    """
    path = Path(folder).expanduser()
    manifest = read_manifest(path, stage)
    changed = [name for name, listed in manifest.files.items() if _changed(path, name, listed.sha256)]
    if changed:
        more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
        raise PartialError(
            f"{path}: damaged or missing: {', '.join(changed[:5])}{more}\n  rerun the command that wrote it to repair it"
        )
    kind = _FOLDERS.get(manifest.stage, FinishedFolder)
    return kind(path, manifest, sha256(path / MANIFEST))


def _changed(folder: Path, name: str, digest: str) -> bool:
    path = inside(folder, name)
    return not path.is_file() or sha256(path) != digest


def read_manifest(folder: Path | str, stage: str | None = None) -> Manifest:
    """A folder's manifest alone, for lists and messages; results are read through `open_finished`.

    Raises UsageError if the folder is missing, unfinished or of another stage, PartialError if the manifest is damaged.
    """
    folder = Path(folder)
    if not (folder / MANIFEST).is_file():
        partial = folder.with_name(folder.name + ".partial")
        if partial.is_dir():
            raise UsageError(f"{folder} is not finished", f"rerun the command that writes it; {partial} holds its work")
        inner = next((name for name in (stage, "generate", "evaluate") if name and (folder / name).is_dir()), None)
        hint = f"did you mean {folder / inner}?" if inner else "check the path"
        raise UsageError(f"{folder} is not a finished folder (it has no {MANIFEST})", hint)
    manifest = Manifest.read(folder)
    if stage is not None and manifest.stage != stage:
        raise UsageError(
            f"{folder} was written by `journey {manifest.stage}`, a {stage} folder is wanted",
            f"give the folder that `journey {stage}` wrote",
        )
    return manifest


def open_run(path: Path) -> tuple[FinetunedFolder, str] | None:
    """The finished finetune folder that a run's folder lies in, and the run's name; None for a folder of another kind.

    Raises PartialError if the finetune folder is damaged.
    """
    if not (path.parent / MANIFEST).is_file() or read_manifest(path.parent).stage != "finetune":
        return None
    finetuned = open_finished(path.parent, "finetune")
    return (finetuned, path.name) if finetuned.weights(path.name) is not None else None


def find_folder(digest: str, candidates: Iterable[Path]) -> Path | None:
    """The first folder whose manifest has this hash."""
    for path in candidates:
        try:
            if (path / MANIFEST).is_file() and sha256(path / MANIFEST) == digest:
                return path
        except OSError:
            continue
    return None
