"""`journey publish`: plan the pieces, look at the Hub, build, look over, send, compare, keep the ids.

journey publish data/runs/curated --repo USER/NAME
OUT/bundle/          what goes up, and what `load_dataset` opens without a network
OUT/published.json   every publication: repository, commit, tag, hashes, what changed
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from journey import console, hub
from journey.errors import JourneyError, UsageError
from journey.formats.folders import PublishedFolder, open_finished, read_manifest
from journey.formats.manifest import MANIFEST
from journey.formats.marks import DONE, Environment, Timing
from journey.formats.publication import PUBLISHED, Publication, add_publication
from journey.models.load import MODELS
from journey.publish import pieces
from journey.publish.bundle import base_model, card_dataset, runs
from journey.publish.bundle.runs import Link
from journey.publish.pieces import KnownUploads, Upload
from journey.publish.settings import Given, PublishSettings
from journey.publish.tables import parquet, scan
from journey.publish.transfer import upload
from journey.publish.transfer.upload import Agreed
from journey.store import OtherRun

_STAGES = ("curate", "finetune", "evaluate")
_KEPT_HERE = {Environment.FILE, Timing.FILE}  # machine and bookkeeping: never sent


def publish(
    target: str,
    settings: PublishSettings,
    *,
    given: Given | None = None,
    everything: bool = False,
    out: Path | None = None,
    dry_run: bool = False,
    agreed: Agreed | None = None,
) -> list[dict[str, Any]]:
    """Publish a folder (or, with `everything`, all of a run) and return what was done, or would be, piece by piece.

    `agreed` is asked, in words, before most of the rows of a published version would go. Raises UsageError, AuthError or RemoteError; a piece that was published before the error stays, and is named.
    """
    hub.parse_id(settings.repo)
    if settings.create_pr and settings.revision:
        raise UsageError("--create-pr and --revision: a pull request has its own branch", "give one of them")
    if settings.create_pr and settings.tag:
        raise UsageError("--create-pr and --tag: a pull request is no version yet", "tag it when it is merged")
    if dry_run:
        planned = plan(target, settings, given or Given(), everything, out)
        known = _expected(planned)
        return [_tell(piece, _build(piece, None, known), settings) for piece in planned]
    api = hub.api()
    account = upload.who(api)
    planned = plan(target, settings, given or Given(), everything, out)
    targets = [upload.preflight(api, account, piece.repo, piece.type, settings) for piece in planned]
    known = _expected(planned)
    done: list[dict[str, Any]] = []
    for piece, destination in zip(planned, targets, strict=True):
        try:
            bundle = _build(piece, api, known)
            message = f"{piece.kind.capitalize()} from manifest {piece.source[:12]}"
            publication = upload.publish(api, destination, _files(bundle), settings, message, piece.source, agreed)
        except JourneyError:
            for sentence in _state(destination, done):
                console.note(sentence)
            raise
        except KeyboardInterrupt as error:
            for sentence in _state(destination, done):
                error.add_note(sentence)
            raise
        known.links[piece.kind] = Link(publication.repo, publication.commit)
        done.append(_log(piece, publication))
    return done


def _expected(planned: list[Upload]) -> KnownUploads:
    """The adapters go up last; what comes before names their repository, not their commit."""
    names = [piece.repo for piece in planned if piece.kind == "adapters"]
    return KnownUploads(links={"adapters": Link(names[0], None)} if len(names) == 1 else {})


def plan(target: str, settings: PublishSettings, given: Given, everything: bool, out: Path | None) -> list[Upload]:
    """The pieces of a target, in the order in which they go up. Raises UsageError if it is nothing that is published."""
    folder = Path(target).expanduser()
    if everything:
        return _whole_run(folder, settings, given, out)
    if base_model.is_model(target):
        name = Path(target).name
        return [
            pieces.base(
                target,
                settings,
                settings.repo,
                out or Path(f"{folder}-published" if folder.is_dir() else f"data/runs/{name}-published"),
            )
        ]
    if any((folder / stage / MANIFEST).is_file() for stage in _STAGES):
        stages = [str(folder / stage) for stage in _STAGES if (folder / stage / MANIFEST).is_file()]
        raise UsageError(f"{folder} is a whole run", f"publish one of {', '.join(stages)}, or add --all")
    stage = read_manifest(folder).stage
    if stage == "generate":
        raise UsageError(
            f"{folder} holds pairs that no rule has looked at", f"journey curate {folder} --out DIR, then publish DIR"
        )
    if stage not in _STAGES:
        raise UsageError(
            f"{folder} was written by `journey {stage}`, which is not published",
            "give a curate, finetune or evaluate folder",
        )
    path = out or _place(folder, pieces.STAGE_KINDS[stage])
    if stage == "curate":
        return [pieces.dataset(open_finished(folder, "curate"), settings, given, path)]
    if stage == "evaluate":
        return [pieces.evaluation(open_finished(folder, "evaluate"), settings, settings.repo, path)]
    return pieces.adapters(open_finished(folder, "finetune"), settings, given, path, own_base=False)


def _place(folder: Path, kind: str) -> Path:
    """Where a stage folder's publication lies: in the run that it is part of, else beside it."""
    if folder.resolve().name in _STAGES:
        return folder.parent / "publish" / kind
    return folder.with_name(f"{folder.name}-published")


