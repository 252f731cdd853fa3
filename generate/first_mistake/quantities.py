"""First mistakes in answers that compute quantities: false equations, and values that contradict the problem's graph.

A false equation is seen in the text alone. A true equation can still be a false step: the wrong operation, or the wrong
number. What it should have been is known from the graph of quantities: the question of a family states it
(`checked:question`); in a user's problem only the gold solution does (`checked:solution`). A value that is not in the graph
may be a right way of its own, so a step is called wrong only where a calculation of the graph is done with another operation
or another number, and the value that it should give is nowhere in an answer that came out wrong. All else is undecided.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from journey.answers.equations import Equation, Unreadable
from journey.answers.steps import Span, steps_with_equations
from journey.generate.slips.annotated import Annotated, annotated
from journey.generate.slips.calculations import Calculation
from journey.schema import Arith, FirstMistake, Problem, Proof, QuantityClaim

_NAMED = re.compile(r"(?<![A-Za-z])([a-z]) = *$")
_LETTER = re.compile(r"(?<![A-Za-z])[b-z](?![A-Za-z])")


@dataclass(frozen=True)
class JudgedEquation:
    """One equation of an answer in its step, and what is wrong with it: `kind` None is right, `undecided` is not known."""

    span: Span
    equation: Equation
    kind: str | None
    quantity: str | None = None  # the id of the quantity that it computes, or should have
    proof: Proof = "checked:question"


Naming = Callable[[str, Span, Equation], str | None]
"""The quantity that an equation of a step says it computes, as an id of the graph; None where it names none."""


def first_mistake(
    problem: Problem, text: str, right: bool, *, stated: bool = False, naming: Naming | None = None
) -> FirstMistake:
    """The first false step. `stated`: the question itself states the whole graph, as a family's does; `naming` as in `judged`."""
    decided = True
    for each in judged(problem, text, right, stated=stated, naming=naming):
        if each.kind is None:
            continue
        if each.kind == "undecided":
            decided = False
            continue
        value = each.equation.claimed
        if each.kind == "false equation":
            claim, truth = Arith(each.equation.left, str(value)), str(each.equation.exact)
            return FirstMistake(each.kind, each.span, each.proof, decided, claim, truth)
        graph = graph_of(problem)
        assert graph is not None and each.quantity is not None
        truth = str(graph.values[each.quantity])
        quantity = QuantityClaim(each.quantity, str(value))
        return FirstMistake(each.kind, each.span, each.proof, decided, quantity, truth)
    return FirstMistake(before=decided)


def judged(
    problem: Problem, text: str, right: bool, *, stated: bool = False, naming: Naming | None = None
) -> list[JudgedEquation]:
    """Every equation of an answer, in order. `naming` reads names in prose, beside the letters of terse notation."""
    graph = graph_of(problem)
    found = steps_with_equations(text)
    written = {equation.claimed for _, of_step in found for equation in of_step}
    letters: Sequence[str] = problem.facts.get("letters", ()) if stated else ()
    results = []
    for span, of_step in found:
        for equation in of_step:
            name = _named(text, span, equation, letters, problem.facts.get("form") == "symbols")
            if name is None and naming is not None:
                name = naming(text, span, equation)
            kind, quantity, by_question = _verdict(equation, graph, written, right, stated, name)
            proof: Proof = "checked:question" if by_question else "checked:solution"
            results.append(JudgedEquation(span, equation, kind, quantity, proof))
    return results


def graph_of(problem: Problem) -> Annotated | None:
    """The graph of the gold solution; None where there is none that can be read. Read once for all attempts at a problem."""
    return _graph_of(_Same(problem)) if problem.solution else None


class _Same:
    """A problem as a key: the same object, since its facts have no hash."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    def __hash__(self) -> int:
        return id(self.problem)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.problem is self.problem


@lru_cache(maxsize=64)
def _graph_of(same: _Same) -> Annotated | None:
    try:
        return annotated(same.problem)
    except Unreadable:
        return None


def _named(text: str, span: Span, equation: Equation, letters: Sequence[str], symbols: bool) -> str | None:
    """The quantity that a step names, as an id of the graph: `c = 54 - 2 = 51`; in symbols also `For c, 54 - 2 = 51`."""
    match = _NAMED.search(text, span[0], equation.start)
    found = [match[1]] if match else _LETTER.findall(text, span[0], equation.start) if symbols else []
    name = next((letter for letter in found if letter in letters), None)
    return None if name is None else f"s{letters.index(name) + 1}"


def _verdict(
    equation: Equation, graph: Annotated | None, written: set[Fraction], right: bool, stated: bool, name: str | None
) -> tuple[str | None, str | None, bool]:
    """(kind, quantity, whether question and text are enough to say so)."""
    if not equation.true:
        return "false equation", None, True
    if graph is None:
        return "undecided", None, True
    computed = graph.calculations
    if name is not None and name in computed:
        if graph.values[name] == equation.claimed:
            return None, name, True
        return _differs(equation, computed[name]) or "wrong quantity", name, stated
    if equation.claimed in graph.computed:
        return None, graph.computed[equation.claimed], True
    if right:
        return "undecided", None, True
    near = [(each, _differs(equation, each)) for each in computed.values() if graph.values[each.id] not in written]
    named = [(each.id, kind) for each, kind in near if kind is not None]
    return (named[0][1], named[0][0], stated) if len(named) == 1 else ("undecided", None, True)


def _differs(equation: Equation, meant: Calculation) -> str | None:
    """How a calculation differs from the one that was meant: in its operation, or in one number; None for more."""
    numbers, wanted_numbers = equation.numbers, [each.value for each in meant.operands]
    ours, theirs = Counter(numbers), Counter(wanted_numbers)
    signs, wanted = (Counter(t for t in tokens if t in "+-*/") for tokens in (equation.tokens, meant.tokens))
    if len(equation.numbers) != len(meant.operands) or len(meant.operands) < 2:
        return None
    if ours == theirs:
        return "wrong operation" if signs != wanted else None
    if {"-", "/"} & signs.keys():  # the order of the numbers matters
        one_off = sum(x != y for x, y in zip(numbers, wanted_numbers, strict=True)) == 1
    else:
        one_off = sum((ours - theirs).values()) == 1
    return "wrong number" if one_off and signs == wanted else None
