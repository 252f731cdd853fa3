"""What the method `search` needs of a kind of search: it is made, cut to what is told, told, and played out unnoticed."""

from __future__ import annotations

from random import Random
from typing import Any, Protocol

from journey.generate.search import unnoticed
from journey.generate.search.narrate import NarratedSearch, narrate
from journey.generate.search.settings import SearchSettings
from journey.generate.search.tree import Found, Plan, Space, exactly, run, sample_trials
from journey.schema import Pair, Trace


class TooFew(Exception):
    """The search has not as many wrong branches as were asked for."""


class Walk(Protocol):
    """One kind of search over one problem. What `search` gives is passed to the others and means nothing elsewhere."""

    def refused(self) -> str:
        """Why the settings do not fit this kind of search, in words; empty where they do."""

    def search(self, rng: Random) -> tuple[Any, int, bool]:
        """The search as it is told, how many moves were tried, and whether wrong branches were left out of it.

        None in place of a search that found nothing. Raises LimitReached, and TooFew for fewer wrong branches than asked.
        """

    def tell(self, found: Any, rng: Random) -> NarratedSearch:
        """Nodes and traces of a solved search."""

    def unnoticed(self, pair: Pair, found: Any, rng: Random) -> Trace | None:
        """The pair's first wrong branch played out to a wrong box; None where there is none."""


class NumberWalk:
    """Searches that combine numbers into a target."""

    def __init__(self, space: Space, settings: SearchSettings) -> None:
        self.space, self.settings = space, settings
        self.plan = Plan(
            settings.strategy, settings.order, settings.prune, settings.exhaust, settings.width, settings.limit
        )

    def refused(self) -> str:
        """`singles` is an order of cells."""
        return "order=singles is for grids" if self.settings.order == "singles" else ""

    def search(self, rng: Random) -> tuple[Found | None, int, bool]:
        """See `Walk.search`."""
        settings, found = self.settings, run(self.space, self.plan)
        if not found.solved:
            return None, len(found.visits), False
        if settings.backtracks is not None:
            told = exactly(found, settings.backtracks, settings.depth, rng)
            if told is None:
                raise TooFew(f"fewer than {settings.backtracks} wrong branches leave the right path")
            return told, len(told.visits), len(told.visits) < len(found.visits)
        if settings.trials != "all":
            found = sample_trials(found, settings.trials, settings.depth, rng)
        return found, len(found.visits), settings.trials != "all"

    def tell(self, found: Found, rng: Random) -> NarratedSearch:
        """See `Walk.tell`."""
        return narrate(found, self.space, self.plan, not self.plan.prune and self.settings.depth is None, rng)

    def unnoticed(self, pair: Pair, found: Found, rng: Random) -> Trace | None:
        """See `Walk.unnoticed`."""
        branch = unnoticed.wrong_branch(pair, found, self.space, rng)
        return None if branch is None else unnoticed.tell(pair, branch, self.space, rng)
