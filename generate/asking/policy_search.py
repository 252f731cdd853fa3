"""Rollouts of a search problem: the moves that a policy proposes at every state, walked and told as `search` walks and tells.

Where two numbers are left, the moves that size allows are tried by rule, so that the text itself shows why a branch is left. A
branch is a mistake because the family's solver says so, whatever scored it; scores decide what a beam keeps.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import msgspec

from journey.catalog import FAMILIES
from journey.generate.asking.proposing import read_steps, scores, step_requests
from journey.generate.asking.requests import AskedModels, ModelRequest, Replies
from journey.generate.asking.settings import RolloutsSettings
from journey.generate.asking.steps import NOT_THERE, JudgedStep, judge
from journey.generate.made import Rejection
from journey.generate.search.narrate import NarratedSearch, narrate
from journey.generate.search.tree import Found, LimitReached, Move, Plan, Space, State, run, sample_trials
from journey.schema import Node, Problem


@dataclass
class ProposedSpace:
    """A family's space with a policy's moves in it, in the order in which they were proposed; a `Space` itself."""

    space: Space
    proposed: dict[State, list[Move]] = field(default_factory=dict)
    aside: list[tuple[State, Move, str]] = field(default_factory=list)  # legal moves that are not walked, and why
    false: list[tuple[State, JudgedStep]] = field(default_factory=list)
    scores: dict[State, float] = field(default_factory=dict)
    texts: dict[State, str] = field(default_factory=dict)  # of the first path that leads to a state

    @property
    def start(self) -> State:
        """The numbers given."""
        return self.space.start

    @property
    def target(self) -> int:
        """What is to be made."""
        return self.space.target

    @property
    def operations(self) -> str:
        """The signs that may be used."""
        return self.space.operations

    def moves(self, state: State) -> list[Move]:
        """The moves proposed at a state that are refuted, or lead to the target by moves that are proposed."""
        return [move for move in self.proposed.get(state, []) if not self.solvable(move[4]) or self.leads(move[4])]

    def last_moves(self, a: int, b: int, every: bool) -> list[Move]:
        """As the family has them."""
        return self.space.last_moves(a, b, every)

    def solvable(self, state: State) -> bool:
        """As the family has it."""
        return self.space.solvable(state)

    def leads(self, state: State) -> bool:
        """Whether proposed moves lead from a state to the target."""
        if len(state) == 2:
            return self.space.solvable(state)
        return any(self.leads(move[4]) for move in self.proposed.get(state, []))

    def whole(self) -> bool:
        """Whether every legal move was proposed wherever one was wanted."""
        return all(len(moves) == len(self.space.moves(state)) for state, moves in self.proposed.items())


def grown(
    models: AskedModels, problem: Problem, settings: RolloutsSettings, offset: int
) -> Generator[Sequence[ModelRequest], Replies, ProposedSpace]:
    """The tree of a policy's moves, depth by depth; draws are numbered from `offset` on."""
    space = ProposedSpace(FAMILIES.get(problem.source)().space(problem))
    space.texts[space.start] = ""
    layer, depth = [space.start], 0
    draws = range(offset, offset + settings.width)
    while layer and depth < settings.depth:
        requests = [
            r
            for state in layer
            for r in step_requests(models, problem, space.texts[state], draws, settings.step_tokens)
        ]
        replies = (yield requests) if len(space.start) > 2 else []
        found: list[tuple[State, Move, str, JudgedStep]] = []
        for number, state in enumerate(layer):
            part = replies[number * settings.width : (number + 1) * settings.width]
            found += _read(models, problem, space, state, part)
        new = [one for one in found if one[1][4] not in space.texts]
        unique = list({one[1][4]: one for one in reversed(new)}.values())[::-1]
        if settings.score != "solver" or settings.beam is not None:
            paths = [(text, judged) for _, _, text, judged in unique]
            values = yield from scores(
                models, problem, paths, settings.score, settings.continuations, settings.answer_tokens
            )
            space.scores |= {one[1][4]: value for one, value in zip(unique, values, strict=True)}
        kept = unique
        if settings.beam is not None:
            order = sorted(range(len(unique)), key=lambda n: (-space.scores[unique[n][1][4]], n))[: settings.beam]
            kept = [unique[n] for n in sorted(order)]
        stays = {one[1][4] for one in kept} | space.texts.keys()
        for state, move, _, _ in found:
            if move[4] in stays:
                space.proposed.setdefault(state, []).append(move)
            else:
                space.aside.append((state, move, "cut by the beam"))
        space.texts |= {move[4]: text for _, move, text, _ in kept}
        layer, depth = [move[4] for _, move, _, _ in kept if len(move[4]) > 2], depth + 1
    return space


