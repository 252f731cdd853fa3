"""Phrases: every form has words for it, every slot is filled, and the bank is large and free of tics."""

from __future__ import annotations

import random
import re
from collections import Counter
from fractions import Fraction
from string import Formatter

from journey.generate.slips import phrases
from journey.generate.slips.checks import Reason
from journey.generate.slips.narrate import Voice
from journey.schema import Check

SLOTS = dict.fromkeys(
    [
        "x",
        "need",
        "name",
        "y",
        "expr",
        "written",
        "back_expr",
        "back",
        "want",
        "b",
        "a",
        "rest",
        "da",
        "db",
        "last",
        "seen",
        "a_last",
        "a_seen",
        "why",
        "right",
        "bound",
        "rough",
        "steps",
        "base",
        "percent",
        "tenth",
        "quote",
        "wrong",
        "needed",
        "fact",
        "noun",
        "v",
    ],
    "7",
)
BANKS = (
    phrases.OPENERS, phrases.LATE_OPENERS, phrases.BACKTRACKS, phrases.LATE_BACKTRACKS, phrases.PLAIN_LATE_BACKTRACKS,
    phrases.EARLY_BACKTRACKS, phrases.SKIPPED_BACKTRACKS, phrases.CORRECTIONS, phrases.SKIPPED_CORRECTIONS,
    phrases.EARLY_CORRECTIONS, phrases.REDOS, phrases.EARLY_CLAIMS, phrases.ANSWERS, phrases.PLANS,
    *phrases.REASONS.values(),
)  # fmt: skip


def reason(form: str) -> Reason:
    return Reason(form, Check("size", "x", "<", "5"), dict(SLOTS), "wait 7 > 5 .")


def test_every_phrase_of_every_form_can_be_said() -> None:
    for form, bank in phrases.REASONS.items():
        for seed in range(3 * len(bank)):
            text = Voice(random.Random(seed)).notice(reason(form), delay=seed % 2)
            assert "{" not in text and "  " not in text.strip("\n"), text
            assert text[0] in "\n " and text[-1] in '.?!"', text
            assert not re.search(r"[.!?] [a-z]", text.replace("etc.", "")), text


def test_phrases_are_distinct_and_many() -> None:
    for bank in BANKS:
        told = [phrase for phrase in bank if phrase]
        assert len(set(told)) == len(told)
    openers = len(set(phrases.OPENERS) | set(phrases.LATE_OPENERS))
    reasons = sum(len(bank) for bank in phrases.REASONS.values())
    assert openers >= 70 and reasons >= 150  # and any opener goes with any reason


def test_no_marker_word_carries_the_notices() -> None:
    openings = Counter(phrase.split()[0] for phrase in phrases.OPENERS + phrases.LATE_OPENERS if phrase)
    assert openings["Wait."] + openings["Wait,"] <= 2
    assert max(openings.values()) <= 0.2 * openings.total()


def test_slots_are_known() -> None:
    derived = {"Why", "Fact", "Need", "of_noun", "later", "is_are", "box"}
    used = {field for bank in BANKS for phrase in bank for _, field, _, _ in Formatter().parse(phrase) if field}
    assert used <= set(SLOTS) | derived


def test_later_values_are_named_in_good_grammar() -> None:
    for seed in range(300):
        voice = Voice(random.Random(seed))
        one = voice.backtrack(Fraction(5), [Fraction(9)], 1, "digit")
        two = voice.backtrack(Fraction(5), [Fraction(9), Fraction(11)], 2, "digit")
        assert " are wrong" not in one
        assert "9" not in two or "9 and 11" in two
        none = voice.backtrack(Fraction(5), [Fraction(5)], 1, "digit")
        assert "doesn't use it" not in none and "isn't affected" not in none


def test_a_step_ends_in_a_full_stop_and_keeps_its_place() -> None:
    voice = Voice(random.Random(3))
    assert voice.step("He has 5 = 5", "\n", first=False) == f"{voice.gap}He has 5 = 5."
    assert voice.step("Is it so?", " ", first=False) == " Is it so?"
    assert voice.step("He has 5.", "\n", first=True) == ("\nHe has 5." if voice.plan else "He has 5.")


def test_a_sentence_with_its_own_opening_gets_no_second_one() -> None:
    voice = Voice(random.Random(3))
    for text in ("So he has 5.", "Then it is 6.", "Thus 7.", "And finally, 8."):
        for _ in range(30):
            assert voice.redo(text) == voice.correction(text, "digit") == f"{voice.gap}{text}"
    assert {voice.redo("He has 5.") for _ in range(40)} > {f"{voice.gap}He has 5."}


def test_the_answer_is_said_the_same_way_in_both_halves() -> None:
    voice = Voice(random.Random(1))
    assert voice.answer("72") == voice.answer("72")
    assert voice.answer("72").count("\\boxed{72}") == 1
    assert len({Voice(random.Random(seed)).answer("72") for seed in range(100)}) == len(phrases.ANSWERS)


def test_the_voice_is_the_streams_own() -> None:
    said = [Voice(random.Random(seed)).notice(reason("inverse"), 0) for seed in (1, 1, 2, 3, 4, 5)]
    assert said[0] == said[1] and len(set(said)) >= 4
