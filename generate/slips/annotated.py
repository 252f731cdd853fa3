"""Annotated solutions as dependency graphs: every calculation with what it used and where its numbers stand.

GSM8K marks each calculation as `48/2 = <<48/2=24>>24`; the arithmetic family writes the same. Calculations written out
without a mark (`20 + 60 = 80`) are read too. An operand is linked to the quantity of the question, or the earlier
result, that has its value; where two have it, the link is ambiguous and stays open (a literal in the graph).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

from journey.answers.equations import Unreadable
from journey.answers.equations import equations as equations_in
from journey.answers.prose_numbers import number_words, numerals, read_number
from journey.generate.slips.calculations import Calculation, Operand, SolutionStep, read_step
from journey.generate.slips.units import facts
from journey.schema import Problem, Quantity

_SENTENCE_END = re.compile(
    r"(?=\s)(?<=[.!?])(?<!\bMr\.)(?<!\bMs\.)(?<!\bDr\.)(?<!\bSt\.)(?<!\bMrs\.)(?<!\b[A-Z]\.)\s+(?=[A-Z])"
)


MAX_CHARS = 20_000  # of a question, and of a solution: those of GSM8K have about a thousand at most
MAX_CALCULATIONS = 200  # of a solution; of a question as many numbers


@dataclass(frozen=True)
class Annotated:
    """A solution as a graph: `quantities` in order (given ones first), `final` the id of the answer."""

    problem: Problem
    steps: tuple[SolutionStep, ...]
    quantities: tuple[Quantity, ...]
    values: dict[str, Fraction]
    final: str

    def quantity(self, name: str | None) -> Quantity | None:
        """The quantity of this id."""
        return self._by_id.get(name or "")

    @cached_property
    def _by_id(self) -> dict[str, Quantity]:
        return {each.id: each for each in self.quantities}

    @cached_property
    def calculations(self) -> dict[str, Calculation]:
        """The calculations of the steps by id, in order."""
        return {each.id: each for step in self.steps for each in step.equations}

    @cached_property
    def computed(self) -> dict[Fraction, str]:
        """The first calculation that gives each value."""
        return {self.values[name]: name for name in reversed(self.calculations)}

    @cached_property
    def _uses(self) -> Counter[str]:
        """How often the steps' operands could come from each quantity."""
        return Counter(name for s in self.steps for e in s.equations for o in e.operands for name, _ in o.sources)

    def given(self, operand: Operand | None) -> Quantity | None:
        """The quantity of the question that an operand surely comes from.

        A small number that the solution uses more than once may have that value by chance.
        """
        name = operand.link if operand else None
        quantity = self.quantity(name)
        if quantity is None or quantity.span is None:
            return None
        return quantity if self._uses[quantity.id] == 1 or self.values[quantity.id] > 12 else None


class _Source(NamedTuple):
    """Where an operand of some value can come from: a quantity, one of its readings, and whether it only ever multiplies."""

    id: str
    text: str
    factor: bool = False


