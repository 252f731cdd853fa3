"""Roles read by rules: what is a mistake, what is only a doubt, and how much is found where the truth is known."""

from __future__ import annotations

import pytest

from journey.generate.imports.roles import read_roles
from journey.generate.imports.units import units
from journey_testing.pairs import made


def roles(*paragraphs: str) -> list[str]:
    return [segment.role for segment in read_roles(units("\n\n".join(paragraphs)))]


@pytest.mark.parametrize(
    "notice",
    [
        "Wait, that is wrong.",
        "Hmm, wait, I made a mistake.",
        "That's not right.",
        "But wait, this doesn't work.",
        "Oh, I forgot the second bag.",
        "Wait, no, it is 12.",
        "Scratch that.",
        "That can't be right.",
    ],
)
def test_a_finding_makes_the_step_before_it_a_mistake(notice: str) -> None:
    told = roles(
        "There are bags.", "So there are 7 apples.", notice, "Let me redo that.", "There are 12 apples.", "Fine."
    )
    assert told == ["step", "mistake", "notice", "backtrack", "correction", "step"]


@pytest.mark.parametrize(
    "doubt",
    [
        "Wait, is that right?",
        "Let me check that again.",
        "Hold on, maybe I made a mistake somewhere.",
        "Just to be sure, let me verify that this isn't wrong.",
        "Wait, if that is wrong, x would be 3.",
        "Yes, that matches.",
        "I should double-check whether that is wrong.",
    ],
)
def test_a_doubt_is_not_a_verdict(doubt: str) -> None:
    assert roles("There are bags.", "So there are 12 apples.", doubt, "3 * 4 = 12.") == [
        "step",
        "step",
        "check",
        "step",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "If n is odd, then 2n + 1 is not an integer multiple of 4, a contradiction.",
        "Is there one? It grows.",
        "So x = 3 does not satisfy the second equation, and x = 5 does.",
        "Without loss of generality a is too small to matter.",
    ],
)
def test_cases_that_are_ruled_out_are_steps(line: str) -> None:
    assert roles("Take any n.", line, "So n is even.") == ["step", "step", "step"]


def test_a_question_is_no_mistake() -> None:
    assert "mistake" not in roles("Take m = 6.", "But is there a larger one?", "Wait, no, it grows with m.")


def test_a_false_equation_is_the_mistake_where_it_is_done_again() -> None:
    told = roles("There are 3 * 4 = 14 apples.", "He eats 2 of 14.", "Let me check: 3 * 4 = 12.", "So there are 10.")
    assert told == ["mistake", "consequence", "notice", "correction"]


def test_units_put_together_are_the_trace() -> None:
    text = "First.\n\n\\[\na = b\n\n= c\n\\]\n\nSo x. Wait, that is wrong. Then y.\n\n- one\n- two"
    found = units(text)
    assert "".join(unit.gap + unit.text for unit in found).strip() == text
    assert [unit.text for unit in found][1] == "\\[\na = b\n\n= c\n\\]"


@pytest.mark.parametrize("size", [2_000, 400_000])
def test_long_and_odd_texts_end(size: int) -> None:
    for text in (
        "wait, " * (size // 6),
        "\\begin{" * (size // 7),
        "a\n" * (size // 2),
        "no, no " * (size // 7),
        "? " * size,
    ):
        assert len(read_roles(units(text[:size]))) <= 1500


def test_the_rules_are_measured_on_journeys_whose_truth_is_known() -> None:
    """On slips told as prose: what they call a mistake is one, and they find some. The numbers stand in docs/import.md."""
    right = wrong = true = clean = 0
    for one in made("arithmetic", "slips", 150):
        segments = one.pair.journey.segments
        known = [s.text.strip() for s in segments if s.role in ("mistake", "consequence")]
        found = [
            s for s in read_roles(units("\n\n".join(s.text.strip() for s in segments[:-1]))) if s.role == "mistake"
        ]
        hits = [s for s in found if any(s.text in text for text in known)]
        right, wrong = right + len(hits), wrong + len(found) - len(hits)
        true += one.pair.mistakes
        clean += not one.pair.mistakes and bool(found)
    assert right + wrong and right / (right + wrong) >= 0.95, f"{right} of {right + wrong} are mistakes"
    assert right / true >= 0.15, f"{right} of {true} are found"
    assert clean == 0, "a journey without a mistake was given one"
