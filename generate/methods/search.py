"""Symbolic search: the journey is the search itself, every dead end with its reason, checked by the exact solver.

Depth-first (each branch exhausted, so that the text shows why it is left), best-first on an open list, and
breadth-first with a beam, as in Stream of Search (Gandhi et al. 2024, arXiv 2404.03683, section 3) - written anew,
with a checker that removes used numbers. The shortcut is the correct path of the same tree.

    journey generate --family countdown@1 --method search --pairs 1000 --set search.strategy=best-first --out DIR
"""

from __future__ import annotations

from random import Random
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, Field, model_validator

from journey.catalog import FAMILIES
from journey.config import Settings
from journey.generate.made import MadePair, Rejection
from journey.generate.protocols import METHODS
from journey.generate.search import unnoticed
from journey.generate.search.narrate import narrate
from journey.generate.search.tree import Found, LimitReached, Plan, Space, run, sample_trials
from journey.rng import digest, rng_for
from journey.schema import Pair, Problem, Trace, Tree, pair_id


class SearchSettings(Settings):
    """How the tree is searched and how much of it the journey tells."""

    strategy: Literal["depth-first", "best-first", "beam"] = Field("depth-first", description="which node comes next")
    order: Literal["canonical", "sum", "multiply"] = Field(
        "canonical", description="children as listed, or by distance to the target, or to its nearest factor"
    )
    prune: bool = Field(
        False, description="skip children whose heuristic exceeds the target (as Stream of Search does)"
    )
    exhaust: bool = Field(False, description="tell every last move of two numbers, also those that size rules out")
    width: int = Field(5, ge=1, le=1_000_000, description="states that a beam keeps at each depth")
    trials: Literal["all"] | Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        "all", description="wrong branches told before the right one: all, or at most K tries with the right one"
    )
    depth: int | None = Field(
        None, ge=1, le=1_000_000, description="with trials=K: how many moves into a wrong branch are told"
    )
    limit: int = Field(
        2_000, ge=1, le=10_000_000, description="moves after which a search is given up, and the problem rejected"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.depth is not None and self.trials == "all":
            raise ValueError("depth has no effect with trials=all; set search.trials=K too")
        if self.prune and (self.strategy == "beam" or (self.strategy == "depth-first" and self.order == "canonical")):
            raise ValueError("prune needs a heuristic: search.order=sum or multiply, and no beam")
        return self


@METHODS.add("search", model=False)
class Search:
    """Symbolic search with an exact solver: depth-first, best-first or beam."""

    Settings: ClassVar[type[BaseModel]] = SearchSettings

    def __init__(self, settings: SearchSettings | None = None) -> None:
        self.settings = chosen = settings or SearchSettings()
        self.told_as = chosen.model_dump()
        self._key = repr(sorted(self.told_as.items()))
        self.plan = Plan(chosen.strategy, chosen.order, chosen.prune, chosen.exhaust, chosen.width, chosen.limit)

    def make(self, problem: Problem, seed: int, attempt: int = 0) -> MadePair | Rejection:
        """The searched tree and its pair; rejected when the search (pruned, limited, a beam) finds nothing."""
        settings, plan = self.settings, self.plan
        if "target" not in problem.facts:
            return Rejection("no_search_space", f"{problem.source} has no states to search")
        space = FAMILIES.get(problem.source)().space(problem)
        rng = rng_for("search", seed, problem.id, attempt)
        try:
            search = self._search(space, rng)
        except LimitReached as reached:
            return Rejection("limit_reached", f"{settings.strategy} gave up after {reached}")
        if not search.solved:
            return Rejection("unsolved", f"{settings.strategy} found no way to the target")
        narrated = narrate(search, space, plan, not plan.prune and settings.depth is None, rng)
        tree_id = self._tree_id(problem, seed, attempt)
        tree = Tree(tree_id, problem, "search", seed, narrated.nodes, settings=self.told_as)
        provenance = {
            "seed": seed,
            "attempt": attempt,
            "visited": len(search.visits),
            "oracle_timed": settings.trials != "all",
            **self.told_as,
        }
        pair = Pair(
            pair_id(problem.id, "search", tree_id),
            problem,
            tree_id,
            "search",
            narrated.shortcut,
            narrated.journey,
            mistakes=narrated.mistakes,
            provenance=provenance,
        )
        return MadePair(tree, pair)

    def unnoticed(self, pair: Pair) -> Trace | None:
        """The journey's first wrong branch played out to the end and boxed as if it were right.

        None where every way of combining the numbers gives the target, or the pair is not of this method.
        """
        provenance = pair.provenance
        if "target" not in pair.problem.facts:
            return None
        chosen = SearchSettings(
            **{name: provenance[name] for name in SearchSettings.model_fields if name in provenance}
        )
        space = FAMILIES.get(pair.problem.source)().space(pair.problem)
        rng = rng_for("unnoticed", pair.pair_id)
        again = Search(chosen)
        seed, attempt = provenance.get("seed", 0), provenance.get("attempt", 0)
        if again._tree_id(pair.problem, seed, attempt) != pair.tree:
            return None
        search = again._search(space, rng_for("search", seed, pair.problem.id, attempt))
        branch = unnoticed.wrong_branch(pair, search, space, rng)
        return None if branch is None else unnoticed.tell(pair, branch, space, rng)

    def _search(self, space: Space, rng: Random) -> Found:
        """The search as it is told. Raises LimitReached."""
        search = run(space, self.plan)
        if search.solved and self.settings.trials != "all":
            search = sample_trials(search, self.settings.trials, self.settings.depth, rng)
        return search

    def _tree_id(self, problem: Problem, seed: int, attempt: int) -> str:
        return digest("tree", problem.id, "search", seed, attempt, self._key).hex()
