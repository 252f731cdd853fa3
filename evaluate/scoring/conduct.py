"""What answers do besides being right or wrong: loops, cut-offs by cause, and answers that do not follow the format.

The format is one box at the end of one answer. An answer that ends without a closed box (or answer tag) does not follow
it, and neither does one that goes on to a new problem behind its box: its last box then belongs to another problem, so
that 0 % right says nothing of what the model can do. Such answers are graded a second time up to where they should have
ended, which no score reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from journey import numbers
from journey.answers.grading import EMPTY, WITHHELD, Grade, grade
from journey.evaluate.behaviour.reading import loops
from journey.formats.scores import ArmScore, Conduct
from journey.schema import Question, Sample

OFTEN = 0.05  # a larger share of any of these is said beside the headline
RUNS_ON, NO_BOX = "runs on into a new problem", "ends without a boxed answer"
OUT_OF_FORMAT = (RUNS_ON, NO_BOX)
LOOP_AT_LEAST = 4  # times that the last word stands in a text that ends in a loop
_BOX_END = re.compile(r"\\(?:boxed|fbox)\s*\{(?:[^{}]|\{[^{}]*\})*\}|</answer>")
_NEW_PROBLEM = re.compile(
    r"<bos>|<s>|</s>|<eos>|<\|[a-z_]{2,24}\|>|<(?:start|end)_of_turn>|\[INST\]"
    r"|\buse \d+(?: \d+)+ make \d+ :"
    r"|^[ \t]*(?:#+[ \t]*|\*\*)?(?:Problem|Question|Q|Exercise|Example|Human|User|Instruction|Task)(?:[ \t]*\d+)?(?:\*\*)?[ \t]*[:.]",
    re.MULTILINE,
)


@dataclass(frozen=True)
class AnswerConduct:
    """One answer: does it end in a loop, was it cut off, does it run on into a new problem, has it a box."""

    loop: bool
    cut: bool
    ran_on: bool
    right_before: bool  # of one that ran on: right up to there
    no_box: bool
    withheld: bool = False  # by the server
    empty: bool = False


def conduct_of(question: Question, sample: Sample, graded: Grade) -> AnswerConduct:
    """Read one answer."""
    cut, end = sample.finish == "length", end_of_answer(sample.text)
    withheld, empty = graded.why == WITHHELD, graded.why == EMPTY
    ran_on = end is not None
    before = ran_on and grade(question.problem, sample.text[:end]).outcome == "correct"
    no_box = not (withheld or empty or cut or ran_on) and _BOX_END.search(sample.text) is None
    return AnswerConduct(_ends_in_a_loop(sample.text), cut, ran_on, before, no_box, withheld, empty)


def end_of_answer(text: str) -> int | None:
    """Where an answer should have ended: before a new problem or turn that follows its box. None where there is none."""
    box = _BOX_END.search(text)
    new = None if box is None else _NEW_PROBLEM.search(text, box.end())
    return None if new is None or not re.search(r"\w", text[new.end() :]) else new.start()


def _ends_in_a_loop(text: str) -> bool:
    """As `loops`, without reading the many texts whose last word is not repeated."""
    last = text[-200:].split()[-1:]
    return bool(last) and text.count(last[0]) >= LOOP_AT_LEAST and loops(text)


def count(answers: Iterable[AnswerConduct]) -> Conduct:
    """The counts of a record."""
    listed = list(answers)
    return Conduct(
        answers=len(listed),
        loops=sum(one.loop for one in listed),
        cut_in_a_loop=sum(one.cut and one.loop for one in listed),
        cut_by_the_cap=sum(one.cut and not one.loop for one in listed),
        no_box=sum(one.no_box for one in listed),
        ran_on=sum(one.ran_on for one in listed),
        right_before=sum(one.right_before for one in listed),
        withheld=sum(one.withheld for one in listed),
        empty=sum(one.empty for one in listed),
    )


def added(counts: Sequence[Conduct]) -> Conduct:
    """The counts of several runs together."""
    return Conduct(*(sum(getattr(one, name) for one in counts) for name in Conduct.__struct_fields__))


def in_words(arm: ArmScore) -> list[str]:
    """What a headline must say of an arm on a benchmark, one phrase each; empty where nothing is frequent."""
    seen = arm.conduct
    if seen is None or not seen.answers:
        return []

    def share(part: int) -> str:
        return numbers.percent(part / seen.answers)

    phrases = []
    if seen.ran_on > OFTEN * seen.answers:
        phrases.append(
            f"{RUNS_ON} in {share(seen.ran_on)} of its answers (cut there, {share(seen.right_before)} "
            f"of all would be right): its {numbers.percent(arm.accuracy)} is no measure of what it can do"
        )
    if seen.no_box > OFTEN * seen.answers:
        phrases.append(f"{NO_BOX} in {share(seen.no_box)} of its answers")
    if seen.withheld > OFTEN * seen.answers:
        phrases.append(f"has no answer in {share(seen.withheld)} of all, which the server withheld")
    if seen.empty > OFTEN * seen.answers:
        phrases.append(f"answers nothing in {share(seen.empty)} of all")
    if seen.loops > OFTEN * seen.answers:
        phrases.append(f"ends in a loop in {share(seen.loops)} of its answers")
    if seen.cut_in_a_loop + seen.cut_by_the_cap > OFTEN * seen.answers:
        causes = ((seen.cut_in_a_loop, "in a loop"), (seen.cut_by_the_cap, "by a cap too short for it"))
        how = " and ".join(f"{share(part)} {cause}" for part, cause in causes if part)
        phrases.append(f"is cut off in {share(seen.cut_in_a_loop + seen.cut_by_the_cap)} of its answers ({how})")
    return phrases
