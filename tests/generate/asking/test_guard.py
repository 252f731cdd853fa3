"""The guard of rewrites: every planted loss is caught, of every piece of pairs that search and slips make, and plain rewordings pass.

`rewrites.jsonl` holds rewrites by a large language model, which was asked with the method's own prompt, of pairs made from the shipped word problems,
Countdown and GSM8K (MIT licence); and rewrites by it that were to have one piece damaged, with the kind of damage. Those `held_out`
were counted before they were looked at (docs/methods.md); since then a few words were added for them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest

from journey.answers.equations import equations
from journey.answers.prose_numbers import numerals
from journey.generate.asking.guard import loss, trace_loss
from journey.schema import Segment, Trace
from journey_testing.pairs import pairs_of

NAMED = ("mistake", "notice", "correction")


@cache
def pieces() -> tuple[Segment, ...]:
    made = [*pairs_of("countdown", "search", 60), *pairs_of("arithmetic", "slips", 60)]
    return tuple(segment for pair in made for half in (pair.shortcut, pair.journey) for segment in half.segments[:-1])


def numbers_of(text: str) -> str:
    return ", ".join(text[each.start : each.end] for each in numerals(text))


def changed_number(text: str) -> str:
    """The last number one higher."""
    last = numerals(text)[-1]
    return f"{text[: last.start]}{int(last.value) + 1}{text[last.end :]}"


def other_sign(text: str) -> str:
    return re.sub(r"(?<=\d) ([-+*]) (?=\d)", lambda match: f" {'-' if match[1] != '-' else '+'} ", text, count=1)


WANTED = re.compile(r"final|target|goal|want|asked|need|done|does it|looking for|finish|last number")


def exchanged(text: str) -> str:
    """The first two numbers in each other's place, where they are two."""
    first, second = [*numerals(text), None, None][:2]
    if first is None or second is None or first.value == second.value:
        return text
    if text[first.end : second.start] in (" * ", " + "):
        return text
    one, other = text[first.start : first.end], text[second.start : second.end]
    return f"{text[: first.start]}{other}{text[first.end : second.start]}{one}{text[second.end :]}"


def has_number(each: Segment) -> bool:
    return bool(numerals(each.text)) and numerals(each.text)[-1].value.denominator == 1


def has_equation(each: Segment) -> bool:
    return any(equations(each.text))


PLANTS: dict[str, tuple[Callable[[Segment], bool], Callable[[str], str]]] = {
    "a piece is dropped": (lambda each: each.role != "plan", lambda text: " "),
    "a number is changed": (has_number, changed_number),
    "a number is added": (lambda each: True, lambda text: f"{text} That makes 977 in all."),
    "numbers are dropped": (has_number, lambda text: re.sub(r"\d[\d,.]*", "it", text)),
    "an operation is changed": (lambda each: other_sign(each.text) != each.text and has_equation(each), other_sign),
    "an equation is said in words": (has_equation, lambda text: text.replace(" = ", " is ")),
    "a false equation is added": (lambda each: True, lambda text: f"{text} So 2 + 2 = 5."),
    "a mistake is doubted at once": (lambda e: e.role in ("mistake", "step", "correction"), lambda text: f"{text} No, that is wrong."),
    "a notice agrees": (lambda each: each.role == "notice", lambda text: f"All is well with {numbers_of(text)}"),
    "a notice approves": (lambda each: each.role == "notice", lambda text: f"{text} But it is right after all."),
    "a notice is left open": (lambda each: each.role == "notice", lambda text: f"{text} Or it may be right, I can't tell."),
    "a step is left open": (lambda e: e.role in ("mistake", "step", "correction"), lambda text: f"{text} At least I think so."),
    "a check is left open": (lambda each: each.role == "check", lambda text: f"{text} Or is it?"),
    "a mistake says what it leaves out": (lambda each: each.role == "mistake", lambda text: f"{text} That leaves something out."),
    "a value is said to be the last one": (lambda e: e.role in ("mistake", "step", "correction") and not WANTED.search(e.text), lambda text: f"{text} That is what I need."),
    "two numbers change places": (lambda e: e.role in ("consequence", "notice", "backtrack", "check") and exchanged(e.text) != e.text, lambda text: exchanged(text)),
    "a way back is no way back": (lambda each: each.role == "backtrack", lambda text: f"So: {numbers_of(text)}"),
    "the answer is boxed early": (lambda each: True, lambda text: f"{text} \\boxed{{4}}"),
    "a tag is closed": (lambda each: True, lambda text: f"{text}</s1>"),
    "it goes on and on": (lambda each: True, lambda text: text + " and so on" * 200),
}  # fmt: skip


