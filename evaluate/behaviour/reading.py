"""The reading of one answer: its marked places, first committed answer, loops, and steps as far as they can be judged.

    read("<think>... So 21 is wrong ...</think> The result is \\\\boxed{61}.", problem).marks

The first committed answer is the first place before the final answer where the text states a value as the answer: a box, "the
answer is ...", the first value given to the quantity that is asked for (where the problem's graph is known), or in Countdown
the first claim to have reached the target. An answer that never does so before its end has none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from journey.answers import checker
from journey.answers.grading import grade
from journey.answers.spelling import as_read
from journey.evaluate.behaviour import countdown
from journey.evaluate.behaviour.countdown import Claim, SearchReading
from journey.evaluate.behaviour.records import MARKS_OF, Mark
from journey.evaluate.behaviour.sentences import marked, sentences
from journey.evaluate.behaviour.steps import AnswerStep, Graph, doubted, judged, noticed
from journey.formats.behaviour import HABITS, Habit, Kind
from journey.schema import Problem

LOOP_TIMES, LOOP_WORDS = 4, 20  # so often, over so many words in all, makes a loop
_MODAL = re.compile(r"\b(answer)\s+(?:should|would|must)\s+be\b", re.IGNORECASE)
_N = r"\$?(-? ?\d[\d.,/]*\d|-? ?\d)"
_PUT = re.compile(  # as an answer, in words that the answer checker does not look for
    rf"\b(?:makes|leaves|gives) {_N} (?:as )?(?:the|our|my) (?:final )?(?:answer|result)\b"
    rf"|^(?:so |and |thus,? |hence,? |therefore,? )*the (?:final )?result (?:is|must be) {_N}"
    rf"|\banswer (?:is )?{_N} ?\?",
    re.IGNORECASE,
)
_TAG = re.compile(r"</?think>")
_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")


class First(NamedTuple):
    """The first committed answer as written, where it ends, and whether it is right (None: the checker cannot tell)."""

    text: str
    end: int
    right: bool | None


class AnswerReading(msgspec.Struct, frozen=True):
    """What the rules find in one answer.

    `noticed` are the false steps that the answer takes back, `doubted` the steps whose value a notice names, where the
    problem's graph tells whether they were right.
    """

    marks: tuple[Mark, ...]
    first: First | None
    loop: bool
    steps: tuple[AnswerStep, ...]
    noticed: tuple[AnswerStep, ...]
    doubted: tuple[AnswerStep, ...]
    claims: tuple[Claim, ...]

    def count(self, habit: Habit) -> int:
        """How often a habit shows."""
        return sum(mark.kind in MARKS_OF[habit] for mark in self.marks)

    @property
    def habits(self) -> dict[Habit, int]:
        """Counts of all habits."""
        return {habit: self.count(habit) for habit in HABITS}


def read(text: str, problem: Problem) -> AnswerReading:
    """Read one answer to a problem, in prose or in the compact notation. Runs none of it and needs no model."""
    text = as_read(problem, text)
    marks = marked(text)
    search: SearchReading | None = None
    if problem.check == "countdown":
        search = countdown.follow(text, problem, marks)
        steps = search.steps
    else:
        steps = judged(text, problem, marks)
    seen = [step for step in steps if step.verdict == "false" and noticed(step, steps, marks, text)]
    return AnswerReading(
        marks=_all_marks(text, marks, steps, seen, search),
        first=_first(text, problem, steps, search),
        loop=loops(text),
        steps=tuple(steps),
        noticed=tuple(seen),
        doubted=tuple(doubted(steps, marks, text)) if Graph.of(problem) is not None else (),
        claims=tuple(search.claims) if search else (),
    )


def loops(text: str) -> bool:
    """Whether a text ends in the same words over and over: a block repeated 4 times or more, 20 words at least."""
    words = text.split()[::-1]
    reach = _z(words)
    return any(
        reach[block] >= (LOOP_TIMES - 1) * block and reach[block] + block >= LOOP_WORDS
        for block in range(1, len(words))
    )


def _z(words: Sequence[str]) -> list[int]:
    """For every place, how many words from there equal those from the start (the Z algorithm, linear)."""
    reach = [0] * len(words)
    left = right = 0
    for index in range(1, len(words)):
        if index < right:
            reach[index] = min(right - index, reach[index - left])
        while index + reach[index] < len(words) and words[reach[index]] == words[index + reach[index]]:
            reach[index] += 1
        if index + reach[index] > right:
            left, right = index, index + reach[index]
    return reach


def _all_marks(
    text: str,
    marks: Sequence[Mark],
    steps: Sequence[AnswerStep],
    seen: Sequence[AnswerStep],
    search: SearchReading | None,
) -> tuple[Mark, ...]:
    """The sentences' marks, with false steps, corrections and the final answer laid over them."""
    over: list[Mark] = []
    if search is not None:
        over += [Mark("mistake", *span) for span in search.dead_tries]
    over += [Mark("mistake", step.start, step.end) for step in steps if step.verdict == "false"]
    for wrong in seen:
        better = next(
            (
                s
                for s in steps
                if s.start > wrong.end and s.verdict == "true" and not _inside(s, marks, "notice", "check")
            ),
            None,
        )
        if better is not None:
            over.append(Mark("correction", better.start, better.end))
    boxes = list(_BOX.finditer(text))
    if boxes:
        close = text.find("}", boxes[-1].end())
        over.append(Mark("answer", boxes[-1].start(), len(text) if close < 0 else close + 1))
    return _laid_over(marks, over)


