"""The judging of Countdown answers: each step against the numbers left, each claim about a branch against the solver.

The state of the search is followed as the answer tells it: a step takes two of the numbers left and puts its result in; with
two numbers left a step is a last one and leaves them; "back to 16 1 1" takes up those numbers, and "back" alone those before
the last step. A step on numbers of an earlier state goes back there without saying so.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from journey.answers.equations import Equation, equations
from journey.catalog import FAMILIES
from journey.evaluate.behaviour.records import Mark
from journey.evaluate.behaviour.sentences import sentences
from journey.evaluate.behaviour.steps import AnswerStep
from journey.schema import Problem

State = tuple[int, ...]  # the numbers left, in descending order
_NUMBERS = re.compile(r"(?<![\d.])\d+(?![\d]|\.\d)")
_DEAD = re.compile(
    r"\bdead end\b|\bout of reach\b|\bnot within reach\b|\bno (?:combination|way)\b|\bnothing (?:made|here)\b"
    r"|\b(?:there is|there's|has) no \d|\b(?:cannot|can't|won't) (?:make|turn|get|give|reach|be made)\b"
    r"|\bdoes not come out of\b|\b(?:does|do) not lead to\b|\bbeyond what\b|\bgoes nowhere\b",
    re.IGNORECASE,
)
_RETURNS = re.compile(r"\b(?:back|undo|undoes|return|start|again|over|scratch|another|different)\b", re.IGNORECASE)
_HIT = re.compile(
    r"\byes\b|\bthere it is\b|\bthat (?:is|does) it\b|\bas wanted\b|\b(?:hits|reach(?:es)?|is|gives) the (?:target|goal)\b"
    r"|\bwhat was (?:asked|wanted)\b|\bthe (?:number|value|result) (?:i|we) (?:need|want)\b|\bthat works\b|\bgoal reached\b|\bdone\b",
    re.IGNORECASE,
)
_HIGH = re.compile(
    r"\bhigh\b|\btoo (?:much|large|big)\b|\babove\b|\bover\b|\bmore than\b|\bexceeds\b|\bovershoots\b", re.IGNORECASE
)
_LOW = re.compile(r"\blow\b|\btoo (?:little|small)\b|\bbelow\b|\bunder\b|\bless than\b|\bshort of\b", re.IGNORECASE)


@dataclass(frozen=True)
class Claim:
    """What an answer says of a branch or a value, and whether that is so."""

    kind: Literal["dead end", "hit", "size"]
    true: bool
    start: int
    end: int


@dataclass
class SearchReading:
    """What one answer did: its steps, its claims, and the tries that left a living state for a dead one."""

    steps: list[AnswerStep] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    dead_tries: list[tuple[int, int]] = field(default_factory=list)


def speaks_of_value(words: str) -> bool:
    """Whether words behind a value judge it: too high, too low, a dead end, the target."""
    return any(cue.search(words) is not None for cue in (_HIT, _HIGH, _LOW, _DEAD))


def follow(text: str, problem: Problem, marks: Sequence[Mark]) -> SearchReading:
    """Follow the search that an answer tells."""
    return _Follower(text, problem).run(marks)


class _Follower:
    def __init__(self, text: str, problem: Problem) -> None:
        self.text, self.problem = text, problem
        self.family: Any = FAMILIES.get(problem.check)()
        self.target = int(problem.facts["target"])
        self.path: list[State] = [_sorted(problem.facts["numbers"])]
        self.reading = SearchReading()
        self.reached = False  # the last step made the target of the last two numbers

    def run(self, marks: Sequence[Mark]) -> SearchReading:
        written = list(equations(self.text))
        for start, end in sentences(self.text):
            sentence = self.text[start:end]
            kind = next((mark.kind for mark in marks if mark.start <= start < mark.end), None)
            here = [equation for equation in written if start <= equation.start < end]
            for equation in here:
                self._step(equation)
                self._verdicts(equation, end)
            if kind == "backtrack":
                self._back(sentence)
            elif _DEAD.search(sentence):
                self._claim("dead end", not self._solvable(self.path[-1]), start, end)
        return self.reading

    def _step(self, equation: Equation) -> None:
        numbers = equation.numbers
        usable = equation.true and len(numbers) == 2 and all(number.denominator == 1 for number in numbers)
        taken = Counter(int(number) for number in numbers) if usable else Counter()
        index = next((n for n in range(len(self.path) - 1, -1, -1) if not taken - Counter(self.path[n])), None)
        span = (equation.start, equation.end)
        self.reached = False
        # Sums of three or more numbers, as in `(16 - 1) - 1 = 14`, have to be right only.
        if not equation.true or (usable and index is None):
            self.reading.steps.append(AnswerStep("false", equation.claimed, equation.left, None, *span))
            return
        self.reading.steps.append(AnswerStep("true", equation.claimed, equation.left, None, *span))
        if not usable or index is None:
            self.reached = equation.claimed == self.target
            return
        del self.path[index + 1 :]
        left = Counter(self.path[index]) - taken
        if not left:
            self.reached = equation.claimed == self.target
            return
        alive = self._solvable(self.path[-1])
        self.path.append(_sorted([*left.elements(), _whole(equation.claimed)]))
        if alive and not self._solvable(self.path[-1]):  # what follows in a dead branch is a consequence
            self.reading.dead_tries.append(span)

    def _verdicts(self, equation: Equation, end: int) -> None:
        """What the rest of the sentence says of the value, up to the next number; a remark of a few words may follow."""
        match = re.match(r"[^\d=]*", self.text[equation.end : end])
        words = match[0] if match else ""
        remark = re.match(r"\W*(That \w+ \w+)[.!]", self.text[end:])
        words += f" {remark[1]}" if remark and not words.strip(" .!") else ""
        if _HIT.search(words):
            self._claim("hit", self.reached, equation.start, end)
        elif _HIGH.search(words):
            self._claim("size", equation.claimed > self.target, equation.start, end)
        elif _LOW.search(words):
            self._claim("size", equation.claimed < self.target, equation.start, end)

    def _back(self, sentence: str) -> None:
        listed = _sorted(int(digits) for digits in _NUMBERS.findall(sentence))
        for index in range(len(self.path) - 1, -1, -1):
            if self.path[index] == listed:
                del self.path[index + 1 :]
                return
        if len(self.path) > 1 and _RETURNS.search(sentence):  # "No, 770 is above 57" leaves the numbers as they are
            self.path.pop()

    def _claim(self, kind: Literal["dead end", "hit", "size"], true: bool, start: int, end: int) -> None:
        self.reading.claims.append(Claim(kind, true, start, end))

    def _solvable(self, state: State) -> bool:
        if any(number < 1 for number in state):
            return False
        return bool(self.family.solvable(self.problem, state, self.target))


def _sorted(numbers: Any) -> State:
    return tuple(sorted((int(number) for number in numbers), reverse=True))


def _whole(value: Fraction) -> int:
    """A whole number, or 0 for a fraction, from which nothing can be made."""
    return int(value) if value.denominator == 1 else 0
