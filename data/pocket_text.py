"""What the embedded base `pocket` is trained on, and its vocabulary; and `pocket-plain`, which has never seen going back.

Fragments of the compact notation, neutral between the arms: no text shows a choice of branch that aims at a target,
and none shows a second branch after a failed one. Whatever names a target or is a whole problem is drawn from training
problems only (`journey.splits`), so no held-out problem and no held-out target appears.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from journey.catalog import FAMILIES, METHODS
from journey.rng import rng_for
from journey.splits import split_of
from journey.views import render

PAD, BOS, EOS, UNK = "<pad>", "<bos>", "<eos>", "<unk>"
WORDS = (
    "use make find try left yes low high dead end back to answer so wait no not is check again right wrong whole even odd "
    "< > \\boxed{ } + - * / = ( ) . , : ; ? %"
).split()
VOCABULARY = [PAD, BOS, EOS, UNK, *WORDS, *"abcdefghijklmnopqrstuvwxyz", *map(str, range(1000))]
LARGEST, CEILING = 50, 99


def _legal(a: int, b: int) -> list[tuple[int, str, int, int]]:
    a, b = max(a, b), min(a, b)
    found = []
    if b > 1 and a * b <= CEILING:
        found.append((a, "*", b, a * b))
    if a + b <= CEILING:
        found.append((a, "+", b, a + b))
    if a - b > 0 and a - b != b:
        found.append((a, "-", b, a - b))
    return found


def _equation(step: tuple[int, str, int, int]) -> str:
    a, op, b, c = step
    return f"{a} {op} {b} = {c}"


def _judge(value: int, target: int) -> str:
    return "yes" if value == target else "low" if value < target else "high"


def facts(rng: Random) -> str:
    """Four true equations; a quarter are products, which are few and hard."""
    said: list[str] = []
    while len(said) < 4:
        if rng.random() < 0.25:
            b = rng.randint(2, 9)
            a = rng.randint(b, CEILING // b)
        else:
            a, b = rng.randint(1, CEILING if rng.random() < 0.7 else LARGEST), rng.randint(1, LARGEST)
        legal = _legal(a, b)
        if legal:
            said.append(_equation(rng.choice(legal)) + " .")
    return " ".join(said)


def _reaching(rng: Random, value: int) -> tuple[int, str, int, int]:
    """A random step with this result."""
    divisors = [d for d in range(2, 10) if value % d == 0 and value // d >= d]
    kind = rng.random()
    if kind < 0.2 and divisors:
        b = rng.choice(divisors)
        return value // b, "*", b, value
    if kind < 0.6 and value >= 2:
        b = rng.randint(max(1, value - CEILING), value // 2)
        return value - b, "+", b, value
    b = rng.randint(0, CEILING - value) if value < CEILING else 0
    return (value + b, "-", b, value) if b and b != value else (value, "+", 0, value)


def judged_steps(rng: Random) -> str:
    """Unrelated steps held against one target, some near it: low, high or yes. Nothing is searched for."""
    if rng.random() < 0.5:
        target = rng.randint(5, CEILING - 5)
        head = f"make {target} :"
    else:
        numbers, _, _, target = _asked(rng)
        head = f"use {_listed(numbers)} make {target} :"
    said = []
    for _ in range(min(rng.randint(1, 20), rng.randint(1, 20))):
        kind = rng.random()
        near = target + rng.choice((-10, -5, -3, -2, -2, -1, -1, 1, 1, 2, 2, 3, 5, 10))
        value = target if kind < 0.2 else near if kind < 0.65 else rng.randint(1, CEILING)
        value = min(CEILING, max(1, value))
        step = _reaching(rng, value)
        if step[2]:
            said.append(f"{_equation(step)} {_judge(value, target)} .")
    return f"{head} {' '.join(said)}"


def two_numbers(rng: Random) -> str:
    """A solved problem of two numbers: nothing to choose but the operation."""
    while not (legal := _legal(rng.randint(1, CEILING), rng.randint(1, LARGEST))):
        pass
    a, op, b, c = rng.choice(legal)
    return f"use {a} {b} make {c} : {a} {op} {b} = {c} yes . \\boxed{{ {a} {op} {b} }} {EOS}"


def _three(rng: Random) -> tuple[list[int], tuple[int, str, int, int], int]:
    """Three numbers in descending order, a random legal first step and the number it leaves aside."""
    while True:
        numbers = sorted((rng.randint(1, LARGEST) for _ in range(3)), reverse=True)
        i, j, k = rng.choice(((0, 1, 2), (0, 2, 1), (1, 2, 0)))
        legal = _legal(numbers[i], numbers[j])
        if legal:
            step = rng.choice(legal)
            if _legal(step[3], numbers[k]):
                return numbers, step, numbers[k]


def _open(numbers: list[int], target: int) -> bool:
    """Whether a fragment may name these numbers with this target: training problems only."""
    problem = FAMILIES.get("countdown")().build(tuple(numbers), target)
    return split_of(problem) == "train"


def _asked(rng: Random) -> tuple[list[int], tuple[int, str, int, int], int, int]:
    while True:
        numbers, step, other = _three(rng)
        target = rng.randint(10, CEILING)
        if _open(numbers, target):
            return numbers, step, other, target


def _listed(numbers: list[int]) -> str:
    return " ".join(map(str, numbers))


def _left(step: tuple[int, str, int, int], other: int) -> str:
    return f"{max(step[3], other)} {min(step[3], other)}"


def one_reduction(rng: Random) -> str:
    """A question and one random first step; it does not aim at the target."""
    numbers, step, other, target = _asked(rng)
    return f"use {_listed(numbers)} make {target} : try {_equation(step)} left {_left(step, other)} ."


def chain(rng: Random) -> str:
    """Two random steps without a target, and the expression they make."""
    numbers, step, other = _three(rng)
    a, op, b, c = last = rng.choice(_legal(step[3], other))
    inner = f"( {step[0]} {step[1]} {step[2]} )"
    whole = f"{inner} {op} {b}" if a == step[3] else f"{a} {op} {inner}"
    first = f"try {_equation(step)} left {_left(step, other)} ."
    return f"use {_listed(numbers)} : {first} {_equation(last)} . so \\boxed{{ {whole} }} = {c} ."


def one_branch(rng: Random) -> str:
    """One random first step and its judged last steps; a failed one goes back, and the text ends there."""
    numbers, step, other, target = _asked(rng)
    said = f"use {_listed(numbers)} make {target} : try {_equation(step)} left {_left(step, other)} ."
    way = "*+" if target > max(step[3], other) else "-"
    for last in _legal(step[3], other):
        if last[1] in way:
            said += f" {_equation(last)} {_judge(last[3], target)} ."
            if last[3] == target:
                return said
    return said + f" dead end . back to {_listed(numbers)} ."


def one_branch_left(rng: Random) -> str:
    """The same for `pocket-plain`: a branch that fails is not called so, nothing goes back, the text ends there."""
    return one_branch(rng).partition(" dead end")[0]


def arithmetic(rng: Random) -> str:
    """A training problem of the arithmetic family at level 1 with its correct solution; no mistake, nothing taken back."""
    while True:
        problem = FAMILIES.get("arithmetic")().problem(rng.getrandbits(62), 0, 1)
        if split_of(problem) != "train":
            continue
        made = METHODS.get("slips")().make(problem, 0, 0)
        if hasattr(made, "pair"):  # a refusal has none
            return f"{problem.brief} {render(made.pair.shortcut, 'compact').text} {EOS}"


MIX: tuple[tuple[float, Callable[[Random], str]], ...] = (
    (0.24, facts),
    (0.22, judged_steps),
    (0.11, two_numbers),
    (0.11, one_reduction),
    (0.09, chain),
    (0.11, one_branch),
    (0.12, arithmetic),
)


PLAIN: dict[Callable[[Random], str], Callable[[Random], str]] = {
    one_branch: one_branch_left
}  # what `pocket-plain` has in the place of fragments that go back


def piece(seed: int, index: int, *, plain: bool = False) -> str:
    """The fragment at this place of the seed's stream; `plain` ones never go back, and are the same otherwise."""
    rng = rng_for("pocket text", seed, index)
    place = rng.random()
    for share, make in MIX:
        place -= share
        if place < 0:
            return (PLAIN.get(make, make) if plain else make)(rng)
    return facts(rng)
