"""Prefixes of the recovery probe: texts that end with a false step, each with a twin in which that step is true.

Nothing follows the step, so nothing else has to be recomputed: only the value itself, and where the same sentence names it
again ("left 13 2"). What the sentence says of the value ("too low") is left out. The injector puts a false value into the
right text that the problem's own method gives; models' prefixes are cut from their greedy answers at the first false equation
of which all steps before are right.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from journey import views
from journey.answers.equations import Equation, equations
from journey.answers.spelling import as_read, spelled
from journey.catalog import FAMILIES, METHODS
from journey.errors import JourneyError
from journey.evaluate.behaviour.countdown import speaks_of_value
from journey.evaluate.behaviour.reading import read
from journey.evaluate.behaviour.sentences import sentences
from journey.evaluate.recovery import digits
from journey.formats.behaviour import INJECTOR, RecoveryPrefix
from journey.rng import rng_for
from journey.schema import Pair, Problem, Question, Sample
from journey.views import View

PREFIXES = 100  # of each writer on a benchmark, at most
WORDS_METHOD = "slips"  # makes pairs of any problem with an annotated solution
_LISTED = re.compile(r"(?: left(?: \d+)+)?(?: \.)?")


def injected(
    questions: Iterable[Question], view: View, seed: int, most: int = PREFIXES
) -> tuple[list[RecoveryPrefix], Counter[str]]:
    """The injector's prefixes, one a problem, and why other problems gave none."""
    made: list[RecoveryPrefix] = []
    left_out: Counter[str] = Counter()
    for question in questions:
        if len(made) == most:
            break
        pair = method_pair(question.problem, seed)
        prefix = None if pair is None else _inject(question, pair, view, seed)
        if prefix is not None:
            made.append(prefix)
        else:
            left_out["no right text is known" if pair is None else "no step to falsify"] += 1
    return made, left_out


def written(
    questions: Iterable[Question], samples: Iterable[Sample], writer: str, run: str, most: int = PREFIXES
) -> tuple[list[RecoveryPrefix], Counter[str]]:
    """A model's prefixes from its greedy answers, and why other answers gave none."""
    by_question = {sample.question: sample for sample in samples}
    made: list[RecoveryPrefix] = []
    left_out: Counter[str] = Counter()
    for question in questions:
        if len(made) == most:
            break
        said = by_question[question.id].text
        text = as_read(question.problem, said)
        if digits.is_grid(question.problem):
            cut = digits.first_wrong(question.id, question.problem, said, writer, run)
            if isinstance(cut, str):
                left_out[cut] += 1
            else:
                made.append(cut)
            continue
        found = first_false(text, question.problem)
        if isinstance(found, str):
            left_out[found] += 1
            continue
        twins = _twins(text, found[0], _shown(found[0].exact))
        if twins is None:
            left_out["no clean twin"] += 1
            continue
        clean_and_wrong = _as_written(twins[::-1], text != said)
        made.append(
            _prefix(question, writer, run, found[0], found[1], clean_and_wrong, found[0].claimed, found[0].exact)
        )
    return made, left_out


def first_false(text: str, problem: Problem) -> tuple[Equation, str | None] | str:
    """The first false equation of an answer whose steps before are all right, and its quantity; or why there is none."""
    written_down = {equation.start: equation for equation in equations(text)}
    for step in read(text, problem).steps:
        if step.verdict == "true":
            continue
        equation = written_down.get(step.start)
        if step.verdict != "false" or equation is None or equation.true:
            return "a first mistake without a clean twin"  # the wrong quantity, or numbers that are not there
        return equation, step.name
    return "no false step"


