"""Wrong moves of a search for matched journeys: the policy's own one, or a slip at the same place of its right path.

A plain slip has a kind drawn evenly from those that are possible there, and a move or value drawn evenly of that kind. A
profiled one is drawn by how often the policy makes errors of each class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from journey.catalog import FAMILIES
from journey.generate.first_mistake.searches import ReadMove, State, read_moves, values
from journey.schema import Arith, Attempt, Claim, Problem, Reachable

LARGEST = 999  # of a value in the terse notation
USABLE = ("wrong branch", "wrong last step", "false equation")


@dataclass(frozen=True)
class WrongMove:
    """A wrong step from the state `before`: the equation as it is written, the numbers that it leaves, and its claim.

    `further` are the equations that the policy itself wrote after it.
    """

    kind: str
    equation: str
    result: int
    before: State
    after: State
    claim: Claim
    truth: str | bool
    further: tuple[str, ...] = ()


OwnMistake = tuple[int, list[ReadMove], WrongMove]
"""The place of a wrong move in an attempt, the moves before it, and the move."""


def path_of(problem: Problem, attempt: Attempt) -> tuple[ReadMove, ...] | None:
    """The moves of a right attempt from the numbers to the target; None where it is no straight way."""
    reaches = FAMILIES.get(problem.source)().reaches(problem)
    moves = tuple(read_moves(problem, attempt.text, reaches))
    state: State | None = tuple(sorted(problem.facts["numbers"], reverse=True))
    for move in moves:
        if move.kind is not None or move.before != state:
            return None
        state = move.after
    return moves if moves and state == (problem.facts["target"],) else None


def way(moves: Sequence[ReadMove]) -> list[tuple[str, tuple[int, int]]]:
    """Moves without how they are written: sign and numbers, the order of a sum or product aside."""
    return [(m.sign, (max(m.a, m.b), min(m.a, m.b)) if m.sign in "+*" else (m.a, m.b)) for m in moves]


def own_mistake(problem: Problem, attempt: Attempt) -> OwnMistake | None:
    """(place, the moves before it, the wrong move) of a wrong attempt; None where its mistake is of no usable kind."""
    if attempt.mistake.kind not in USABLE or attempt.mistake.span is None:
        return None
    reaches = FAMILIES.get(problem.source)().reaches(problem)
    moves = list(read_moves(problem, attempt.text, reaches))
    place = next((n for n, move in enumerate(moves) if move.kind is not None), None)
    if place is None or moves[place].span != attempt.mistake.span or any(m.after is None for m in moves[:place]):
        return None
    wrong, state = moves[place], tuple(sorted(problem.facts["numbers"], reverse=True))
    for move in moves[:place]:
        if move.before != state or move.after is None:
            return None
        state = move.after
    if wrong.before != state or wrong.claim is None or wrong.truth is None or not 1 <= wrong.result <= LARGEST:
        return None
    left = _left(wrong.before, wrong.a, wrong.b, wrong.result)
    if left is None:
        return None
    further = []
    for move in moves[place + 1 :]:
        if _left(left, move.a, move.b, move.result) is None or values(move) != move.result or move.result < 1:
            break
        further.append(f"{move.a} {move.sign} {move.b} = {move.result}")
    equation = f"{wrong.a} {wrong.sign} {wrong.b} = {wrong.result}"
    made = WrongMove(wrong.kind or "", equation, wrong.result, state, left, wrong.claim, wrong.truth, tuple(further))
    return place, moves[:place], made


def _left(state: State, a: int, b: int, result: int) -> State | None:
    rest = Counter(state)
    rest.subtract((a, b))
    if min(rest.values()) < 0:
        return None
    return tuple(sorted([*rest.elements(), result], reverse=True))


def right_move(problem: Problem, state: State, rng: Random) -> ReadMove | None:
    """A move after which the target can still be made, drawn evenly from the legal ones; None where there is none."""
    family = FAMILIES.get(problem.source)()
    space, reaches, target = family.space(problem), family.reaches(problem), problem.facts["target"]
    moves: list[Any] = space.last_moves(*state, True) if len(state) == 2 else space.moves(state)
    right = [m for m in moves if (m[4][0] == target if len(m[4]) == 1 else reaches(m[4]))]
    if not right:
        return None
    a, sign, b, result, after = right[rng.randrange(len(right))]
    return ReadMove((0, 0), a, sign, b, result, state, after)


def slip(problem: Problem, right: ReadMove, rng: Random, errors: Mapping[str, int] | None) -> WrongMove | None:
    """A wrong move in place of a right one; `errors` counts the policy's errors by class (None: all kinds alike)."""
    by_class: dict[str, list[WrongMove]] = {}
    for move in [*_dead(problem, right), *_false(right)]:
        by_class.setdefault(error_class(move), []).append(move)
    if not by_class:
        return None
    names = sorted(by_class)
    if errors is None:
        kinds = sorted({by_class[name][0].kind for name in names})
        kind = kinds[rng.randrange(len(kinds))]
        candidates = [move for name in names for move in by_class[name] if move.kind == kind]
    else:
        weights = [errors.get(name, 0) for name in names]
        if not sum(weights):
            return None
        candidates = by_class[rng.choices(names, weights)[0]]
    return candidates[rng.randrange(len(candidates))]