def _whole_run(folder: Path, settings: PublishSettings, given: Given, out: Path | None) -> list[Upload]:
    stages = {stage for stage in _STAGES if (folder / stage / MANIFEST).is_file()}
    if not stages:
        raise UsageError(f"{folder} holds no finished stage", "--all wants a folder that `journey run` or `demo` wrote")
    path = out or folder / "publish"
    uploads: list[Upload] = []
    if "curate" in stages:
        curated = open_finished(folder / "curate", "curate")
        uploads.append(pieces.dataset(curated, settings, given, path / "dataset"))
    if "evaluate" in stages:
        evaluated = open_finished(folder / "evaluate", "evaluate")
        uploads.append(pieces.evaluation(evaluated, settings, f"{settings.repo}-evaluation", path / "evaluation"))
    if "finetune" in stages:
        finetuned = open_finished(folder / "finetune", "finetune")
        name = runs.read(finetuned).base.name
        own = settings.base_repo is None and name in MODELS and MODELS[name].shipped
        if own:
            uploads.append(
                pieces.base(name, settings.model_copy(update={"license": None}), f"{settings.repo}-base", path / "base")
            )
        uploads += pieces.adapters(finetuned, settings, given, path / "adapters", own_base=own)
    return pieces.order(uploads)


def _build(piece: Upload, api: Any, known: KnownUploads) -> Path:
    """The piece's folder, built or found finished, looked over. One of other settings is built again."""
    bundle = piece.out / "bundle"
    if api is None and piece.kind != "adapters":
        known.links.setdefault(piece.kind, Link(piece.repo, None))

    def build() -> Path:
        return piece.build(bundle, api, known)

    built = open_finished(_again(build, bundle), "publish")
    known.manifests[piece.kind] = built.manifest
    _look_over(piece, built)
    return built.path


def _again(build: Callable[[], Path], bundle: Path) -> Path:
    try:
        return build()
    except OtherRun:  # a bundle can always be made again; what was published is in published.json
        for path in (bundle, bundle.with_name(bundle.name + ".partial")):
            shutil.rmtree(path, ignore_errors=True)
        return build()


def _files(bundle: Path) -> dict[str, Path]:
    """What goes up, by its path in the repository."""
    return {
        path.relative_to(bundle).as_posix(): path
        for path in sorted(bundle.rglob("*"))
        if (path.is_file() or path.is_symlink())
        and path.name not in _KEPT_HERE
        and DONE not in path.relative_to(bundle).parts
    }


def _look_over(piece: Upload, bundle: PublishedFolder) -> None:
    """Raises UsageError or JourneyError if the folder may not go up: secrets, paths, pickles, broken tables or card."""
    files, parents = _files(bundle.path), bundle.path.resolve().parents
    scan.check(files.items(), own=[str(parents[1])] if len(parents) > 2 else [])
    card_dataset.check(files["README.md"].read_text(encoding="utf-8"), piece.type)
    for name, by_split in bundle.rows.items():
        for split, count in by_split.items():
            row_count = sum(parquet.row_count(path) for path in sorted(bundle.path.glob(f"{name}/{split}-*.parquet")))
            if row_count != count:
                raise JourneyError(
                    f"{bundle.path}: {name} {split} has {row_count} rows, {count} were written; remove the folder"
                )


def _tell(piece: Upload, bundle: Path, settings: PublishSettings) -> dict[str, Any]:
    """What would go up."""
    files = {name: path.stat().st_size for name, path in _files(bundle).items()}
    built = open_finished(bundle, "publish")
    return {
        "piece": piece.kind,
        "repo": piece.repo,
        "type": piece.type,
        "visibility": "public" if settings.public else "private",
        "licence": built.licence,
        "counts": built.manifest.counts,
        "files": files,
        "bytes": sum(files.values()),
        "folder": str(bundle),
    }


def _log(piece: Upload, publication: Publication) -> dict[str, Any]:
    """Append to published.json and return the line."""
    line = msgspec.structs.replace(publication, piece=piece.kind)
    add_publication(piece.out / PUBLISHED, line)
    plain: dict[str, Any] = json.loads(msgspec.json.encode(line))
    return plain


def _state(destination: upload.Target, done: list[dict[str, Any]]) -> list[str]:
    """After an error: what stands; the same command goes on from it."""
    sentences = [f"{line['repo']} is published ({line['commit'][:12]})" for line in done]
    if not destination.exists:
        sentences.append(f"{destination.repo}: nothing is published; if it was made, it is private and empty")
    return sentences
