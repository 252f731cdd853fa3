"""Journeys of mistakes that are only estimated: made where it is asked for, told as such, and matched with the other kinds."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from pydantic import ValidationError

from journey.catalog import METHODS
from journey.config import CurateSettings
from journey.curate.item import Item
from journey.curate.rules import Context, bind, resolve_options
from journey.generate.attempts.matched import MATCHED, AttemptedProblem
from journey.generate.made import MadePair, Rejection
from journey.schema import FirstMistake, Problem
from journey_testing.attempts import POLICY, attempt_of

ASKED = Problem(
    id="bags", question="Tom has 3 bags with 4 apples each and eats 2. How many are left?", answer="10", source="mine", brief="bags",
)  # fmt: skip
RIGHT = "There are 3 bags.\nTom has 3 * 4 = 12 apples.\nHe keeps 12 - 2 = 10.\n\\boxed{10}"
WRONG = "There are 3 bags.\nTom has 3 + 4 = 7 apples.\nHe keeps 7 - 2 = 5.\n\\boxed{5}"
FALSE = "There are 3 bags.\nTom has 3 * 4 = 13 apples.\nHe keeps 13 - 2 = 11.\n\\boxed{11}"
COUNTS = (5, 8, 0, 8)


def attempted(*more: str) -> AttemptedProblem:
    """A right attempt, a wrong one in which no check finds anything, with its estimate, and others."""
    right, wrong, *others = (attempt_of(ASKED, text, index) for index, text in enumerate((RIGHT, WRONG, *more)))
    assert wrong.mistake.proof is None and wrong.outcome == "wrong"
    step = next(span for span in wrong.steps if "3 + 4" in WRONG[slice(*span)])
    found = FirstMistake("estimated", step, "estimated", before=True, counts=COUNTS)
    return AttemptedProblem(ASKED, (right, replace(wrong, mistake=found), *others), POLICY, {"value: off by one": 1.0})


def told(method: str, each: AttemptedProblem, seed: int = 0, **settings: Any) -> MadePair | Rejection:
    made = METHODS.get(method)
    return made(made.Settings(**{"clean": 0.0, "rechecks": 0.0, **settings})).make_of(each, seed)  # type: ignore[no-any-return]


@pytest.mark.parametrize("method", MATCHED)
def test_none_is_made_unless_it_is_asked_for(method: str) -> None:
    assert told(method, attempted()) == Rejection("not_located", "1 wrong attempts")
    assert "located" not in METHODS.get(method).Settings().model_dump()


def test_an_estimated_mistake_is_told_as_one() -> None:
    made = told("own", attempted(), located="estimated", delay=0)
    assert isinstance(made, MadePair)
    facts, [mistake] = made.pair.provenance, list(made.tree.mistakes())
    assert (facts["proof"], facts["oracle_timed"], facts["estimate"]) == ("estimated", True, list(COUNTS))
    assert (mistake.proof, mistake.claim, mistake.truth, mistake.kind) == ("estimated", None, None, "estimated")
    told_as = {segment.role: segment.text.strip() for segment in made.pair.journey.segments}
    assert told_as["mistake"].endswith("Tom has 3 + 4 = 7 apples.")
    assert "3 * 4" in told_as["notice"] and "12" in told_as["notice"] and '"' not in told_as["notice"]
    assert told_as["correction"].endswith("Tom has 3 * 4 = 12 apples.")
    assert "3 + 4" not in "".join(segment.text for segment in made.pair.shortcut.segments)


@pytest.mark.parametrize(("strict", "kept"), [(False, True), (True, False)])
def test_curation_keeps_it_and_its_strict_preset_does_not(strict: bool, kept: bool) -> None:
    made = told("own", attempted(), located="estimated", delay=1)
    assert isinstance(made, MadePair)
    options = {"mistakes_refuted": {"checked_only": True}} if strict else {}
    context = Context(CurateSettings(options=options))
    item = Item(made.pair, made.tree)
    found = {
        drop.reason
        for rule in bind(resolve_options(context.settings), context)
        for d in rule.judge([item])
        for drop in d
    }
    assert not found if kept else "mistake_not_checked" in found


def test_all_kinds_are_matched_at_the_place_of_the_estimate() -> None:
    pairs = [told(method, attempted(), located="estimated") for method in MATCHED]
    keys = {pair.pair.provenance["matched"] for pair in pairs if isinstance(pair, MadePair)}
    assert all(isinstance(pair, MadePair) for pair in pairs) and len(keys) == 1
    assert [pair.pair.provenance["proof"] for pair in pairs if isinstance(pair, MadePair)] == [
        "estimated", "checked:question", "checked:question",
    ]  # fmt: skip


def test_checked_ones_are_taken_alone_or_beside() -> None:
    both, proofs = attempted(FALSE), set()
    for seed in range(12):
        alone, mixed = told("own", both, seed), told("own", both, seed, located="checked,estimated")
        assert isinstance(alone, MadePair) and alone.pair.provenance["proof"] == "checked:question"
        assert isinstance(mixed, MadePair)
        proofs.add(mixed.pair.provenance["proof"])
    assert proofs == {"checked:question", "estimated"}


def test_a_step_whose_value_the_right_path_has_too_may_be_another_way_and_is_not_used() -> None:
    """`I also get 12, from 3 * 4, where I wrote 10` compared two quantities: 10 is what she keeps in the end."""
    text = "There are 3 bags.\nTom keeps 3 * 3 + 1 = 10 apples.\nHe eats 10 - 2 = 8.\n\\boxed{8}"
    right, other = attempt_of(ASKED, RIGHT, 0), attempt_of(ASKED, text, 1)
    assert other.mistake.proof is None and other.outcome == "wrong"
    step = next(span for span in other.steps if "3 * 3" in text[slice(*span)])
    found = FirstMistake("estimated", step, "estimated", before=True, counts=COUNTS)
    each = AttemptedProblem(ASKED, (right, replace(other, mistake=found)), POLICY, {})
    assert isinstance(told("own", each, located="estimated"), Rejection)


@pytest.mark.parametrize(("letter", "used"), [("b", True), ("c", False), ("", True), ("b = 26 . c", False)])
def test_a_step_for_another_letter_is_not_compared_with_the_right_one(letter: str, used: bool) -> None:
    """`c = 28 - 18 = 10` and `I also get 8, from 26 - 18`, which is b."""
    problem = Problem("p", "a = 26 ; b = a - 18 ; c = b + 28 ; find c :", "36", "mine")
    head = f"{letter} = " if letter else ""
    right = attempt_of(problem, "b = 26 - 18 = 8 . c = 8 + 28 = 36 . \\boxed{ 36 }", 0)
    other = attempt_of(problem, f"{head}28 - 18 = 10 . d = 10 + 28 = 38 . \\boxed{{ 38 }}", 1)
    found = FirstMistake("estimated", other.steps[0], "estimated", before=True, counts=COUNTS)
    each = AttemptedProblem(problem, (right, replace(other, mistake=found)), POLICY, {})
    assert isinstance(told("own", each, located="estimated"), MadePair) is used


def test_another_word_is_refused() -> None:
    with pytest.raises(ValidationError):
        METHODS.get("own").Settings(located="guessed")
