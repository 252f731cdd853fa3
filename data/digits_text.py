"""What the embedded base `pocket-digits` is trained on: long multiplication in the compact notation, correct from start to end.

Products of digits at their place value, sums with carries, and whole problems with their solutions, of two digits by two and of one row alone;
no mistake, no re-check, nothing taken back. Whole problems are training problems only (`journey.splits`), so that no held-out problem
is in it. Few sums stand alone: a base that has practised them is right nearly always once it knows which digit comes next.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from journey.answers.spelling import spelled
from journey.catalog import FAMILIES
from journey.data.pocket_text import EOS
from journey.rng import rng_for
from journey.schema import Problem
from journey.splits import split_of

_CALCULATION = re.compile(r"<<(\d+)([*+])(\d+)(=)(\d+)>>")


def _said(a: int, sign: str, b: int) -> str:
    return spelled(f"{a} {sign} {b} = {a * b if sign == '*' else a + b} .")


def _digit(rng: Random, places: int) -> int:
    """A digit from 1 to 9 at one of the places from the right."""
    return rng.randint(1, 9) * 10 ** rng.randrange(places)


def products(rng: Random) -> str:
    """Four products of two digits at their place value."""
    return " ".join(_said(_digit(rng, 3), "*", _digit(rng, 3)) for _ in range(4))


def sums(rng: Random) -> str:
    """Three sums as rows make them: a product to the row so far, or a row that ends in zeros to the rows before."""
    said = []
    for _ in range(3):
        if rng.random() < 0.5:
            by, place = _digit(rng, 3), rng.randint(1, 2)
            said.append(_said(by * rng.randint(1, 10**place - 1), "+", by * rng.randint(1, 9) * 10**place))
        else:
            place, digits = rng.randint(1, 2), rng.randint(2, 4)
            said.append(
                _said(rng.randint(10, 10 ** (digits + place - 1)), "+", rng.randint(10, 10**digits) * 10**place)
            )
    return " ".join(said)


def row(rng: Random) -> str:
    """A problem of one row: a number of two digits times one digit at its place value, with its solution."""
    while True:
        of, by = rng.randint(11, 99), _digit(rng, 2)
        problem = FAMILIES.get("multiplication")().build(of, by)
        if of % 10 and split_of(problem) == "train":
            return _told(problem)


def two_digits(rng: Random) -> str:
    """A training problem of level 1 with its correct solution."""
    family = FAMILIES.get("multiplication")()
    while split_of(problem := family.problem(rng.getrandbits(62), 0, 1)) != "train":
        pass
    return _told(problem)


def parts(rng: Random) -> str:
    """The four products of a training problem in any order, asked for in another word, so that nothing of it is a solution."""
    family = FAMILIES.get("multiplication")()
    while split_of(problem := family.problem(rng.getrandbits(62), 0, 1)) != "train":
        pass
    a, b = problem.facts["numbers"]
    pairs = [(x, y) for x in (a % 10, a - a % 10) for y in (b % 10, b - b % 10) if x and y]
    said = [_said(x, "*", y) for x, y in rng.sample(pairs, len(pairs))]
    return f"{spelled(f'use {a} * {b} :')} {' '.join(said)}"


def _told(problem: Problem) -> str:
    return f"{problem.brief} {solution(problem)} {EOS}"


def solution(problem: Problem) -> str:
    """The steps of a problem and its answer in terse notation, which is what its shortcut says."""
    steps = [_CALCULATION.search(line) for line in (problem.solution or "").splitlines()]
    said = "".join(f"{' '.join(step.groups())} . " for step in steps if step)
    return spelled(f"{said}\\boxed{{ {problem.answer} }}")


MIX: tuple[tuple[float, Callable[[Random], str]], ...] = (
    (0.06, products),
    (0.06, sums),
    (0.30, parts),
    (0.13, row),
    (0.45, two_digits),
)


def piece(seed: int, index: int) -> str:
    """The fragment at this place of the seed's stream."""
    rng = rng_for("digits text", seed, index)
    place = rng.random()
    for share, make in MIX:
        place -= share
        if place < 0:
            return make(rng)
    return products(rng)
