"""A published dataset or adapter as the folder that it was made from, so that a Hub id stands wherever a folder does.

    journey finetune USER/NAME@v1 --base pocket --out DIR          journey evaluate USER/NAME@v1 --benchmarks ... --out DIR

The curated folder is made again byte for byte from the config `pairs` and from `provenance/`, and checked against its
own manifest, so a comparison that starts from a Hub id is the comparison that starts from the folder. Adapters of other
makers are taken too, as one run. What was fetched stays in the cache, by commit.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from itertools import islice, repeat
from pathlib import Path
from typing import Any, Literal

from journey import hub
from journey.errors import RemoteError, UsageError
from journey.hub import HubId, RepoType
from journey.models import load
from journey.publish.tables import columns, parquet
from journey.schema import SCHEMA_VERSION
from journey.splits import SPLITS
from journey.store import corrupt_files, dump_json, inside, json_lines, sha256, write_atomic

Stage = Literal["curate", "finetune"]
_WANTED: dict[Stage, list[str]] = {
    "curate": ["manifest.json", "pairs/*", "provenance/*"],
    "finetune": [
        "manifest.json", "audit.json", "problems.txt", "lr_sweep.json", "provenance/*", "*adapter_model.safetensors", "*adapter_config.json",
        "*run.json", "*trajectory.jsonl",
    ],
}  # fmt: skip
_KINDS: dict[Stage, tuple[RepoType, str]] = {"curate": ("dataset", "dataset"), "finetune": ("model", "adapters")}
_SHARD = re.compile(rf"(?:{'|'.join(SPLITS)})/[0-9]{{5}}\.jsonl")
_LEFT_OUT = ["*.bin", "*.pt", "*.pkl"]


def local_folder(spec: str | Path, stage: Stage) -> Path:
    """The folder that a path or a Hub id names. A path that is there wins; anything that is no Hub id is a path.

    Raises RemoteError or AuthError where the Hub cannot give it, UsageError if it is nothing of this project.
    """
    path = Path(spec)
    text = str(spec)
    if path.exists() or not hub.is_id(text) or path.with_name(path.name + ".partial").exists():
        return path
    asked = hub.parse_id(text)
    kind, _ = _KINDS[stage]
    place = load.cache_folder() / "hub" / f"{kind}s" / f"{asked.owner}--{asked.name}"
    pinned = asked.revision if asked.revision and hub.COMMIT.fullmatch(asked.revision) else None
    if pinned and (place / pinned / "hub.json").is_file():
        return place / pinned
    api = hub.api()
    with hub.remote(f"no folder {text} here; looking at {asked.repo} on the Hub"):
        info: Any = api.repo_info(asked.repo, repo_type=kind, revision=asked.revision)
    commit = str(info.sha)
    if not (place / commit / "hub.json").is_file():
        _fetch(api, asked, commit, stage, place / commit)
    return place / commit


def warmup_folder(spec: str) -> str:
    """What `--warmup` names, a Hub id made a folder: a dataset `ID[@REVISION]`, or one run of adapters `ID[@REVISION]:RUN`."""
    id_, colon, run = spec.partition(":")
    if Path(spec).exists() or not hub.is_id(id_):
        return spec
    if not colon:
        return str(local_folder(id_, "curate"))
    folder = local_folder(id_, "finetune") / run
    if not (folder / "adapter_config.json").is_file():
        raise UsageError(f"{id_} holds no run {run!r}", f"look at its card: {hub.url(hub.parse_id(id_).repo, 'model')}")
    return str(folder)


def _fetch(api: Any, asked: HubId, commit: str, stage: Stage, to: Path) -> None:
    """Download what is needed of a commit and build the folder `to`, which is there whole or not at all."""
    kind, piece = _KINDS[stage]
    work = to.with_name(f"{to.name}.tmp-{os.getpid()}")
    shutil.rmtree(work, ignore_errors=True)
    try:
        fetched, built = work / "fetched", work / "built"
        with hub.remote(f"fetching {asked.repo}"):
            api.snapshot_download(
                asked.repo,
                repo_type=kind,
                revision=commit,
                local_dir=fetched,
                allow_patterns=_WANTED[stage],
                ignore_patterns=_LEFT_OUT,
            )
        built.mkdir(parents=True)
        manifest = _manifest(fetched)
        if manifest is not None and manifest["config"].get("kind") == piece:
            _check(asked, fetched, manifest)
            try:
                _BUILDERS[stage](fetched, built, manifest)
                if manifest["config"].get("start"):
                    _warmup(api, manifest["config"]["start"], fetched, built)
            except (KeyError, TypeError, ValueError, AttributeError, FileNotFoundError) as error:
                raise RemoteError(f"{asked.repo} at {commit[:12]} is no bundle that can be read: {error!r}") from error
        elif stage == "finetune" and (fetched / "adapter_config.json").is_file():
            _foreign(asked, commit, fetched, built)
        else:
            raise _not_ours(stage, asked)
        damaged = corrupt_files(built)
        if damaged:
            raise RemoteError(f"{asked.repo} at {commit[:12]} does not give back its folder: {', '.join(damaged[:3])}")
        told = {
            "piece": piece,
            "repo": asked.repo,
            "commit": commit,
            "manifest_sha256": sha256(built / "manifest.json"),
        }
        write_atomic(built / "hub.json", dump_json(told))
        to.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.rename(built, to)
        except OSError:
            if not (to / "hub.json").is_file():  # else another process was first
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _not_ours(stage: Stage, asked: HubId) -> UsageError:
    if stage == "curate":
        return UsageError(
            f"{asked.repo} is no dataset that `journey publish` made",
            f"make pairs of its problems: journey generate --problems {asked} --method slips --out DIR",
        )
    return UsageError(
        f"{asked.repo} holds no adapter in safetensors at its top, nor is it adapters that `journey publish` made",
        "give the id of a PEFT adapter",
    )


def _manifest(folder: Path) -> dict[str, Any] | None:
    path = folder / "manifest.json"
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_bytes())
    except ValueError:
        return None
    return found if isinstance(found, dict) and found.get("stage") == "publish" else None


def _check(asked: HubId, fetched: Path, manifest: dict[str, Any]) -> None:
    """Raises RemoteError if a file that was fetched is not one that the bundle's manifest names, with that hash."""
    for path in sorted(path for path in fetched.rglob("*") if path.is_file()):
        name = path.relative_to(fetched).as_posix()
        if name == "manifest.json" or name.startswith(".cache/"):  # the latter is the client library's own
            continue
        if manifest["files"].get(name, {}).get("sha256") != sha256(path):
            raise RemoteError(f"{asked.repo}: {name} is not the file that was published; fetch it again")


