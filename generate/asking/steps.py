"""Steps that a policy proposes: read out of its text one at a time, told in both notations, and judged by what question and text say.

A step is a sentence with an equation (`journey.answers.steps`); a text that goes on with a box gives the answer instead. Nothing
here asks a model, and nothing of a text is run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from journey.answers.equations import Equation
from journey.answers.prose_numbers import numerals
from journey.answers.steps import reasoning_end, steps, steps_with_equations
from journey.catalog import FAMILIES
from journey.generate.attempts.branches import is_search
from journey.generate.attempts.shots import cut_after_box
from journey.generate.first_mistake.quantities import JudgedEquation, graph_of, judged
from journey.generate.first_mistake.searches import ReadMove, State, read_moves
from journey.generate.protocols import LocatingFamily
from journey.generate.slips.text import brief_number, brief_tokens
from journey.models.completion import Finish
from journey.schema import Arith, Check, Claim, Problem, Proof, QuantityClaim

Judgement = Literal["right", "wrong", "unknown"]
LONGEST_STEP = 600  # characters
NOT_THERE = "number not there"  # kind of a step that takes a number from nowhere: it is neither told nor gone on from
_THINK = re.compile(r"</?think>")
_NAMED = re.compile(r"(?<![A-Za-z])([a-z]) = *$")


@dataclass(frozen=True)
class ProposedStep:
    """A step, or (with `answers`) an answer, as it goes on from a path: the text as written, blanks in front of it included."""

    text: str
    answers: bool = False


def first_step(begun: str, text: str, finish: Finish) -> ProposedStep | None:
    """The first step of a text that goes on from `begun`; None where there is none, or it was cut off."""
    whole = cut_after_box(begun + text)
    spans = [span for span in steps(whole) if span[1] > len(begun)]
    box = "\\boxed" in whole[len(begun) :]
    if spans and (not box or spans[0][1] <= reasoning_end(whole)):
        end = spans[0][1]
        cut = finish == "length" and end >= len(whole.rstrip()) and whole.rstrip()[-1:] not in ".!?"
        step = whole[len(begun) : end]
        cut = cut or len(step) > LONGEST_STEP or "</think>" in step
        return None if cut else ProposedStep(step)
    return ProposedStep(whole[len(begun) :], answers=True) if box else None


@dataclass(frozen=True)
class JudgedStep:
    """A step with what question and text say of it. `equations` are those of the step, `move` that of a search.

    Of a wrong one `kind`, `claim`, `truth`, `check` and `proof` are as nodes have them, and `shown` is the calculation with its
    true value as a reader can do it again: `(calculation, true value, written value)`.
    """

    verdict: Judgement
    equations: tuple[Equation, ...] = ()
    move: ReadMove | None = None
    kind: str | None = None
    claim: Claim | None = None
    truth: str | bool | None = None
    check: Check | None = None
    proof: Proof | None = None
    shown: tuple[str, str, str] | None = None

    @property
    def terse(self) -> str:
        """The equations in terse notation; of a search the bare move."""
        if self.move is not None:
            return f"{self.move.a} {self.move.sign} {self.move.b} = {self.move.result}"
        return " ".join(f"{brief_tokens(each.tokens)} = {brief_number(each.claimed)} ." for each in self.equations)

    @property
    def same_as(self) -> str:
        """Equal for steps that say the same: the same calculations with the same values."""
        if self.move is not None:
            a, b = self.move.a, self.move.b
            first, second = (max(a, b), min(a, b)) if self.move.sign in "+*" else (a, b)
            return f"{first} {self.move.sign} {second} = {self.move.result}"
        return self.terse


def judge(problem: Problem, begun: str, step: str, state: State | None = None) -> JudgedStep:
    """What can be said of a step that goes on from `begun`; of a search, from `state`."""
    if is_search(problem):
        return _judged_move(problem, begun, step, state)
    return _judged_sum(problem, begun, step)


def _judged_move(problem: Problem, begun: str, step: str, state: State | None) -> JudgedStep:
    reaches, target = FAMILIES.get(problem.source)().reaches(problem), int(problem.facts["target"])
    moves = [move for move in read_moves(problem, begun + step, reaches) if move.span[1] > len(begun)]
    if len(moves) != 1 or (state is not None and moves[0].before != state):
        return JudgedStep("unknown")  # several moves in a step, or one of other numbers: not what was asked for
    move = moves[0]
    if move.kind is None:
        return JudgedStep("right", move=move)
    if move.claim is None:
        return JudgedStep("unknown", move=move if move.kind == "undecided" else None, kind=move.kind)
    if isinstance(move.claim, Arith):
        left = f"{move.a} {move.sign} {move.b}"
        shown = (left, str(move.truth), str(move.result))
        claim, check = Arith(left, str(move.result)), Check("recompute", "x", "=", left)
        return JudgedStep("wrong", (), move, move.kind, claim, move.truth, check, "checked:question", shown)
    check = Check("size" if move.kind == "wrong last step" else "exhausted", "x", "solves", str(target))
    return JudgedStep("wrong", (), move, move.kind, move.claim, False, check, "checked:question")


def _judged_sum(problem: Problem, begun: str, step: str) -> JudgedStep:
    family = FAMILIES.get(problem.source)() if problem.source in FAMILIES.names() else None
    stated = isinstance(family, LocatingFamily)
    whole = begun + step
    found = [each for each in judged(problem, whole, False, stated=stated) if each.span[1] > len(begun)]
    equations = tuple(each.equation for each in found)
    if not equations:
        return JudgedStep("unknown")
    for each in found:
        wrong = _wrong(problem, whole, each, equations, stated)
        if wrong is not None:
            return wrong
    if stated and _from_nowhere(problem, begun, equations):
        return JudgedStep("unknown", equations, kind=NOT_THERE)
    known = all(each.kind is None for each in found) and (stated or graph_of(problem) is not None)
    return JudgedStep("right" if known else "unknown", equations)


def _from_nowhere(problem: Problem, begun: str, equations: Sequence[Equation]) -> bool:
    """Whether a step's one calculation takes a number that neither the question has nor a step before it, nor its solution.

    `d = 50 + 16 = 66` is no step of a problem that asks for 56 + 10, though its value is right. Where several calculations make
    up a step, numbers may be taken apart in it.
    """
    graph = graph_of(problem)
    if graph is None or len(equations) > 1:
        return False
    there = {each.value for each in numerals(problem.question)}
    there |= {operand.value for of_step in graph.steps for one in of_step.equations for operand in one.operands}
    there |= {equation.claimed for _, of_step in steps_with_equations(begun) for equation in of_step}
    return not there.issuperset(equations[0].numbers)


def _wrong(
    problem: Problem, whole: str, each: JudgedEquation, equations: tuple[Equation, ...], stated: bool
) -> JudgedStep | None:
    """A false equation, or a value that contradicts what the question states of the quantity that the step names."""
    value = str(each.equation.claimed)
    if each.kind == "false equation":
        left, truth = brief_tokens(each.equation.tokens), str(each.equation.exact)
        claim, check = Arith(each.equation.left, value), Check("recompute", "x", "=", each.equation.left)
        shown = (left, brief_number(each.equation.exact), brief_number(each.equation.claimed))
        return JudgedStep("wrong", equations, None, each.kind, claim, truth, check, "checked:question", shown)
    if each.kind in (None, "undecided") or not stated or each.quantity is None or each.proof != "checked:question":
        return None
    named = _NAMED.search(whole, each.span[0], each.equation.start)
    if named is None or named[1] not in problem.facts.get("letters", ()):
        return None  # which quantity is meant is guessed, not said
    graph = graph_of(problem)
    assert graph is not None
    meant = next(one for of_step in graph.steps for one in of_step.equations if one.id == each.quantity)
    known = graph.values[each.quantity]
    by_question = Check("recompute", "x", "=", " ".join(meant.tokens))
    named_shown = (brief_tokens(meant.tokens), brief_number(known), brief_number(each.equation.claimed))
    of_quantity = QuantityClaim(each.quantity, value)
    return JudgedStep(
        "wrong", equations, None, each.kind, of_quantity, str(known), by_question, "checked:question", named_shown
    )


def state_after(problem: Problem, path: Sequence[JudgedStep]) -> State | None:
    """The numbers that are left after the steps of a search; None for other problems."""
    if not is_search(problem):
        return None
    last = path[-1].move if path else None
    return last.after if last is not None else tuple(sorted(problem.facts["numbers"], reverse=True))


def in_prose(text: str) -> str:
    """A step of a model as a sentence among others: its blanks single, no tag of thinking in it."""
    return " ".join(_THINK.sub(" ", text).split())
