"""The second grader: every stored answer judged once more by another program, and where the two differ.

journey report data/runs/demo --second-grader math-verify
"""

from __future__ import annotations

from functools import lru_cache

from journey import console
from journey.answers import checker
from journey.answers.checker import CHECKER_VERSION, Outcome
from journey.answers.second import GRADERS, second_opinion
from journey.errors import JourneyError, UnknownName
from journey.evaluate.behaviour.measure import stored
from journey.formats.files import write_atomic
from journey.formats.folders import EvaluatedFolder
from journey.formats.scores import Disagreement, SecondGrades

_opinion = lru_cache(maxsize=65536)(second_opinion)


def build(evaluated: EvaluatedFolder, grader: str) -> SecondGrades:
    """Judge the stored answers of all benchmarks that are judged by value, and write second_grader.json.

    Raises UnknownName for a grader that there is not.
    """
    if grader not in GRADERS:
        raise UnknownName("second grader", grader, GRADERS)
    judged, found = 0, []
    for run, benchmark, _, answers in stored(evaluated):
        with console.progress(f"answers judged by {grader}", len(answers)) as ticker:
            for answer in answers:
                ticker.advance(1)
                taken = checker.extract(answer.sample.text).answer
                if taken is None or answer.problem.check != "value":
                    continue
                judged += 1
                gold = answer.problem.answer
                ours, theirs = checker.explain(gold, taken), _opinion(gold, taken)
                if ours.outcome is not theirs.outcome:
                    where = (run.run, benchmark, answer.sample.question, answer.sample.index, gold, taken)
                    found.append(Disagreement(*where, ours.outcome.value, ours.why, theirs.outcome.value, theirs.why))
    undecided = Outcome.UNDECIDED.value
    here, there = sum(d.outcome == undecided for d in found), sum(d.second == undecided for d in found)
    grades = SecondGrades(
        plan_sha256=evaluated.plan_sha256,
        checker=CHECKER_VERSION,
        grader=grader,
        judged=judged,
        undecided_here=here,
        undecided_there=there,
        opposite=len(found) - here - there,
        disagreements=tuple(found),
    )
    write_atomic(evaluated.path / SecondGrades.FILE, grades.encoded())
    return grades


def sentence(evaluated: EvaluatedFolder) -> str | None:
    """What the report says of the second grader; None where none was asked for this plan and this checker."""
    try:
        grades = SecondGrades.read(evaluated.path)
    except JourneyError:
        return None
    if (grades.plan_sha256, grades.checker) != (evaluated.plan_sha256, CHECKER_VERSION):
        return None
    count = len(grades.disagreements)
    rate = f"{count / grades.judged:.1%}" if grades.judged else "n = 0"
    return (
        f"Second grader {grades.grader}: it judges {count:,} of {grades.judged:,} answers otherwise ({rate}): "
        f"{grades.opposite:,} the opposite, {grades.undecided_here:,} undecided here, {grades.undecided_there:,} "
        f"undecided there; all are listed in {SecondGrades.FILE}."
    )
