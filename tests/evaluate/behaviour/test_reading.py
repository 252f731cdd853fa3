"""One answer read: steps judged, a search followed, first committed answer, loops, and the marks laid over the text."""

from __future__ import annotations

import itertools

import pytest

from journey.catalog import FAMILIES
from journey.evaluate.behaviour.reading import loops, read
from journey.schema import Problem

SUM = Problem("1", "q", "52", "arithmetic", brief="a = 18 ; b = a * 3 ; c = b - 2 ; find c :")
WORDS = Problem("2", "How many?", "72", "gsm8k", brief="How many?")


def countdown(*numbers: int, target: int) -> Problem:
    problem: Problem = FAMILIES.get("countdown")().build(numbers, target)
    return problem


def verdicts(text: str, problem: Problem) -> list[str]:
    return [step.verdict for step in read(text, problem).steps]


class TestSteps:
    def test_right_steps(self) -> None:
        assert verdicts("b = 18 * 3 = 54 . c = 54 - 2 = 52 . \\boxed{ 52 }", SUM) == ["true", "true"]

    def test_a_slip_and_its_consequence(self) -> None:
        assert verdicts("b = 18 * 3 = 44 . c = 44 - 2 = 42 . \\boxed{ 42 }", SUM) == ["false", "consequence"]
        prose = "The posters cost 18 * 3 = 44 dollars.\nThen 44 - 2 = 42 dollars are left."
        assert verdicts(prose, SUM) == ["false", "consequence"]

    def test_a_true_equation_for_the_wrong_quantity(self) -> None:
        assert verdicts("b = 18 + 3 = 21 . c = 21 - 2 = 19 .", SUM) == ["false", "consequence"]
        assert verdicts("The posters cost 18 + 3 = 21 dollars.", SUM) == ["false"]
        assert verdicts("He has 18 + 3 = 21 of them.", WORDS) == ["true"]  # no graph: the arithmetic alone

    def test_taken_back(self) -> None:
        journey = "b = 18 * 3 = 44 . c = 44 - 2 = 42 . wait 44 / 3 not whole . back to b . b = 18 * 3 = 54 . c = 54 - 2 = 52 ."
        found = read(journey, SUM)
        assert [step.left for step in found.noticed] == ["18 * 3"]
        assert [journey[m.start : m.end] for m in found.marks if m.kind == "correction"] == ["18 * 3 = 54"]
        prose = "They cost 18 * 3 = 44 dollars.\nI doubt the 44. It should end in 4.\nSo 44 is wrong.\nThey cost 18 * 3 = 54 dollars."
        found = read(prose, SUM)
        assert [str(step.value) for step in found.noticed] == ["44"]
        assert [(str(step.value), step.verdict) for step in found.doubted] == [("44", "false")]

    def test_never_taken_back(self) -> None:
        assert read("b = 18 * 3 = 44 . c = 44 - 2 = 42 . \\boxed{ 42 }", SUM).noticed == ()
        assert read("They cost 18 * 3 = 44.\nLet me check. 44 - 2 = 42.\n\\boxed{42}", SUM).noticed == ()

    def test_a_doubt_about_what_is_right_is_a_false_alarm(self) -> None:
        found = read("They cost 18 * 3 = 54 dollars.\nHmm, 54? I'm not sure about 54.\n\\boxed{52}", SUM)
        assert [step.verdict for step in found.doubted] == ["true"]

    def test_a_calculation_inside_a_check_has_to_be_right_only(self) -> None:
        text = "They cost 18 * 3 = 44 dollars.\nThat doesn't fit: 10 * 3 = 30, and 8 * 3 = 24."
        assert verdicts(text, SUM) == ["false", "true", "true"]