def planted(kind: str) -> Iterator[tuple[Segment, str]]:
    fits, plant = PLANTS[kind]
    for each in pieces():
        if fits(each):
            yield each, plant(each.text)


@pytest.mark.parametrize("kind", PLANTS)
def test_every_planted_loss_is_caught(kind: str) -> None:
    tried = list(planted(kind))
    missed = [(each.role, each.text, text) for each, text in tried if loss(each, text) is None]
    assert len(tried) > 20 and not missed, f"{len(missed)} of {len(tried)}: {missed[:3]}"


def test_losses_are_counted_by_what_they_lose() -> None:
    reasons = Counter(
        (each.role, loss(each, text)) for each, text in planted("a number is changed") if each.role in NAMED
    )
    assert {reason for _, reason in reasons} <= {"equation_false", *(f"{role}_changed" for role in NAMED)}
    dropped = {loss(each, text) for each, text in planted("a piece is dropped")}
    assert {f"{role}_lost" for role in NAMED} <= dropped <= {"piece_lost", *(f"{role}_lost" for role in NAMED)}


def test_a_trace_that_stays_as_it_is_loses_nothing() -> None:
    for each in pieces():
        assert loss(each, each.text) is None


def segment(role: str, text: str) -> Segment:
    return Segment(role, text, "", 0, 0, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("role", "before", "after"),
    [
        ("step", "The boxes hold 3 * 14 = 42 pens.", "So, three boxes: 3 * 14 = 42 pens are in them."),
        ("mistake", "That makes 42 - 5 = 38.", "She gives some away, and 42 - 5 = 38 are left."),
        ("notice", "Wait, 42 - 5 is 37, not 38.", "Hold on. 42 - 5 gives 37 and not 38!"),
        ("notice", "That is not right.", "Something is wrong here."),
        ("backtrack", "Back to 43, 6 and 2.", "I return to 43, 6 and 2."),
        ("check", "Is that right? 3 * 14 = 42. Yes.", "Right? 3 * 14 = 42, it is. Good."),
        ("plan", "Goal: 92. Numbers: 43, 6 and 2.", "I want to get 92 out of 43, 6 and 2."),
        ("plan", "Start with what is given.", "First off, what am I given?"),
        ("step", "After the game 96 - 30 = 66 dollars remain.", "Then she buys it, and 96 - 30 = 66 are left over."),
        ("step", "Good are 110 - 4 = 106 pages.", "The jammed ones don't count, so 110 - 4 = 106 are good."),
        ("step", "He gives away 36 / 3 = 12.", "He had 36 and gives away 36 / 3 = 12."),
        ("notice", "20 - 12 lands on 8, yet I started from 18.", "20 - 12 gives me 8, but what I put in was 18."),
        ("backtrack", "So 82 is wrong; a step is missing.", "So 82 can't be right; I left out a step."),
        ("backtrack", "I made a mistake there; let me redo it.", "Yeah, that was a slip, so I'll do it over."),
        (
            "check",
            "Is 40 suspicious? Nothing amiss there: 15 + 25 is 40.",
            "Should I trust 40? No, 15 + 25 is 40, all fine.",
        ),
        ("consequence", "That gives 45, below 92.", "That gives 45, and 45 is less than 92."),
    ],
)
def test_rewordings(role: str, before: str, after: str) -> None:
    assert loss(segment(role, before), after) is None


