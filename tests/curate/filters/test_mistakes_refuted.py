"""mistakes_refuted: a mistake without a claim, with one that cannot be decided, with one that is true; labelled ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from msgspec.structs import replace

from journey.curate.item import Item
from journey.curate.rules import Context
from journey.schema import Arith
from journey_testing.curation import EveryReason, Sound, mistake, node, reasons


def labelled(item: Item) -> Item:
    """The pair as an imported one whose mistakes are known by their labels alone."""
    pair = replace(item.pair, provenance={**item.pair.provenance, "roles": "labelled"})
    return Item(pair, node(item, mistake, claim=None, proof="labelled").tree)


class TestReasons(EveryReason):
    filter = "mistakes_refuted"
    damages = {
        "mistake_without_claim": lambda sound: node(sound["search"], mistake, claim=None),
        "mistake_undecided": lambda sound: node(sound["slips"], mistake, claim=Arith("48 / 0", "24")),
        "mistake_is_true": lambda sound: node(sound["slips"], mistake, claim=Arith("48 / 2", "24")),
        "mistake_not_checked": lambda sound: labelled(sound["slips"]),
    }
    options: ClassVar[Mapping[str, Mapping[str, Any]]] = {"mistake_not_checked": {"checked_only": True}}

    def test_a_labelled_mistake_is_kept_unless_checked_ones_are_asked_for(self, sound: Sound, context: Context) -> None:
        assert not reasons(self.filter, [labelled(sound["slips"])], context, {})
        unlabelled = node(sound["slips"], mistake, claim=None, proof="labelled")
        assert reasons(self.filter, [unlabelled], context, {}) == {"mistake_without_claim"}, (
            "a label counts in imported pairs alone"
        )
