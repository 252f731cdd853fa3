"""Mistakes with known truth, put into annotated solutions: made, carried on, noticed for a reason, corrected.

A share of the journeys has none (`slips.clean`), and right steps are doubted and re-checked too (`slips.rechecks`): a doubt must
not mean that something is wrong.

The wrong value flows through the following steps (`consequence`) until it is noticed after `delay` of them, for a
structured reason that fails on the wrong value and passes on the right one; then back, corrected, and on to the answer.

    journey generate --problems gsm8k_train.jsonl --method slips --out DIR
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel

from journey.answers.equations import Unreadable
from journey.generate.made import MadePair, Rejection
from journey.generate.protocols import METHODS
from journey.generate.slips.annotated import annotated
from journey.generate.slips.draw import SlipDraw, SlipsSettings
from journey.generate.slips.narrate import Voice
from journey.generate.slips.slip import Slip
from journey.generate.slips.tree import assemble, tree_id
from journey.generate.slips.unnoticed import unnoticed
from journey.rng import rng_for
from journey.schema import Pair, Problem, Trace


@METHODS.add("slips", problems=True, model=False, revision=4)
class Slips:
    """Mistakes with known truth in annotated solutions, noticed for a reason and corrected."""

    Settings: ClassVar[type[BaseModel]] = SlipsSettings

    def __init__(self, settings: SlipsSettings | None = None) -> None:
        self.settings = settings or SlipsSettings()

    def make(self, problem: Problem, seed: int, attempt: int = 0) -> MadePair | Rejection:
        """A tree with mistakes and its pair, or the reason why this problem gives none."""
        try:
            graph = annotated(problem)
        except Unreadable as error:
            return Rejection(error.reason, error.detail)
        settings = self.settings
        steps, wanted = len(graph.steps), max(settings.at or 0, settings.mistakes or 0)
        if wanted > steps:
            return Rejection("too_few_steps", f"{steps} steps, {wanted} needed")
        rng = rng_for("slips", seed, problem.id, attempt)
        draw = SlipDraw(graph, settings, rng)
        episodes = [] if settings.without else draw.episodes()
        if not episodes and draw.wanted and not settings.without:
            reason, count = draw.refused.most_common(1)[0] if draw.refused else ("no_place_for_a_mistake", 0)
            return Rejection(reason, f"{count} of {sum(draw.refused.values())} places refused for this")
        # Drawn apart, so that clean journeys and re-checks change nothing in the mistakes of the others.
        chance = rng_for("slips clean", seed, problem.id, attempt)
        if chance.random() < settings.clean:
            episodes = []
        rechecked = [step for step in range(steps) if chance.random() < settings.rechecks]
        told = settings.model_dump(mode="json")
        return assemble(graph, episodes, Voice(rng), seed, attempt, told, rechecked=rechecked)

    def unnoticed(self, pair: Pair) -> Trace | None:
        """The pair's solution with a mistake that is never noticed, and what follows from it in the box.

        It is a mistake of the pair's journey where one can be followed to the end, else another one; None if none can.
        """
        try:
            graph = annotated(pair.problem)
        except Unreadable:
            return None
        provenance, problem = pair.provenance, pair.problem
        settings = SlipsSettings(**provenance.get("settings", {}))
        seed, attempt = provenance.get("seed", 0), provenance.get("attempt", 0)
        slips: list[Slip] = []
        if tree_id(problem, seed, attempt, settings.model_dump(mode="json")) == pair.tree:
            draw = SlipDraw(graph, settings, rng_for("slips", seed, problem.id, attempt))
            slips = [] if settings.without else [episode.slip for episode in draw.episodes()]
        return unnoticed(graph, pair, slips, rng_for("unnoticed", pair.pair_id))
