"""Overlap with benchmarks: every kind of copy is found, and other questions are left alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from journey.catalog import FILTERS
from journey.curate.filters.benchmark_overlap import words
from journey.curate.item import Item
from journey.curate.rules import Context
from journey.schema import Problem, Question
from journey_testing.curation import EveryReason, Sound, problem, segment

QUESTIONS = (
    "Janet's ducks lay 16 eggs per day. She eats three for breakfast every morning. How many does she sell?",
    "A robe takes 2 bolts of blue fiber and half that much white fiber. How many bolts in total does it take?",
    "Convert the point $(0,3)$ in rectangular coordinates to polar coordinates.",
    "If $f(x) = \\frac{3x-2}{x-2}$, what is the value of $f(-2) +f(-1)+f(0)$? Express your answer as a common fraction.",
    "What is $2^8 + 3$?",
    "Compute $\\sin 60^\\circ$.",
    "Evaluate $\\log_8 2$.",
    "Solve for $x$: $x + 5 = 12$.",
    "Simplify $\\frac{3}{4} - \\frac{1}{2}$ now.",
)
CLEAN = (
    "Wendi feeds each of her chickens three cups of mixed chicken feed a day. How many cups for 20 chickens?",
    "What is $2^8 - 3$?",
    "Compute $\\cos 60^\\circ$.",
    "Solve for $x$: $x - 5 = 12$.",
    "Toula went to the bakery and bought various types of pastries. What was the total cost?",
    "Evaluate it.",
)
COPIES: dict[str, Callable[[str], str]] = {
    "verbatim": lambda text: text,
    "re-cased": lambda text: text.upper(),
    "other spacing": lambda text: "  " + text.replace(" ", " \n\t ") + "\n",
    "other punctuation": lambda text: text.replace("?", " !").replace(",", " ").replace(".", " ;").replace("$", ""),
    "inside another": lambda text: f"Here is one more exercise. {text} Show the work.",
}


def asked(sound: Sound, question: str) -> Item:
    return problem(sound["slips"], question=question, source="file", id="mine")


class TestReasons(EveryReason):
    filter = "benchmark_overlap"
    damages = {
        "same_problem": lambda sound: sound["search"],
        "same_question": lambda sound: asked(sound, "How many APPLES does Tom have, in all his three baskets?"),
        "shared_words": lambda sound: asked(sound, "Anna asks: how many apples does Tom have in all his bags?"),
        "whole_question": lambda sound: asked(sound, "Please find the sum of 12 and 30 quickly."),
        "shared_words_in_trace": lambda sound: segment(
            asked(sound, "Something else entirely."), "journey", "notice", text=" how many apples does tom have in all"
        ),
    }
    options = {"shared_words_in_trace": {"traces": True}}

    def prepared(self, context: Context, sound: Sound) -> Context:
        texts = ("How many apples does Tom have in all his three baskets?", "Find the sum of 12 and 30.")
        kept = [Problem(f"b{place}", text, "1", "file") for place, text in enumerate(texts)]
        own = Context(context.settings)
        own.questions = {"mine": [Question(each.id, "mine", each) for each in [*kept, sound["search"].pair.problem]]}
        return own


def asking(text: str, source: str = "file") -> Problem:
    return Problem(f"id of {text} in {source}", text, "1", source)


def judged(context: Context, item: Item, questions: list[Problem], **options: object) -> Callable[[str], list[str]]:
    """A function from a question to the reasons why a pair that asks it is dropped."""
    own = Context(context.settings)
    own.questions = {"mine": [Question(each.id, "mine", each) for each in questions]}
    rule = FILTERS.get("benchmark_overlap")(own, **options)

    def reasons(text: str) -> list[str]:
        problem = replace(item.pair.problem, id="own", question=text, source="a file")
        return [drop.reason for drop in rule(Item(replace(item.pair, problem=problem), item.tree))]

    return reasons


@pytest.mark.parametrize("how", COPIES)
def test_every_planted_copy_is_found(how: str, context: Context, slips: list[Item]) -> None:
    """Recall is 100 %, for questions of fewer than eight words too, except when those under `whole` words are inside."""
    reasons = judged(context, slips[0], [asking(text) for text in QUESTIONS])
    for text in QUESTIONS:
        tiny = len(words(text)) < 4 and how == "inside another"
        assert bool(reasons(COPIES[how](text))) is not tiny, text
        if how != "inside another":
            assert reasons(COPIES[how](text)) == ["same_question"]


def test_other_questions_are_kept(context: Context, slips: list[Item]) -> None:
    reasons = judged(context, slips[0], [asking(text) for text in QUESTIONS])
    assert [text for text in CLEAN if reasons(text)] == []


def test_an_eight_gram_alone_would_miss_the_short_ones() -> None:
    """The hole that the rule for short questions closes is there in this very set."""
    assert sum(len(words(text)) < 8 for text in QUESTIONS) >= 4


def test_the_length_of_the_grams_is_an_option(context: Context, slips: list[Item]) -> None:
    texts = [asking("Anna has three red apples and Ben has some green pears in a bag.")]
    seven = "Here Anna has three red apples and Ben was away."
    assert judged(context, slips[0], texts)(seven) == []
    assert judged(context, slips[0], texts, ngram=7)(seven) == ["shared_words"]


def test_procedural_problems_are_compared_by_instance(context: Context, searches: list[Item]) -> None:
    """Countdown questions share their template: only the same numbers and target overlap."""
    own = Context(context.settings)
    asked = [item.pair.problem for item in searches[:10]]
    own.questions = {"countdown@1": [Question(each.id, "countdown@1", each) for each in asked]}
    rule = FILTERS.get("benchmark_overlap")(own)
    found = [[drop.reason for drop in rule(item)] for item in searches]
    assert found == [["same_problem"]] * 10 + [[]] * 30


def test_templates_are_no_overlap(context: Context, searches: list[Item], slips: list[Item]) -> None:
    """A file that asks a Countdown question overlaps a procedural one only word for word, and the other way round."""
    first, second = searches[0].pair.problem, searches[1].pair.problem
    reasons = judged(context, slips[0], [first])
    assert reasons(first.question) == ["same_question"]
    assert reasons(second.question) == []
    own = Context(context.settings)
    own.questions = {"mine": [Question("b", "mine", asking(first.question))]}
    rule = FILTERS.get("benchmark_overlap")(own)
    assert [list(rule(item)) for item in searches[1:]] == [[]] * 39


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Compute $3 + x^2$.", ["compute", "3", "+x", "^2"]),
        ("3+4", ["3", "+4"]),
        ("3 + 4 ", ["3", "+4"]),
        ("It's 1,000 o'clock", ["it", "s", "1", "000", "o", "clock"]),
        ("STRASSE Stra\u00dfe \u2460", ["strasse", "strasse", "1"]),
        ("", []),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    assert words(text) == found


def test_recall_on_real_benchmarks(real_data: Callable[[str], Path], context: Context, slips: list[Item]) -> None:
    """Every question of the GSM8K test set, SVAMP and MATH-500 is found when it is planted, in any case and spacing;
    GSM8K's own training questions are dropped for at most 3 %."""
    asked = {
        name: [json.loads(line)["problem"] for line in real_data(f"{name}.jsonl").open()]
        for name in ("gsm8k_test", "svamp", "math500")
    }
    texts = [text for name in asked for text in asked[name]]
    reasons = judged(context, slips[0], [asking(text) for text in texts])
    for how in ("verbatim", "re-cased", "other spacing"):
        assert [text for text in texts[::3] if not reasons(COPIES[how](text))] == []
    train = [json.loads(line)["problem"] for line in real_data("gsm8k_train.jsonl").open()][::5]
    assert sum(bool(reasons(text)) for text in train) / len(train) < 0.03
