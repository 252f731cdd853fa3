"""How a policy's false equations are off, and values that are off in the same way for another calculation: the profiled slips
of problems in words.

A class is what a value could have come from: another operation, one off, a carry, a digit. Values of a class are drawn evenly, classes
by how often the policy errs in each.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from random import Random

from journey.answers.claims import evaluate
from journey.answers.equations import Equation, is_number, join
from journey.answers.prose_numbers import places
from journey.answers.steps import Span, steps_with_equations
from journey.schema import Arith, Attempt, QuantityClaim

Values = Callable[[Sequence[str], Fraction, Random], Iterable[Fraction]]
_SIGNS = "+-*/"
_TRIES = 12  # values drawn of a class that has no list of them
NEAR = Fraction(1, 10)  # of the exact value: a value this close is `near`
PREFIX = "value: "  # of these classes, among those of searches
ESTIMATED = "estimated"  # proof, and kind, of a step after which continuations stop succeeding
_TERSE_END = re.compile(r" +\.(?: +|$)")  # of a step in terse notation, where a full stop is a word of its own
STEPS = "step: "  # of steps that are true equations and wrong ones, by the kind of mistake


def _other_operation(tokens: Sequence[str], exact: Fraction, rng: Random) -> Iterator[Fraction]:
    for index, token in enumerate(tokens):
        if token in _SIGNS and index and tokens[index - 1] not in (*_SIGNS, "("):
            for other in _SIGNS.replace(token, ""):
                try:
                    yield evaluate(join((*tokens[:index], other, *tokens[index + 1 :])))
                except ValueError:
                    continue


def _unit(exact: Fraction) -> Fraction:
    """One in the last decimal that a value has."""
    return Fraction(1, 10 ** (places(exact) or 0))


def _carried(tokens: Sequence[str], exact: Fraction, rng: Random) -> Iterator[Fraction]:
    step = 10 * _unit(exact)
    while step <= abs(exact):
        yield from (exact - step, exact + step)
        step *= 10


def _of_table(tokens: Sequence[str], exact: Fraction, rng: Random) -> Iterator[Fraction]:
    numbers = [Fraction(token) for token in tokens if is_number(token)]
    if set(tokens) & set(_SIGNS) == {"*"}:
        yield from (exact + sign * number for number in numbers for sign in (1, -1))


def _digits(exact: Fraction) -> str:
    unit = _unit(exact)
    return str(int(abs(exact) / unit)) if places(exact) is not None else ""


def _swapped(tokens: Sequence[str], exact: Fraction, rng: Random) -> Iterator[Fraction]:
    digits, unit = _digits(exact), _unit(exact)
    for index in range(len(digits) - 1):
        swapped = digits[:index] + digits[index + 1] + digits[index] + digits[index + 2 :]
        if swapped[0] != "0":
            yield int(swapped) * unit * (1 if exact > 0 else -1)


def _one_digit(tokens: Sequence[str], exact: Fraction, rng: Random) -> Iterator[Fraction]:
    digits, unit = _digits(exact), _unit(exact)
    for index in range(len(digits)) if len(digits) > 1 else ():
        for other in "0123456789"[index == 0 :]:
            yield int(digits[:index] + other + digits[index + 1 :]) * unit * (1 if exact > 0 else -1)


def _drawn(low: Fraction, high: Fraction) -> Values:
    """Values between two multiples of the exact one, drawn evenly."""

    def values(tokens: Sequence[str], exact: Fraction, rng: Random) -> Iterator[Fraction]:
        unit = _unit(exact)
        for _ in range(_TRIES):
            share = low + (high - low) * Fraction(rng.randrange(1, 1000), 1000)
            yield round(exact * share / unit) * unit

    return values


CLASSES: dict[str, Values] = {
    "another operation": _other_operation,
    "another sign": lambda tokens, exact, rng: (-exact,),
    "ten times or a tenth": lambda tokens, exact, rng: (exact * 10, exact / 10),
    "off by one": lambda tokens, exact, rng: (exact - _unit(exact), exact + _unit(exact)),
    "off by a carry": _carried,
    "off by a factor": _of_table,
    "digits swapped": _swapped,
    "one digit": _one_digit,
    "near": _drawn(1 - NEAR, 1 + NEAR),
    "too small": _drawn(NEAR, 1 - NEAR),
    "too large": _drawn(1 + NEAR, Fraction(3)),
}
"""By name, from the most telling: a value is of the first class that has it."""
_LISTED = [name for name in CLASSES if name not in ("near", "too small", "too large")]


def value_class(tokens: Sequence[str], exact: Fraction, claimed: Fraction) -> str:
    """The class of a false value of a calculation."""
    nothing = Random(0)  # listed classes draw nothing
    for name in _LISTED:
        if claimed in CLASSES[name](tokens, exact, nothing):
            return name
    if abs(claimed - exact) <= NEAR * abs(exact):
        return "near"
    return "too small" if abs(claimed) < abs(exact) else "too large"


def draw_values(
    tokens: Sequence[str], exact: Fraction, errors: Mapping[str, float], rng: Random
) -> Iterator[tuple[str, Fraction]]:
    """False values for a calculation as a policy errs, one of each class, the classes drawn by its counts without return."""
    counts = {name: errors[PREFIX + name] for name in CLASSES if errors.get(PREFIX + name)}
    while counts:
        name = rng.choices(list(counts), list(counts.values()))[0]
        del counts[name]
        values = dict.fromkeys(CLASSES[name](tokens, exact, rng))
        fitting = [each for each in values if each != exact and value_class(tokens, exact, each) == name]
        if fitting:
            yield name, fitting[rng.randrange(len(fitting))]


def false_value(attempt: Attempt) -> str | None:
    """The class of the false equation that is an attempt's first mistake; None where that is something else."""
    return _class_of_false(attempt.text, attempt.mistake.span) if isinstance(attempt.mistake.claim, Arith) else None


