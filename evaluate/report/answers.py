"""One answer as the viewer gets it: graded and marked from its text, and short enough to be embedded.

Many answers are dealt to processes, a run on a benchmark at a time: to mark one takes a millisecond or two.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Any, get_args

from journey import console
from journey.answers.grading import grade
from journey.evaluate.behaviour.reading import read
from journey.evaluate.behaviour.records import Mark
from journey.formats.behaviour import Kind
from journey.formats.files import read_lines
from journey.processes import end_with_parent
from journey.schema import Problem, Question, Sample

KINDS: tuple[Kind, ...] = get_args(Kind)
HEAD, TAIL = 4_500, 1_500  # characters shown of a longer text
MANY = 4_000  # answers from which processes are worth their start
MOST_PROCESSES = 8

# Outcome, cut off, tokens, answer found, why, text, marks as [kind, start, end, kind, ...].
Answer = list[Any]


def answers(questions: Path, runs: Sequence[tuple[str, Sequence[Path]]], problems: int) -> list[dict[str, Answer]]:
    """The answers of each run, by question id, from the files of its samples; without files there are none.

    Raises PartialError naming the line where samples cannot be read.
    """
    processes = min(os.cpu_count() or 1, MOST_PROCESSES, len(runs))
    if problems * len(runs) < MANY or processes < 2:
        return [_of_files(questions, files) for _, files in runs]
    context = multiprocessing.get_context("spawn")
    found = []
    with (
        console.progress("answers read", problems * len(runs)) as ticker,
        ProcessPoolExecutor(processes, mp_context=context, initializer=end_with_parent) as pool,
    ):
        files = [of_one for _, of_one in runs]
        for (run, _), given in zip(runs, pool.map(_of_files, repeat(questions), files), strict=True):
            found.append(given)
            ticker.advance(len(given), run)
    return found


def _of_files(questions: Path, files: Sequence[Path]) -> dict[str, Answer]:
    """One answer to each question; of several (a strategy that draws more than one) the first."""
    samples: dict[str, Sample] = {}
    for path in files:
        for sample in read_lines(path, Sample):
            samples.setdefault(sample.question, sample)
    asked = read_lines(questions, Question) if samples else ()
    return {one.id: answer(one.problem, samples[one.id]) for one in asked if one.id in samples}


def answer(problem: Problem, sample: Sample) -> Answer:
    """One answer, graded and marked."""
    outcome, found, why = grade(problem, sample.text, sample.finish)
    text = shortened(sample.text)
    flat = [each for mark in _kept(sample.text, problem) for each in (KINDS.index(mark.kind), mark.start, mark.end)]
    cut = sample.finish == "length"
    return [outcome, cut, sample.tokens, found and shortened(found), why, text, _in_units(text, flat)]


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
    return [each if at % 3 == 0 else places[each] for at, each in enumerate(flat)]
