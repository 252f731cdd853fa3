"""Readers of data sets whose steps carry labels: PRM800K (both phases), Math-Shepherd, ProcessBench."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from journey.generate.imports.readers.cells import MOST_STEPS, TraceRow, bounded, objects
from journey.generate.imports.records import ImportedAnswer, ImportedStep, ReadRow, StepLabel
from journey.tables.cells import Unusable, text_of
from journey.tables.golds import read_gold

_RATINGS: dict[int, StepLabel] = {1: "right", 0: "neutral", -1: "wrong"}
_PRM_ANSWER = re.compile(r"\n*# Answer\s+(.+?)\s*\Z", re.DOTALL)


def prm800k(row: TraceRow) -> ReadRow:
    """A record of OpenAI's: `label.steps[].completions[]` with ratings, one of them chosen or written by a person.

    Phase 2 ends at the first mistake (`found_error`); its reference solution is the right path then.
    """
    finish = row.maybe("label.finish_reason")
    if finish == "bad_problem":
        raise Unusable("label.finish_reason", "bad_problem", "the labeller found no answer to the problem")
    steps: list[ImportedStep] = []
    for entry in objects(row.items("label.steps"), "label.steps"):
        step = _prm_step(entry)
        if step is None:
            break
        steps.append(step)
        if step.label == "wrong":
            break
    gold = row.maybe("question.ground_truth_answer")
    stated = None
    if steps and (match := _PRM_ANSWER.search(steps[-1].text)) is not None:
        stated = match[1]
        last = steps[-1]
        kept = last.text[: match.start()].strip()
        steps[-1:] = [ImportedStep(kept, last.label, last.role, last.wrong)] if kept or last.wrong else []
    whole = finish == "solution" and bool(steps) and steps[-1].label != "wrong"
    answers = [
        ImportedAnswer(
            row.where,
            steps=tuple(steps),
            answer=stated,
            right=True if whole else False if finish == "found_error" else None,
            finished=whole or finish == "found_error",
        )
    ]
    solution = row.maybe("question.ground_truth_solution")
    if solution is not None and not whole:
        answers.append(ImportedAnswer("ground_truth_solution", thinking=solution, right=True, given=True))
    return ReadRow(row.text("question.problem"), gold or (stated if whole else None), tuple(answers), solution=solution)


def _prm_step(entry: Mapping[str, Any]) -> ImportedStep | None:
    """One step: what was chosen or written for it, with the wrong completions beside it; None where the record ends."""
    rated = []
    given = entry.get("completions")
    for completion in objects((given if isinstance(given, list) else [])[:MOST_STEPS], "label.steps.completions"):
        text = bounded(text_of(completion.get("text"), "answer", "label.steps.completions.text"), "label.steps")
        rated.append((text, completion.get("rating"), bool(completion.get("flagged"))))
    wrong = tuple(dict.fromkeys(text for text, rating, flagged in rated if rating == -1 and not flagged))
    human, chosen = entry.get("human_completion"), entry.get("chosen_completion")
    if isinstance(chosen, int) and not isinstance(chosen, bool) and 0 <= chosen < len(rated):
        text, rating, _ = rated[chosen]
        label = _RATINGS.get(rating) if isinstance(rating, int) else None
        others = tuple(each for each in wrong if each != text)
        return ImportedStep(text, label, wrong=others) if label != "wrong" else ImportedStep(text, "wrong")
    if isinstance(human, Mapping) and human.get("text"):
        return ImportedStep(text_of(human["text"], "answer", "label.steps.human_completion"), "right", wrong=wrong)
    return ImportedStep(wrong[0], "wrong") if wrong else None


_STEP_ONE = re.compile(r"\s+Step 1:\s")
_STEP_LABEL = re.compile(r"\s*(?:\u043a\u0438)?\s*([+-])\s*$")
_NUMBERED = re.compile(r"\s*Step \d{1,3}:\s*")
_STATED = re.compile(r"\s*(?:The answer is:?|####)\s*(.+?)\s*\Z", re.DOTALL)


def math_shepherd(row: TraceRow) -> ReadRow:
    """`label`: the question, then `Step 1: ... +` a line; each sign says whether continuations of the step come out right."""
    labelled = row.text("label")
    start = _STEP_ONE.search(labelled)
    if start is None:
        raise Unusable("label", "no_steps", "field 'label' has no 'Step 1:'")
    steps: list[ImportedStep] = []
    held = ""
    for line in labelled[start.start() :].split("\n"):
        held = f"{held}\n{line}" if held else line
        mark = _STEP_LABEL.search(held)
        if mark is None:
            continue
        text = _NUMBERED.sub("", held[: mark.start()], count=1).strip()
        steps.append(ImportedStep(text, "right" if mark[1] == "+" else "wrong"))
        held = ""
    if held.strip() or not steps:
        raise Unusable("label", "no_label", "a step of field 'label' ends in neither + nor -")
    if len(steps) > MOST_STEPS:
        raise Unusable("label", "too_many_steps", f"{len(steps):,} steps, at most {MOST_STEPS} are read")
    stated = _STATED.search(steps[-1].text)
    answer = None if stated is None else stated[1]
    last = steps[-1]
    if stated is not None:
        steps[-1:] = [ImportedStep(kept, last.label)] if (kept := last.text[: stated.start()].strip()) else []
    right = last.label == "right"
    read = ImportedAnswer(row.where, tuple(steps), answer=answer, right=right)
    return ReadRow(labelled[: start.start()].strip(), answer if right else None, (read,))


def processbench(row: TraceRow) -> ReadRow:
    """`steps` and `label`, the place of the first wrong one (-1: none); `generator` wrote them."""
    texts = row.texts("steps")
    field, first = row.find("label")
    if not isinstance(first, int) or isinstance(first, bool) or not -1 <= first < len(texts):
        raise Unusable(
            field, "label_not_a_step", f"field {field!r} is {first!r}, a step from 0 to {len(texts) - 1} or -1"
        )
    steps = tuple(
        ImportedStep(text, "right" if first < 0 or place < first else "wrong") for place, text in enumerate(texts)
    )
    answer = read_gold(texts[-1]) if texts else None
    _, correct = row.find("final_answer_correct")
    right = correct is True and first < 0
    read = ImportedAnswer(row.where, steps, answer=answer, right=right, writer=row.maybe("generator"))
    # A wrong step may still come to the right answer: such a row gives the gold, and no right path.
    return ReadRow(row.text("problem"), answer if correct is True else None, (read,))
