"""A mixture of journeys and shortcuts: a fixed share of the problems as journeys, the others as shortcuts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from journey.catalog import ARMS
from journey.finetune.runs import Arm, ArmContext, Maker
from journey.rng import digest
from journey.schema import Pair, Trace

BLOCK = 4  # pairs, of which one, two or three are journeys


def _maker(journeys: int) -> Maker:
    """The first so many of every four pairs, ranked by the hash of their ids, as journeys.

    So the share holds for any part of the data, and what is a journey at 25 % is one at 50 % and 75 %.
    """

    def traces(pairs: Sequence[Pair], reading: ArmContext) -> list[Trace]:
        chosen_traces = []
        for start in range(0, len(pairs), BLOCK):
            block = pairs[start : start + BLOCK]
            ranked = sorted(block, key=lambda pair: digest("mix", pair.pair_id))
            chosen = {pair.pair_id for pair in ranked[: (journeys * len(block) + BLOCK // 2) // BLOCK]}
            chosen_traces += [pair.journey if pair.pair_id in chosen else pair.shortcut for pair in block]
        return chosen_traces

    return traces


def _arm(share: int) -> Callable[[], Arm]:
    def make() -> Arm:
        return Arm(f"mix-{share}", _maker(share * BLOCK // 100), mistakes=True)

    return make


for _share in (25, 50, 75):
    ARMS.add(
        f"mix-{_share}",
        summary=f"Train on journeys for {_share} % of the problems and on shortcuts for the others.",
        question=f"do journeys on {_share} % of the problems do as much as on all?",
        trains=True,
        settings=("mistake_weight",),
    )(_arm(_share))
