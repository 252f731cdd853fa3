"""Readers of rows that hold a mistake and its correction: GSM8K-Random-All, gsm8k_self_correct, LEMMA, hand-written journeys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from journey.generate.imports.readers.cells import TraceRow, bounded, objects, plain, stated_away
from journey.generate.imports.records import ImportedAnswer, ImportedStep, ReadRow
from journey.generate.imports.told import false_equation
from journey.generate.imports.units import units
from journey.schema import ROLES
from journey.tables.cells import Unusable, text_of
from journey.tables.golds import read_gold

_DELETED = re.compile(r"(?:\s*<\|BACKTRACK\|>)+")
_AHEAD = 12  # characters by which the right text is found again after a deletion


def gsm8k_random(row: TraceRow) -> ReadRow:
    """query, response, backtrack_response: the response with random tokens, each run deleted by as many <|BACKTRACK|>.

    A line with such tokens becomes the line as far as the tokens, told as a mistake, and then the line itself.
    """
    response, noisy = row.text("response"), row.text("backtrack_response")
    gold = read_gold(response)
    if gold is None:
        raise Unusable("response", "answer_missing", "field 'response' states no answer")
    noise = _noise(response, noisy)
    steps, start = [], 0
    for line in response.split("\n"):
        end = start + len(line)
        inside = next(((at, text) for at, text in noise if start < at <= end), None)
        wrong = () if inside is None else (f"{response[start : inside[0]]}{inside[1]}".strip(),)
        if line.strip():
            steps.append(ImportedStep(line, "right", wrong=wrong, kind="noise"))
        start = end + 1
    if not noise:
        raise Unusable("backtrack_response", "no_mistake", "field 'backtrack_response' deletes nothing")
    answer = ImportedAnswer(row.where, tuple(steps), shortcut=("response", response), answer=gold, right=True)
    return ReadRow(row.text("query"), gold, (answer,))


def _noise(response: str, noisy: str) -> list[tuple[int, str]]:
    """(place in the response, what was written and deleted there). Raises Unusable where the two do not fit."""
    found, done = [], 0
    parts = _DELETED.split(noisy)
    for part, after in pairwise(parts):
        kept = 0
        while kept < len(part) and done + kept < len(response) and part[kept] == response[done + kept]:
            kept += 1
        # Random tokens may begin as the right text goes on: the text after the deletion says where it was left.
        ahead = after[:_AHEAD].strip()
        while kept and not response[done + kept :].lstrip().startswith(ahead):
            kept -= 1
        if ahead and not response[done + kept :].lstrip().startswith(ahead):
            raise Unusable(
                "backtrack_response", "rows_differ", "field 'backtrack_response' does not come back to 'response'"
            )
        found.append((done + kept, part[kept:]))
        done += kept
    return found


def gsm8k_self_correct(row: TraceRow) -> ReadRow:
    """question, answer, mistake (an attempt as far as its mistake), correct_end (how it goes on rightly)."""
    answer, ending = row.text("answer"), row.text("correct_end")
    gold = read_gold(answer) or read_gold(ending) or (answer if len(answer) <= 60 else None)
    if gold is None:
        raise Unusable("answer", "answer_missing", "neither 'answer' nor 'correct_end' states an answer")
    begun = [unit.text for unit in units(stated_away(plain(row.text("mistake"))))]
    if not begun:
        raise Unusable("mistake", "no_mistake", "field 'mistake' is empty")
    first = next((n for n, text in enumerate(begun) if false_equation(text)), len(begun) - 1)
    steps = [ImportedStep(text, "wrong" if n >= first else None) for n, text in enumerate(begun)]
    steps += [ImportedStep(unit.text) for unit in units(stated_away(plain(ending)))]
    worked = "\n" in answer.strip() and len(units(stated_away(plain(answer)))) > 1
    read = ImportedAnswer(
        row.where, tuple(steps), shortcut=("answer", answer) if worked else ("", ""), answer=gold, right=True
    )
    return ReadRow(row.text("question"), gold, (read,), solution=answer if worked else None)


def lemma(row: TraceRow) -> ReadRow:
    """instruction (with input, where there is one) and output: a solution with a mistake in it and its correction."""
    output = row.text("output")
    gold = read_gold(output)
    if gold is None:
        raise Unusable("output", "answer_missing", "field 'output' states no answer")
    question = "\n".join(filter(None, (row.text("instruction"), row.maybe("input"))))
    return ReadRow(question, gold, (ImportedAnswer(row.where, thinking=output, answer=gold),))


def written(row: TraceRow) -> ReadRow:
    """question, answer, journey: `[{"role": "step", "text": "..."}, ...]`, and perhaps shortcut, source, licence, author."""
    steps = tuple(_segment(each) for each in objects(row.items("journey"), "journey"))
    steps = tuple(each for each in steps if each.role != "answer")  # every trace has its own
    answer = row.text("answer")
    gold = read_gold(answer) or answer
    field, given = row.find("shortcut")
    short = ""
    if isinstance(given, list):
        short = "\n".join(row.texts("shortcut"))
    elif given is not None:
        short = bounded(text_of(given, "answer", field), field)
    author = row.maybe("author")
    read = ImportedAnswer(row.where, steps, shortcut=("shortcut", short), answer=gold, right=True, writer=author)
    return ReadRow(row.text("question"), gold, (read,), row.maybe("source"), row.maybe("licence", "license"))


def _segment(entry: Mapping[str, Any]) -> ImportedStep:
    role = entry.get("role")
    if role not in ROLES:
        raise Unusable(
            "journey", "role_not_known", f"a segment of 'journey' has role {role!r}; one of {', '.join(ROLES)}"
        )
    texts = {
        name: text_of(entry[name], "answer", f"journey.{name}")
        for name in ("text", "kind", "reason")
        if entry.get(name)
    }
    if not texts.get("text"):
        raise Unusable("journey", "segment_empty", f"a segment of 'journey' with role {role} has no text")
    return ImportedStep(
        bounded(texts["text"], "journey"), role=role, kind=texts.get("kind"), reason=texts.get("reason")
    )
