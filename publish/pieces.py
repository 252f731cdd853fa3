"""The pieces of a publication: a dataset, an evaluation, adapters, a base; each with its repository and folder here.

A piece is planned from finished folders alone (licences, names, links), so that everything that can be refused is refused
before any work; it is built later, when the commits of the pieces before it are known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from journey import hub
from journey.errors import JourneyError, UsageError
from journey.formats.finetune import WARMUP
from journey.formats.folders import (
    CuratedFolder,
    EvaluatedFolder,
    FinetunedFolder,
    PublishedFolder,
    open_finished,
    read_manifest,
)
from journey.formats.manifest import MANIFEST, Manifest
from journey.formats.publication import PUBLISHED, HubOrigin, read_publications
from journey.hub import RepoType
from journey.models import load
from journey.publish.bundle import adapters as adapter_bundle
from journey.publish.bundle import base_model, card_dataset, preference, provenance
from journey.publish.bundle import dataset as dataset_bundle
from journey.publish.bundle import evaluation as evaluation_bundle
from journey.publish.bundle.evaluated import licences_of
from journey.publish.bundle.runs import AdapterRepoPlan, Link, Runs
from journey.publish.bundle.runs import read as read_runs
from journey.publish.bundle.source import BundleSource
from journey.publish.settings import Given, PublishSettings
from journey.publish.tables import licences
from journey.publish.transfer import bases

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Kind = Literal["base", "warmup", "dataset", "evaluation", "adapters"]
NO_DATASET = "none"  # of --dataset: the data are not published, and the card says so
STAGE_KINDS: dict[str, Kind] = {"curate": "dataset", "finetune": "adapters", "evaluate": "evaluation"}


@dataclass
class KnownUploads:
    """What is known of other pieces while one is built: links by kind, filled as they are published."""

    links: dict[Kind, Link] = field(default_factory=dict)
    manifests: dict[Kind, Manifest] = field(default_factory=dict)  # of bundles that were built


@dataclass(frozen=True)
class Upload:
    """One repository: what it is, where it is built, what it is made from, and how."""

    kind: Kind
    repo: str
    type: RepoType
    out: Path  # holds bundle/ and published.json
    source: str  # hash of the manifest of the folder that it is made from
    build: Callable[[Path, HfApi | None, KnownUploads], Path]


def dataset(curated: CuratedFolder, settings: PublishSettings, given: Given, out: Path) -> Upload:
    """A curated folder. Raises UsageError for licences that do not fit, or trees that are not found."""
    survey, said = provenance.survey(curated), settings.source_license
    # Terms that imported pairs state of their writers hold where the publisher says nothing else.
    settings = settings.model_copy(update={"source_license": {**survey.teachers, **settings.source_license}})
    chosen = preference.read(given.preference, curated) if given.preference else preference.Preference()
    stated = {name: card_dataset.licence_of(settings, survey.licences, name) for name in survey.sources}
    teachers = survey.policies + chosen.policies
    licence = licences.choose(stated, settings.license, given=[name for name in said if name not in teachers])
    licences.teachers_known({name: settings.source_license.get(name) for name in teachers}, stated, said)
    source = BundleSource(curated, provenance.trees_of(curated, given.trees), survey, licence, chosen)
    return Upload(
        "dataset",
        settings.repo,
        "dataset",
        out,
        curated.sha256,
        lambda to, api, known: dataset_bundle.stage(source, settings, to),
    )


def evaluation(evaluated: EvaluatedFolder, settings: PublishSettings, repo: str, out: Path) -> Upload:
    """An evaluated folder. Raises UsageError for licences that do not fit."""
    stated = {name: given or settings.source_license.get(name) for name, given in licences_of(evaluated).items()}
    licence = licences.choose(stated, settings.license, given=settings.source_license)
    finetune = evaluated.finetuned or ""

    def build(to: Path, api: HfApi | None, known: KnownUploads) -> Path:
        links = {
            "dataset": known.links.get("dataset"),
            "adapters": known.links.get("adapters") or published(evaluated.path, "adapters", finetune),
        }
        return evaluation_bundle.stage(evaluated, licence, settings, repo, to, links)

    return Upload("evaluation", repo, "dataset", out, evaluated.sha256, build)


def base(name: str, settings: PublishSettings, repo: str, out: Path) -> Upload:
    """A whole model: a catalog name or a folder in transformers format."""
    ref = load.find(name)
    return Upload(
        "base", repo, "model", out, bases.digest(ref), lambda to, api, known: base_model.stage(name, settings, repo, to)
    )


def adapters(
    folder: FinetunedFolder, settings: PublishSettings, given: Given, out: Path, *, own_base: bool
) -> list[Upload]:
    """A finetune folder: one piece, or one a run, and their warm start. `own_base`: the base is published beside it.

    Raises UsageError where base, data or evaluation cannot be linked, or a licence does not fit.
    """
    runs = read_runs(folder)
    data = folder.curated or ""
    evaluated = open_finished(given.evaluation, "evaluate") if given.evaluation else _evaluation_of(folder)
    if not own_base:
        bases.resolve(None, runs.base, settings)  # refused now rather than after the other pieces
    pieces = []
    if folder.warmup is not None:
        pieces.append(_warmup(runs, folder.warmup, settings, out))
    for run in list(runs.adapters) if settings.per_run else [None]:
        repo = settings.repo if run is None else f"{settings.repo}-{run}"
        hub.parse_id(repo)

        def build(to: Path, api: HfApi | None, known: KnownUploads, run: str | None = run, repo: str = repo) -> Path:
            chosen = _with_base(settings, known)
            base = bases.resolve(api, runs.base, chosen)
            link, manifest = _data_link(folder.path, data, settings, api, known)
            teachers = {name: settings.source_license.get(name, terms) for name, terms in _teachers(manifest).items()}
            owed = licences.duties(repo.rpartition("/")[2], (base.repo, base.licence), teachers, settings.license)
            warm = known.links.get("warmup")
            plan = AdapterRepoPlan(
                runs=runs,
                base=base,
                start=base if warm is None else bases.Base(WARMUP, warm.repo, warm.commit, base.licence),
                duties=owed,
                legal=_legal(api, base, runs) if owed.texts else {},
                dataset=link,
                evaluation=evaluated,
                evaluation_link=_evaluation_link(evaluated, known),
                only=run,
            )
            return adapter_bundle.stage(plan, settings, repo, to)

        path = out if run is None else out / run
        pieces.append(Upload("adapters", repo, "model", path, folder.sha256, build))
    return pieces


def _warmup(runs: Runs, folder: Path, settings: PublishSettings, out: Path) -> Upload:
    """The model at which all runs began: adapters are laid on it, so it goes up before them."""
    name = f"{settings.repo}-{WARMUP}"
    hub.parse_id(name)
    source = bases.digest(load.find(str(folder)))

    def build(to: Path, api: HfApi | None, known: KnownUploads) -> Path:
        base = bases.resolve(api, runs.base, _with_base(settings, known))
        base_settings = settings.model_copy(update={"base_license": base.licence, "license": None})
        return base_model.stage(str(folder), base_settings, name, to)

    path = out.parent / WARMUP if out.name == "adapters" else out.with_name(f"{out.name}-{WARMUP}")
    return Upload("warmup", name, "model", path, source, build)


def _with_base(settings: PublishSettings, known: KnownUploads) -> PublishSettings:
    link = known.links.get("base")
    if link is None or settings.base_repo:
        return settings
    return settings.model_copy(update={"base_repo": str(link)})


def _legal(api: HfApi | None, base_: bases.Base, runs: Runs) -> dict[str, bytes]:
    local = Path(runs.folder.base).expanduser()
    return bases.legal_files(api, base_, local if local.is_dir() else None)


def _evaluation_of(finetuned: FinetunedFolder) -> EvaluatedFolder | None:
    """The newest finished evaluation beside a finetune folder that is of it, or None."""
    for path in sorted(finetuned.path.resolve().parent.iterdir(), reverse=True):
        try:
            if (path / MANIFEST).is_file() and read_manifest(path).inputs.get("finetune") == finetuned.sha256:
                return open_finished(path, "evaluate")
        except JourneyError:
            continue  # of another stage, or damaged
    return None


def _evaluation_link(evaluated: EvaluatedFolder | None, known: KnownUploads) -> Link | None:
    if evaluated is None:
        return None
    return known.links.get("evaluation") or published(evaluated.path, "evaluation", evaluated.sha256)


def _data_link(
    folder: Path, data: str, settings: PublishSettings, api: HfApi | None, known: KnownUploads
) -> tuple[Link | None, Manifest | None]:
    """The published dataset that runs were trained on, with its bundle's manifest.

    Raises UsageError if it is not published, or is another one.
    """
    if settings.dataset == NO_DATASET:
        return None, None
    link = known.links.get("dataset")
    if settings.dataset:
        hub_id = hub.parse_id(settings.dataset)
        link = Link(hub_id.repo, hub_id.revision)
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
    if manifest.inputs.get("curate") != data:
        raise UsageError(
            f"{link.repo} is not the data that {folder} was trained on", "give the right --dataset ID@REVISION"
        )
    return Link(link.repo, commit), manifest


def _remote_manifest(api: HfApi, link: Link) -> tuple[Manifest, str]:
    """The bundle's manifest in a published dataset, and the commit that it was read at."""
    import tempfile

    with hub.remote(f"reading the manifest of {link.repo}"), tempfile.TemporaryDirectory() as folder:
        commit = str(api.dataset_info(link.repo, revision=link.commit).sha)
        path = api.hf_hub_download(link.repo, MANIFEST, repo_type="dataset", revision=commit, local_dir=folder)
        return Manifest.parse(Path(path).read_bytes(), f"{MANIFEST} of {link.repo}"), commit


