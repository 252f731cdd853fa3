"""The viewer's record of one answer: graded and marked from its text, and short enough to be embedded.

Many answers are dealt to worker processes, a run on a benchmark at a time: to mark one takes a millisecond or two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

from journey import console
from journey.answers.grading import grade
from journey.evaluate.behaviour.reading import read
from journey.evaluate.behaviour.records import Mark
from journey.formats.behaviour import Kind
from journey.formats.files import read_lines
from journey.processes import WorkerPool, cores
from journey.schema import Problem, Question, Sample

KINDS: tuple[Kind, ...] = get_args(Kind)
HEAD, TAIL = 4_500, 1_500  # characters shown of a longer text
MANY = 4_000  # answers from which processes are worth their start
MOST_WORKERS = 8

# Outcome, cut off, tokens, answer found, why, text, marks as [kind, start, end, kind, ...].
Answer = list[Any]


def answers(questions: Path, runs: Sequence[tuple[str, Sequence[Path]]], problems: int) -> list[dict[str, Answer]]:
    """The answers of each run, by question id, from the files of its samples; without files there are none.

    Raises PartialError naming the line where samples cannot be read.
    """
    workers = min(cores(logical=True), MOST_WORKERS, len(runs))
    if problems * len(runs) < MANY or workers < 2:
        return [_of_files(questions, files) for _, files in runs]
    read: list[dict[str, Answer]] = []
    hint = f"free some memory and run `journey report` again: {workers} processes read the answers"
    with console.progress("answers read", problems * len(runs)) as ticker, WorkerPool(workers, hint=hint) as pool:
        given = pool.ordered(partial(_of_files, questions), [files for _, files in runs])
        for (run, _), of_one in zip(runs, given, strict=True):
            read.append(of_one)
            ticker.advance(len(of_one), run)
    return read


def _of_files(questions: Path, files: Sequence[Path]) -> dict[str, Answer]:
    """One answer to each question; of several (a strategy that draws more than one) the first."""
    samples: dict[str, Sample] = {}
    for path in files:
        for sample in read_lines(path, Sample):
            samples.setdefault(sample.question, sample)
    all_questions = read_lines(questions, Question) if samples else ()
    return {one.id: answer(one.problem, samples[one.id]) for one in all_questions if one.id in samples}


def answer(problem: Problem, sample: Sample) -> Answer:
    """One answer, graded and marked."""
    outcome, extracted, why = grade(problem, sample.text, sample.finish)
    text = shortened(sample.text)
    flat = [each for mark in _kept(sample.text, problem) for each in (KINDS.index(mark.kind), mark.start, mark.end)]
    cut = sample.finish == "length"
    return [outcome, cut, sample.tokens, extracted and shortened(extracted), why, text, _in_units(text, flat)]


def shortened(text: str) -> str:
    """A very long text without its middle, and how much is left out; the answer stands at the end."""
    left_out = len(text) - HEAD - TAIL
    return text if left_out <= 0 else text[:HEAD] + _note(left_out) + text[-TAIL:]


def _note(left_out: int) -> str:
    return f"\n[... {left_out:,} characters left out here; the folder's samples/ has them ...]\n"


def _kept(text: str, problem: Problem) -> Iterator[Mark]:
    """The marks of a text where `shortened` shows them."""
    left_out = len(text) - HEAD - TAIL
    moved = 0 if left_out <= 0 else len(_note(left_out)) - left_out
    for mark in read(text, problem).marks:
        if left_out <= 0 or mark.end <= HEAD:
            yield mark
            continue
        if mark.start < HEAD:
            yield Mark(mark.kind, mark.start, HEAD)
        if mark.end > len(text) - TAIL:
            yield Mark(mark.kind, max(mark.start, len(text) - TAIL) + moved, mark.end + moved)


def _in_units(text: str, flat: list[int]) -> list[int]:
    """Places in units of UTF-16, as scripts count: a character beyond the first 65,536 has two."""
    if text.isascii() or all(character <= "\uffff" for character in text):
        return flat
    places = [0]
    for character in text:
        places.append(places[-1] + 1 + (character > "\uffff"))
    return [each if index % 3 == 0 else places[each] for index, each in enumerate(flat)]