def error_class(move: WrongMove) -> str:
    """The class that errors are counted under: a wrong branch by its sign, a false equation by how far it is off."""
    sign = move.equation.split()[1]
    if move.kind != "false equation":
        return f"{move.kind} {sign}"
    assert isinstance(move.claim, Arith)
    a, _, b = move.equation.split(" = ")[0].split()
    return f"false equation, {_off(int(a), sign, int(b), move.result, str(move.truth))}"


def _off(a: int, sign: str, b: int, result: int, truth: str) -> str:
    others = {"+": a + b, "-": a - b, "*": a * b, "/": a // b if b and a % b == 0 else None}
    if any(value == result for other, value in others.items() if other != sign):
        return "another operation"
    distance = abs(result - int(truth)) if truth.lstrip("-").isdigit() else 0
    return "off by 1" if distance == 1 else "off by 10" if distance == 10 else "off by more"


def count_errors(problem: Problem, attempts: Sequence[Attempt]) -> Counter[str]:
    """The errors of a policy at one problem by class, of its wrong attempts whose mistake is of a usable kind."""
    found = (own_mistake(problem, attempt) for attempt in attempts if attempt.outcome == "wrong" and attempt.index >= 0)
    return Counter(error_class(each[2]) for each in found if each is not None)


def _dead(problem: Problem, right: ReadMove) -> list[WrongMove]:
    """Every other legal move from the same numbers after which the target is out of reach."""
    family = FAMILIES.get(problem.source)()
    space, reaches, target = family.space(problem), family.reaches(problem), problem.facts["target"]
    state = right.before
    moves: list[Any] = space.last_moves(*state, True) if len(state) == 2 else space.moves(state)
    found = []
    for a, sign, b, result, after in moves:
        dead = after[0] != target if len(after) == 1 else not reaches(after)
        if dead and result <= LARGEST:
            kind = "wrong last step" if len(after) == 1 else "wrong branch"
            claim = Reachable(after, target)
            found.append(WrongMove(kind, f"{a} {sign} {b} = {result}", result, state, after, claim, False))
    return found


def _false(right: ReadMove) -> list[WrongMove]:
    """The right calculation with a value that it could be taken for: one or ten off, or that of another operation."""
    a, b, true = right.a, right.b, right.result
    others = [a + b, a - b, a * b, *([a // b] if b and a % b == 0 else [])]
    found = []
    for value in dict.fromkeys([true - 10, true - 1, true + 1, true + 10, *others]):
        left = _left(right.before, a, b, value)
        if value == true or not 1 < value <= LARGEST or left is None:
            continue
        claim = Arith(f"{a} {right.sign} {b}", str(value))
        equation = f"{a} {right.sign} {b} = {value}"
        found.append(WrongMove("false equation", equation, value, right.before, left, claim, str(true)))
    return found