class TestCountdown:
    problem = countdown(16, 1, 1, target=14)
    compact = "try 16 + 1 = 17 left 17 1 . 17 - 1 = 16 high . dead end . back to 16 1 1 . try 16 - 1 = 15 left 15 1 . 15 - 1 = 14 yes . \\boxed{ ( 16 - 1 ) - 1 }"
    prose = (
        "Combine: 16 + 1 = 17. Left: 17 and 1. 17 - 1 = 16 is too high. So 17 and 1 cannot make 14. Undo that: 16, 1 and 1 "
        "again.\nWhat about 16 - 1 = 15, keeping 15 and 1? 15 - 1 = 14, and there it is.\n\\boxed{(16 - 1) - 1}"
    )

    @pytest.mark.parametrize("text", [compact, prose])
    def test_a_sound_search(self, text: str) -> None:
        found = read(text, self.problem)
        assert [step.verdict for step in found.steps] == ["true"] * 4
        assert [(claim.kind, claim.true) for claim in found.claims] == [
            ("size", True),
            ("dead end", True),
            ("hit", True),
        ]
        assert found.habits == {"backtracks": 1, "verifies": 1, "subgoals": 0, "works_backward": 0}
        assert [text[m.start : m.end] for m in found.marks if m.kind == "mistake"] == ["16 + 1 = 17"]
        assert found.first is not None and found.first.right is True

    @pytest.mark.parametrize(
        ("text", "steps", "claims"),
        [
            ("try 16 + 1 = 18 left 18 1 .", ["false"], []),
            ("try 16 + 7 = 23 left 23 1 .", ["false"], []),  # 7 is not there
            (
                "try 16 + 1 = 17 left 17 1 . 16 - 1 = 15 high .",
                ["true", "true"],
                [("size", True)],
            ),  # back without saying so
            ("try 16 - 1 = 15 left 15 1 . dead end .", ["true"], [("dead end", False)]),  # alive: 15 - 1
            ("try 16 + 1 = 17 left 17 1 . 17 - 1 = 16 yes .", ["true", "true"], [("hit", False)]),
            ("try 16 + 1 = 17 left 17 1 . 17 - 1 = 16 low .", ["true", "true"], [("size", False)]),
            ("try 1 - 1 = 0 left 16 0 . dead end .", ["true"], [("dead end", True)]),
        ],
    )
    def test_errors(self, text: str, steps: list[str], claims: list[tuple[str, bool]]) -> None:
        found = read(text, self.problem)
        assert [step.verdict for step in found.steps] == steps
        assert [(claim.kind, claim.true) for claim in found.claims] == claims

    def test_a_false_claim_is_a_wrong_first_answer(self) -> None:
        first = read("try 16 + 1 = 17 left 17 1 . 17 - 1 = 16 yes . \\boxed{ 16 + 1 - 1 }", self.problem).first
        assert first is not None and first.right is False

    def test_deeper_searches_come_back_to_the_right_state(self) -> None:
        problem = countdown(54, 3, 2, 5, target=24)
        text = (
            "try 54 + 5 = 59 left 59 3 2 . try 59 + 3 = 62 left 62 2 . dead end . back to 59 3 2 . dead end . "
            "back to 54 5 3 2 . try 54 / 3 = 18 left 18 5 2 ."
        )
        found = read(text, problem)
        solvable = FAMILIES.get("countdown")().solvable
        expected = [not solvable(problem, state, 24) for state in ((62, 2), (59, 3, 2))]
        assert [claim.true for claim in found.claims] == expected


class TestFirstCommittedAnswer:
    @pytest.mark.parametrize(
        ("text", "problem", "first"),
        [
            ("<think>\nSo the answer is 70. Wait, no. 48 + 24 = 72.\n</think>\n\n\\boxed{72}", WORDS, ("70", False)),
            ("\\boxed{72} seems right. Let me see. \\boxed{70}", WORDS, ("72", True)),
            ("The answer should be 72. Hmm. \\boxed{71}", WORDS, ("72", True)),
            ("That makes 70 the answer. No, 72. \\boxed{72}", WORDS, ("70", False)),
            ("48 + 24 = 72. \\boxed{72}", WORDS, None),  # only the final statement
            ("Nothing here.", WORDS, None),
            ("b = 18 * 3 = 54 . c = 54 - 2 = 51 . wait . c = 54 - 2 = 52 . \\boxed{ 52 }", SUM, ("51", False)),
            ("b = 18 * 3 = 54 . c = 54 - 2 = 52 . \\boxed{ 52 }", SUM, ("52", True)),
            ("b = 18 * 3 = 54 . so answer 54 ? check . c = 54 - 2 = 52 . \\boxed{ 52 }", SUM, ("54", False)),
        ],
    )
    def test_first(self, text: str, problem: Problem, first: tuple[str, bool] | None) -> None:
        found = read(text, problem).first
        assert (None if found is None else (found.text, found.right)) == first


class TestLoops:
    @pytest.mark.parametrize("times", [4, 5, 30])
    def test_repeated_ends(self, times: int) -> None:
        assert loops("First some text. " + "so we take the sum again " * times)

    def test_a_cut_off_last_round(self) -> None:
        assert loops("some text " + "so we take the sum again " * 5 + "so we")

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "so we take the sum again " * 3,
            "no no no no no",  # too few words
            " ".join(f"step {n} adds {n} to the sum" for n in range(40)),
            "back to 16 1 1 . try 16 + 1 = 17 . back to 16 1 1 . try 16 - 1 = 15 . back to 16 1 1 . done here now .",
            "so we take the sum again " * 6 + "and then it ends in something else altogether",
        ],
    )
    def test_no_loop(self, text: str) -> None:
        assert not loops(text)


def test_marks_are_in_order_and_never_overlap() -> None:
    text = "They cost 18 * 3 = 44 dollars.\nWait, 44 looks wrong: 20 * 3 = 61 is near. So 44 is wrong.\n18 * 3 = 54.\n\\boxed{52}"
    marks = read(text, SUM).marks
    assert all(one.end <= two.start for one, two in itertools.pairwise(marks))
    shown = [(mark.kind, text[mark.start : mark.end]) for mark in marks]
    assert shown == [
        ("mistake", "18 * 3 = 44"),
        ("notice", "Wait, 44 looks wrong: "),
        ("mistake", "20 * 3 = 61"),
        ("notice", " is near."),
        ("backtrack", "So 44 is wrong."),
        ("correction", "18 * 3 = 54"),
        ("answer", "\\boxed{52}"),
    ]


@pytest.mark.parametrize(
    "text", ["", "<think>", "\\boxed{", "back", "= = =", "\x00\ud7ff", "9" * 5000 + " + 1 = 2", "(" * 500]
)
def test_odd_texts(text: str) -> None:
    for problem in (SUM, WORDS, TestCountdown.problem):
        read(text, problem)