def method_pair(problem: Problem, seed: int) -> Pair | None:
    """The pair that the problem's own method makes of it, or the method for annotated solutions; None where none can."""
    methods: list[str] = []
    if problem.source in FAMILIES.names():
        methods += FAMILIES.entry(problem.source).facts.get("methods", ())
    if problem.solution and WORDS_METHOD not in methods:
        methods.append(WORDS_METHOD)
    for name in methods:
        if METHODS.entry(name).facts.get("attempts") or METHODS.entry(name).facts.get("model"):
            continue
        try:
            made: Any = METHODS.get(name)().make(problem, seed)
        except JourneyError:
            continue
        if hasattr(made, "pair"):
            pair: Pair = made.pair
            return pair
    return None


def _inject(question: Question, pair: Pair, view: View, seed: int) -> RecoveryPrefix | None:
    """A false value in one step of the right text, drawn by the problem alone."""
    rendered = views.render(pair.shortcut, view)
    text = as_read(question.problem, rendered.text)
    rng = rng_for("recover", seed, question.id)
    if digits.is_grid(question.problem):
        return digits.inject(question.id, question.problem, rendered, rng, INJECTOR)
    spans = [span for span in rendered.spans if span.role == "step"]
    for span in rng.sample(spans, len(spans)):
        inside = [e for e in equations(text) if span.start <= e.start and e.end <= span.end]
        if not inside or not inside[-1].true or inside[-1].exact.denominator != 1 or inside[-1].exact < 0:
            continue
        equation = inside[-1]
        truth = int(equation.exact)
        values = [truth + shift for shift in (-10, -2, -1, 1, 2, 10)] + [int(str(truth)[::-1])]
        usable = [v for v in values if v > 0 and v != truth and Fraction(v) not in equation.numbers]
        # A false value that happens to be the answer would come out right.
        usable = [
            v for v in usable if str(v) not in (question.problem.answer, str(question.problem.facts.get("target")))
        ]
        if not usable:
            continue
        false = rng.choice(usable)
        twins = _twins(text, equation, str(false))
        if twins is not None:
            name = next((s.name for s in read(twins[0], question.problem).steps if s.start == equation.start), None)
            twins = _as_written(twins, text != rendered.text)
            return _prefix(question, INJECTOR, None, equation, name, twins, Fraction(false), equation.exact)
    return None


def _as_written(twins: tuple[str, str], spells: bool) -> tuple[str, str]:
    """Two texts as the model is to read them: numbers spelled again where they were."""
    clean, wrong = (" ".join(spelled(text).split()) if spells else text for text in twins)
    return clean, wrong


def _prefix(
    question: Question,
    writer: str,
    run: str | None,
    equation: Equation,
    name: str | None,
    clean_and_wrong: tuple[str, str],
    value: Fraction,
    truth: Fraction,
) -> RecoveryPrefix:
    clean, wrong = clean_and_wrong
    calculation = " ".join(equation.left.split())
    return RecoveryPrefix(question.id, writer, run, wrong, clean, calculation, name, str(value), str(truth))


def _twins(text: str, equation: Equation, other: str | None) -> tuple[str, str] | None:
    """The text up to the end of the equation's sentence as it is, and with another value; None where that is unclear."""
    start = equation.end - len(equation.right)
    if other is None or text[start : equation.end] != equation.right:
        return None
    end = next(end for begin, end in sentences(text) if begin <= equation.start < end)
    tail = text[equation.end : end]
    if next(equations(tail), None) is not None or speaks_of_value(tail) or "\\boxed" in tail:
        listed = _LISTED.match(text, equation.end)
        tail = listed[0] if listed else ""
    again = re.compile(rf"(?<![\d.]){re.escape(equation.right)}(?!\d|\.\d)")
    if len(again.findall(tail)) > 1:
        return None  # one of them is another number of the same size
    return text[: equation.end] + tail, f"{text[:start]}{other}{again.sub(other, tail)}"


def _shown(value: Fraction) -> str | None:
    """A number as answers write it; None for one that needs more than four decimals."""
    if value.denominator == 1:
        return str(value.numerator)
    text = f"{float(value):.4f}".rstrip("0")
    return text if Fraction(text) == value else None
