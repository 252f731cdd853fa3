"""mistakes_refuted: a mistake without a claim, with one that cannot be decided, with one that is true."""

from __future__ import annotations

from journey.schema import Arith
from journey_testing.curation import EveryReason, mistake, node


class TestReasons(EveryReason):
    filter = "mistakes_refuted"
    damages = {
        "mistake_without_claim": lambda sound: node(sound["search"], mistake, claim=None),
        "mistake_undecided": lambda sound: node(sound["slips"], mistake, claim=Arith("48 / 0", "24")),
        "mistake_is_true": lambda sound: node(sound["slips"], mistake, claim=Arith("48 / 2", "24")),
    }