@pytest.mark.parametrize(
    ("role", "before", "after", "why"),
    [
        ("notice", "Wait, 42 - 5 is 37, not 38.", "Wait, 42 - 5 is 38, not 37.", "notice_changed"),
        ("notice", "That is wrong.", "That is not wrong.", "notice_changed"),
        ("mistake", "That makes 42 - 5 = 38.", "That makes 42 - 5 = 37.", "mistake_changed"),
        ("correction", "So 42 - 5 = 37.", "So 42 - 5 = 38.", "equation_false"),
        ("step", "A 20% share of 50.", "A 20 share of 50.", "number_changed"),
        ("step", "It is twice as much.", "It is as much.", "number_changed"),
        ("check", "Is that right? 3 * 14 = 42. Yes.", "Is it? 3 * 14 = 42.", "doubt_changed"),
        ("check", "Back from 72, 72 - 54 is 18.", "Back from 72, 72 - 54 is not 18.", "doubt_changed"),
        ("check", "Hmm. Again, 3 * 14 is 42. Good.", "Hmm. Again, 3 * 14 is 42. Or is it?", "doubt_changed"),
        ("consequence", "That gives 45, below 92.", "That gives 45, above 92.", "doubt_changed"),
        ("step", "She pays 3 * 14 = 42.", "I guess she pays 3 * 14 = 42.", "doubt_changed"),
        ("step", "She pays 3 * 14 = 42.", "She doesn't pay 3 * 14 = 42.", "doubt_changed"),
        ("backtrack", "I'll take 8500 back.", "I'll take 8500 along.", "way_back_lost"),
        ("backtrack", "Back to 6, 5 and 5.", "Back to 6, 5 and 6.", "number_changed"),
    ],
)
def test_small_changes(role: str, before: str, after: str, why: str) -> None:
    assert loss(segment(role, before), after) == why


def test_pieces_that_change_places_are_caught() -> None:
    for pair in pairs_of("countdown", "search", 20):
        texts = [each.text for each in pair.journey.segments[:-1]]
        for place in range(len(texts) - 1):
            swapped = [*texts[:place], texts[place + 1], texts[place], *texts[place + 2 :]]
            if texts[place].split() != texts[place + 1].split():
                assert trace_loss(pair.journey, swapped) is not None


def test_numbers_of_the_question_may_be_told_but_no_correction_in_a_mistake() -> None:
    mistake, question = segment("mistake", "She pays 3 * 14 = 52."), "At 42 cents a ride, 3 tickets for 14 rides?"
    assert loss(mistake, "At 42 cents, she pays 3 * 14 = 52.", question) is None
    assert loss(mistake, "At 42 cents, she pays 3 * 14 = 52.", question, {Fraction(42)}) == "mistake_changed"
    assert loss(mistake, "At 42 cents, she pays 3 * 14 = 52.") == "mistake_changed"


def rewrites() -> Iterator[tuple[str, bool, str | None]]:
    """(kind of damage, held out, what the guard says) of every rewrite by a model."""
    for line in (Path(__file__).parent / "rewrites.jsonl").read_text().splitlines():
        row = json.loads(line)
        pieces = [segment(role, text) for role, text in row["pieces"]]
        lost = trace_loss(Trace((*pieces, segment("answer", "")), "", ""), row["rewrite"], row["question"])
        yield row["damage"], row["held_out"], lost


def test_rewrites_by_a_model_pass_and_damaged_ones_do_not() -> None:
    """The figures of docs/methods.md."""
    seen = list(rewrites())
    kept = {out: [lost is None for damage, held, lost in seen if not damage and held == out] for out in (False, True)}
    caught = {out: [lost is not None for damage, held, lost in seen if damage and held == out] for out in (False, True)}
    assert [(sum(kept[out]), len(kept[out])) for out in (True, False)] == [(44, 48), (167, 184)]
    assert [(sum(caught[out]), len(caught[out])) for out in (True, False)] == [(89, 96), (164, 176)]
    missed = Counter(damage for damage, _, lost in seen if damage and lost is None)
    assert not {
        kind
        for kind in missed
        if re.search("number|equation|wrong|repaired|another mistake|told|doubt|undecided|hint|fail", kind)
    }