def _curated(fetched: Path, built: Path, manifest: dict[str, Any]) -> None:
    source = fetched / "provenance" / "curate"
    shards: dict[str, dict[str, Any]] = json.loads((source / "shards.json").read_bytes())
    strange = [name for name in shards if not _SHARD.fullmatch(name)]
    if strange:
        raise ValueError(f"{strange[0]!r} is no shard of a curated folder")
    for split in SPLITS:
        rows = parquet.read_rows(sorted((fetched / "pairs").glob(f"{split}-*.parquet")))
        for name in sorted(name for name in shards if name.startswith(f"{split}/")):
            count, stated = shards[name]["rows"], shards[name]["stated"]
            states = stated if isinstance(stated, list) else repeat(stated, count)
            pairs = [columns.pair_of(row, stated=one) for row, one in zip(islice(rows, count), states, strict=True)]
            write_atomic(built / name, json_lines(pairs))
    for path in source.iterdir():
        if path.name != "shards.json":
            shutil.copyfile(path, built / path.name)


def _finetuned(fetched: Path, built: Path, manifest: dict[str, Any]) -> None:
    """A finetune folder again; of a repository of one run, the folder as if that run had been the only one."""
    source, only = fetched / "provenance" / "finetune", manifest["config"].get("only")
    runs = sorted(path.parent.name for path in source.glob("*/adapter_config.json"))
    for run in runs:
        there = fetched if only else fetched / run
        (built / run).mkdir()
        for name in ("adapter_model.safetensors", "run.json", "trajectory.jsonl"):
            if (there / name).is_file():
                shutil.copyfile(there / name, built / run / name)
        shutil.copyfile(source / run / "adapter_config.json", built / run / "adapter_config.json")
    for name in ("audit.json", "problems.txt", "lr_sweep.json"):
        if (fetched / name).is_file():
            shutil.copyfile(fetched / name, built / name)
    data = (source / "manifest.json").read_bytes()
    stage = json.loads(data)
    absent = [name for name in stage["files"] if not inside(built, name).is_file() and not name.startswith("warmup/")]
    if absent:  # of runs that are elsewhere, or that failed
        stage["files"] = {name: told for name, told in stage["files"].items() if name not in absent}
        data = dump_json(stage)
    write_atomic(built / "manifest.json", data)