@lru_cache(maxsize=4096)
def _class_of_false(text: str, step: tuple[int, int] | None) -> str | None:
    """Of a step's false equation; remembered, since many attempts have the same text."""
    for span, written in steps_with_equations(text):
        if span == step:
            false = next((each for each in written if not each.true), None)
            return None if false is None else value_class(false.tokens, false.exact, false.claimed)
    return None


def count_value_errors(attempts: Iterable[Attempt]) -> Counter[str]:
    """The first mistakes of a policy's wrong attempts by class, where a check has found them first: how false values are off, and
    true equations by what is wrong with them.
    """
    counts: Counter[str] = Counter()
    for attempt in attempts:
        if attempt.outcome == "wrong" and attempt.index >= 0 and attempt.mistake.checked_first:
            name = false_value(attempt)
            if name is not None:
                counts[PREFIX + name] += 1
            elif isinstance(attempt.mistake.claim, QuantityClaim):
                counts[STEPS + str(attempt.mistake.kind)] += 1
    return counts


def as_lines(text: str) -> str:
    """Terse notation as a solution that people write: a line a step, `6 * 4 = 24.`; anything else as it is."""
    if not _TERSE_END.search(text):
        return text
    return re.sub(r"(?<=\d) {2,}", " ", _TERSE_END.sub(".\n", text)).strip()


@dataclass(frozen=True)
class OwnStep:
    """An attempt's wrong step: where it stands, its equations with the wrong one, and the steps after it."""

    span: Span
    equations: list[Equation]
    false: Equation
    further: list[tuple[Span, list[Equation]]]


def own_step(attempt: Attempt) -> OwnStep | None:
    """The step of an attempt's first mistake; None where no equation of it is the claim that is wrong."""
    found, claim = steps_with_equations(attempt.text), attempt.mistake.claim
    for place, (span, written) in enumerate(found):
        if span == attempt.mistake.span:
            wrong = [each for each in written if not each.true]
            if attempt.mistake.proof == ESTIMATED:
                wrong = written[-1:]
            if isinstance(claim, QuantityClaim):
                wrong = [each for each in written if each.claimed == Fraction(claim.value)]
            return OwnStep(span, written, wrong[0], found[place + 1 :]) if wrong else None
    return None


def values_before(attempt: Attempt) -> list[Fraction]:
    """The values computed before the mistake, in order."""
    values: list[Fraction] = []
    for span, written in steps_with_equations(attempt.text):
        if span == attempt.mistake.span:
            break
        values += [equation.claimed for equation in written]
    return values
