"""A curated folder that is about to be published, looked through once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from journey.publish.bundle import provenance
from journey.publish.bundle.preference import Preference
from journey.publish.bundle.provenance import Survey
from journey.publish.tables.licences import Licence
from journey.splits import SPLITS
from journey.store import read_manifest


@dataclass(frozen=True)
class Source:
    """A curated folder that is about to be published, looked through once."""

    curated: Path
    trees: list[Path]
    survey: Survey
    licence: Licence
    preference: Preference = field(default_factory=Preference)


def generated(source: Source) -> list[dict[str, Any]]:
    """The manifests of the generate folders."""
    return [read_manifest(path, "generate") for path in source.trees]


def first_pair(source: Source) -> Any:
    """A pair for the card: the first of the training split whose journey has a mistake, else the first of any."""
    first = None
    for split in SPLITS:
        for place, pair in enumerate(provenance.read(source.curated, split)):
            first = first or pair
            if pair.mistakes:
                return pair
            if place > 1000:
                break
    return first


def funnel(source: Source) -> dict[str, Any]:
    """The content of the curated folder's funnel.json."""
    found: dict[str, Any] = json.loads((source.curated / "funnel.json").read_bytes())
    return found
