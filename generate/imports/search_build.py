"""Published Countdown paths as checked searches: every move is played, every wrong one is judged by the exact solver.

A path that is left at `<backtrack>` goes on as another path of the same numbers does from there, or by the solver where there is
none. Whoever leaves a branch before it is exhausted knows more than the reader: `oracle_timed`, unless the move ends the branch.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from journey.catalog import FAMILIES
from journey.generate.attempts import phrases
from journey.generate.attempts.moves import right_move
from journey.generate.imports.records import ImportedAnswer, ImportedProblem
from journey.generate.made import MadePair, Rejection
from journey.generate.search.narrate import expression_of, listed, terse_expression
from journey.generate.search.phrases import ANSWERS, BACKS, PLANS
from journey.generate.search.tree import State
from journey.rng import digest, rng_for
from journey.schema import Check, Node, Problem, Reachable, Role, Trace, Tree
from journey.views import lay_out

CHECKED_ROLES = "checked"  # played and solved, whatever the source says
_MOVE = re.compile(r"(\d{1,9})\s*([-+*/])\s*(\d{1,9})\s*=\s*(\d{1,12})(?!\d)", re.ASCII)
_STATE_LINE = re.compile(r"^\s*(?:Current State|Moving to)", re.IGNORECASE)
_BACKTRACK = "<backtrack>"
_MOST_LINES = 400


@dataclass(frozen=True)
class PathMove:
    """A move as it is played, and the line that says it."""

    equation: str
    after: State
    line: str


@dataclass(frozen=True)
class PlayedPath:
    """The moves of a path, the last of them wrong where it is left."""

    where: str
    moves: tuple[PathMove, ...]
    left: bool


def make(
    imported: ImportedProblem, seed: int, attempt: int, settings: dict[str, Any], facts: dict[str, Any]
) -> MadePair | Rejection:
    """The pair of a problem's paths: those with a wrong move first, in an order drawn once a problem."""
    problem = imported.problem
    if problem.facts["target"] in problem.facts["numbers"] and len(problem.facts["numbers"]) == 1:
        return Rejection("no_moves")
    paths, refused = [], Counter[str]()
    for answer in imported.answers:
        path = _played(problem, answer)
        if isinstance(path, Rejection):
            refused[path.reason] += 1
            detail = path.detail
        else:
            paths.append(path)
    if not paths:
        return Rejection(refused.most_common(1)[0][0], detail)
    order = rng_for("import order", seed, problem.id)
    wrong, right = [path for path in paths if path.left], [path for path in paths if not path.left]
    order.shuffle(wrong)
    order.shuffle(right)
    if attempt >= len(paths):
        return Rejection("no_more_answers", f"{len(paths)} can be told")
    chosen = [*wrong, *right][attempt]
    teller = _PathTeller(problem, chosen, rng_for("import", seed, problem.id, attempt))
    if not teller.tell(right):
        return Rejection("no_way_from_there", chosen.moves[-1].equation)
    return teller.made((seed, attempt), settings, facts)


def _played(problem: Problem, answer: ImportedAnswer) -> PlayedPath | Rejection:
    """A path move by move. Rejected for a move that is not there or not true, and for one that the solver judges otherwise."""
    reaches = FAMILIES.get(problem.source)().reaches(problem)
    body, mark, _ = answer.thinking.partition(_BACKTRACK)
    state: State = tuple(sorted(problem.facts["numbers"], reverse=True))
    moves: list[PathMove] = []
    for line in body.split("\n")[:_MOST_LINES]:
        found = None if _STATE_LINE.match(line) else _MOVE.search(line)
        if found is None:
            continue
        a, sign, b, result = int(found[1]), found[2], int(found[3]), int(found[4])
        equation = f"{a} {sign} {b} = {result}"
        if moves and equation in (move.equation for move in moves[-1:]):
            continue  # said again: as a node, or as the state that it leads to
        after = _after(state, a, sign, b, result)
        if after is None:
            return Rejection("move_not_legal", f"{equation} from {listed(state)[0] if len(state) > 1 else state}")
        moves.append(PathMove(equation, after, line.strip()))
        state = after
    if not moves:
        return Rejection("no_moves")
    judged = [reaches(move.after) for move in moves]
    if mark:
        if not all(judged[:-1]):
            return Rejection("wrong_before_its_label", moves[judged.index(False)].equation)
        if judged[-1]:
            return Rejection("label_refuted", f"{moves[-1].equation} leaves a way to the target")
    elif not all(judged) or state != (problem.facts["target"],):
        return Rejection("no_way_to_the_target")
    return PlayedPath(answer.where, tuple(moves), bool(mark))


def _after(state: State, a: int, sign: str, b: int, result: int) -> State | None:
    rest = Counter(state)
    rest.subtract((a, b))
    true = {"+": a + b == result, "-": a - b == result, "*": a * b == result, "/": b != 0 and b * result == a}[sign]
    if not true or result < 1 or min(rest.values()) < 0:
        return None
    return tuple(sorted([*rest.elements(), result], reverse=True))


_Piece = tuple[Role, str, str, int]


