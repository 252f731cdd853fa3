"""What goes up, piece by piece: a dataset, an evaluation, adapters, a base; each with its repository and its folder here.

A piece is planned from finished folders alone (licences, names, links), so that everything that can be refused is refused
before any work; it is built later, when the commits of the pieces before it are known.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from journey import hub
from journey.errors import UsageError
from journey.hub import RepoType
from journey.models import load
from journey.publish.bundle import adapters as adapter_bundle
from journey.publish.bundle import base_model, card_dataset, preference, provenance
from journey.publish.bundle import dataset as dataset_bundle
from journey.publish.bundle import evaluation as evaluation_bundle
from journey.publish.bundle.evaluated import read as read_evaluation
from journey.publish.bundle.runs import WARMUP, Link, Plan, Runs
from journey.publish.bundle.runs import read as read_runs
from journey.publish.bundle.source import Source
from journey.publish.settings import Given, PublishSettings
from journey.publish.tables import licences
from journey.publish.transfer import bases
from journey.store import manifest_hash, read_manifest

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Kind = Literal["base", "warmup", "dataset", "evaluation", "adapters"]
NO_DATASET = "none"  # of --dataset: the data are not published, and the card says so
STAGE_KINDS: dict[str, Kind] = {"curate": "dataset", "finetune": "adapters", "evaluate": "evaluation"}


@dataclass
class Known:
    """What is known of other pieces while one is built: links by kind, filled as they are published."""

    links: dict[Kind, Link] = field(default_factory=dict)
    manifests: dict[Kind, dict[str, Any]] = field(default_factory=dict)  # of bundles that were built


@dataclass(frozen=True)
class Piece:
    """One repository: what it is, where it is built, what it is made from, and how."""

    kind: Kind
    repo: str
    type: RepoType
    out: Path  # holds bundle/ and published.json
    source: str  # hash of the manifest of the folder that it is made from
    build: Callable[[Path, HfApi | None, Known], Path]


def dataset(curated: Path, settings: PublishSettings, given: Given, out: Path) -> Piece:
    """A curated folder. Raises UsageError for licences that do not fit, or trees that are not found."""
    found = provenance.survey(curated)
    chosen = preference.read(given.preference, curated) if given.preference else preference.Preference()
    stated = {name: card_dataset.licence_of(settings, found.licences, name) for name in found.sources}
    licence = licences.choose(stated, settings.license)
    teachers = found.policies + chosen.policies
    licences.teachers_known({name: settings.source_license.get(name) for name in teachers})
    source = Source(curated, provenance.trees_of(curated, given.trees), found, licence, chosen)
    return Piece(
        "dataset",
        settings.repo,
        "dataset",
        out,
        manifest_hash(curated),
        lambda to, api, known: dataset_bundle.stage(source, settings, to),
    )


def evaluation(folder: Path, settings: PublishSettings, repo: str, out: Path) -> Piece:
    """An evaluated folder. Raises UsageError for licences that do not fit."""
    found = read_evaluation(folder)
    stated = {name: given or settings.source_license.get(name) for name, given in found.licences.items()}
    licence = licences.choose(stated, settings.license)
    finetune = read_manifest(folder, "evaluate")["inputs"].get("finetune", "")

    def build(to: Path, api: HfApi | None, known: Known) -> Path:
        links = {
            "dataset": known.links.get("dataset"),
            "adapters": known.links.get("adapters") or published(folder, "adapters", finetune),
        }
        return evaluation_bundle.stage(found, licence, settings, repo, to, links)

    return Piece("evaluation", repo, "dataset", out, manifest_hash(folder), build)


def base(name: str, settings: PublishSettings, repo: str, out: Path) -> Piece:
    """A whole model: a catalog name or a folder in transformers format."""
    ref = load.find(name)
    return Piece(
        "base", repo, "model", out, bases.digest(ref), lambda to, api, known: base_model.stage(name, settings, repo, to)
    )


def adapters(folder: Path, settings: PublishSettings, given: Given, out: Path, *, own_base: bool) -> list[Piece]:
    """A finetune folder: one piece, or one a run, and their warm start. `own_base`: the base is published beside it.

    Raises UsageError where base, data or evaluation cannot be linked, or a licence does not fit.
    """
    runs = read_runs(folder)
    data = read_manifest(folder, "finetune")["inputs"].get("curate", "")
    evaluation_folder = given.evaluation or _evaluation_of(folder)
    if not own_base:
        bases.resolve(None, runs.base, settings)  # refused now rather than after the other pieces
    pieces = []
    if runs.warmup is not None:
        pieces.append(_warmup(runs, settings, out))
    for run in list(runs.told) if settings.per_run else [None]:
        repo = settings.repo if run is None else f"{settings.repo}-{run}"
        hub.parse_id(repo)

        def build(to: Path, api: HfApi | None, known: Known, run: str | None = run, repo: str = repo) -> Path:
            chosen = _with_base(settings, known)
            found = bases.resolve(api, runs.base, chosen)
            link, manifest = _data_link(folder, data, settings, api, known)
            teachers = {name: settings.source_license.get(name, terms) for name, terms in _teachers(manifest).items()}
            owed = licences.duties(repo.rpartition("/")[2], (found.repo, found.licence), teachers, settings.license)
            warm = known.links.get("warmup")
            plan = Plan(
                runs=runs,
                base=found,
                start=found if warm is None else bases.Base(WARMUP, warm.repo, warm.commit, found.licence),
                duties=owed,
                legal=_legal(api, found, runs) if owed.texts else {},
                dataset=link,
                evaluation=evaluation_folder,
                evaluation_link=_evaluation_link(evaluation_folder, known),
                only=run,
            )
            return adapter_bundle.stage(plan, settings, repo, to)

        place = out if run is None else out / run
        pieces.append(Piece("adapters", repo, "model", place, manifest_hash(folder), build))
    return pieces


def _warmup(runs: Runs, settings: PublishSettings, out: Path) -> Piece:
    """The model at which all runs began: adapters are laid on it, so it goes up before them."""
    folder, name = runs.warmup, f"{settings.repo}-{WARMUP}"
    hub.parse_id(name)
    source = bases.digest(load.find(str(folder)))

    def build(to: Path, api: HfApi | None, known: Known) -> Path:
        found = bases.resolve(api, runs.base, _with_base(settings, known))
        asked = settings.model_copy(update={"base_license": found.licence, "license": None})
        return base_model.stage(str(folder), asked, name, to)

    place = out.parent / WARMUP if out.name == "adapters" else out.with_name(f"{out.name}-{WARMUP}")
    return Piece("warmup", name, "model", place, source, build)


def _with_base(settings: PublishSettings, known: Known) -> PublishSettings:
    link = known.links.get("base")
    if link is None or settings.base_repo:
        return settings
    return settings.model_copy(update={"base_repo": str(link)})


def _legal(api: HfApi | None, base_: bases.Base, runs: Runs) -> dict[str, bytes]:
    asked = Path(str(runs.manifest["config"].get("base", ""))).expanduser()
    return bases.legal_files(api, base_, asked if asked.is_dir() else None)


def _evaluation_of(finetuned: Path) -> Path | None:
    """The newest finished evaluation beside a finetune folder that is of it, or None."""
    digest = manifest_hash(finetuned)
    beside = [path for path in sorted(finetuned.resolve().parent.iterdir()) if (path / "scores.json").is_file()]
    found = [path for path in beside if _inputs(path).get("finetune") == digest]
    return found[-1] if found else None


def _inputs(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / "manifest.json").read_bytes()).get("inputs", {}))
    except (OSError, ValueError):
        return {}


def _evaluation_link(folder: Path | None, known: Known) -> Link | None:
    if folder is None:
        return None
    return known.links.get("evaluation") or published(folder, "evaluation", manifest_hash(folder))


def _data_link(
    folder: Path, data: str, settings: PublishSettings, api: HfApi | None, known: Known
) -> tuple[Link | None, dict[str, Any] | None]:
    """The published dataset that runs were trained on, with its bundle's manifest.

    Raises UsageError if it is not published, or is another one.
    """
    if settings.dataset == NO_DATASET:
        return None, None
    link = known.links.get("dataset")
    if settings.dataset:
        asked = hub.parse_id(settings.dataset)
        link = Link(asked.repo, asked.revision)
    link = link or published(folder, "dataset", data)
    if link is None:
        raise UsageError(
            f"the data that {folder} was trained on are not published, so the card could not say which they are",
            "publish the curated folder first, or say --dataset ID@REVISION, or --dataset none",
        )
    manifest = known.manifests.get("dataset")
    if api is None:
        return link, manifest
    manifest, commit = _remote_manifest(api, link)
    if manifest.get("inputs", {}).get("curate") != data:
        raise UsageError(
            f"{link.repo} is not the data that {folder} was trained on", "give the right --dataset ID@REVISION"
        )
    return Link(link.repo, commit), manifest


def _remote_manifest(api: HfApi, link: Link) -> tuple[dict[str, Any], str]:
    """The bundle's manifest in a published dataset, and the commit that it was read at."""
    import tempfile

    with hub.remote(f"reading the manifest of {link.repo}"), tempfile.TemporaryDirectory() as folder:
        commit = str(api.dataset_info(link.repo, revision=link.commit).sha)
        path = api.hf_hub_download(link.repo, "manifest.json", repo_type="dataset", revision=commit, local_dir=folder)
        return dict(json.loads(Path(path).read_bytes())), commit


