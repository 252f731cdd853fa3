"""Verdicts on the steps of one answer: equations everywhere, quantities where the problem's graph is known.

A quantity problem states its graph in its brief form (`a = 18 ; b = a * 3 ; c = b - 2 ; find c :`), so that the true value of
every quantity is known, and every number of the problem stands for one quantity. Then a right equation can still be a false
step: the wrong operation, or the wrong number. Right reasoning from a wrong value is a consequence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from journey.answers.equations import Equation, equations
from journey.answers.exact import NotANumber, evaluate
from journey.evaluate.behaviour.records import Mark
from journey.evaluate.behaviour.sentences import sentences
from journey.schema import Problem

Verdict = Literal["true", "false", "consequence"]
_TESTS = ("notice", "check", "backward")
_GRAPH = re.compile(r"((?:[a-z] = [^;]+ ; )+)find ([a-z]) ?:")
_NUMERAL = re.compile(r"(?<![\d.])-?\d[\d,]*(?:\.\d+)?")
_CALCULATES = re.compile(r"\d\s*[-+*/=]\s*\d")
_LETTER = re.compile(r"(?<![A-Za-z])[a-z](?![A-Za-z])")


@dataclass(frozen=True)
class AnswerStep:
    """One judged step: what it claims, for which quantity (where it is said), and the characters that say it."""

    verdict: Verdict
    value: Fraction
    left: str
    name: str | None
    start: int
    end: int


@dataclass(frozen=True)
class Graph:
    """The quantities of a problem: their definitions, their true values, and the one that is asked for."""

    definitions: dict[str, str]
    truth: dict[str, Fraction]
    asked: str

    @classmethod
    def of(cls, problem: Problem) -> Graph | None:
        """The graph of a problem's brief form, or None where it has none."""
        match = _GRAPH.fullmatch(problem.brief)
        if match is None:
            return None
        definitions = dict(part.strip().split(" = ", 1) for part in match[1].split(";") if part.strip())
        truth: dict[str, Fraction] = {}
        try:
            for name, expression in definitions.items():
                truth[name] = _value(expression, truth)
        except (NotANumber, KeyError):
            return None
        return cls(definitions, truth, match[2]) if match[2] in truth else None


def _value(expression: str, values: dict[str, Fraction]) -> Fraction:
    """The value of a definition. Raises KeyError for an unknown letter, NotANumber for what is no arithmetic."""
    return evaluate(_LETTER.sub(lambda match: f"({values[match[0]]})", expression))


def judged(text: str, problem: Problem, marks: Sequence[Mark]) -> list[AnswerStep]:
    """The steps of an answer to a problem, in order. A calculation inside a doubt or check only has to be right."""
    graph = Graph.of(problem)
    all_equations = list(equations(text))
    tests = _tests(text, marks) if graph is not None else []
    if graph is None:
        return [
            AnswerStep("true" if e.true else "false", e.claimed, e.left, None, e.start, e.end) for e in all_equations
        ]
    believed = {name: value for name, value in graph.truth.items() if not _LETTER.search(graph.definitions[name])}
    wrong: set[Fraction] = set()
    steps = []
    for equation in all_equations:
        if any(start <= equation.start < end for start, end in tests):
            verdict: Verdict = "true" if equation.true else "false"
            steps.append(AnswerStep(verdict, equation.claimed, equation.left, None, equation.start, equation.end))
            continue
        name = _named(text, equation, graph)
        verdict = _verdict(equation, name, graph, believed, wrong)
        if verdict == "true":
            wrong.discard(equation.claimed)
        else:
            wrong.add(equation.claimed)
        if name is not None:
            believed[name] = equation.claimed
        steps.append(AnswerStep(verdict, equation.claimed, equation.left, name, equation.start, equation.end))
    return steps


def _named(text: str, equation: Equation, graph: Graph) -> str | None:
    """The quantity that an equation says it computes: `c = 54 - 2 = 51`, `For c, 54 - 2 = 51`, `c is b minus 2: ...`."""
    line = text[max(text.rfind("\n", 0, equation.start), text.rfind(". ", 0, equation.start)) + 1 : equation.start]
    if direct := re.search(r"(?<![A-Za-z])([a-z]) = *$", line):
        return direct[1] if direct[1] in graph.definitions else None
    letters = [letter for letter in _LETTER.findall(line) if _LETTER.search(graph.definitions.get(letter, ""))]
    return letters[0] if letters else None


def _verdict(
    equation: Equation, name: str | None, graph: Graph, believed: dict[str, Fraction], wrong: set[Fraction]
) -> Verdict:
    if not equation.true:
        return "false"
    right = {graph.truth[name]} if name is not None else set(graph.truth.values())
    if equation.claimed in right:
        return "true"
    if name is not None:
        try:
            expected = _value(graph.definitions[name], believed)
        except (KeyError, NotANumber):
            expected = None
        return "consequence" if expected == equation.claimed else "false"
    return "consequence" if {abs(value) for value in wrong} & set(equation.numbers) else "false"


def _tests(text: str, marks: Sequence[Mark]) -> list[tuple[int, int]]:
    """Where a doubt or check is carried out: its own sentences and the next one of the same line that has no mark."""
    spans = []
    for mark in marks:
        if mark.kind in _TESTS:
            after = next(sentences(text[mark.end : _line_end(text, mark.end)]), (0, 0))
            end = mark.end + after[1]
            free = not any(mark.end <= other.start < end for other in marks)
            spans.append((mark.start, end if free else mark.end))
    return spans


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


def noticed(step: AnswerStep, steps: Sequence[AnswerStep], marks: Sequence[Mark], text: str) -> bool:
    """Whether an answer takes a false step back later.

    It does where a later doubt or return names the false value, or where the same quantity (or the same left side) is
    written again with another value after a doubt or return.
    """
    later = [mark for mark in marks if mark.kind in ("notice", "backtrack", "check") and mark.start >= step.start]
    shown = re.compile(rf"(?<![\d.]){re.escape(_shown(step.value))}(?![\d]|\.\d)")
    if any(mark.kind != "check" and shown.search(text[max(mark.start, step.end) : mark.end]) for mark in later):
        return True
    return any(
        other.start > step.end
        and other.value != step.value
        and (other.name == step.name if step.name is not None else _same(other.left, step.left))
        and any(step.start <= mark.start < other.start for mark in later)
        for other in steps
    )


def doubted(steps: Sequence[AnswerStep], marks: Sequence[Mark], text: str) -> list[AnswerStep]:
    """The steps that a notice doubts by naming their value, and no other's: "I doubt the 51." Once for each notice."""
    steps_doubted: list[AnswerStep] = []
    for mark in marks:
        first = next(sentences(text[mark.start : mark.end]), None) if mark.kind == "notice" else None
        sentence = text[mark.start : mark.start + first[1]] if first else ""
        if not sentence or _CALCULATES.search(sentence):
            continue
        named = {Fraction(digits.replace(",", "")) for digits in _NUMERAL.findall(sentence)}
        by_value = {step.value: step for step in steps if step.end <= mark.start and step.value in named}
        if len(by_value) == 1:
            steps_doubted += by_value.values()
    return steps_doubted


def _same(one: str, other: str) -> bool:
    return one.replace(" ", "") == other.replace(" ", "")


def _shown(value: Fraction) -> str:
    """A number as answers write it: 51, 0.12."""
    if value.denominator == 1:
        return str(value.numerator)
    return f"{float(value):.12g}"
