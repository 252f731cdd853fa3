"""Quotes stand in the question word for word, and counts are counts of things."""

from __future__ import annotations

import pytest

from journey.generate.slips.calculations import read_step
from journey.generate.slips.quotes import MAX_WORDS, asked, clause, count_noun, sentences

QUESTION = (
    "Mr. Wong harvested 560 mangoes. He sold half of them at the market for $2 each, and he gave the remaining ones to "
    "8 neighbors of his who live in the same street. How many mangoes does each neighbor get?"
)


def test_sentences_do_not_end_at_a_title() -> None:
    assert [QUESTION[a:b].split()[0] for a, b in sentences(QUESTION)] == ["Mr.", "He", "How"]


@pytest.mark.parametrize(
    ("number", "quote"),
    [
        ("560", "Mr. Wong harvested 560 mangoes"),
        ("$2", "He sold half of them at the market for $2 each"),
        ("8", "he gave the remaining ones to 8 neighbors of his who live in the same street"),
    ],
)
def test_a_clause_holds_its_number(number: str, quote: str) -> None:
    start = QUESTION.index(number)
    text, span = clause(QUESTION, (start, start + len(number)))
    assert text == quote and span is not None and QUESTION[span[0] : span[1]] == text


def test_what_is_asked_is_quoted_whole() -> None:
    text, span = asked(QUESTION)
    assert text == "How many mangoes does each neighbor get?" and span is not None
    assert QUESTION[span[0] : span[1]] == text
    assert asked("Find x.") == (None, None)


def test_nothing_long_or_with_quotation_marks_is_quoted() -> None:
    assert clause('He said "7 birds" twice.', (9, 10)) == (None, None)
    long = " ".join(["word"] * MAX_WORDS) + " 7 end."
    assert clause(long, (long.index("7"), long.index("7") + 1)) == (None, None)


@pytest.mark.parametrize(
    ("step", "question", "final", "noun"),
    [
        ("She sold 48/2 = <<48/2=24>>24 clips.", "How long?", False, "clips"),
        ("It took 48/2 = <<48/2=24>>24 minutes to read the books.", "How long?", False, None),
        ("So 48/2 = <<48/2=24>>24.", "How many more clips did she sell?", True, "clips"),
        ("So 48/2 = <<48/2=24>>24.", "How many more clips did she sell?", False, None),
        ("So 48/2 = <<48/2=24>>24.", "How many miles did she run?", True, None),
    ],
)
def test_only_things_that_come_whole_are_counted(step: str, question: str, final: bool, noun: str | None) -> None:
    found = read_step("\n", step)
    assert count_noun(question, found, found.equations[0], final) == noun
