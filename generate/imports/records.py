"""What a row of a published data set says, in one shape whatever the data set: a question and answers to it.

An answer is either a list of steps, each with what the data set says of it, or a text in which the roles are still to be
read (`thinking`), perhaps with a write-up after it. The rows of one question make one `ImportedProblem`.
"""

from __future__ import annotations

from typing import Literal

from journey.schema import Problem, Record, Role

StepLabel = Literal["right", "wrong", "neutral"]


class ImportedStep(Record, frozen=True):
    """One step as the data set has it: its label or role where it states one, and the wrong steps tried in its place."""

    text: str
    label: StepLabel | None = None
    role: Role | None = None
    wrong: tuple[str, ...] = ()
    kind: str | None = None
    reason: str | None = None


class ImportedAnswer(Record, frozen=True):
    """One answer to a question; `where` is its row.

    `right` is what the data set says of it (None: nothing). `answer` is the final answer where it is stated apart. `writeup`
    is what comes after the thinking; `shortcut` a right path that the row gives beside the journey. Both are named by the
    field that they were read from.
    """

    where: str
    steps: tuple[ImportedStep, ...] = ()
    thinking: str = ""
    writeup: tuple[str, str] = ("", "")  # (field, text)
    shortcut: tuple[str, str] = ("", "")
    answer: str | None = None
    right: bool | None = None
    finished: bool = True
    writer: str | None = None  # the model, where the row names it
    given: bool = False  # a worked solution beside the answers, not one of them
    sampled: bool = False  # a policy's answer, which the user had drawn


class ImportedSolution(Record, frozen=True):
    """A right answer that the user gave besides: of a file (`name`), or sampled from a policy of that name."""

    name: str
    text: str
    sampled: bool = False


class ImportedProblem(Record, frozen=True):
    """A question with all answers that were kept, in the order of the rows. The gold is empty where no row has one."""

    problem: Problem
    answers: tuple[ImportedAnswer, ...]
    solutions: tuple[ImportedSolution, ...] = ()


class ReadRow(Record, frozen=True):
    """One row as its reader understood it."""

    question: str
    gold: str | None
    answers: tuple[ImportedAnswer, ...]
    source: str | None = None
    licence: str | None = None
    solution: str | None = None
    numbers: tuple[int, ...] = ()  # of a search, with its target
    target: int = 0
