"""Countdown: make a target from given numbers, each used exactly once.

The classic test bed of search traces (Stream of Search, Gandhi et al. 2024, arXiv 2404.03683). Instances are built
forward from a random solution, so they are solvable by construction; a tenth of the targets is held out.

    journey generate --family countdown@1 --method search --pairs 1000 --out data/runs/countdown
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from random import Random

from journey.answers.checker import Outcome, number
from journey.answers.grading import grade
from journey.generate.first_mistake import searches
from journey.generate.protocols import FAMILIES
from journey.rng import digest, rng_for
from journey.schema import FirstMistake, Problem, problem_id

HELD_OUT_TARGETS = 0.10
_DRAWS = 100_000  # per problem, before giving up; level 2 needs a few hundred
_CACHED = 1 << 14  # bounded, so that memory does not grow with the number of problems

State = tuple[int, ...]  # the numbers left, in descending order
Move = tuple[int, str, int, int, State]  # larger, operation, smaller, result, numbers left


@dataclass(frozen=True, eq=False)
class CountdownLevel:
    """One level: how many numbers, their range, the targets, the operations, and how hard it must be to guess.

    Every step gives a whole number above zero. A step is idle if its result is one of its own numbers (`9 * 1 = 9`).
    """

    numbers: int
    largest: int
    targets: tuple[int, int]
    operations: str = "*+-"
    ceiling: int | None = None  # largest intermediate result, not below the targets
    idle: bool = True  # whether a search tries idle steps before the last step
    max_solutions: int | None = None  # distinct ways of play that reach the target
    min_failed: int = 0  # first moves that fail before the depth-first search finds the right one


LEVELS = {
    1: CountdownLevel(3, 50, (10, 99), ceiling=99, idle=False, max_solutions=2),
    2: CountdownLevel(3, 50, (10, 99), ceiling=99, idle=False, max_solutions=2, min_failed=5),
    3: CountdownLevel(4, 99, (10, 100), "*+-/"),
    4: CountdownLevel(5, 99, (100, 999), "*+-/"),
    5: CountdownLevel(6, 99, (100, 999), "*+-/"),
}


def _up(a: int, b: int, rules: CountdownLevel) -> list[Move]:
    product, total = a * b, a + b
    steps: list[Move] = [(a, "*", b, product, (product,)), (a, "+", b, total, (total,))]
    limit = rules.ceiling
    return steps if limit is None else [move for move in steps if move[3] <= limit]


def _down(a: int, b: int, rules: CountdownLevel) -> list[Move]:
    steps: list[Move] = [(a, "-", b, a - b, (a - b,))] if a > b else []
    if b > 1 and a % b == 0 and "/" in rules.operations:  # a / 1 would only repeat a * 1
        steps.append((a, "/", b, a // b, (a // b,)))
    return steps


def results(a: int, b: int, rules: CountdownLevel) -> list[Move]:
    """Every legal step on a >= b > 0 as the move of a state of these two numbers, idle ones too: * + - /."""
    return _up(a, b, rules) + _down(a, b, rules)


def _tried(a: int, b: int, rules: CountdownLevel) -> list[Move]:
    steps = results(a, b, rules)
    return steps if rules.idle else [move for move in steps if move[3] != a and move[3] != b]


def moves(state: State, rules: CountdownLevel, *, every: bool = False) -> list[Move]:
    """Every different move from numbers in descending order: pairs left to right, operations * + - /.

    Idle steps are left out where the level says so, unless `every`.
    """
    legal: list[Move] = []
    for a, b, rest in _pairs(state):
        steps = results(a, b, rules) if every else _tried(a, b, rules)
        if len(rest) == 1:  # most states that are expanded
            d = rest[0]
            legal += [(a, op, b, c, (c, d) if c > d else (d, c)) for _, op, _, c, _ in steps]
        else:
            legal += [(a, op, b, c, put_in(rest, c)) for _, op, _, c, _ in steps]
    return legal


def _pairs(state: State) -> list[tuple[int, int, State]]:
    """Every different pair, the larger first, with the numbers it leaves; equal numbers stand side by side."""
    pairs = []
    for i, a in enumerate(state):
        if i and a == state[i - 1]:
            continue
        for j in range(i + 1, len(state)):
            if j == i + 1 or state[j] != state[j - 1]:
                pairs.append((a, state[j], state[:i] + state[i + 1 : j] + state[j + 1 :]))
    return pairs


def last_moves(a: int, b: int, target: int, rules: CountdownLevel, *, every: bool = False) -> list[Move]:
    """The last steps worth trying: up (* +) to a target above both numbers, else down (- /); all of them if `every`.

    A step that hits the target is never left out, so nothing that can be made is missed.
    """
    if every:
        steps = results(a, b, rules)
    elif target > a:
        steps = _up(a, b, rules)
    else:
        steps = _down(a, b, rules)
        if b == 1 and a == target:
            steps.insert(0, (a, "*", 1, a, (a,)))
    if rules.idle:
        return steps
    return [move for move in steps if move[3] == target or (move[3] != a and move[3] != b)]


def put_in(rest: State, value: int) -> State:
    """Descending numbers with one more put in its place."""
    for index, other in enumerate(rest):
        if value >= other:
            return rest[:index] + (value,) + rest[index:]
    return (*rest, value)


def _hits(a: int, b: int, target: int, rules: CountdownLevel) -> bool:
    """Whether one step on a >= b gives the target."""
    if target > a:
        return target in (a + b, a * b)
    return a - b == target or (b == 1 and a == target) or (a == target * b and "/" in rules.operations)


def _partners(c: int, target: int, rules: CountdownLevel) -> set[int]:
    """The numbers that make the target with c in one step."""
    partners = {target - c, target + c, c - target}
    if target % c == 0:
        partners.add(target // c)
    if "/" in rules.operations:
        partners.add(target * c)
        if c % target == 0:
            partners.add(c // target)
    return partners


def _values(a: int, b: int, rules: CountdownLevel) -> list[int]:
    """The results of one step on a >= b."""
    values = [a + b, a * b]
    if a > b:
        values.append(a - b)
    if b > 1 and a % b == 0 and "/" in rules.operations:
        values.append(a // b)
    limit = rules.ceiling
    return values if limit is None else [value for value in values if value <= limit]


@lru_cache(maxsize=_CACHED)
def _can_make(state: State, target: int, rules: CountdownLevel) -> bool:
    if len(state) < 3:
        return state[0] == target if len(state) == 1 else _hits(state[0], state[1], target, rules)
    if len(state) == 3:
        return any(not _partners(c, target, rules).isdisjoint(_values(a, b, rules)) for a, b, (c,) in _pairs(state))
    return any(
        _can_make(put_in(rest, value), target, rules) for a, b, rest in _pairs(state) for value in _values(a, b, rules)
    )


def can_make(state: State, target: int, rules: CountdownLevel) -> bool:
    """Exact: whether the target can be made from all of these numbers, each used once, in whole numbers above zero."""
    return _can_make(tuple(sorted(state, reverse=True)), target, rules)


def solutions(state: State, target: int, rules: CountdownLevel) -> int:
    """Number of distinct ways of play (sequences of the moves that a search tries) that reach the target."""
    if len(state) == 2:
        return _values(*state, rules).count(target)
    return sum(solutions(move[4], target, rules) for move in moves(state, rules))


def failed_first_moves(state: State, target: int, rules: CountdownLevel) -> int:
    """First moves that the canonical depth-first search exhausts before the first right one."""
    for failed, move in enumerate(moves(state, rules)):
        if _can_make(move[4], target, rules):
            return failed
    raise ValueError(f"{state} cannot make {target}")


def is_held_out(target: int) -> bool:
    """Whether problems with this target are never trained on."""
    return int.from_bytes(digest("countdown target", target)[:8], "big") / 2**64 < HELD_OUT_TARGETS


def _draw(rng: Random, rules: CountdownLevel) -> tuple[State, int] | None:
    """Numbers and the target that one random play of them reaches; None if it breaks a rule of the level."""
    numbers = tuple(sorted((1 + int(rng.random() * rules.largest) for _ in range(rules.numbers)), reverse=True))
    state = numbers
    while len(state) > 1:
        i, j = _two(rng, len(state))
        legal = _tried(state[i], state[j], rules)
        if not legal:
            return None
        value = legal[int(rng.random() * len(legal))][3]
        state = put_in(state[:i] + state[i + 1 : j] + state[j + 1 :], value)
    target, (low, high) = state[0], rules.targets
    if not low <= target <= high or target in numbers:
        return None
    if rules.max_solutions is not None and solutions(numbers, target, rules) > rules.max_solutions:
        return None
    if rules.min_failed and failed_first_moves(numbers, target, rules) < rules.min_failed:
        return None
    return numbers, target


def _two(rng: Random, size: int) -> tuple[int, int]:
    """Two different places, in order: `rng.sample(range(size), 2)` at a third of its cost."""
    first, second = rng.randrange(size), rng.randrange(size - 1)
    second = size - 1 if second == first else second
    return (first, second) if first < second else (second, first)


_SIGNS = str.maketrans({"\u00d7": "*", "\u00f7": "/", "\u2212": "-", "[": "(", "]": ")"})
_LATEX = re.compile(r"\\(?:times|cdot|div|left|right|[dt]frac|[,;! ])(?![a-z])|\$")
_EXPRESSION = re.compile(r"(?:[0-9\s()+*/{}-]|\\frac)+", re.ASCII)


def _plain(expression: str) -> str:
    replaced = {"\\times": "*", "\\cdot": "*", "\\div": "/", "\\dfrac": "\\frac", "\\tfrac": "\\frac"}
    return _LATEX.sub(lambda match: replaced.get(match.group(), " "), expression.translate(_SIGNS)).strip()


class CountdownSpace:
    """The search space of one problem: states are the numbers left, in descending order."""

    def __init__(self, start: State, target: int, rules: CountdownLevel) -> None:
        self.start, self.target, self.rules = start, target, rules
        self.operations = rules.operations

    def moves(self, state: State) -> list[Move]:
        """Every different move from three numbers or more, in canonical order."""
        return moves(state, self.rules)

    def last_moves(self, a: int, b: int, every: bool) -> list[Move]:
        """The last steps: those that size does not rule out, or all of them."""
        return last_moves(a, b, self.target, self.rules, every=every)

    def solvable(self, state: State) -> bool:
        """Exact: whether the target can be made from the state."""
        if len(state) == 2:
            return _hits(state[0], state[1], self.target, self.rules)
        return _can_make(state, self.target, self.rules)


@FAMILIES.add(
    "countdown",
    levels={
        1: "3 numbers up to 50, target 10-99, at most 2 ways",
        2: "as 1, five or more failed branches",
        3: "4 numbers up to 99, target 10-100",
        4: "5 numbers, target 100-999",
        5: "6 numbers, target 100-999",
    },
    methods=("search",),
    difficulty="first moves that fail before the canonical search finds the right one",
)
class Countdown:
    """Make a target from given numbers, each used once; the checker reads the expression."""

    def problem(self, seed: int, index: int, level: int = 1, attempt: int = 0) -> Problem:
        """The problem of this place in the seed's stream; another attempt is an independent draw."""
        rules = LEVELS[level]
        rng = rng_for("countdown", seed, level, index, attempt)
        for _ in range(_DRAWS):
            drawn = _draw(rng, rules)
            if drawn:
                return self.build(*drawn, level=level)
        raise RuntimeError(f"countdown@{level}: no problem in {_DRAWS} draws")

    def build(self, numbers: State, target: int, *, level: int = 1) -> Problem:
        """The problem of given numbers (in any order) and target."""
        numbers = tuple(sorted(numbers, reverse=True))
        listed = ", ".join(map(str, numbers))
        question = (
            f"Using each of the numbers {listed} exactly once, with {_words(LEVELS[level].operations)}, "
            f"write an expression that equals {target}."
        )
        return Problem(
            id=problem_id("countdown", *sorted(numbers), target),
            question=question,
            answer=str(target),
            source="countdown",
            brief=f"use {' '.join(map(str, numbers))} make {target} :",
            check="countdown",
            level=level,
            licence="Apache-2.0",
            held_out=is_held_out(target),
            facts={"numbers": list(numbers), "target": target},
        )

    def check(self, problem: Problem, answer: str) -> tuple[Outcome, str]:
        """Each given number exactly once, and the exact value is the target; the bare target is wrong."""
        expression, equals, right = _plain(answer).partition("=")
        numbers, target = problem.facts["numbers"], problem.facts["target"]
        if equals and ("=" in right or number(right) != target):
            return Outcome.DIFFERENT, f"says it equals {right.strip()[:50]!r}, not {target}"
        if len(expression) > 200 or not _EXPRESSION.fullmatch(expression) or re.search(r"\*\s*\*|\d\s+\d", expression):
            return Outcome.DIFFERENT, "not an expression of the numbers"
        used = sorted(int(digits) for digits in re.findall(r"\d+", expression))
        if used != sorted(numbers):
            return Outcome.DIFFERENT, f"uses {used}, not {sorted(numbers)}"
        value = number(expression)
        if value is None:
            return Outcome.DIFFERENT, "not a well-formed expression"
        return (Outcome.SAME, "") if value == target else (Outcome.DIFFERENT, f"is {value}, not {target}")

    def gold(self, problem: Problem) -> str:
        """An expression that is right, found by the exact solver."""
        numbers, target = tuple(problem.facts["numbers"]), problem.facts["target"]
        if not can_make(numbers, target, LEVELS[problem.level or 1]):
            raise ValueError(f"{numbers} cannot make {target}")
        return _solve(tuple((n, str(n)) for n in numbers), target, LEVELS[problem.level or 1])[1:-1]

    def space(self, problem: Problem) -> CountdownSpace:
        """The states that a search walks."""
        return CountdownSpace(tuple(problem.facts["numbers"]), problem.facts["target"], LEVELS[problem.level or 1])

    def difficulty(self, problem: Problem) -> float:
        """First moves that fail before the canonical search finds the right one."""
        numbers = tuple(problem.facts["numbers"])
        return float(failed_first_moves(numbers, problem.facts["target"], LEVELS[problem.level or 1]))

    def solvable(self, problem: Problem, state: State, target: int) -> bool:
        """Exact: whether `target` can be made from `state` under the rules of the problem's level."""
        return can_make(state, target, LEVELS[problem.level or 1])

    def first_mistake(self, problem: Problem, text: str) -> FirstMistake:
        """The first false equation, number that is not there, or branch from which the target is out of reach."""
        right = grade(problem, text).outcome == "correct"
        return searches.first_mistake(problem, text, right, self.reaches(problem))

    def reaches(self, problem: Problem) -> Callable[[State], bool]:
        """Exact: whether the target can be made from a state by the question's rules, which limit no result."""
        rules, target = _without_ceiling(problem.level or 1), problem.facts["target"]
        return lambda state: can_make(state, target, rules)


@cache
def _without_ceiling(level: int) -> CountdownLevel:
    return replace(LEVELS[level], ceiling=None)


def _words(operations: str) -> str:
    words = [
        {"+": "addition", "-": "subtraction", "*": "multiplication", "/": "division"}[o]
        for o in "+-*/"
        if o in operations
    ]
    return ", ".join(words[:-1]) + " and " + words[-1]


def _solve(terms: tuple[tuple[int, str], ...], target: int, rules: CountdownLevel) -> str:
    if len(terms) == 1:
        return terms[0][1]
    values = tuple(value for value, _ in terms)
    legal = moves(values, rules, every=True)
    a, op, b, c, _ = next(move for move in legal if _can_make(move[4], target, rules))
    kept = list(terms)
    first = kept.pop([value for value, _ in kept].index(a))
    second = kept.pop([value for value, _ in kept].index(b))
    joined = (c, f"({first[1]} {op} {second[1]})")
    return _solve(tuple(sorted([*kept, joined], key=lambda term: -term[0])), target, rules)
