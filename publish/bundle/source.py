"""A curated folder that is about to be published, looked through once."""

from __future__ import annotations

from dataclasses import dataclass, field

from journey.formats.folders import CuratedFolder, GeneratedFolder
from journey.publish.bundle import provenance
from journey.publish.bundle.preference import Preference
from journey.publish.bundle.provenance import Survey
from journey.publish.tables.licences import Licence
from journey.schema import Pair
from journey.splits import SPLITS


@dataclass(frozen=True)
class BundleSource:
    """A curated folder, the folders of its trees, and what was found out about both."""

    curated: CuratedFolder
    trees: list[GeneratedFolder]
    survey: Survey
    licence: Licence
    preference: Preference = field(default_factory=Preference)


def first_pair(source: BundleSource) -> Pair:
    """A pair for the card: the first of the training split whose journey has a mistake, else the first of any."""
    first = None
    for split in SPLITS:
        for number, pair in enumerate(provenance.read(source.curated, split)):
            first = first or pair
            if pair.mistakes:
                return pair
            if number > 1000:
                break
    assert first is not None, "a folder without pairs is refused before"
    return first
