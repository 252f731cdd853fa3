"""Bases in folders of this machine: a manifest has a label and a hash, and where the folder lies is no part of the result.

The place stands in environment.json, which is never hashed or sent; it is tried first, then what `--base PATH` says.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from journey.errors import UsageError
from journey.formats.files import sha256
from journey.formats.folders import CuratedFolder, FinetunedFolder
from journey.models import load
from journey.models.load import ModelRef


def label(name: str) -> str:
    """A base as a manifest names it: the folder's own name for a path that holds on this machine alone, else the name."""
    path = Path(name).expanduser()
    return path.name if path.is_absolute() and name not in load.MODELS else name


def place(name: str | None) -> str | None:
    """Where the folder of such a base lies; None for every other base."""
    return None if name is None or label(name) == name else str(Path(name).expanduser())


def weights_digest(ref: ModelRef) -> str:
    """Hash of the weight files of a model in a folder."""
    hashed = hashlib.sha256()
    for path in sorted(Path(ref.source).glob("*.safetensors")):
        hashed.update(f"{path.name} {sha256(path)}\n".encode())
    return hashed.hexdigest()


def base_of(folder: CuratedFolder | FinetunedFolder, given: str | None = None) -> ModelRef:
    """The base of a folder's pairs or runs, under the name that its manifest has: where it lay, or as given.

    Raises UsageError where it is not there any more, or where the weights are not those that the manifest names.
    """
    named = folder.base_setting or folder.base
    name = given or folder.base
    assert name is not None, "a folder for no base in particular is refused before"
    if given is None and folder.base_place is None and label_only(folder):
        raise UsageError(
            f"the base {named} of {folder.path} lay in a folder that is not there", "say where it is: --base PATH"
        )
    ref = load.find(name)
    wanted = folder.manifest.inputs.get("base")
    local = ref.local and ref.name not in load.MODELS
    if wanted and local and (given is not None or folder.base_place is not None) and weights_digest(ref) != wanted:
        raise UsageError(
            f"{name} does not hold the weights of {named}, the base of {folder.path}",
            "--base PATH of the folder with those weights",
        )
    return replace(ref, name=label(ref.name)) if local else ref


def label_only(folder: CuratedFolder | FinetunedFolder) -> bool:
    """Whether the manifest names the base by the label of a folder, which says nothing about where that is."""
    named = folder.base_setting or ""
    return "/" not in named and named not in load.MODELS and bool(named) and not Path(named).is_dir()
