"""One problem that two arms answer differently, chosen by rule: the first in the order asked, whatever it shows.

Every seed of the better arm is right on it and every seed of the other wrong, and both answers are short enough to be
read at a glance; the second seed and the length are given up where no such problem is among the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from journey.answers.grading import grade
from journey.console import clean
from journey.evaluate.behaviour.reading import read
from journey.evaluate.report.answers import shortened
from journey.evaluate.report.summary.record import FlippedProblem, FlippedSide
from journey.formats.folders import EvaluatedFolder
from journey.formats.plan import RunInfo
from journey.formats.scores import Compared
from journey.schema import Problem, Question, Sample

LOOKED_AT = 300  # problems, the first of those asked
SHORT = 900  # characters
OUTCOMES = {"correct": "right", "wrong": "wrong", "no_answer": "no answer", "undecided": "undecided"}


def flipped(evaluated: EvaluatedFolder, item: Compared) -> FlippedProblem | None:
    """The problem for a comparison; None where the arms do not differ on any that is looked at.

    Raises PartialError where stored answers cannot be read.
    """
    runs = {name: [run for run in evaluated.plan.runs if run.arm == name] for name in (item.first, item.second)}
    better = item.second if item.comparison.difference >= 0 else item.first
    draw = evaluated.plan.draw_of(item.strategy)
    given = {
        run.run: {
            sample.question: sample for sample in evaluated.samples(run.run, item.benchmark, draw) if not sample.index
        }
        for members in runs.values()
        for run in members
    }
    questions = list(islice(evaluated.questions(item.benchmark), LOOKED_AT))
    for seeds, longest in ((None, SHORT), (1, SHORT), (1, 10**9)):
        kept = {name: members[:seeds] for name, members in runs.items()}
        for question in questions:
            if all(kept.values()) and _flips(question, kept, given, better, longest):
                return _shown(evaluated, item, question, [kept[name][0] for name in (item.first, item.second)], given)
    return None


def _flips(
    question: Question,
    runs: Mapping[str, Sequence[RunInfo]],
    given: Mapping[str, Mapping[str, Sample]],
    better: str,
    longest: int,
) -> bool:
    for name, members in runs.items():
        for run in members:
            sample = given[run.run].get(question.id)
            if sample is None or len(sample.text) > longest:
                return False
            right = grade(question.problem, sample.text, sample.finish).outcome == "correct"
            if right is not (name == better):
                return False
    return True


def _shown(
    evaluated: EvaluatedFolder,
    item: Compared,
    question: Question,
    runs: Sequence[RunInfo],
    given: Mapping[str, Mapping[str, Sample]],
) -> FlippedProblem:
    problem = question.problem
    asked = (evaluated.plan.view == "compact" and problem.brief) or problem.question
    first, second = (_side(problem, run, given[run.run][question.id]) for run in runs)
    return FlippedProblem(_heading(item), clean(shortened(asked)), clean(shortened(problem.answer)), (first, second))


def _heading(item: Compared) -> str:
    """How common such problems are, both ways round."""
    counts = item.comparison.mcnemar[:1]
    how_many = "".join(
        f" Only {item.second} is right on {one.only_second:,} of {item.comparison.problems:,}, only {item.first} on "
        f"{one.only_first:,} (seed {one.seed})."
        for one in counts
    )
    return f"The first problem of {item.benchmark} on which they differ.{how_many}"


def _side(problem: Problem, run: RunInfo, sample: Sample) -> FlippedSide:
    judged = grade(problem, sample.text, sample.finish)
    cut = ", cut off at the cap" if sample.finish == "length" else ""
    facts = f"{OUTCOMES[judged.outcome]}, {sample.tokens:,} tokens{cut}"
    return FlippedSide(run.run, facts, judged.outcome == "correct", tuple(_pieces(sample.text, problem)))


def _pieces(text: str, problem: Problem) -> Iterator[tuple[str, str]]:
    if len(text) > SHORT:
        yield "", clean(shortened(text))
        return
    position = 0
    for mark in read(text, problem).marks:
        yield from _piece("", text[position : mark.start])
        yield from _piece(mark.kind, text[mark.start : mark.end])
        position = mark.end
    yield from _piece("", text[position:])


def _piece(kind: str, text: str) -> Iterator[tuple[str, str]]:
    if shown := clean(text):
        yield kind, shown
