"""Multiplication of whole numbers by hand: partial products digit by digit, carries taken along, rows summed.

A test bed of error injection (arXiv 2512.02389). Each digit of the second number makes a row: its product with every digit of
the first, from the right, each added to what the row has so far, which is what is carried. Then the rows are summed. Digits
keep their place value (`60 * 7 = 420`, not `6 * 7 = 42, carry 4`), so that the graph of quantities is exact and a
wrong product or a wrong carry flows on to the answer. A digit 0 makes no product.

In terse notation numbers of two digits and more are spelled (`4 7 * 6 = 2 8 2`), since the embedded base's tokenizer has no words
beyond 999; `facts["spelled"]` says so. Rows of a pair have some 140 words at level 1 and 340 at level 2 (470 at most); the larger ones
are for larger bases.

    journey generate --family multiplication@1 --method slips --pairs 1000 --out data/runs/multiplication
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import msgspec

from journey.answers.grading import grade
from journey.answers.spelling import spelled, unspelled
from journey.generate.first_mistake import quantities
from journey.generate.protocols import FAMILIES
from journey.rng import rng_for
from journey.schema import Arith, FirstMistake, Problem, problem_id

LEVELS = {1: 2, 2: 3, 3: 4, 4: 5}  # digits of both numbers
_DRAWS = 10_000  # pairs of numbers for one problem before giving up; some 2 are needed
LARGEST = 10**10  # no number of a level is larger, nor a wrong one in its place
# None ends in a question mark: what is asked for is no reason why the last sum is a sum.
QUESTIONS = (
    "Multiply {a} by {b}.",
    "Work out {a} * {b}.",
    "Compute {a} * {b}.",
    "Find {a} * {b}.",
    "Calculate {a} * {b}.",
)
_PRODUCTS = ("{calc}.", "{calc}.", "Now {calc}.", "Next, {calc}.", "A partial product: {calc}.")
_CARRIES = ("Together {calc}.", "With what is carried, {calc}.", "Added to the row, {calc}.", "So far {calc}.")
_TOTALS = ("Adding the rows, {calc}.", "With the next row, {calc}.", "The rows together: {calc}.", "In all {calc}.")


@dataclass
class Worksheet:
    """The steps of one multiplication; `lines` are those of the solution, `values` every number that a step gives."""

    rng: Random
    lines: list[str] = field(default_factory=list)
    values: list[int] = field(default_factory=list)

    def step(self, bank: str, a: int, sign: str, b: int) -> int:
        """Writes a calculation in the words of a bank, and gives its value."""
        value = a * b if sign == "*" else a + b
        calculation = f"{a} {sign} {b} = <<{a}{sign}{b}={value}>>{value}"
        self.lines.append(bank.format(calc=calculation))
        self.values.append(value)
        return value


def _parts(number: int) -> list[int]:
    """The digits of a number at their place value, from the right, without zeros: 47 is 7 and 40."""
    digits = [int(digit) * 10**place for place, digit in enumerate(reversed(str(number)))]
    return [each for each in digits if each]


def carries(a: int, b: int) -> int:
    """How many digits are carried when a is multiplied by each digit of b, and when the rows are summed."""
    count, total = 0, 0
    for place, digit in enumerate(reversed(str(b))):
        carried = 0
        for other in reversed(str(a)):
            carried = (int(digit) * int(other) + carried) // 10
            count += carried > 0
        row, carried = a * int(digit) * 10**place, 0
        for column in range(len(str(total + row))):
            carried = (total // 10**column % 10 + row // 10**column % 10 + carried) // 10
            count += carried > 0
        total += row
    return count


@FAMILIES.add(
    "multiplication",
    levels={level: f"{digits} digits by {digits} digits" for level, digits in LEVELS.items()},
    methods=("slips",),
    difficulty="digits that are carried by hand",
)
class Multiplication:
    """Whole numbers multiplied by hand: partial products, carries, rows summed."""

    def problem(self, seed: int, index: int, level: int = 1, attempt: int = 0) -> Problem:
        """The problem of this place in the seed's stream; another attempt is an independent draw."""
        rng = rng_for("multiplication", seed, level, index, attempt)
        low, high = 10 ** (LEVELS[level] - 1), 10 ** LEVELS[level] - 1
        for _ in range(_DRAWS):
            a, b = rng.randint(low, high), rng.randint(low, high)
            if carries(a, b) >= 2 and _distinct(a, b):
                return self.build(a, b, level=level, question=rng.choice(QUESTIONS))
        raise RuntimeError(f"multiplication@{level}: no numbers in {_DRAWS} draws")

    def build(self, a: int, b: int, *, level: int = 1, question: str = QUESTIONS[0]) -> Problem:
        """The problem of two given numbers."""
        sheet = _worked(a, b, rng_for("multiplication words", a, b))
        answer = str(a * b)
        return Problem(
            id=problem_id("multiplication", a, b),
            question=question.format(a=a, b=b),
            answer=answer,
            source="multiplication",
            brief=spelled(f"find {a} * {b} :"),
            check="value",
            level=level,
            licence="Apache-2.0",
            solution="\n".join([*sheet.lines, f"#### {answer}"]),
            facts={"form": "symbols", "numbers": [a, b], "limit": LARGEST, "spelled": True},
        )

    def difficulty(self, problem: Problem) -> float:
        """Digits that are carried by hand."""
        return float(carries(*problem.facts["numbers"]))

    def first_mistake(self, problem: Problem, text: str) -> FirstMistake:
        """The first false equation, or product or sum of other numbers than the question's."""
        right = grade(problem, text).outcome == "correct"
        found = quantities.first_mistake(problem, unspelled(text), right, stated=True)
        if isinstance(found.claim, Arith):  # joined digits leave blanks
            return msgspec.structs.replace(
                found, claim=Arith(" ".join(found.claim.expression.split()), found.claim.value)
            )
        return found


def _worked(a: int, b: int, rng: Random) -> Worksheet:
    """The steps, in words that the numbers alone decide."""
    sheet, total = Worksheet(rng), 0
    product, carry, add = rng.choice(_PRODUCTS), rng.choice(_CARRIES), rng.choice(_TOTALS)
    for by in _parts(b):
        row = 0
        for of in _parts(a):
            made = sheet.step(product, of, "*", by)
            row = sheet.step(carry, row, "+", made) if row else made
        total = sheet.step(add, total, "+", row) if total else row
    return sheet


def _distinct(a: int, b: int) -> bool:
    """Whether every number of the work stands for one quantity, so that it is clear what follows from what."""
    sheet = _worked(a, b, Random(0))
    values = [*sheet.values, a, b]
    return len(set(values)) == len(values) and not {*_parts(a), *_parts(b)} & set(values)