def _inside(step: AnswerStep, marks: Sequence[Mark], *kinds: Kind) -> bool:
    return any(mark.kind in kinds and mark.start <= step.start < mark.end for mark in marks)


def _laid_over(under: Sequence[Mark], over: Sequence[Mark]) -> tuple[Mark, ...]:
    """One row of marks that never overlap: those of `over` where they are first, the rest of `under` cut around them."""
    top: list[Mark] = []
    for mark in sorted(over, key=lambda mark: (mark.start, -mark.end)):
        if not top or mark.start >= top[-1].end:
            top.append(mark)
    merged = list(top)
    for mark in under:
        start = mark.start
        for cut in [*(m for m in top if m.start < mark.end and m.end > mark.start), None]:
            stop = mark.end if cut is None else min(cut.start, mark.end)
            if stop > start:
                merged.append(Mark(mark.kind, start, stop))
            start = mark.end if cut is None else max(start, cut.end)
    return tuple(sorted(merged, key=lambda mark: mark.start))


def _first(text: str, problem: Problem, steps: Sequence[AnswerStep], search: SearchReading | None) -> First | None:
    """The earliest committed answer that is not the final statement itself."""
    candidates = [
        first for first in (_stated(text, problem), _computed(problem, steps), _claimed(text, search)) if first
    ]
    return min(candidates, key=lambda first: first.end, default=None)


def _stated(text: str, problem: Problem) -> First | None:
    """The first statement of an answer in words or in a box, unless it is the last one too."""
    statements = []
    for start, end in sentences(text):
        sentence = _MODAL.sub(r"\1 is", _TAG.sub("", text[start:end]))
        if put := _PUT.search(sentence.strip()):
            statements.append(First(next(group for group in put.groups() if group), end, None))
        elif "answer" in sentence.lower() or "####" in sentence or "boxed" in sentence or "fbox" in sentence:
            taken = checker.extract(sentence)
            if taken.answer is not None:
                statements.append(First(taken.answer, end, None))
    if len(statements) < 2:
        return None
    first = statements[0]
    outcome = grade(problem, f"\\boxed{{{first.text}}}").outcome
    return first._replace(right={"correct": True, "wrong": False}.get(outcome))


def _computed(problem: Problem, steps: Sequence[AnswerStep]) -> First | None:
    """The first value given to the quantity that is asked for."""
    graph = Graph.of(problem)
    if graph is None:
        return None
    step = next((step for step in steps if step.name == graph.asked), None)
    return None if step is None else First(str(step.value), step.end, step.value == graph.truth[graph.asked])


def _claimed(text: str, search: SearchReading | None) -> First | None:
    """Countdown: the first claim to have reached the target."""
    hit = next((claim for claim in search.claims if claim.kind == "hit"), None) if search else None
    return None if hit is None else First(text[hit.start : hit.end].strip(), hit.end, hit.true)