def annotated(problem: Problem, letters: Collection[str] = ()) -> Annotated:
    """The graph of a problem's solution, whose steps may begin with one of these letters. Raises Unreadable with the reason it is
    counted under.
    """
    body = (problem.solution or "").rpartition("####")[0] or (problem.solution or "")
    longest = max(len(problem.question), len(body))
    if longest > MAX_CHARS:
        raise Unreadable("too_long", f"{longest:,} characters, at most {MAX_CHARS:,}")
    givens = list(given_quantities(problem.question))
    if len(givens) > MAX_CALCULATIONS:
        raise Unreadable("too_long", f"{len(givens)} numbers in the question, at most {MAX_CALCULATIONS}")
    known: dict[Fraction, list[_Source]] = {}  # by value
    for each, readings in givens:
        for value, text in readings:
            known.setdefault(value, []).append(_Source(each.id, text, each.unit == "times"))
    values = {each.id: readings[0][0] for each, readings in givens}
    steps: list[SolutionStep] = []
    quantities = [quantity for quantity, _ in givens]
    count = 0
    for step in _steps(body, letters):
        if (false := _false_line(step.text)) is not None:
            raise Unreadable("false_line", false)
        equations = []
        context = f"{problem.question} {step.text}"
        for equation in step.equations:
            count += 1
            if count > MAX_CALCULATIONS:
                raise Unreadable("too_long", f"more than {MAX_CALCULATIONS} calculations")
            linked = tuple(_link(equation, each, known, context) for each in equation.operands)
            equation = equation.linked_as(f"s{count}", linked)
            equations.append(equation)
            values[equation.id] = equation.value
            quantities.append(Quantity(equation.id, str(equation.value), equation.linked))
            if len(equation.operands) > 1 or not equation.operands[0].link:  # `x = 24` only repeats what it links to
                known.setdefault(equation.value, []).append(_Source(equation.id, equation.id))
        from_nowhere = any(len(each.operands) == 1 and not each.operands[0].link for each in equations)
        steps.append(replace(step, equations=tuple(equations), opaque=step.opaque or from_nowhere))
    if not count:
        raise Unreadable("no_annotation", "no calculation is annotated or written out")
    answer = read_number(problem.answer)
    if answer is None:
        raise Unreadable("answer_not_a_number", problem.answer[:40])
    last = quantities[-1]
    if values[last.id] != answer:
        raise Unreadable("answer_not_the_last_value", f"{last.value} is computed last, the answer is {problem.answer}")
    return Annotated(problem, tuple(steps), tuple(quantities), values, last.id)


def _false_line(text: str) -> str | None:
    """An equation of a solution's own words that is false, though its annotation may be right."""
    return next((f"{each.left} = {each.right}" for each in equations_in(text) if not each.true), None)


def given_quantities(question: str) -> Iterator[tuple[Quantity, tuple[tuple[Fraction, str], ...]]]:
    """The numbers of a question, digits and words, each with its readings: (value, expression over its id)."""
    numbers: list[tuple[int, int, tuple[Fraction, ...], str | None]] = []
    for number in numerals(question):
        numbers.append((number.start, number.end, (number.value,), "%" if number.percent else None))
    for word in number_words(question):
        numbers.append((word.start, word.end, word.values, "times" if word.factor else None))
    for position, (start, end, values, unit) in enumerate(sorted(numbers), start=1):
        name, value, percent = f"q{position}", str(values[0]), unit == "%"
        unit = "times" if question[end : end + 6].lower() == " times" else unit
        readings = [(each, name if not index else f"(1 / {name})") for index, each in enumerate(values)]
        if percent:
            readings.append((Fraction(value) / 100, f"({name} / 100)"))
        yield Quantity(name, value, span=(start, end), unit=unit), tuple(readings)


def _link(equation: Calculation, operand: Operand, known: dict[Fraction, list[_Source]], context: str) -> Operand:
    """The operand with every quantity it could come from; a constant of nature counts as one more possibility."""
    tokens, index = equation.tokens, operand.token
    scales = bool({"*", "/"} & set(tokens[max(index - 1, 0) : index + 2]))
    origins = {each.id: each.text for each in known.get(operand.value, ()) if scales or not each.factor}
    if origins and facts(operand.value, context):
        origins["fact"] = ""
    return Operand(operand.token, operand.value, operand.shown, tuple(origins.items()))


def _steps(body: str, letters: Collection[str]) -> Iterator[SolutionStep]:
    """Sentences as steps; one without a calculation joins the next one that has one, or the last."""
    waiting: tuple[str, str] | None = None
    last: SolutionStep | None = None
    for joint, raw in _sentences(body):
        if waiting:
            joint, raw = waiting[0], waiting[1] + joint + raw
        step = read_step(joint, raw, letters)
        waiting = None if step.equations else (joint, raw)
        if step.equations:
            if last:
                yield last
            last = step
    if last:
        yield read_step(last.joint, last.raw + "".join(waiting), letters) if waiting else last


def _sentences(body: str) -> Iterator[tuple[str, str]]:
    for line in body.strip().split("\n"):
        joint = "\n"
        for sentence in _SENTENCE_END.split(line.strip()):
            if sentence.strip():
                yield joint, sentence.strip()
                joint = " "