def _teachers(manifest: Mapping[str, Any] | None) -> dict[str, str | None]:
    """The models that wrote a dataset, with the terms that its publisher stated."""
    if manifest is None:
        return {}
    stated = manifest.get("config", {}).get("source_license") or {}
    return {name: stated.get(name) for name in manifest.get("counts", {}).get("policies", {})}


def published(folder: Path, kind: Kind, source: str) -> Link | None:
    """Where something with this manifest was published: by the logs beside a folder, or where it was fetched from."""
    parent = folder.resolve().parent
    logs = [*parent.glob("*/published.json"), *parent.glob("publish/*/published.json")]
    for line in reversed([line for log in sorted(logs) for line in read_log(log)]):
        if line.get("piece") == kind and line.get("source_sha256") == source:
            return Link(line["repo"], line["commit"])
    for mark in sorted((load.cache_folder() / "hub").glob("*/*/*/hub.json")):
        told = json.loads(mark.read_bytes())
        if told["piece"] == kind and told["manifest_sha256"] == source:
            return Link(told["repo"], told["commit"])
    return None


def read_log(path: Path) -> list[dict[str, Any]]:
    """The publications that a log lists, oldest first; none where there is no log."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return []
    return [line for line in found if isinstance(line, dict)] if isinstance(found, list) else []


def order(pieces: Iterable[Piece]) -> list[Piece]:
    """Pieces in the order in which they can name each other's commits."""
    rank = {"base": 0, "warmup": 1, "dataset": 2, "evaluation": 3, "adapters": 4}
    return sorted(pieces, key=lambda piece: rank[piece.kind])
