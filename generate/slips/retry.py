"""The mistake of trying a quantity before what it needs is known: noticed at once, and gone back from.

The retry data of Ye et al. (2024, arXiv 2408.16293): a step names a quantity that cannot be computed yet, and takes it back.
Nothing is computed, so nothing follows from it. A problem whose quantities have names can have it (`facts["names"]`, one for
each step of its solution).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from journey.answers.claims import names_in
from journey.generate.slips.annotated import Annotated
from journey.generate.slips.calculations import Calculation
from journey.generate.slips.checks import Reason
from journey.generate.slips.slip import Refused, Slip
from journey.schema import Check, Follows

KIND, WEIGHT = "retry", 3.0


def names(graph: Annotated) -> list[str]:
    """How each computed quantity is called in prose; empty for problems that name none."""
    given: list[str] = graph.problem.facts.get("names", [])
    return given


def lacking(graph: Annotated, index: int, known: int) -> list[int]:
    """The steps before which a step cannot be done, of those that are not among the first `known`."""
    quantity = graph.quantity(f"s{index + 1}")
    needed = names_in((quantity.expression if quantity else None) or "")
    return [place for place in (int(name[1:]) - 1 for name in needed if name[0] == "s") if place >= known]


def propose(graph: Annotated, step: int, equation: Calculation, rng: random.Random) -> Iterator[Slip]:
    """Quantities of later steps that cannot be computed at this one, in random order."""
    called, letters = names(graph), graph.problem.facts["letters"]
    early = [index for index in range(step + 1, len(graph.steps)) if lacking(graph, index, step)]
    if not early:
        raise Refused("nothing_is_too_early")
    rng.shuffle(early)
    for index in early:
        missing = lacking(graph, index, step)[0]
        about = {
            "name": called[index],
            "brief": f"try {letters[index]} .",
            "need": called[missing],
            "missing": str(missing),
        }
        claim = Follows(f"s{index + 1}", tuple(f"s{place + 1}" for place in range(step)))
        yield Slip(KIND, step, step, equation, claim, equation.value, equation.tokens, about=about)


def reason(graph: Annotated, slip: Slip) -> Reason:
    """What is missing."""
    missing = int(slip.about["missing"])
    check = Check("missing", slip.equation.id, "follows", f"s{missing + 1}")
    slots: dict[str, Any] = {"need": slip.about["need"]}
    return Reason(KIND, check, slots, f"no {graph.problem.facts['letters'][missing]} .")
