"""A search that ends in a wrong branch and does not see it: the branch is played out, and its expression boxed."""

from __future__ import annotations

from random import Random

from journey.generate.search import phrases
from journey.generate.search.narrate import Piece, expression_of, listed, terse_expression
from journey.generate.search.tree import Found, Move, Space, State
from journey.schema import Pair, Role, Trace
from journey.views import lay_out

Branch = list[tuple[Move, int | None]]  # each move with the place of its visit, None where the search did not make it


def wrong_branch(pair: Pair, search: Found, space: Space, rng: Random) -> Branch | None:
    """Moves from the start to one number that is not the target: the journey's first mistake and what was tried next.

    Where the search stopped short (size ruled the rest out), any legal move goes on; None if there is no such branch.
    """
    first = next((segment.node - 1 for segment in pair.journey.segments if segment.role == "mistake"), None)
    branch: Branch = []
    visit = first
    while visit is not None and visit >= 0:
        branch.insert(0, (search.visits[visit][1], visit))
        visit = search.visits[visit][0]
    state = branch[-1][0][4] if branch else space.start
    while len(state) > 1:
        parent = branch[-1][1] if branch else -1
        step = _next(search, space, state, parent, rng)
        if step is None:
            return None
        branch.append(step)
        state = step[0][4]
    return branch


def _next(search: Found, space: Space, state: State, parent: int | None, rng: Random) -> tuple[Move, int | None] | None:
    """A wrong move from here: the first that the search made, else any."""
    tried = [(visit[1], index) for index, visit in enumerate(search.visits) if visit[0] == parent and not visit[2]]
    if tried:
        return tried[0]
    legal = space.last_moves(*state, True) if len(state) == 2 else space.moves(state)
    wrong = [move for move in legal if not (move[3] == space.target if len(move[4]) == 1 else space.solvable(move[4]))]
    if not wrong and len(state) > 2:
        wrong = legal  # the mistake comes later
    return (rng.choice(wrong), None) if wrong else None


def tell(pair: Pair, branch: Branch, space: Space, rng: Random) -> Trace:
    """The branch in the words of the pair's journey, its end taken for the target."""
    texts = {segment.node: segment.text for segment in pair.journey.segments if segment.brief.startswith("try ")}
    pieces: list[Piece] = [(s.role, s.text, s.brief, s.node) for s in pair.journey.segments[:1] if s.role == "plan"]
    role: Role = "step"
    for move, visit in branch:
        a, op, b, c, left = move
        wrong = c != space.target if len(left) == 1 else not space.solvable(left)
        role = "step" if not wrong else "mistake" if role == "step" else "consequence"
        equation, node = f"{a} {op} {b} = {c}", 0 if visit is None else visit + 1
        if len(left) == 1:
            ending = rng.choice(phrases.spoken(space.target).hits)
            pieces.append((role, f" {equation}{ending}", f"{equation} yes .", node))
            continue
        numbers, brief = listed(left)
        before, between, after = rng.choice(phrases.TRIES)
        text = texts.get(node) if visit is not None else None
        text = text or f"\n{before}{equation}{between}{numbers}{after}"
        pieces.append((role, text, f"try {equation} left {brief} .", node))
    expression = expression_of(move[:4] for move, _ in branch)
    brief = terse_expression(expression)
    last = pair.journey.segments[-1]
    boxed = last.text.replace(f"{{{pair.journey.answer}}}", f"{{{expression}}}")
    answer: Piece = ("answer", boxed, f"\\boxed{{ {brief} }}", pieces[-1][3])
    return Trace(lay_out([*pieces, answer]), expression, brief)
