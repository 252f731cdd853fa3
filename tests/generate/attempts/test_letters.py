"""Attempts in terse notation at problems whose quantities have letters: told under the same letters, quoted only where it is said."""

from __future__ import annotations

import re

import pytest

from journey.catalog import METHODS
from journey.generate.attempts.matched import MATCHED, AttemptedProblem
from journey.generate.attempts.sums import read
from journey.generate.made import MadePair
from journey.schema import Problem
from journey_testing.attempts import POLICY, attempt_of

ASKED = Problem(
    id="letters", question="Let a = 7 and b = 30. Let c = a + 33. Let d = b * 2. Let e = c + d. Find e.", answer="100", source="arithmetic",
    brief="a = 7 ; b = 30 ; c = a + 33 ; d = b * 2 ; e = c + d ; find e :",
    facts={"form": "symbols", "letters": ["c", "d", "e"], "spans": [[26, 36], [42, 51], [57, 66]], "limit": 999},
    solution="For c, 7 + 33 = <<7+33=40>>40.\nFor d, 30 * 2 = <<30*2=60>>60.\nFor e, 40 + 60 = <<40+60=100>>100.\n#### 100",
)  # fmt: skip
RIGHT = "c = 7 + 33 = 40 . d = 30 * 2 = 60 . e = 40 + 60 = 100 . \\boxed{ 100 }"
TURNED = "d = 30 * 2 = 60 . c = 7 + 33 = 40 . e = 40 + 60 = 100 . \\boxed{ 100 }"
ERRORS = {"value: one digit": 1.0, "value: off by one": 1.0, "value: near": 1.0}
_STEP = re.compile(r"(?:([a-e]) = )?(\d+ [-+*/] \d+) = ")


def told(method: str, *texts: str, **settings: float) -> MadePair:
    """What a method makes of these attempts."""
    attempts = tuple(attempt_of(ASKED, text, index) for index, text in enumerate(texts))
    made = METHODS.get(method)
    one = made(made.Settings(**settings)) if settings else made()
    pair = one.make_of(AttemptedProblem(ASKED, attempts, POLICY, ERRORS), 0)
    assert isinstance(pair, MadePair), pair
    return pair


def lines(made: MadePair) -> list[tuple[str, str, str]]:
    return [(segment.role, segment.text.strip(), segment.brief) for segment in made.pair.journey.segments]


@pytest.mark.parametrize("method", MATCHED)
@pytest.mark.parametrize("right", [RIGHT, TURNED])
def test_a_wrong_step_has_a_letter_as_the_right_ones_have(method: str, right: str) -> None:
    """`c = 7 + 33 = 41` was told as `7 + 33 = 41` in terse notation, and rules could change no step that has a letter."""
    wrong = right.replace("e = 40 + 60 = 100", "e = 40 + 60 = 90").replace("{ 100 }", "{ 90 }")
    made = told(method, right, wrong, clean=0.0, rechecks=0.0, delay=0)
    pieces = [each for each in lines(made) if each[0] in ("step", "mistake", "correction")]
    assert [each[0] for each in pieces] == ["step", "step", "mistake", "correction"]
    for _, words, brief in pieces:
        heads = [_STEP.search(text) for text in (words, brief)]
        assert all(heads), (words, brief)
        assert heads[0][1] == heads[1][1], (words, brief)  # type: ignore[index]
        assert heads[0][1]  # type: ignore[index]
        assert heads[0][2] == heads[1][2]  # type: ignore[index]


def test_what_follows_from_a_wrong_step_has_its_letter_too() -> None:
    wrong = "c = 7 + 33 = 41 . d = 30 * 2 = 60 . e = 41 + 60 = 101 . \\boxed{ 101 }"
    made = told("own", RIGHT, wrong, clean=0.0, rechecks=0.0, delay=1)
    assert ("mistake", "c = 7 + 33 = 41.", "c = 7 + 33 = 41 .") in lines(made)
    later = "c = 7 + 33 = 40 . e = 40 + 60 = 100 . \\boxed{ 100 }"
    stitched = told("stitch", later, "c = 7 + 33 = 41 . e = 41 + 60 = 101 . \\boxed{ 101 }")
    assert ("consequence", "e = 41 + 60 = 101.", "e = 41 + 60 = 101 .") in lines(stitched)


def test_sentences_are_quoted_of_the_step_that_they_tell() -> None:
    graph = read(ASKED, attempt_of(ASKED, TURNED, 0))
    assert graph is not None
    assert graph.problem.facts["letters"] == ["d", "c", "e"]
    assert [ASKED.question[start:end] for start, end in graph.problem.facts["spans"]] == [
        "d = b * 2",
        "c = a + 33",
        "e = c + d",
    ]


@pytest.mark.parametrize("seed", range(8))
def test_no_sentence_is_quoted_for_a_number_that_no_sentence_has(seed: int) -> None:
    """The attempt that is left took 95 for 33; a slip at its step said that "c = a + 33" should lead to more than 95."""
    wrong = "c = 7 + 95 = 98 . d = 30 * 2 = 60 . e = 98 + 60 = 158 . \\boxed{ 158 }"
    attempts = (attempt_of(ASKED, RIGHT, 0), attempt_of(ASKED, wrong, 1))
    method = METHODS.get("injected")
    made = method(method.Settings(clean=0.0)).make_of(AttemptedProblem(ASKED, attempts, POLICY, ERRORS), seed)
    if isinstance(made, MadePair):
        assert not [text for role, text, _ in lines(made) if role == "notice" and '"' in text]
