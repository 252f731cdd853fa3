"""A whole model as a repository: the embedded base, a local base, or what `journey export --merge` wrote."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from journey.errors import UsageError
from journey.formats.files import sha256
from journey.models import load
from journey.publish.bundle import card_dataset
from journey.publish.settings import PublishSettings
from journey.publish.tables.licences import choose
from journey.publish.transfer import bases
from journey.store import Folder

MODEL_VERSION = 1
_ALLOWED = (
    "config.json", "generation_config.json", "model*.safetensors", "model.safetensors.index.json", "tokenizer*.json",
    "tokenizer.model", "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt",
    "chat_template.jinja", "journey_export.json", "README.md", "LICENSE*", "NOTICE*", "USE_POLICY*",
)  # fmt: skip


def is_model(name: str) -> bool:
    """Whether an argument of `publish` names a model: a catalog name, or a folder in transformers format."""
    return name in load.MODELS or (Path(name) / "config.json").is_file()


def stage(name: str, settings: PublishSettings, repo: str, out: Path) -> Path:
    """Build the folder of a model's repository and return it. Raises UsageError for a licence that does not fit."""
    ref = load.find(name)
    source = Path(ref.source)
    files = sorted({path for pattern in _ALLOWED for path in source.glob(pattern) if path.is_file()})
    given = settings.base_license or ref.licence or bases.card_licence(source)
    licence = choose({f"the model {Path(name).name}": given}, settings.license, flag="--base-license ID")
    if licence.own and not any(path.name.startswith(("LICENSE", "USE_POLICY")) for path in files):
        raise UsageError(f"{name} is {licence.id}: a copy of that licence must go along", f"put LICENSE into {name}")
    title = repo.rpartition("/")[2]
    if licence.prefix and not title.lower().startswith(licence.prefix.lower()):
        raise UsageError(
            f"{name} is {licence.id}: the name of a model made with it must begin with {licence.prefix!r}, not {title!r}",
            f"--repo USER/{licence.prefix}-{title}",
        )
    hashed = hashlib.sha256("".join(f"{path.name} {sha256(path)}\n" for path in files).encode()).hexdigest()
    config = {"kind": "model", "format": MODEL_VERSION, "repo": repo, "licence": licence.id}
    with Folder.open(out, "publish", config, inputs={"model": hashed}) as folder:
        if not folder.finished:
            for path in files:
                shutil.copyfile(path, folder.path(path.name))
            if licence.notice and not any(path.name.startswith("NOTICE") for path in files):
                folder.write("NOTICE", (licence.notice + "\n").encode())
            readme = folder.path("README.md")
            if not readme.is_file():
                folder.write("README.md", _card(title, licence.id).encode())
            folder.finish({"files": len(files)})
    return out


def _card(title: str, licence: str) -> str:
    from huggingface_hub import ModelCardData

    data = ModelCardData(license=licence, library_name="transformers", pipeline_tag="text-generation")
    return card_dataset.join(data.to_yaml(), card_dataset.render("model.md.j2", name=title, licence=licence))
