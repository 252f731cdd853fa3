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
from typing import NamedTuple

from journey import numbers
from journey.answers.grading import EMPTY, WITHHELD, Grade, grade
from journey.evaluate.behaviour.reading import loops
from journey.formats.scores import ArmScore, Conduct
from journey.schema import Question, Sample

OFTEN = 0.05  # a larger share of any of these is said beside the headline
RUNS_ON, NO_BOX = "runs on into a new problem", "ends without a boxed answer"
UNSENT, SILENT = "has no answer", "answers nothing"
LOOPS, CUT_OFF = "ends in a loop", "is cut off"
UNANSWERED = (UNSENT, SILENT)
NO_ANSWER_TO_JUDGE = (RUNS_ON, NO_BOX, *UNANSWERED)  # an accuracy says little where these are frequent
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


class Habit(NamedTuple):
    """Something that many answers of an arm do: which of the above, in what share of them, and the words for it."""

    kind: str
    share: float
    phrase: str


def in_words(arm: ArmScore) -> list[str]:
    """What a headline must say of an arm on a benchmark, one phrase each; empty where nothing is frequent."""
    return [habit.phrase for habit in habits(arm)]


def habits(arm: ArmScore) -> list[Habit]:
    """The same with their kinds and shares."""
    seen = arm.conduct
    if seen is None or not seen.answers:
        return []
    answers, cut = seen.answers, seen.cut_in_a_loop + seen.cut_by_the_cap

    def share(part: int) -> str:
        return numbers.percent(part / answers)

    before = f"(cut there, {share(seen.right_before)} of all would be right)"
    counted = (
        (RUNS_ON, seen.ran_on, f" {before}: its {numbers.percent(arm.accuracy)} is no measure of what it can do"),
        (NO_BOX, seen.no_box, ""),
        (UNSENT, seen.withheld, ", which the server withheld"),
        (SILENT, seen.empty, ""),
        (LOOPS, seen.loops, ""),
        (CUT_OFF, cut, f" ({cut_by_cause(seen)})"),
    )
    return [
        Habit(kind, n / answers, f"{kind} in {share(n)} of {'all' if kind in UNANSWERED else 'its answers'}{more}")
        for kind, n, more in counted
        if n > OFTEN * answers
    ]


def cut_by_cause(seen: Conduct) -> str:
    """Why answers were cut off, in shares of all answers: in a loop, or by a cap that was too short."""
    causes = ((seen.cut_in_a_loop, "in a loop"), (seen.cut_by_the_cap, "by a cap too short for it"))
    return " and ".join(f"{numbers.percent(part / seen.answers)} {cause}" for part, cause in causes if part)
