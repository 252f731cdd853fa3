"""What the embedded base `pocket-graph` is trained on: counts told by one another in the compact notation, computed rightly.

A model of this size does not find by itself how to look up what a letter stands for, so the text is a course: things said
again, letters with their numbers, counts that can be computed at once, and then whole problems. These are training problems
(`journey.splits`) with their right solution; nothing in them is tried too early and nothing taken back. The words of going back
are met alone, in strings without sense that are said again, so that a model knows the words and nothing of what they are for.

`retries=True` is the text of `pocket-graph-retry`: the same, but before some steps of a solution another one is tried too early and
taken back at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from itertools import accumulate
from random import Random
from typing import Any

from journey.catalog import FAMILIES, METHODS
from journey.data.pocket_text import EOS, facts
from journey.rng import rng_for
from journey.schema import Problem
from journey.splits import split_of
from journey.views import render

LEVEL, LARGEST = 1, 99
LETTERS, GOING_BACK = "abcdefghijkl", ("try", "no", "back", "to", "wait", "not", "dead", "end", "wrong")
ROW = 96  # words that strings without sense fill; the longest problem with its solution has some 90
RETRIES = 0.3  # the chance of one at each step, where there are any
_CALCULATION, _SIGN = re.compile(r"<<([^=<>]+)=(\d+)>>"), re.compile(r"([-+*])")


@lru_cache
def _retries() -> Any:
    slips = METHODS.get("slips")
    return slips(slips.Settings(kinds=("retry",), rate=RETRIES, least=0, clean=0.0, rechecks=0.0))


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


def solved(rng: Random, *, retries: bool = False) -> str:
    """A training problem with its right solution, in which `retries` may be taken back."""
    while True:
        problem = _asked(rng)
        if not retries:
            return f"{problem.brief} {solution(problem)} {EOS}"
        if hasattr(made := _retries().make(problem, 0, 0), "pair"):  # a refusal has none
            return f"{problem.brief} {render(made.pair.journey, 'compact').text} {EOS}"


def repeats(rng: Random) -> str:
    """A string of letters, numbers and words of going back, drawn evenly, said again until the row is full."""
    pool = [*LETTERS, *map(str, range(2, LARGEST + 1)), *GOING_BACK, *GOING_BACK]
    said = rng.sample(pool, rng.randint(4, 14))
    if rng.random() < 0.5:  # letters in every other place
        said = [rng.choice(LETTERS) if place % 2 == 0 else word for place, word in enumerate(said)]
    return " ".join((said * ROW)[: ROW - 2])


def sums(rng: Random) -> str:
    """Twelve true equations: what `pocket-plain` can already do, and is not to forget."""
    return " ".join(facts(rng) for _ in range(3))


def recall(rng: Random) -> str:
    """Letters and their numbers, said again in other orders until the row is full."""
    letters = rng.sample(LETTERS, rng.randint(3, 9))
    values = {letter: rng.randint(2, LARGEST) for letter in letters}
    said: list[str] = []
    while len(said) < ROW // 4:
        said += [f"{letter} = {values[letter]} ;" for letter in rng.sample(letters, len(letters))]
    return " ".join(" ".join(said).split()[: ROW - 2])


def aliases(rng: Random) -> str:
    """Counts that are given and others that are told to be as many as one of them; then how many each is."""
    letters = rng.sample(LETTERS, rng.randint(4, 9))
    given = rng.randint(2, 4)
    values = dict(zip(letters[:given], rng.sample(range(2, 61), given), strict=True))
    same = {letter: rng.choice(letters[:given]) for letter in letters[given:]}
    told = [f"{letter} = {values.get(letter) or same[letter]} ;" for letter in letters]
    asked = rng.sample(letters, len(letters))
    said = [f"{letter} = {values[same.get(letter, letter)]} ." for letter in asked]
    return " ".join([*rng.sample(told, len(told)), ":", *said])


def said_again(rng: Random) -> str:
    """Counts and how they are told, and the same in another order: nothing is computed."""
    letters = rng.sample(LETTERS, rng.randint(3, 7))
    told = []
    for letter in letters:
        other, sign = rng.choice(letters), rng.choice("+-*")
        number = str(rng.randint(2, 60)) if rng.random() < 0.7 else rng.choice(letters)
        told.append(f"{letter} = {number}" if rng.random() < 0.4 else f"{letter} = {other} {sign} {number}")
    again = rng.sample(told, len(told))
    return " ".join([*(f"{one} ;" for one in told), ":", *(f"{one} ." for one in again)])


def ready(rng: Random) -> str:
    """Counts of which two are given and all others can be computed from these at once, which is done; nothing is asked for."""
    letters = rng.sample(LETTERS, rng.randint(3, 7))
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
COURSE: tuple[tuple[int, Mix], ...] = (  # up to which fragment of the stream, and shares of its kinds
    (8_000, ((0.85, repeats), (0.15, sums))),
    (10_000, ((0.15, repeats), (0.55, recall), (0.15, said_again), (0.15, sums))),
    # No sums here: with them in the way a model took several times as long to look up what a letter's own letter stands for.
    (24_000, ((0.15, recall), (0.15, said_again), (0.30, ready), (0.20, aliases), (0.20, solved))),
)
LAST: Mix = (
    (0.52, solved),
    (0.15, ready),
    (0.15, sums),
    (0.07, aliases),
    (0.05, said_again),
    (0.04, recall),
    (0.02, repeats),
)


def piece(seed: int, index: int, *, retries: bool = False) -> str:
    """The fragment at this place of the seed's stream, whose places are in order of difficulty."""
    rng = rng_for("graph text", seed, index)
    mix = next((mix for end, mix in COURSE if index < end), LAST)
    place = rng.random()
    ends = accumulate(share for share, _ in mix)
    make = next((make for end, (_, make) in zip(ends, mix, strict=True) if place < end), mix[0][1])
    return solved(rng, retries=True) if retries and make is solved else make(rng)


def last(seed: int, index: int, *, retries: bool = False) -> str:
    """What comes after the course, problems and a few sums: with more besides, a problem that it cannot do set a model talking without an end."""
    rng = rng_for("graph text, last", seed, index)
    return sums(rng) if rng.random() < 0.1 else solved(rng, retries=retries)
