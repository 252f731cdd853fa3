"""Keep a pair only if its problem is neither too hard nor too easy for a policy, by how often its attempts at it were right.

Pairs of a model's own attempts bring the rate with them; for others give `--attempts DIR`, which `journey sample` wrote. It judges
where a limit is set.

    journey curate data/runs/pairs --attempts data/runs/attempts --set pass_rate.least=0.125 --set pass_rate.most=0.875 --out DIR
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from journey.curate.item import Drop, Item
from journey.curate.rules import FILTERS, Context


@FILTERS.add(
    "pass_rate",
    reads=("problem",),
    per="pair",
    after=("views_of_tree",),
    reasons=("too_hard", "too_easy", "not_attempted"),
    asked=True,
)
class PassRate:
    """The policy is right neither too seldom nor too often at the problem, where limits are set."""

    def __init__(
        self,
        context: Context,
        *,
        least: Annotated[float, Field(ge=0, le=1, description="share of attempts that are right, at least")] = 0.0,
        most: Annotated[float, Field(ge=0, le=1, description="share of attempts that are right, at most")] = 1.0,
    ) -> None:
        self._rates, self._least, self._most = context.pass_rates, least, most

    def __call__(self, item: Item) -> Iterator[Drop]:
        if self._least == 0 and self._most == 1:
            return
        rate = self._rates.get(item.pair.problem.id, item.pair.provenance.get("pass_rate"))
        if rate is None:
            yield Drop("not_attempted", item.pair.problem.id)
        elif rate < self._least:
            yield Drop("too_hard", rate, self._least)
        elif rate > self._most:
            yield Drop("too_easy", rate, self._most)