@dataclass
class _PathTeller:
    """Writes the nodes, and the pieces of both traces, of one path."""

    problem: Problem
    path: PlayedPath
    voice: Random
    nodes: list[Node] = field(default_factory=list)
    journey: list[_Piece] = field(default_factory=list)
    short: list[_Piece] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    last: int = 0
    completed: str = ""
    timed: bool = False

    @property
    def target(self) -> int:
        return int(self.problem.facts["target"])

    def tell(self, others: Sequence[PlayedPath]) -> bool:
        """The path, and how it goes on after a wrong move; False where nothing does."""
        numbers: State = tuple(sorted(self.problem.facts["numbers"], reverse=True))
        plan = self.voice.choice(PLANS) % {"s": listed(numbers)[0], "t": self.target}
        self._node("plan", "", None)
        self.journey.append(("plan", plan, "", 0))
        self.short.append(self.journey[0])
        self.rows.append(self.path.where)
        right = self.path.moves[:-1] if self.path.left else self.path.moves
        for move in right:
            self._right(move, "step")
        if not self.path.left:
            return True
        before = right[-1].after if right else numbers
        self._mistake(self.path.moves[-1], before)
        ending = self._ending(before, [move.equation for move in right], others)
        for place, move in enumerate(ending or []):
            self._right(move, "step" if place else "correction")
        return ending is not None

    def _ending(self, before: State, begun: list[str], others: Sequence[PlayedPath]) -> list[PathMove] | None:
        for other in others:
            if [move.equation for move in other.moves[: len(begun)]] == begun:
                self.completed = "row"
                self.rows.append(other.where)
                return list(other.moves[len(begun) :])
        self.completed, ending, state = "solver", [], before
        while state != (self.target,):
            move = right_move(self.problem, state, self.voice)
            if move is None or move.after is None:
                return None
            state = move.after
            equation = f"{move.a} {move.sign} {move.b} = {move.result}"
            ending.append(PathMove(equation, state, equation))
        return ending

    def _right(self, move: PathMove, role: Role) -> None:
        self.last = self._node(role, move.equation, self.last)
        text, brief = f"\n{move.line}", self._brief(move)
        self.journey.append((role, text, brief, self.last))
        self.short.append(("step", text, brief, self.last))

    def _mistake(self, move: PathMove, before: State) -> None:
        ends = len(move.after) == 1
        self.timed = not ends
        claim = Reachable(move.after, self.target)
        check = Check("size" if ends else "exhausted", "x", "solves", str(self.target))
        kind = "wrong last step" if ends else "wrong branch"
        facts: dict[str, Any] = {"verdict": "wrong", "claim": claim, "truth": False, "check": check, "kind": kind}
        node = self._node("mistake", move.equation, self.last, **facts, origin="search", proof="checked:question")
        self.journey.append(("mistake", f"\n{move.line}", self._brief(move), node))
        numbers, brief = listed(before)
        if ends:
            slots = {"x": str(move.after[0]), "t": str(self.target)}
            notice = self.voice.choice(phrases.NOT_THE_TARGET) % slots, f"wait {move.after[0]} not {self.target} ."
        else:
            slots = {"r": listed(move.after)[0], "t": str(self.target)}
            notice = self.voice.choice(phrases.ANOTHER_WAY) % slots, "dead end ."
        self.journey.append(("notice", f" {notice[0]}", notice[1], node))
        opening, end = self.voice.choice(BACKS)
        self.journey.append(("backtrack", f" {opening}{numbers}{end}", f"back to {brief} .", node))

    def _brief(self, move: PathMove) -> str:
        if len(move.after) == 1:
            return f"{move.equation} yes ." if move.after == (self.target,) else f"{move.equation} ."
        return f"try {move.equation} left {' '.join(map(str, move.after))} ."

    def _node(self, role: Role, text: str, parent: int | None, **facts: Any) -> int:
        self.nodes.append(Node(len(self.nodes), parent, role, text, **facts))
        return len(self.nodes) - 1

    def made(self, numbers: tuple[int, int], settings: dict[str, Any], facts: dict[str, Any]) -> MadePair:
        """The tree and its pair."""
        problem, (seed, attempt) = self.problem, numbers
        read = (_MOVE.search(piece[2]) for piece in self.short[1:])
        answer = expression_of((int(m[1]), m[2], int(m[3]), int(m[4])) for m in read if m is not None)
        brief = terse_expression(answer)
        closing: _Piece = ("answer", self.voice.choice(ANSWERS) % answer, f"\\boxed{{ {brief} }}", self.last)
        short, journey = (Trace(lay_out([*pieces, closing]), answer, brief) for pieces in (self.short, self.journey))
        mistakes = int(self.path.left)
        kinds = [node.kind for node in self.nodes if node.role == "mistake"]
        facts = {name: value for name, value in facts.items() if name not in ("roles", "origin")}
        known = {"origin": "search", "proof": "checked:question", "proofs": {"checked:question": 1}} if mistakes else {}
        provenance = {
            **facts,
            **known,
            "roles": CHECKED_ROLES,
            "seed": seed,
            "attempt": attempt,
            "rows": self.rows,
            "shortcut": "cut",
            **({"ending": f"fix:{self.completed}"} if mistakes else {}),
            "kinds": kinds,
            "equations": len(self.short) - 1,
            **({"oracle_timed": True} if self.timed else {}),
            "settings": settings,
        }
        texts = [f"{piece[0]}\t{piece[1]}" for piece in (*self.short, *self.journey)]
        identity = digest("tree", problem.id, "import", seed, attempt, repr(sorted(settings.items())), *texts).hex()
        tree = Tree(identity, problem, "import", seed, tuple(self.nodes), settings=settings)
        return MadePair.of(tree, short, journey, mistakes, provenance)
