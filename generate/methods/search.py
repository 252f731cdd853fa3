"""Symbolic search: the journey is the search itself, every dead end with its reason, checked by the exact solver.

Depth-first (each branch exhausted, so that the text shows why it is left), best-first on an open list, and
breadth-first with a beam, as in Stream of Search (Gandhi et al. 2024, arXiv 2404.03683, section 3) - written anew,
with a checker that removes used numbers. The shortcut is the correct path of the same tree. In grids the search fills cells,
guesses where more than one digit fits, and goes back from a cell that none fits.

    journey generate --family countdown@1 --method search --pairs 1000 --set search.strategy=best-first --out DIR
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel

from journey.catalog import FAMILIES
from journey.errors import UsageError
from journey.generate.grids.space import GridSpace
from journey.generate.grids.walk import GridWalk
from journey.generate.made import MadePair, Rejection
from journey.generate.protocols import METHODS, SearchableFamily
from journey.generate.search.settings import SearchSettings
from journey.generate.search.tree import LimitReached
from journey.generate.search.walks import NumberWalk, TooFew, Walk
from journey.rng import digest, rng_for
from journey.schema import Pair, Problem, Trace, Tree


@METHODS.add("search", model=False, revision=2)
class Search:
    """Symbolic search with an exact solver: depth-first, best-first or beam."""

    Settings: ClassVar[type[BaseModel]] = SearchSettings

    def __init__(self, settings: SearchSettings | None = None) -> None:
        self.settings = chosen = settings or SearchSettings()
        self.told_as = chosen.model_dump()
        self._key = repr(sorted(self.told_as.items()))

    @staticmethod
    def check(family: str, level: int, options: dict[str, Any]) -> None:
        """Raises UsageError for settings that are for another kind of search than this family's."""
        space = FAMILIES.get(family)().space(FAMILIES.get(family)().problem(0, 0, level))
        refused = _walk(space, SearchSettings(**options)).refused()
        if refused:
            raise UsageError(f"search on {family}@{level}: {refused}", "see `journey list methods search`")

    def make(self, problem: Problem, seed: int, attempt: int = 0) -> MadePair | Rejection:
        """The searched tree and its pair; rejected when the search (pruned, limited, a beam) finds nothing."""
        walk = self._walk_of(problem)
        if walk is None:
            return Rejection("no_search_space", f"{problem.source} has no states to search")
        if refused := walk.refused():
            return Rejection("setting_does_not_fit", refused)
        rng = rng_for("search", seed, problem.id, attempt)
        try:
            found, visited, left_out = walk.search(rng)
        except LimitReached as reached:
            return Rejection("limit_reached", f"{self.settings.strategy} gave up after {reached}")
        except TooFew as few:
            return Rejection("too_few_mistakes", str(few))
        if found is None:
            return Rejection("unsolved", f"{self.settings.strategy} found no way to the target")
        told = walk.tell(found, rng)
        tree_id = self._tree_id(problem, seed, attempt)
        tree = Tree(tree_id, problem, "search", seed, told.nodes, settings=self.told_as)
        provenance = {"seed": seed, "attempt": attempt, "visited": visited, "oracle_timed": left_out, **self.told_as}
        return MadePair.of(tree, told.shortcut, told.journey, told.mistakes, provenance)

    def unnoticed(self, pair: Pair) -> Trace | None:
        """The journey's first wrong branch played out to the end and boxed as if it were right.

        None where no branch ends wrong, or the pair is not of this method.
        """
        told = pair.provenance
        chosen = SearchSettings(**{name: told[name] for name in SearchSettings.model_fields if name in told})
        again, seed, attempt = Search(chosen), told.get("seed", 0), told.get("attempt", 0)
        walk = again._walk_of(pair.problem)
        if walk is None or again._tree_id(pair.problem, seed, attempt) != pair.tree:
            return None
        found, _, _ = walk.search(rng_for("search", seed, pair.problem.id, attempt))
        return walk.unnoticed(pair, found, rng_for("unnoticed", pair.pair_id))

    def _walk_of(self, problem: Problem) -> Walk | None:
        """The search of a problem; None where its family has no states."""
        family = FAMILIES.get(problem.source)() if problem.source in FAMILIES.names() else None
        return _walk(family.space(problem), self.settings) if isinstance(family, SearchableFamily) else None

    def _tree_id(self, problem: Problem, seed: int, attempt: int) -> str:
        return digest("tree", problem.id, "search", seed, attempt, self._key).hex()


def _walk(space: Any, settings: SearchSettings) -> Walk:
    return GridWalk(space, settings) if isinstance(space, GridSpace) else NumberWalk(space, settings)
