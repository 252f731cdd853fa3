"""A published dataset or adapter as the folder that it was made from, so that a Hub id stands wherever a folder does.

    journey finetune USER/NAME@v1 --base pocket --out DIR          journey evaluate USER/NAME@v1 --benchmarks ... --out DIR

The curated folder is made again byte for byte from the config `pairs` and from `provenance/`, and checked against its
own manifest, so a comparison that starts from a Hub id is the comparison that starts from the folder. Adapters of other
makers are taken too, as one run. What was fetched stays in the cache, by commit.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from itertools import islice, repeat
from pathlib import Path
from typing import Any, Literal

import msgspec

from journey import hub
from journey.errors import PartialError, RemoteError, UsageError
from journey.formats.adapter import CONFIG, read_adapter_config
from journey.formats.curation import LEDGER, FunnelFile
from journey.formats.files import inside, json_lines, sha256, write_atomic
from journey.formats.finetune import (
    ADAPTER,
    PROBLEMS,
    TRAJECTORY,
    WARMUP,
    AuditFile,
    BaseFacts,
    RunFile,
    SweepFile,
    TemplateFile,
)
from journey.formats.folders import PublishedFolder, open_finished
from journey.formats.manifest import MANIFEST, ListedFile, Manifest
from journey.formats.publication import PROVENANCE, HubOrigin, PublishedShards
from journey.hub import HubId, RepoType
from journey.models import load
from journey.publish.tables import columns, parquet
from journey.schema import SCHEMA_VERSION
from journey.splits import SPLITS

Stage = Literal["curate", "finetune"]
_WANTED: dict[Stage, list[str]] = {
    "curate": [MANIFEST, "pairs/*", "provenance/*"],
    "finetune": [
        MANIFEST, AuditFile.FILE, TemplateFile.FILE, PROBLEMS, SweepFile.FILE, "provenance/*", f"*{ADAPTER}", f"*{CONFIG}", f"*{RunFile.FILE}",
        f"*{TRAJECTORY}",
    ],
}  # fmt: skip
_KINDS: dict[Stage, tuple[RepoType, str]] = {"curate": ("dataset", "dataset"), "finetune": ("model", "adapters")}
_LEFT_OUT = ["*.bin", "*.pt", "*.pkl"]


def local_folder(spec: str | Path, stage: Stage) -> Path:
    """The folder that a path or a Hub id names. A path that is there wins; anything that is no Hub id is a path.

    Raises RemoteError or AuthError where the Hub cannot give it, UsageError if it is nothing of this project.
    """
    path = Path(spec)
    text = str(spec)
    if path.exists() or not hub.is_id(text) or path.with_name(path.name + ".partial").exists():
        return path
    hub_id = hub.parse_id(text)
    kind, _ = _KINDS[stage]
    cache = load.cache_folder() / "hub" / f"{kind}s" / f"{hub_id.owner}--{hub_id.name}"
    pinned = hub_id.revision if hub_id.revision and hub.COMMIT.fullmatch(hub_id.revision) else None
    if pinned and (cache / pinned / HubOrigin.FILE).is_file():
        return cache / pinned
    api = hub.api()
    with hub.remote(f"no folder {text} here; looking at {hub_id.repo} on the Hub"):
        info: Any = api.repo_info(hub_id.repo, repo_type=kind, revision=hub_id.revision)
    commit = str(info.sha)
    if not (cache / commit / HubOrigin.FILE).is_file():
        _fetch(api, hub_id, commit, stage, cache / commit)
    return cache / commit


def warmup_folder(spec: str) -> str:
    """What `--warmup` names, a Hub id made a folder: a dataset `ID[@REVISION]`, or one run of adapters `ID[@REVISION]:RUN`."""
    id_, colon, run = spec.partition(":")
    if Path(spec).exists() or not hub.is_id(id_):
        return spec
    if not colon:
        return str(local_folder(id_, "curate"))
    folder = local_folder(id_, "finetune") / run
    if not (folder / CONFIG).is_file():
        raise UsageError(f"{id_} holds no run {run!r}", f"look at its card: {hub.url(hub.parse_id(id_).repo, 'model')}")
    return str(folder)


def _fetch(api: Any, hub_id: HubId, commit: str, stage: Stage, to: Path) -> None:
    """Download what is needed of a commit and build the folder `to`, which is there whole or not at all."""
    kind, piece = _KINDS[stage]
    work = to.with_name(f"{to.name}.tmp-{os.getpid()}")
    shutil.rmtree(work, ignore_errors=True)
    try:
        fetched, built = work / "fetched", work / "built"
        with hub.remote(f"fetching {hub_id.repo}"):
            api.snapshot_download(
                hub_id.repo,
                repo_type=kind,
                revision=commit,
                local_dir=fetched,
                allow_patterns=_WANTED[stage],
                ignore_patterns=_LEFT_OUT,
            )
        built.mkdir(parents=True)
        bundle = _bundle(hub_id, fetched)
        try:
            if bundle is not None and bundle.kind == piece:
                _check(hub_id, bundle)
                _BUILDERS[stage](bundle, built)
                if bundle.start is not None:
                    _warmup(api, bundle, built)
            elif stage == "finetune" and (fetched / CONFIG).is_file():
                _foreign(hub_id, commit, fetched, built)
            else:
                raise _not_ours(stage, hub_id)
            opened = open_finished(built, stage)
        except (PartialError, KeyError, TypeError, ValueError, AttributeError, FileNotFoundError) as error:
            reason = str(error).splitlines()[0] if isinstance(error, PartialError) else repr(error)
            raise RemoteError(f"{hub_id.repo} at {commit[:12]} does not give back its folder: {reason}") from error
        origin = HubOrigin(piece, hub_id.repo, commit, opened.sha256)
        write_atomic(built / HubOrigin.FILE, origin.encoded())
        to.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.rename(built, to)
        except OSError:
            if not (to / HubOrigin.FILE).is_file():  # else another process was first
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _not_ours(stage: Stage, hub_id: HubId) -> UsageError:
    if stage == "curate":
        return UsageError(
            f"{hub_id.repo} is no dataset that `journey publish` made",
            f"make pairs of its problems: journey generate --problems {hub_id} --method slips --out DIR",
        )
    return UsageError(
        f"{hub_id.repo} holds no adapter in safetensors at its top, nor is it adapters that `journey publish` made",
        "give the id of a PEFT adapter",
    )


def _bundle(hub_id: HubId, fetched: Path) -> PublishedFolder | None:
    """What was fetched, as a bundle of ours; None if it is none. Raises RemoteError for a manifest that was changed."""
    if not (fetched / MANIFEST).is_file():
        return None
    try:
        manifest = Manifest.parse((fetched / MANIFEST).read_bytes(), MANIFEST)
    except PartialError as error:
        raise RemoteError(f"{hub_id.repo}: {str(error).splitlines()[0]}") from None
    return PublishedFolder(fetched, manifest, sha256(fetched / MANIFEST)) if manifest.stage == "publish" else None


def _check(hub_id: HubId, bundle: PublishedFolder) -> None:
    """Raises RemoteError if a file that was fetched is not one that the bundle's manifest names, with that hash."""
    for path in sorted(path for path in bundle.path.rglob("*") if path.is_file()):
        name = path.relative_to(bundle.path).as_posix()
        if name == MANIFEST or name.startswith(".cache/"):  # the latter is the client library's own
            continue
        if path.is_symlink() or not bundle.has(name) or bundle.manifest.files[name].sha256 != sha256(path):
            raise RemoteError(f"{hub_id.repo}: {name} is not the file that was published; fetch it again")


