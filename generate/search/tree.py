"""The tree search: which moves are tried, in which order, and where each branch ends. No prose here."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from math import isqrt
from random import Random
from typing import NamedTuple, Protocol

State = tuple[int, ...]  # the numbers left, in descending order
Move = tuple[int, str, int, int, State]  # larger, operation, smaller, result, numbers left
# Place of the visit it was tried from (-1: the start), the move, whether the target can be made from what it leaves.
Visit = tuple[int, Move, bool]


class Space(Protocol):
    """What a family gives the search: a start, the target, legal moves, an exact solver, and sound leaf pruning."""

    @property
    def start(self) -> State:
        """The numbers given."""

    @property
    def target(self) -> int:
        """What is to be made."""

    @property
    def operations(self) -> str:
        """Of * + - /, those that may be used."""

    def moves(self, state: State) -> list[Move]:
        """Legal moves in canonical order."""

    def last_moves(self, a: int, b: int, every: bool) -> list[Move]:
        """Moves of the last two numbers: those that could reach the target by size alone, or every one."""

    def solvable(self, state: State) -> bool:
        """Exact: whether the target can be made from the state."""


class Plan(NamedTuple):
    """Which search: `strategy` and its settings (see the method's settings for what each means)."""

    strategy: str = "depth-first"
    order: str = "canonical"
    prune: bool = False
    exhaust: bool = False
    width: int = 5
    limit: int = 2_000


@dataclass
class Found:
    """A search as it happened.

    An event is the place of a visit that leaves two numbers or more, or ~place once nothing is left to try in that
    branch. The last moves of two numbers are the visits that directly follow theirs, and no events of their own.
    """

    visits: list[Visit] = field(default_factory=list)
    events: list[int] = field(default_factory=list)
    goal: int = -1

    @property
    def solved(self) -> bool:
        """Whether the target was reached."""
        return self.goal >= 0

    def path(self) -> list[int]:
        """Places of the visits from the start to the goal."""
        path, visit = [], self.goal
        while visit >= 0:
            path.append(visit)
            visit = self.visits[visit][0]
        return path[::-1]


class LimitReached(Exception):
    """The search tried as many moves as its plan allows."""


def distances_sum(moves: list[Move], target: int) -> list[float]:
    """For each move the mean distance to the target of the numbers that it leaves."""
    left = len(moves[0][4]) if moves else 0
    if left == 1:
        return [abs(target - result) for _, _, _, result, _ in moves]
    if left == 2:  # by far the most frequent
        return [(abs(target - a) + abs(target - b)) / 2 for _, _, _, _, (a, b) in moves]
    return [sum(abs(target - number) for number in state) / left for _, _, _, _, state in moves]


def distances_multiply(moves: list[Move], target: int) -> list[float]:
    """For each move the distances to the nearest factor of the target, summed over the numbers that it leaves."""
    factors = _factors(target)
    return [sum(min(abs(number - factor) for factor in factors) for number in move[4]) for move in moves]


@lru_cache(maxsize=1024)
def _factors(target: int) -> tuple[int, ...]:
    low = [d for d in range(2, isqrt(target) + 1) if target % d == 0]
    return tuple(sorted({*low, *(target // d for d in low), target}))


_HEURISTICS: dict[str, Callable[[list[Move], int], list[float]]] = {
    "sum": distances_sum,
    "multiply": distances_multiply,
}


def run(space: Space, plan: Plan) -> Found:
    """Search until the target is made or nothing is left to try. Raises LimitReached."""
    search = _Search(space, plan)
    if plan.strategy == "depth-first":
        search.depth_first(space.start, -1)
    elif plan.strategy == "best-first":
        search.best_first()
    else:
        search.beam()
    return search.found


class _Search:
    def __init__(self, space: Space, plan: Plan) -> None:
        self.space, self.plan, self.target, self.limit = space, plan, space.target, plan.limit
        # Best-first search and beams need a distance, whatever the order of last moves.
        self.distances = _HEURISTICS["sum" if plan.order == "canonical" else plan.order]
        self.found = Found()
        self.known: dict[State, list[Move]] = {}  # what to try from two numbers, which come up again and again

    def ranked(self, moves: list[Move]) -> list[tuple[float, Move]]:
        """Moves with their distances, nearest first, equal ones in canonical order; the pruned ones left out."""
        distances, target = self.distances(moves, self.target), self.target
        places = sorted(range(len(moves)), key=distances.__getitem__)
        if self.plan.prune:
            return [(distances[index], moves[index]) for index in places if distances[index] <= target]
        return [(distances[index], moves[index]) for index in places]

    def last_moves(self, state: State) -> list[Move]:
        """What to try from two numbers."""
        tries = self.known.get(state)
        if tries is None:
            tries = self.space.last_moves(state[0], state[1], self.plan.exhaust)
            if self.plan.order != "canonical" and self.plan.strategy == "depth-first":
                tries = [move for _, move in self.ranked(tries)]
            self.known[state] = tries
        return tries

    def visit(self, parent: int, move: Move) -> int:
        """Try a move that leaves two numbers or more."""
        visits = self.found.visits
        visit = len(visits)
        if visit >= self.limit:
            raise LimitReached(f"{self.limit} moves")
        visits.append((parent, move, self.space.solvable(move[4])))
        self.found.events.append(visit)
        return visit

    def finish(self, state: State, parent: int) -> bool:
        """Try the last moves of two numbers, up to the one that hits the target."""
        visits, target = self.found.visits, self.target
        tries = self.last_moves(state)
        if parent < 0 or visits[parent][2]:
            for move in tries:
                visits.append((parent, move, move[3] == target))
                if move[3] == target:
                    self.found.goal = len(visits) - 1
                    break
        else:
            visits += [(parent, move, False) for move in tries]
        return self.found.goal >= 0

    def depth_first(self, state: State, parent: int) -> bool:
        """Go into each branch until it is exhausted."""
        if len(state) == 2:
            return self.finish(state, parent)
        moves = self.space.moves(state)
        if self.plan.order != "canonical":
            moves = [move for _, move in self.ranked(moves)]
        go_on = self.finish if len(state) == 3 else self.depth_first
        for move in moves:
            visit = self.visit(parent, move)
            if go_on(move[4], visit):
                return True
            self.found.events.append(~visit)
        return False

    def best_first(self) -> None:
        """Go on from the open state nearest to the target, wherever in the tree it lies."""
        heap: list[tuple[float, int, int, Move]] = []
        open_children: dict[int, int] = {}
        ticks = 0
        state, visit = self.space.start, -1
        while True:
            if len(state) == 2:
                if self.finish(state, visit):
                    return
                self._close(visit, open_children)
            else:
                # Equal distances: the state found earlier comes first.
                ranked = self.ranked(self.space.moves(state))
                open_children[visit] = len(ranked)
                for distance, move in ranked:
                    heapq.heappush(heap, (distance, ticks, visit, move))
                    ticks += 1
                if not ranked:
                    self._close(visit, open_children)
            if not heap:
                return
            _, _, parent, move = heapq.heappop(heap)
            visit, state = self.visit(parent, move), move[4]

    def _close(self, visit: int, open_children: dict[int, int]) -> None:
        """A branch has died: so do the ancestors that it leaves with nothing open."""
        while visit >= 0:
            self.found.events.append(~visit)
            visit = self.found.visits[visit][0]
            open_children[visit] -= 1
            if open_children[visit]:
                return

    def beam(self) -> None:
        """Depth by depth, keeping the `width` states nearest to the target; the others are cut, alive or not."""
        layer: list[tuple[State, int]] = [(self.space.start, -1)]
        while layer:
            scored: list[tuple[float, int, int, Move]] = []
            for state, parent in layer:
                moves = self.space.moves(state)
                for distance, move in zip(self.distances(moves, self.target), moves, strict=True):
                    scored.append((distance, len(scored), parent, move))
            scored.sort()
            layer = []
            for _, _, parent, move in scored[: self.plan.width]:
                visit = self.visit(parent, move)
                if len(move[4]) > 2:
                    layer.append((move[4], visit))
                elif self.finish(move[4], visit):
                    return
                else:
                    self.found.events.append(~visit)


def sample_trials(search: Found, trials: int, depth: int | None, rng: Random) -> Found:
    """At most `trials` tries at each state of the right path - sampled wrong ones, then the right one.

    Each wrong branch is told to `depth` moves. The reader cannot know when to stop trying: such pairs are marked
    `oracle_timed` (O1 Replication Journey, section 6.6, uses trials=2).
    """
    kept: list[int] = []
    for wrong in _wrong_tries(search):
        kept += rng.sample(wrong, min(len(wrong), trials - 1))
    return _with_branches(search, kept, depth)


def exactly(search: Found, count: int, depth: int | None, rng: Random) -> Found | None:
    """The right path with `count` of the wrong branches that leave it; None where there are fewer.

    Each is told to `depth` moves. Nothing else is told, so the journey has that many mistakes. They are the first of one
    order, so that from one stream a larger count has all branches of a smaller one.
    """
    wrong = [visit for tries in _wrong_tries(search) for visit in tries]
    rng.shuffle(wrong)
    return _with_branches(search, wrong[:count], depth) if len(wrong) >= count else None


def _wrong_tries(search: Found) -> list[list[int]]:
    """For each visit of the right path those beside it that were tried, exhausted and found wrong."""
    dead = {~event for event in search.events if event < 0}
    children = _children(search)
    return [
        [
            k
            for k in children[search.visits[visit][0]]
            if not search.visits[k][2] and (k in dead or len(search.visits[k][1][4]) == 1)
        ]
        for visit in search.path()
    ]


def _children(search: Found) -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for visit, (parent, _, _) in enumerate(search.visits):
        children.setdefault(parent, []).append(visit)
    return children


def _with_branches(search: Found, branches: list[int], depth: int | None) -> Found:
    """The right path and these branches of it, each to `depth` moves."""
    children, keep = _children(search), set(search.path())
    frontier = [(visit, 1) for visit in branches]
    while frontier:
        visit, level = frontier.pop()
        keep.add(visit)
        if depth is None or level < depth:
            frontier += [(k, level + 1) for k in children.get(visit, ())]
    places = sorted(keep)
    new = {old: visit for visit, old in enumerate(places)} | {-1: -1}
    visits = [(new[parent], move, right) for parent, move, right in (search.visits[old] for old in places)]
    events = [new[event] if event >= 0 else ~new[~event] for event in search.events if max(event, ~event) in new]
    return Found(visits, events, new[search.goal])