def _read(
    models: AskedModels, problem: Problem, space: ProposedSpace, state: State, replies: Replies
) -> list[tuple[State, Move, str, JudgedStep]]:
    """The different legal moves of some replies, each with the text of its path."""
    begun, legal = space.texts[state], {move[:4]: move for move in space.space.moves(state)}
    found: dict[str, tuple[State, Move, str, JudgedStep]] = {}
    space.proposed.setdefault(state, [])
    for step in read_steps(models, begun, replies):
        if step is None or step.answers:
            continue
        judged = judge(problem, begun, step.text, state)
        if judged.move is None or judged.same_as in found:
            continue
        a, sign, b = max(judged.move.a, judged.move.b), judged.move.sign, min(judged.move.a, judged.move.b)
        move = legal.get((a, sign, b, judged.move.result))
        if move is not None and judged.kind != NOT_THERE:
            found[judged.same_as] = (state, move, begun + step.text, judged)
        elif judged.kind == "false equation" and all(judged.same_as != other.same_as for _, other in space.false):
            space.false.append((state, judged))
    return list(found.values())


def told(
    space: ProposedSpace, settings: RolloutsSettings, rng: Random
) -> tuple[NarratedSearch, Found, bool] | Rejection:
    """The walk through the tree as `search` tells it, and whether a branch is left before the text shows why."""
    if not space.leads(space.start):
        return Rejection("unsolved", "no path of proposed moves leads to the target")
    plan = Plan(limit=settings.limit)
    try:
        search = run(space, plan)
    except LimitReached as reached:
        return Rejection("limit_reached", f"gave up after {reached}")
    if settings.trials != "all":
        search = sample_trials(search, settings.trials, None, rng)
    whole = space.whole()
    narrated = narrate(search, space, plan, whole and settings.trials == "all", rng)
    dead = {~event for event in search.events if event < 0}
    early = not whole and any(len(search.visits[visit][1][4]) > 2 for visit in dead)
    return with_rejected(narrated, space, search), search, early or settings.trials != "all"


def with_rejected(narrated: NarratedSearch, space: ProposedSpace, search: Found) -> NarratedSearch:
    """The nodes with their scores, and those of moves that were proposed and rejected, after all that is told."""
    scored = [
        node if visit is None or visit[1][4] not in space.scores else _scored(node, space.scores[visit[1][4]])
        for node, visit in zip(narrated.nodes, [None, *search.visits], strict=True)
    ]
    places = {space.start: 0} | {visit[1][4]: number for number, visit in reversed(list(enumerate(search.visits, 1)))}
    nodes = list(scored)
    alive = [
        (state, move, "leads to no end that was proposed")
        for state, moves in space.proposed.items()
        for move in moves
        if space.solvable(move[4]) and not space.leads(move[4])
    ]
    for state, move, reason in [*space.aside, *alive]:
        if state in places:
            facts: dict[str, Any] = {"score": space.scores[move[4]]} if move[4] in space.scores else {}
            text = f"{move[0]} {move[1]} {move[2]} = {move[3]}"
            nodes.append(Node(len(nodes), places[state], "step", text, "unknown", reason=reason, **facts))
    for state, judged in space.false:
        if state in places:
            facts = {"claim": judged.claim, "truth": judged.truth, "check": judged.check, "kind": judged.kind}
            facts |= {"reason": "false equation", "origin": "own", "proof": judged.proof}
            nodes.append(Node(len(nodes), places[state], "mistake", judged.terse, "wrong", **facts))
    return replace(narrated, nodes=tuple(nodes))


def _scored(node: Node, score: float) -> Node:
    return msgspec.structs.replace(node, score=score)