def _curated(bundle: PublishedFolder, built: Path) -> None:
    source = f"{PROVENANCE}/curate"
    name = f"{source}/{PublishedShards.FILE}"
    shards = PublishedShards.parse(bundle.read(name), name).shards
    for split in SPLITS:
        rows = parquet.read_rows(
            [bundle.file(name) for name in bundle.names("pairs", ".parquet") if f"/{split}-" in name]
        )
        for name in sorted(name for name in shards if name.startswith(f"{split}/")):
            count, stated = shards[name].rows, shards[name].stated
            states = stated if isinstance(stated, list) else repeat(stated, count)
            pairs = [columns.pair_of(row, stated=flag) for row, flag in zip(islice(rows, count), states, strict=True)]
            write_atomic(inside(built, name), json_lines(pairs))
    for name in (MANIFEST, FunnelFile.FILE, TemplateFile.FILE, LEDGER):
        if bundle.has(f"{source}/{name}"):
            write_atomic(built / name, bundle.read(f"{source}/{name}"))


def _finetuned(bundle: PublishedFolder, built: Path) -> None:
    """A finetune folder again; of a repository of one run, the folder as if that run had been the only one."""
    source = f"{PROVENANCE}/finetune"
    prefix = f"{source}/"
    listed = [name.removeprefix(prefix) for name in bundle.manifest.files if name.startswith(prefix)]
    runs = sorted(name.partition("/")[0] for name in listed if name.endswith(f"/{CONFIG}"))
    for run in runs:
        for name in (ADAPTER, RunFile.FILE, TRAJECTORY):
            source_name = name if bundle.only else f"{run}/{name}"
            if bundle.has(source_name):
                write_atomic(inside(built, f"{run}/{name}"), bundle.read(source_name))
        write_atomic(inside(built, f"{run}/{CONFIG}"), bundle.read(f"{source}/{run}/{CONFIG}"))
    for name in (AuditFile.FILE, TemplateFile.FILE, PROBLEMS, SweepFile.FILE):
        if bundle.has(name):
            write_atomic(built / name, bundle.read(name))
    stage = Manifest.parse(bundle.read(f"{source}/{MANIFEST}"), f"{source}/{MANIFEST}")
    kept = {
        name: listed
        for name, listed in stage.files.items()
        if inside(built, name).is_file() or name.startswith(f"{WARMUP}/")
    }
    if len(kept) < len(stage.files):  # the others are of runs that are elsewhere, or that failed
        less = msgspec.structs.replace(stage, files=kept)
        stage = less if stage.content_sha256 is None else less.sealed()
    write_atomic(built / MANIFEST, stage.encoded())


