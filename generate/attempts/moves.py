"""Wrong moves of a search for matched journeys: the policy's own one, or a slip at the same place of its right path.

A plain slip has a kind drawn evenly from those that are possible there, and a move or value drawn evenly of that kind. A
profiled one is drawn by how often the policy makes errors of each class where the numbers are like these: models that are asked
with two equal numbers often subtract them from each other, and wrongly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any

from journey.catalog import FAMILIES
from journey.generate.first_mistake.searches import ReadMove, State, read_moves, value_of, without
from journey.schema import Arith, Attempt, Claim, Problem, Reachable

LARGEST = 999  # of a value in the terse notation
FALSE = "false equation"
USABLE = ("wrong branch", "wrong last step", FALSE)
CLOSE = 10  # a false value that is off by this at most is of a class of its own


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
    left = without(wrong.before, wrong.a, wrong.b, wrong.result)
    if left is None:
        return None
    further = []
    for move in moves[place + 1 :]:
        if without(left, move.a, move.b, move.result) is None or value_of(move) != move.result or move.result < 1:
            break
        further.append(f"{move.a} {move.sign} {move.b} = {move.result}")
    equation = f"{wrong.a} {wrong.sign} {wrong.b} = {wrong.result}"
    made = WrongMove(wrong.kind or "", equation, wrong.result, state, left, wrong.claim, wrong.truth, tuple(further))
    return place, moves[:place], made


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


def slip(problem: Problem, right: ReadMove, rng: Random, errors: Mapping[str, float] | None) -> WrongMove | None:
    """A wrong move in place of a right one; `errors` weighs the policy's errors by class (None: all kinds alike)."""
    if errors is not None:
        return _profiled(problem, right, rng, errors)
    by_kind: dict[str, list[WrongMove]] = {}
    for move in [*_dead(problem, right), *_false(right)]:
        by_kind.setdefault(move.kind, []).append(move)
    if not by_kind:
        return None
    kinds = sorted(by_kind)
    candidates = by_kind[kinds[rng.randrange(len(kinds))]]
    return candidates[rng.randrange(len(candidates))]


def _profiled(problem: Problem, right: ReadMove, rng: Random, errors: Mapping[str, float]) -> WrongMove | None:
    """A move of a class drawn by its weight; where there is none here, of another class drawn in the same way."""
    context = _context(right.before)
    weights = {name: weight for name, weight in sorted(errors.items()) if name.startswith(context) and weight}
    dead: list[WrongMove] | None = None
    while weights:
        name = rng.choices(list(weights), list(weights.values()))[0]
        del weights[name]
        if FALSE in name:
            candidates = _false_anywhere(right.before, name)
        else:
            dead = _dead(problem, right) if dead is None else dead
            candidates = [move for move in dead if error_class(move) == name]
        if candidates:
            return candidates[rng.randrange(len(candidates))]
    return None


def error_class(move: WrongMove) -> str:
    """The class that errors are counted under: a wrong branch by its sign, a false equation by its sign and how it is off.

    Both apart for states with two equal numbers, and false equations of equal numbers apart from others.
    """
    a, sign, b = move.equation.split(" = ")[0].split()
    if move.kind != FALSE:
        return f"{_context(move.before)}{move.kind} {sign}"
    return f"{_false_of(move.before, int(a), sign, int(b))}{_off(int(a), sign, int(b), move.result)}"


def _false_of(state: State, a: int, sign: str, b: int) -> str:
    """The class of a false equation of two numbers of a state, but for how it is off."""
    return f"{_context(state)}{FALSE} {sign}{' of equals' if a == b else ''}, "


def _context(state: State) -> str:
    return "equal numbers: " if len(set(state)) < len(state) else "other numbers: "


def _off(a: int, sign: str, b: int, result: int) -> str:
    others = {"+": a + b, "-": a - b, "*": a * b, "/": a // b if b and a % b == 0 else None}
    if any(value == result for other, value in others.items() if other != sign):
        return "another operation"
    true = others[sign]
    if true is None:
        return "no division"
    return f"{result - true:+d}" if abs(result - true) <= CLOSE else "too small" if result < true else "too large"


def count_errors(problem: Problem, attempts: Sequence[Attempt]) -> Counter[str]:
    """The errors of a policy at one problem by class, of its wrong attempts whose mistake is of a usable kind."""
    found = (own_mistake(problem, attempt) for attempt in attempts if attempt.outcome == "wrong" and attempt.index >= 0)
    return Counter(error_class(each[2]) for each in found if each is not None)


def weigh(by_problem: Iterable[Counter[str]]) -> dict[str, float]:
    """The weights of errors by class: every problem has the same, since a journey is made of one of its errors."""
    weights: dict[str, float] = {}
    for counts in by_problem:
        for name, count in counts.items():
            weights[name] = weights.get(name, 0.0) + count / counts.total()
    return {name: round(weight, 6) for name, weight in sorted(weights.items())}


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
        left = without(right.before, a, b, value)
        if value == true or not 1 < value <= LARGEST or left is None:
            continue
        claim = Arith(f"{a} {right.sign} {b}", str(value))
        equation = f"{a} {right.sign} {b} = {value}"
        found.append(WrongMove(FALSE, equation, value, right.before, left, claim, str(true)))
    return found


@lru_cache(maxsize=1024)
def _false_anywhere(state: State, name: str) -> list[WrongMove]:
    """False equations of a class, of any two numbers of a state: values within CLOSE, those of other operations, some further off."""
    found = []
    for i, a in enumerate(state):
        for b in state[i + 1 :]:
            values = {"+": a + b, "-": a - b, "*": a * b}
            for sign, true in values.items():
                if not name.startswith(kind := _false_of(state, a, sign, b)):
                    continue
                far = [true + sign_ * step for step in (12, 16, 24, 40, 70) for sign_ in (-1, 1)]
                near = [true + step for step in range(-CLOSE, CLOSE + 1)]
                for value in dict.fromkeys([*near, *values.values(), *far]):
                    if value == true or not 1 <= value <= LARGEST or name != kind + _off(a, sign, b, value):
                        continue
                    left = without(state, a, b, value)
                    assert left is not None
                    claim = Arith(f"{a} {sign} {b}", str(value))
                    equation = f"{a} {sign} {b} = {value}"
                    found.append(WrongMove(FALSE, equation, value, state, left, claim, str(true)))
    return found
