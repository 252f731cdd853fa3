"""Readers of long traces: a text in which the roles are still to be read, mostly with a write-up after it."""

from __future__ import annotations

from typing import Any

from journey.generate.imports.readers.cells import TraceRow, bounded, halves
from journey.generate.imports.records import ImportedAnswer, ReadRow
from journey.tables.cells import Unusable, text_of
from journey.tables.golds import read_gold


def _one(
    row: TraceRow, question: str, gold: str | None, thinking: str, writeup: tuple[str, str], right: bool | None = None
) -> ReadRow:
    """A row with one trace. Without a gold the answer of the trace stands for it."""
    stated = read_gold(writeup[1] or thinking) or (read_gold(thinking) if writeup[1] else None)
    if gold is None and stated is None:
        raise Unusable(writeup[0] or "answer", "answer_missing", "neither the row nor its trace states an answer")
    answer = ImportedAnswer(row.where, thinking=thinking, writeup=writeup, answer=stated, right=right)
    licence, source = row.maybe("licence", "license"), row.maybe("source")
    return ReadRow(question, gold or stated, (answer,), source, licence, row.maybe("solution"))


def o1_journey(row: TraceRow) -> ReadRow:
    """question, answer, longCOT."""
    return _one(row, row.text("question"), _gold(row.maybe("answer")), row.text("longCOT"), ("", ""))


def s1k_1_1(row: TraceRow) -> ReadRow:
    """question, solution, and of DeepSeek-R1 its trajectory, attempt and grade ("Yes" or "No")."""
    grade = row.maybe("deepseek_grade")
    right = {"yes": True, "no": False}.get((grade or "").lower())
    return _one(
        row,
        row.text("question"),
        _gold(row.maybe("solution")),
        row.text("deepseek_thinking_trajectory"),
        ("deepseek_attempt", row.text("deepseek_attempt")),
        right,
    )


def s1k(row: TraceRow) -> ReadRow:
    """question, solution, thinking_trajectories (a list of one), attempt."""
    thoughts = row.texts("thinking_trajectories")
    if not thoughts:
        raise Unusable("thinking_trajectories", "no_trace", "field 'thinking_trajectories' is an empty list")
    return _one(row, row.text("question"), _gold(row.maybe("solution")), thoughts[0], ("attempt", row.text("attempt")))


def openr1(row: TraceRow) -> ReadRow:
    """problem, answer, solution, generations with correctness_math_verify and is_reasoning_complete, one flag each."""
    complete, flags = _flags(row, "is_reasoning_complete"), _flags(row, "correctness_math_verify")
    answers = []
    for place, generation in enumerate(row.texts("generations")):
        thinking, said = halves(generation)
        answers.append(
            ImportedAnswer(
                f"{row.where}, generation {place + 1}",
                thinking=thinking,
                writeup=("generations", said),
                answer=read_gold(said) if said else None,
                right=flags[place] if place < len(flags) else None,
                finished=bool(said.strip()) and (complete[place] if place < len(complete) else True) is not False,
            )
        )
    if not answers:
        raise Unusable("generations", "no_trace", "field 'generations' is an empty list")
    return ReadRow(
        row.text("problem"), row.maybe("answer"), tuple(answers), row.maybe("source"), solution=row.maybe("solution")
    )


def chat(row: TraceRow) -> ReadRow:
    """One question and one answer in `messages` or `conversations`; the thinking ends with </think>.

    A gold is read from `answer` where the row has one; `reasoning_content` beside the chat's last content is its thinking.
    """
    spoken = row.chat()
    if spoken is None:
        raise Unusable("messages", "chat_not_understood", "no list of turns in 'messages' or 'conversations'")
    question, said = spoken
    thinking, writeup = halves(said)
    apart = _reasoning(row)
    if apart is not None:
        thinking, writeup = apart, said
    return _one(row, question, row.maybe("answer"), thinking, ("content", writeup) if writeup else ("", ""))


def thinking(row: TraceRow) -> ReadRow:
    """One's own rows: question or problem, answer, thinking and content (`message_thinking`, `message_content`)."""
    question, gold = row.text("question", "problem"), row.maybe("answer", "gtruth_answer")
    said = row.maybe("message_content", "content") or ""
    return _one(
        row, question, gold, row.text("message_thinking", "thinking"), ("message_content", said) if said else ("", "")
    )


def _gold(text: str | None) -> str | None:
    """The answer that a solution states; a text that states none is one itself where it is short."""
    if text is None:
        return None
    stated = read_gold(text)
    return stated if stated is not None else text if len(text) <= 200 and "\n" not in text else None


def _flags(row: TraceRow, name: str) -> list[bool | None]:
    _, value = row.find(name)
    values: list[Any] = value if isinstance(value, list) else []
    return [each if isinstance(each, bool) else None for each in values]


def _reasoning(row: TraceRow) -> str | None:
    _, turns = row.find("messages")
    last = turns[-1] if isinstance(turns, list) and turns else None
    apart = last.get("reasoning_content") if isinstance(last, dict) else None
    if apart is None:
        return None
    return bounded(text_of(apart, "answer", "reasoning_content"), "reasoning_content") or None
