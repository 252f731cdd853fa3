"""First mistakes in Countdown answers: every step against the numbers left, every branch against the exact solver.

A step is wrong where its equation is false, where it uses a number that is not there, or where it leaves a state from which
the target can be made for one from which it cannot. The question and the text say all of it. Results beyond a level's limits
are legal here, since no question states them; a step that leaves whole numbers above zero is undecided, and so is what comes
after it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from journey.answers.equations import Equation
from journey.answers.steps import reasoning_end, steps_with_equations
from journey.schema import Arith, Claim, FirstMistake, Problem, Reachable

State = tuple[int, ...]
Solvable = Callable[[State], bool]
_LEFT = re.compile(r"\s*left((?: \d+)+) \.")
_BOX = re.compile(r"\\boxed")


@dataclass(frozen=True)
class ReadMove:
    """One step of an answer as a move: what was written, the numbers before it and after it, and what is wrong with it.

    `after` is None where the move cannot be played; `kind` is None for a right step and `undecided` for one that cannot be
    judged.
    """

    span: tuple[int, int]
    a: int
    sign: str
    b: int
    result: int
    before: State
    after: State | None
    kind: str | None = None
    claim: Claim | None = None
    truth: str | bool | None = None


def read_moves(problem: Problem, text: str, solvable: Solvable) -> Iterator[ReadMove]:
    """The steps of an answer in order, each judged as if those before it stood."""
    target = int(problem.facts["target"])
    path: list[State] = [_sorted(problem.facts["numbers"])]
    for span, written in steps_with_equations(text):
        for equation in written:
            move = _judged(equation, span, path, target, solvable, _LEFT.match(text, equation.end))
            if move.after is not None:
                path = path[: path.index(move.before) + 1] + [move.after]
            yield move


def first_mistake(problem: Problem, text: str, right: bool, solvable: Solvable) -> FirstMistake:
    """The first wrong step, or a wrong answer after right steps; `right`: the checker finds the answer right."""
    decided = True
    for move in read_moves(problem, text, solvable):
        if move.kind == "undecided":
            decided = False
        elif move.kind is not None:
            return FirstMistake(move.kind, move.span, "checked:question", decided, move.claim, move.truth)
    if right or not _BOX.search(text):
        return FirstMistake(before=decided)
    return FirstMistake("wrong answer", (reasoning_end(text), len(text)), "checked:question", decided)


def _judged(
    equation: Equation,
    span: tuple[int, int],
    path: list[State],
    target: int,
    solvable: Solvable,
    listed: re.Match[str] | None,
) -> ReadMove:
    numbers, sign = equation.numbers, _sign(equation)
    whole = len(numbers) == 2 and sign and all(each.denominator == 1 for each in (*numbers, equation.claimed))
    a, b = (int(numbers[0]), int(numbers[1])) if whole else (0, 0)
    state = path[-1]
    if not equation.true:
        value = int(equation.claimed) if equation.claimed.denominator == 1 else 0
        if whole and without(state, a, b) is None:
            return ReadMove(span, a, sign, b, value, state, None, "number not there")
        claim = Arith(equation.left, str(equation.claimed))
        return ReadMove(span, a, sign, b, value, state, None, "false equation", claim, str(equation.exact))
    if not whole:
        return ReadMove(span, a, sign or "?", b, 0, state, None, "undecided")
    value = int(equation.claimed)
    played = next((both for both in ((each, without(each, a, b, value)) for each in reversed(path)) if both[1]), None)
    if played is None:
        return ReadMove(span, a, sign, b, value, state, None, "number not there")
    state, after = played
    assert after is not None
    if value < 1:
        return ReadMove(span, a, sign, b, value, state, None, "undecided")
    if listed and _sorted(map(int, listed[1].split())) != after:
        return ReadMove(span, a, sign, b, value, state, after, "number not there")
    if solvable(state) and not _reaches(after, target, solvable):
        kind = "wrong branch" if len(after) > 1 else "wrong last step"
        return ReadMove(span, a, sign, b, value, state, after, kind, Reachable(after, target), False)
    return ReadMove(span, a, sign, b, value, state, after)


def without(state: State, a: int, b: int, *made: int) -> State | None:
    """The numbers that are left without two of them, and with those that are made of them; None where they are not there."""
    left = list(state)
    try:
        left.remove(a)
        left.remove(b)
    except ValueError:
        return None
    return tuple(sorted([*left, *made], reverse=True))


def _reaches(state: State, target: int, solvable: Solvable) -> bool:
    return state[0] == target if len(state) == 1 else solvable(state)


def _sign(equation: Equation) -> str:
    signs = [token for token in equation.tokens if token in ("+", "-", "*", "/")]
    return signs[0] if len(signs) == 1 else ""


def _sorted(numbers: object) -> State:
    return tuple(sorted((int(number) for number in numbers), reverse=True))  # type: ignore[attr-defined]


def value_of(move: ReadMove) -> Fraction | None:
    """The exact value of a move's calculation; None for a division by zero and for another sign."""
    a, b = move.a, move.b
    if move.sign == "/":
        return Fraction(a, b) if b else None
    whole = {"+": a + b, "-": a - b, "*": a * b}.get(move.sign)
    return None if whole is None else Fraction(whole)
