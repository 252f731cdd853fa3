"""Answers of data sets as journeys: alternatives, first mistakes, stitched answers, shortcuts and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from journey.generate.imports import phrases
from journey.generate.made import MadePair, Rejection
from journey_testing.traces import APPLES, PENS, ROWS, prm, read, shepherd, step, think, told, write


def one(name: str, *rows: dict[str, Any], **settings: Any) -> Any:
    """What is made of rows of one question: the roles and texts of both halves, or the reason."""
    [made] = told(name, rows, **settings)
    return made


def texts(made: MadePair, half: str = "journey") -> list[tuple[str, str]]:
    trace = getattr(made.pair, half)
    return [(segment.role, segment.text.strip()) for segment in trace.segments[:-1]]


class TestLabelledSteps:
    def test_wrong_alternatives_come_before_the_step_that_was_chosen(self) -> None:
        made = one("prm800k", ROWS["prm800k"][0], trials=2)
        assert [role for role, _ in texts(made)] == [
            "step", *["mistake", "notice", "backtrack"] * 2, "correction", "step",
        ]  # fmt: skip
        known = {node.text: (node.proof, node.kind) for node in made.tree.mistakes()}
        assert known == {
            "So there are 3 * 4 = 14 apples.": ("checked:question", "false equation"),
            "So there are 7 apples.": ("labelled", "labelled"),
        }
        recomputed = [text for role, text in texts(made) if role == "notice" and "12" in text]
        assert recomputed, "the false equation is noticed by doing it again"
        assert made.pair.provenance["proof"] == "labelled", "the weakest"
        assert texts(made, "shortcut")[1] == ("step", "So there are 3 * 4 = 12 apples.")

    def test_a_dose_of_mistakes(self) -> None:
        assert one("prm800k", ROWS["prm800k"][0], trials=2, mistakes=1).pair.mistakes == 1
        assert one("prm800k", ROWS["prm800k"][0], mistakes=0).pair.mistakes == 0

    def test_flagged_completions_and_neutral_ones_are_no_mistakes(self) -> None:
        row = prm(APPLES, "10", "solution", step("3 * 4 = 12.", 1, ("Hm.", 0)), step("12 - 2 = 10.\n\n# Answer\n\n10"))
        row["label"]["steps"][0]["completions"].append({"text": "Bad.", "rating": -1, "flagged": True})
        assert one("prm800k", row).pair.mistakes == 0

    def test_phase_two_ends_with_the_reference_solution(self) -> None:
        made = one("prm800k", ROWS["prm800k"][1])
        assert texts(made)[1] == ("mistake", "They cost 5 + 3 = 8 dollars.")
        assert made.pair.provenance["shortcut"] == "given:ground_truth_solution"
        assert made.pair.provenance["oracle_timed"], "nobody can see from the text why the step is left"
        assert texts(made, "shortcut")[0][1].startswith("The pens cost")

    def test_what_was_given_up_or_has_no_answer_gives_nothing(self) -> None:
        unfinished = one("prm800k", prm(APPLES, "10", "give_up", step("3 * 4 = 12.")))
        assert unfinished == Rejection("no_right_answer", "unfinished 1")
        alone = one("prm800k", prm(APPLES, "10", "found_error", step("3 + 4 = 7.", -1, chosen=None)))
        assert isinstance(alone, Rejection) and alone.reason == "no_right_answer"

    def test_a_shared_beginning_is_gone_on_with_and_another_one_is_begun_again(self) -> None:
        first = one("math-shepherd", *ROWS["math-shepherd"][:2])
        assert first.pair.provenance["ending"] == "fix"
        assert [role for role, _ in texts(first)] == ["step", "mistake", "notice", "backtrack", "correction"]
        other = one("math-shepherd", *ROWS["math-shepherd"][2:])
        assert other.pair.provenance["ending"] == "fresh" and not other.pair.provenance.get("oracle_timed")
        assert [role for role, _ in texts(other, "shortcut")] == ["step", "step"]

    def test_an_abandoned_beginning_is_not_in_the_shortcut(self) -> None:
        wrong = shepherd(APPLES, "There are 3 bags. +", "3 + 4 = 7 apples. -\nStep 3: 5 are left. The answer is: 5 -")
        right = shepherd(APPLES, "3 * 4 = 12 apples. +", "12 - 2 = 10. The answer is: 10 +")
        made = one("math-shepherd", wrong, right)
        assert ("step", "There are 3 bags.") in texts(made)
        assert [text for _, text in texts(made, "shortcut")] == ["3 * 4 = 12 apples.", "12 - 2 = 10."]

    def test_further_wrong_steps_are_told_as_far_as_asked(self) -> None:
        rows = [
            shepherd(PENS, "5 + 3 = 8. -", "20 - 8 = 12. -", "So 12. The answer is: 12 -"),
            ROWS["math-shepherd"][3],
        ]
        assert [role for role, _ in texts(one("math-shepherd", *rows, delay=1))][:3] == [
            "mistake",
            "consequence",
            "notice",
        ]
        assert [role for role, _ in texts(one("math-shepherd", *rows))][:2] == ["mistake", "notice"]

    def test_worked_solutions_of_another_file_end_wrong_answers(self, tmp_path: Any) -> None:
        file = tmp_path / "solved.jsonl"
        write(file, [{"question": APPLES, "solution": "3*4=<<3*4=12>>12.\n12-2=10.\n#### 10"}])
        made = one("math-shepherd", ROWS["math-shepherd"][0], solutions=str(file))
        assert made.pair.provenance["shortcut"] == "given:solved" and made.pair.problem.answer == "10"
        assert made.pair.provenance["settings"]["solutions"] == "solved.jsonl", "no place of this machine"


class TestGenerations:
    def test_a_wrong_generation_and_then_a_right_one_by_the_flags(self) -> None:
        made = one("openr1-math-220k", ROWS["openr1-math-220k"][0])
        roles = [role for role, _ in texts(made)]
        first = roles.index("mistake")
        assert texts(made)[first] == ("mistake", "He eats 2, so 7 - 2 = 5 are left.")
        assert made.tree.mistakes()[0].proof == "labelled" and made.tree.mistakes()[0].kind == "wrong answer"
        assert made.pair.provenance["rows"] == ["line 1, generation 1", "line 1, generation 2"]
        assert made.pair.provenance["shortcut"] == "given:generations"

    @pytest.mark.parametrize(("flag", "answer"), [(True, "11"), (False, "10")])
    def test_where_flag_and_checker_disagree_the_answer_is_used_for_nothing(self, flag: bool, answer: str) -> None:
        row = {**ROWS["openr1-math-220k"][0], "generations": [think("3 * 4 = 12.", f"So.\n\n\\boxed{{{answer}}}")]}
        row |= {"correctness_math_verify": [flag], "is_reasoning_complete": [True]}
        refused = one("openr1-math-220k", row)
        assert isinstance(refused, Rejection) and refused.detail == f"flagged_{'right' if flag else 'wrong'} 1"

    def test_an_unfinished_generation_is_left_out(self) -> None:
        row = {**ROWS["openr1-math-220k"][0], "is_reasoning_complete": [True, False]}
        assert isinstance(one("openr1-math-220k", row), Rejection)

    def test_answers_to_one_question_are_bounded(self) -> None:
        [imported] = read("messages", ROWS["messages"] * 30, answers=4)
        assert len(imported.answers) == 4


class TestShortcuts:
    def test_given_cut_or_sampled_as_asked_and_said(self) -> None:
        rows = ROWS["messages"] * 2
        ways = {way: one("messages", *rows, shortcut=way).pair for way in ("given", "cut", "sampled")}
        assert [pair.provenance["shortcut"] for pair in ways.values()][:2] == ["given:content", "cut"]
        assert ways["sampled"].provenance["shortcut"].startswith("sampled:line ")
        assert "After eating 2" in ways["given"].shortcut.segments[1].text
        assert ways["cut"].shortcut.segments[1].text.strip() == "Tom has 3 * 4 = 12 apples."

    def test_one_that_cannot_be_had_rejects_the_journey(self) -> None:
        assert one("o1-journey", *ROWS["o1-journey"], shortcut="given") == Rejection(
            "no_shortcut", "none by the way given"
        )
        assert one("s1k", *ROWS["s1k"], shortcut="sampled").reason == "no_shortcut"

    def test_a_false_equation_in_a_write_up_leaves_the_cut_one(self) -> None:
        row = {**ROWS["s1k"][0], "attempt": "3 * 4 = 13.\n\n13 - 2 = 10.\n\n\\boxed{10}"}
        assert one("s1k", row).pair.provenance["shortcut"] == "cut"
        assert one("s1k", row, shortcut="given").reason == "false_equation_in_shortcut"


class TestRefused:
    def test_a_false_equation_that_nobody_notices(self) -> None:
        row = {**ROWS["s1k"][0], "thinking_trajectories": ["3 * 4 = 13.\n\nSo 12 - 2 = 10 are left."]}
        assert one("s1k", row) == Rejection("false_equation_not_noticed", "3 * 4 = 13, which is 12")

    @pytest.mark.parametrize(
        "text", ["7 * 3 = 1 (mod 10)", "5 + 6 = 4 \\pmod{7}", "101 + 1 = 110 in base 2", "1 / 3 = 0.33"]
    )
    def test_other_arithmetic_and_rounded_values_are_not_false(self, text: str) -> None:
        row = {**ROWS["s1k"][0], "thinking_trajectories": [f"{text}.\n\nSo 12 - 2 = 10 are left."]}
        assert isinstance(one("s1k", row), MadePair)

    def test_a_wrong_answer(self) -> None:
        assert one("thinking", {**ROWS["thinking"][0], "gtruth_answer": "11"}).reason == "no_right_answer"

    def test_a_hand_written_mistake_that_nobody_notices(self) -> None:
        row = {**ROWS["journeys"][0], "journey": [s for s in ROWS["journeys"][0]["journey"] if s["role"] != "notice"]}
        assert one("journeys", row).reason == "mistake_not_noticed"


class TestSearchPaths:
    def test_a_label_that_the_solver_refutes(self) -> None:
        row = {"nums": [15, 12, 3], "target": 33, "search_path": "15 * 3 = 45\n<backtrack>"}
        assert one("countdown-backtracking", row).reason == "label_refuted"

    @pytest.mark.parametrize("path", ["15 * 3 = 46", "15 * 4 = 60", "12 - 15 = 3", "3 - 15 = 12\n<backtrack>"])
    def test_a_move_that_cannot_be_played(self, path: str) -> None:
        assert (
            one("countdown-backtracking", {"nums": [15, 12, 3], "target": 33, "search_path": path}).reason
            == "move_not_legal"
        )

    def test_it_goes_on_by_the_solver_where_no_row_does(self) -> None:
        made = told("countdown-backtracking")[1]
        assert isinstance(made, MadePair) and made.pair.provenance["ending"] == "fix:solver"
        assert made.pair.provenance["proof"] == "checked:question" and "oracle_timed" not in made.pair.provenance


def test_a_step_whose_equation_holds_is_not_called_wrong() -> None:
    """A label of where a step leads does not make a true equation false."""
    rows = [
        shepherd(
            PENS, "The 5 pens and 3 more are 5 + 3 = <<5+3=8>>8. -", "20 - 8 = <<20-8=12>>12. The answer is: 12 -"
        ),
        shepherd(
            PENS, "The pens cost 3 * 5 = <<3*5=15>>15. +", "20 - 15 = <<20-15=5>>5 comes back. The answer is: 5 +"
        ),
    ]
    said = set()
    for seed in range(12):
        [made] = told("math-shepherd", rows, seed=seed)
        [notice] = [s.text.strip() for s in made.pair.journey.segments if s.role == "notice"]
        said.add(notice)
    assert said <= set(phrases.LEADS_AWAY) and len(said) > 2
    assert not any(
        "wrong" in each and "way" not in each or "mistake" in each or "error" in each for each in phrases.LEADS_AWAY
    )


def test_of_an_answer_that_is_only_known_to_be_wrong_no_more_is_said() -> None:
    """That something else was asked ("How many raspberries?", and 561 of them) is more than a flag knows."""
    said = set()
    for seed in range(24):
        for made in told("openr1-math-220k", seed=seed):
            if isinstance(made, MadePair):
                said |= {s.text.strip() for s in made.pair.journey.segments if s.role == "notice"}
    assert len(said & set(phrases.WRONG_ANSWERS)) > 2
    assert not any("asked" in each or each.startswith("So ") for each in phrases.WRONG_ANSWERS)


@pytest.mark.parametrize(
    ("step", "said", "never"),
    [
        ("The pens cost $5 * $3 = $18.", ["5 * 3"], "5 *  3"),
        ("The pens cost 5 * 3.1 = 15.25.", ["15.25", "15.5"], "/"),
        ("A pen is 20 / 8 = 3.", ["2.5"], "5/2"),
    ],
)
def test_a_false_calculation_is_quoted_as_prose_has_it(step: str, said: list[str], never: str) -> None:
    """`$84 - $252` was told as "84 -  252", and 50.3 as 503/10."""
    rows = [
        shepherd(PENS, f"{step} -", "20 - 18 = <<20-18=2>>2. The answer is: 2 -"),
        shepherd(
            PENS, "The pens cost 3 * 5 = <<3*5=15>>15. +", "20 - 15 = <<20-15=5>>5 comes back. The answer is: 5 +"
        ),
    ]
    [made] = told("math-shepherd", rows)
    [notice] = [s.text.strip() for s in made.pair.journey.segments if s.role == "notice"]
    assert all(each in notice for each in said) and never not in notice