def _teachers(manifest: Manifest | None) -> dict[str, str | None]:
    """The models that wrote a dataset, with the terms that its publisher stated."""
    return {} if manifest is None else PublishedFolder(Path(), manifest, "").teachers


def published(folder: Path, kind: Kind, source: str) -> Link | None:
    """Where something with this manifest was published: by the logs beside a folder, or where it was fetched from."""
    parent = folder.resolve().parent
    logs = [*parent.glob(f"*/{PUBLISHED}"), *parent.glob(f"publish/*/{PUBLISHED}")]
    for line in reversed([line for log in sorted(logs) for line in read_publications(log)]):
        if line.piece == kind and line.source_sha256 == source:
            return Link(line.repo, line.commit)
    for path in sorted((load.cache_folder() / "hub").glob(f"*/*/*/{HubOrigin.FILE}")):
        origin = HubOrigin.read(path.parent)
        if origin.piece == kind and origin.manifest_sha256 == source:
            return Link(origin.repo, origin.commit)
    return None


def order(pieces: Iterable[Upload]) -> list[Upload]:
    """Pieces in the order in which they can name each other's commits."""
    rank = {"base": 0, "warmup": 1, "dataset": 2, "evaluation": 3, "adapters": 4}
    return sorted(pieces, key=lambda piece: rank[piece.kind])