def _warmup(api: Any, bundle: PublishedFolder, built: Path) -> None:
    """The model at which the runs began, out of its own repository, as the folder beside them."""
    assert bundle.start is not None
    repo, revision = bundle.start
    wanted = [name for name in Manifest.read(built).files if name.startswith(f"{WARMUP}/")]
    names = [name.removeprefix(f"{WARMUP}/") for name in wanted]
    with hub.remote(f"fetching {repo}"):
        downloaded = Path(
            api.snapshot_download(repo, revision=revision, local_dir=bundle.path / "start", allow_patterns=names)
        )
    for name in names:
        own = f"{PROVENANCE}/finetune/{WARMUP}/{name}"
        source = bundle.file(own) if bundle.has(own) else inside(downloaded, name)
        if not source.is_file():
            raise RemoteError(f"{repo} has no {name}, which the runs began with")
        target = inside(built, f"{WARMUP}/{name}")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _foreign(hub_id: HubId, commit: str, fetched: Path, built: Path) -> None:
    """An adapter of somebody else as a finetune folder of one run. Raises UsageError if it cannot be used."""
    config = read_adapter_config(fetched)
    if not (fetched / ADAPTER).is_file():
        raise UsageError(f"{hub_id.repo} has no {ADAPTER}", "pickled adapters are not loaded")
    if not (hub.is_id(config.base) or config.base in load.MODELS):
        raise UsageError(
            f"{hub_id.repo} names its base as {config.base!r}, which is no Hub id",
            "ask its maker to name the base by its Hub id",
        )
    pinned = config.revision and config.base not in load.MODELS
    named = f"{config.base}@{config.revision}" if pinned else config.base
    arm = re.sub(r"[^a-z0-9]+", "-", hub_id.name.lower()).strip("-") or "adapter"
    run = f"{arm}-s0"
    (built / run).mkdir()
    for name in (ADAPTER, CONFIG):
        shutil.copyfile(fetched / name, built / run / name)
    facts = RunFile(run=run, arm=arm, seed=0, base=BaseFacts(named, config.revision))
    write_atomic(built / run / RunFile.FILE, facts.encoded())
    audit = AuditFile(reference=arm, runs=(), equal=(), differs=(), notes=())
    write_atomic(built / AuditFile.FILE, audit.encoded())
    files = {
        path.relative_to(built).as_posix(): ListedFile(sha256(path), path.stat().st_size)
        for path in sorted(built.rglob("*"))
        if path.is_file()
    }
    manifest = Manifest(
        stage="finetune",
        config={"base": named, "arms": [arm]},
        inputs={"hub": f"{hub_id.repo}@{commit}"},
        seed=0,
        schema=SCHEMA_VERSION,
        counts={"runs": 1, "failed": 0},
        files=files,
    )
    write_atomic(built / MANIFEST, manifest.sealed().encoded())


_BUILDERS: dict[Stage, Callable[[PublishedFolder, Path], None]] = {"curate": _curated, "finetune": _finetuned}
