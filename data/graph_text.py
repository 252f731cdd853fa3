"""What the embedded base `pocket-graph` is trained on: counts told by one another in the compact notation, computed rightly.

Whole problems are training problems (`journey.splits`) with their right solution, or its first steps; beside them counts that can be
computed at once, what is told said again in another order, and true equations. Nothing is tried too early and nothing taken back.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from random import Random
from typing import Any

from journey.catalog import FAMILIES, METHODS
from journey.data.pocket_text import EOS, facts
from journey.rng import rng_for
from journey.schema import Problem
from journey.splits import split_of
from journey.views import render

LEVEL, LARGEST = 1, 99
_CALCULATION, _SIGN = re.compile(r"<<([^=<>]+)=(\d+)>>"), re.compile(r"([-+*])")


@lru_cache
def _method() -> Any:
    """Slips with one count tried too early in each journey, and nothing else."""
    slips = METHODS.get("slips")
    return slips(slips.Settings(mistakes=1, kinds=("retry",), rechecks=0.0))


def _asked(rng: Random) -> Problem:
    """A training problem."""
    family = FAMILIES.get("graph")()
    while split_of(problem := family.problem(rng.getrandbits(62), 0, LEVEL)) != "train":
        pass
    return problem


def solution(problem: Problem) -> str:
    """The steps of a problem and its answer in terse notation, which is what its shortcut says."""
    calculations = _CALCULATION.findall(problem.solution or "")
    said = "".join(
        f"{letter} = {' '.join(_SIGN.split(of))} = {value} . "
        for letter, (of, value) in zip(problem.facts["letters"], calculations, strict=True)
    )
    return f"{said}\\boxed{{ {problem.answer} }}"


def solved(rng: Random) -> str:
    """A training problem with its right solution."""
    problem = _asked(rng)
    return f"{problem.brief} {solution(problem)} {EOS}"


def begun(rng: Random) -> str:
    """A training problem and its first steps, or none, up to where a count could be tried too early."""
    while not hasattr(made := _method().make(problem := _asked(rng), 0, 0), "pair"):  # a refusal has none
        pass
    return f"{problem.brief} {render(made.pair.journey, 'compact').text}".partition(" try ")[0]


def aliases(rng: Random) -> str:
    """Counts that are given and others that are told to be as many as one of them; then how many each is."""
    letters = rng.sample("abcdefghijkl", rng.randint(4, 9))
    given = letters[: rng.randint(2, 4)]
    values = dict(zip(given, rng.sample(range(2, 61), len(given)), strict=True))
    same = {letter: rng.choice(given) for letter in letters[len(given) :]}
    told = [f"{letter} = {values.get(letter) or same[letter]} ;" for letter in letters]
    asked = rng.sample(letters, len(letters))
    return " ".join(
        [*rng.sample(told, len(told)), ":", *(f"{letter} = {values[same.get(letter, letter)]} ." for letter in asked)]
    )


def said_again(rng: Random) -> str:
    """Counts and how they are told, and the same in another order: nothing is computed."""
    letters = rng.sample("abcdefghijkl", rng.randint(3, 9))
    told = []
    for letter in letters:
        other, sign = rng.choice(letters), rng.choice("+-*")
        number = str(rng.randint(2, 60)) if rng.random() < 0.7 else rng.choice(letters)
        told.append(f"{letter} = {number}" if rng.random() < 0.4 else f"{letter} = {other} {sign} {number}")
    again = rng.sample(told, len(told))
    return " ".join([*(f"{one} ;" for one in told), ":", *(f"{one} ." for one in again)])


def ready(rng: Random) -> str:
    """Counts of which some are given and all others can be computed from these at once, which is done; nothing is asked for."""
    letters = rng.sample("abcdefghijkl", rng.randint(3, 7))
    given, computed = letters[:2], letters[2:]
    values = dict(zip(given, rng.sample(range(2, 61), 2), strict=True))
    told, steps = [f"{letter} = {value} ;" for letter, value in values.items()], []
    for letter in computed:
        one, two = rng.sample(given, 2)
        sign, number = rng.choice("+-*s"), rng.randint(2, 40)
        a, b, other = (values[one], values[two], two) if sign == "s" else (values[one], number, str(number))
        if sign == "*":
            b = rng.randint(2, 5)
            other = str(b)
        value = a * b if sign == "*" else a - b if sign == "-" else a + b
        if 2 <= value <= LARGEST:
            said = sign.replace("s", "+")
            told.append(f"{letter} = {one} {said} {other} ;")
            steps.append(f"{letter} = {a} {said} {b} = {value} .")
    rng.shuffle(told)
    rng.shuffle(steps)
    return " ".join([*told, ":", *steps])


Mix = tuple[tuple[float, Callable[[Random], str]], ...]
FIRST: Mix = (
    (0.45, solved),
    (0.07, begun),
    (0.22, ready),
    (0.22, said_again),
    (0.04, facts),
)
MIX: Mix = (
    (0.55, solved),
    (0.20, ready),
    (0.15, aliases),
    (0.10, said_again),
)


def piece(seed: int, index: int, *, first: bool = False) -> str:
    """The fragment at this place of the seed's stream; `first` ones are of the text that training begins with."""
    rng = rng_for("graph text" if first else "graph text, second", seed, index)
    place = rng.random()
    for share, make in FIRST if first else MIX:
        place -= share
        if place < 0:
            return make(rng)
    return solved(rng)