def _warmup(api: Any, start: dict[str, Any], fetched: Path, built: Path) -> None:
    """The model at which the runs began, out of its own repository, as the folder beside them."""
    wanted = [
        name for name in json.loads((built / "manifest.json").read_bytes())["files"] if name.startswith("warmup/")
    ]
    names = [name.removeprefix("warmup/") for name in wanted]
    with hub.remote(f"fetching {start['repo']}"):
        there = Path(
            api.snapshot_download(
                start["repo"], revision=start["revision"], local_dir=fetched / "start", allow_patterns=names
            )
        )
    (built / "warmup").mkdir()
    for name in names:
        inside(built / "warmup", name)
        own = fetched / "provenance" / "finetune" / "warmup" / name
        source = own if own.is_file() else there / name
        if not source.is_file():
            raise RemoteError(f"{start['repo']} has no {name}, which the runs began with")
        shutil.copyfile(source, built / "warmup" / name)


def _foreign(asked: HubId, commit: str, fetched: Path, built: Path) -> None:
    """An adapter of somebody else as a finetune folder of one run. Raises UsageError if it cannot be used."""
    config = json.loads((fetched / "adapter_config.json").read_bytes())
    base = str(config.get("base_model_name_or_path") or "")
    if not (fetched / "adapter_model.safetensors").is_file():
        raise UsageError(f"{asked.repo} has no adapter_model.safetensors", "pickled adapters are not loaded")
    if not (hub.is_id(base) or base in load.MODELS):
        raise UsageError(
            f"{asked.repo} names its base as {base!r}, which is no Hub id",
            "ask its maker to name the base by its Hub id",
        )
    revision = config.get("revision")
    named = f"{base}@{revision}" if revision and base not in load.MODELS else base
    arm = re.sub(r"[^a-z0-9]+", "-", asked.name.lower()).strip("-") or "adapter"
    run = f"{arm}-s0"
    (built / run).mkdir()
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        shutil.copyfile(fetched / name, built / run / name)
    told = {"run": run, "arm": arm, "seed": 0, "base": {"name": named, "revision": revision, "weights": None}}
    write_atomic(built / run / "run.json", dump_json({**told, "failed": None}))
    write_atomic(built / "audit.json", dump_json({"runs": [], "equal": [], "differs": [], "notes": [], "failed": {}}))
    files = {
        path.relative_to(built).as_posix(): {"sha256": sha256(path), "bytes": path.stat().st_size}
        for path in sorted(built.rglob("*"))
        if path.is_file()
    }
    manifest = {
        "stage": "finetune",
        "config": {"base": named, "arms": [arm]},
        "inputs": {"hub": f"{asked.repo}@{commit}"},
        "seed": 0,
        "schema": SCHEMA_VERSION,
        "counts": {"runs": 1, "failed": 0},
        "files": files,
    }
    write_atomic(built / "manifest.json", dump_json(manifest))


_BUILDERS: dict[Stage, Callable[[Path, Path, dict[str, Any]], None]] = {"curate": _curated, "finetune": _finetuned}
