"""Keep the first of equal pairs, and no more trees of one problem than were asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from journey.curate.item import HALVES, Drop, Item
from journey.curate.rules import FILTERS, Context
from journey.rng import digest


@FILTERS.add(
    "exact_duplicate",
    reads=("problem", "traces"),
    per="dataset",
    reasons=("duplicate", "duplicate_problem"),
    strict={"per_problem": 1},
)
class ExactDuplicate:
    """No pair twice; of one problem and method at most `per_problem` trees, all of them different in text."""

    def __init__(
        self,
        context: Context,
        *,
        per_problem: Annotated[
            int | None, Field(ge=1, description="trees kept per problem and method (default: as generated; strict: 1)")
        ] = None,
    ) -> None:
        self._limit = per_problem or context.per_problem
        self._seen: set[bytes] = set()
        self._trees: Counter[bytes] = Counter()

    def __call__(self, item: Item) -> Iterator[Drop]:
        pair = item.pair
        key = digest(pair.problem.id, pair.method)
        texts = (
            text for half in HALVES for segment in item.trace(half).segments for text in (segment.text, segment.brief)
        )
        whole = digest(pair.problem.id, pair.method, *texts)
        if whole in self._seen:
            yield Drop("duplicate", pair.problem.id)
        elif self._limit is not None and self._trees[key] >= self._limit:
            yield Drop("duplicate_problem", self._trees[key] + 1, self._limit)
        else:
            self._seen.add(whole)
            self._trees[key] += 1
