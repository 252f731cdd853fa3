"""Rollouts: a tree of a policy's steps; equal to `search` where the policy proposes all that there is and the solver scores."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

import pytest

from journey.catalog import FAMILIES, METHODS
from journey.generate.asking.requests import ModelRequest
from journey.generate.made import MadePair, Rejection
from journey.generate.search.tree import Move, State
from journey.schema import Arith, Problem
from journey_testing import asked
from journey_testing.asked import Answering, facts

COUNTDOWN, ARITHMETIC = FAMILIES.get("countdown")(), FAMILIES.get("arithmetic")()


def state_of(request: ModelRequest) -> State:
    """The numbers left at the end of what is gone on from, as terse notation lists them."""
    if not request.begun:
        return tuple(request.problem.facts["numbers"])
    return tuple(map(int, request.begun.rsplit("left", 1)[1].split(".")[0].split()))


def written(move: Move) -> str:
    a, sign, b, result, left = move
    return f" try {a} {sign} {b} = {result} left {' '.join(map(str, left))} ."


def every_move(request: ModelRequest) -> str:
    """All legal moves in canonical order, one a draw."""
    legal = COUNTDOWN.space(request.problem).moves(state_of(request))
    assert request.draw is not None
    return written(legal[request.draw % len(legal)])


class TestASearch:
    @pytest.mark.parametrize("level", [1, 2, 3])
    def test_it_is_the_search_where_all_moves_are_proposed_and_the_solver_scores(self, level: int) -> None:
        problems = [COUNTDOWN.problem(3, index, level) for index in range(6)]
        made = asked.make("rollouts", problems, facts(), Answering(policy=every_move), seed=3, width=64, limit=10_000)
        plain = METHODS.get("search")(METHODS.get("search").Settings(limit=10_000))
        for problem, one in zip(problems, made, strict=True):
            other = plain.make(problem, 3)
            assert isinstance(one, MadePair) and isinstance(other, MadePair)
            assert one.tree.nodes == other.tree.nodes
            assert (one.pair.shortcut, one.pair.journey) == (other.pair.shortcut, other.pair.journey)
            assert one.pair.mistakes == other.pair.mistakes and not one.pair.provenance.get("oracle_timed")

    def test_what_a_beam_cuts_is_kept_with_its_score_and_reason(self) -> None:
        critic = Answering(policy=every_move, critic=lambda request: float(len(request.said or "") % 7))
        made = asked.make(
            "rollouts",
            [COUNTDOWN.problem(0, index, 1) for index in range(12)],
            facts(),
            critic,
            width=64,
            beam=3,
            score="reward",
        )
        reasons = [{node.reason for node in one.tree.nodes} if isinstance(one, MadePair) else set() for one in made]
        one = next(one for one, of_one in zip(made, reasons, strict=True) if "cut by the beam" in of_one)
        assert all(request.rated for request in critic.asked if request.role == "critic")
        assert isinstance(one, MadePair)
        cut = [node for node in one.tree.nodes if node.reason == "cut by the beam"]
        kept = [node for node in one.tree.nodes if node.score is not None and node not in cut]
        assert cut and kept and all(node.verdict == "unknown" and node.score is not None for node in cut)
        assert max(node.score or 0 for node in cut) <= max(node.score or 0 for node in kept)
        assert not {node.id for node in cut} & {segment.node for segment in one.pair.journey.segments[1:-1]}

    def test_false_equations_are_kept_and_not_told(self) -> None:
        def slipping(request: ModelRequest) -> str:
            text = every_move(request)
            left, _, rest = text.partition(" = ")
            value, _, after = rest.partition(" ")
            return f"{left} = {int(value) + 1} {after}" if request.draw == 0 else text

        [one] = asked.make("rollouts", [COUNTDOWN.problem(0, 0, 1)], facts(), Answering(policy=slipping), width=24)
        assert isinstance(one, MadePair)
        [false] = [node for node in one.tree.nodes if isinstance(node.claim, Arith)]
        assert false.reason == "false equation" and false.id not in {s.node for s in one.pair.journey.segments[:-1]}

    def test_a_policy_that_writes_no_move_gives_none(self) -> None:
        [one] = asked.make(
            "rollouts", [COUNTDOWN.problem(0, 0, 1)], facts(), Answering(policy=lambda r: "I do not know.")
        )
        assert isinstance(one, Rejection) and one.reason == "unsolved"


def solution(problem: Problem) -> list[str]:
    """The steps of an arithmetic problem in terse notation."""
    import re

    lines = (problem.solution or "").splitlines()[:-1]
    found = [re.findall(r"<<([^=]*)=([^>]*)>>", line) for line in lines]
    letters = problem.facts["letters"]
    flat = [one for of_line in found for one in of_line]
    spaced = [re.sub(r"([-+*/])", r" \1 ", left) for left, _ in flat]
    return [f" {letter} = {left} = {right} ." for letter, left, (_, right) in zip(letters, spaced, flat, strict=True)]


def at_place(wrong: Callable[[ModelRequest, str], str]) -> Callable[[ModelRequest], str]:
    """A policy that knows the solution, with `wrong` in place of its first draw."""

    def says(request: ModelRequest) -> str:
        steps = solution(request.problem)
        place = request.begun.count(" .")
        text = "".join(steps[place:]) + f" \\boxed{{ {request.problem.answer} }}"
        return wrong(request, text) if request.draw == 0 and place < len(steps) else text

    return says


def off_by_one(request: ModelRequest, text: str) -> str:
    left, _, rest = text.partition(" .")
    head, _, value = left.rpartition(" = ")
    return f"{head} = {int(value) + 1} .{rest}"


class TestProblemsInWords:
    problems = [ARITHMETIC.problem(0, index, 1) for index in range(8)]  # noqa: RUF012 - never changed

    def test_wrong_siblings_are_told_refuted_and_left(self) -> None:
        made = asked.make("rollouts", self.problems, facts(), Answering(policy=at_place(off_by_one)))
        for one in made:
            assert isinstance(one, MadePair)
            steps = [s for s in one.pair.shortcut.segments if s.role == "step"]
            assert one.pair.mistakes == len(steps) and one.pair.provenance["proof"] == "checked:question"
            roles = [segment.role for segment in one.pair.journey.segments]
            assert roles == ["mistake", "notice", "backtrack", "correction"] * len(steps) + ["answer"]

    def test_a_branch_goes_back_to_the_lowest_common_ancestor(self) -> None:
        """A right first step of another kind, whose own next step is wrong, is left for the place where both were open."""

        def says(request: ModelRequest) -> str:
            steps, place = solution(request.problem), request.begun.count(" .")
            text = "".join(steps[place:]) + f" \\boxed{{ {request.problem.answer} }}"
            letter, calculation, value = steps[0].strip(" .").split(" = ")
            turned = f" {letter} = {' '.join(calculation.split()[::-1])} = {value} ."
            if request.begun.startswith(turned):
                return off_by_one(request, text)
            return turned if request.draw == 0 and place == 0 and not {"-", "/"} & set(calculation) else text

        made = asked.make("rollouts", self.problems, facts(), Answering(policy=says), width=2)
        found = 0
        for one in made:
            assert isinstance(one, MadePair)
            mistakes = one.tree.mistakes()
            for mistake in mistakes:
                parents = {node.id: node.parent for node in one.tree.nodes}
                if parents[mistake.id] != 0:
                    found += 1
                    told = [segment.node for segment in one.pair.journey.segments]
                    assert told.index(parents[mistake.id]) < told.index(mistake.id)
                    after = one.pair.journey.segments[told.index(mistake.id) + 3]
                    assert after.role == "correction" and parents[after.node] == 0
        assert found

    def test_a_right_value_of_numbers_from_nowhere_is_no_step(self) -> None:
        """`d = 50 + 16 = 66` stood as the correction of a step that asks for 56 + 10."""

        def from_nowhere(request: ModelRequest, text: str) -> str:
            step, _, rest = text.partition(" .")
            letter, _, value = step.strip().split(" = ")
            return f" {letter} = {int(value) - 1000} + 1000 = {value} .{rest}"

        made = asked.make("rollouts", self.problems, facts(), Answering(policy=at_place(from_nowhere)), width=2)
        for one in made:
            assert isinstance(one, MadePair)
            assert "1000" not in "".join(
                s.text for half in (one.pair.shortcut, one.pair.journey) for s in half.segments
            )
            assert (
                sum(node.reason == "number not there" for node in one.tree.nodes) == len(one.pair.shortcut.segments) - 1
            )

    def test_a_number_may_be_taken_apart_within_a_step(self) -> None:
        def in_parts(request: ModelRequest, text: str) -> str:
            step, _, rest = text.partition(" .")
            letter, calculation, value = step.strip().split(" = ")
            return f" {letter} = {calculation} = {int(value) - 1000} + 1000 = {value} .{rest}"

        made = asked.make("rollouts", self.problems, facts(), Answering(policy=at_place(in_parts)), width=1)
        assert all("+ 1000" in one.pair.shortcut.segments[0].text for one in made if isinstance(one, MadePair))
        assert all(isinstance(one, MadePair) for one in made)

    def test_nothing_is_said_twice_in_the_same_words_one_after_another(self) -> None:
        def wrong_often(request: ModelRequest) -> str:
            text = at_place(off_by_one)(request)
            step, _, rest = text.partition(" .")
            head, _, value = step.rpartition(" = ")
            return (
                f"{head} = {int(value) + request.draw} .{rest}" if request.draw and head and request.draw < 6 else text
            )

        made = asked.make("rollouts", self.problems, facts(), Answering(policy=wrong_often), width=7)
        compared = 0
        for one in made:
            assert isinstance(one, MadePair)
            for role in ("notice", "backtrack"):
                said = [re.sub(r"[\d +*-]+", "#", s.text) for s in one.pair.journey.segments if s.role == role]
                assert all(first != second for first, second in pairwise(said)), said
                compared += len(said)
        assert compared > 100

    def test_below_zero_the_sign_stands_at_its_number(self) -> None:
        """The terse notation has it as a word of its own: "No, 31 - 49 gives - 18 and not 84" stood in prose."""

        def below(request: ModelRequest, text: str) -> str:
            left, _, rest = text.partition(" .")
            return f"{left.rpartition(' = ')[0]} = - 907 .{rest}"

        for one in asked.make("rollouts", self.problems, facts(), Answering(policy=at_place(below))):
            assert isinstance(one, MadePair)
            for segment in one.pair.journey.segments:
                if segment.role in ("mistake", "notice"):
                    assert "-907" in segment.text and "- 907" not in segment.text
                    assert "- 907" in segment.brief

    def test_continuations_score_the_steps_and_none_is_asked_of_what_cannot_go_on(self) -> None:
        def says(request: ModelRequest) -> str:
            lost = request.stream == "continuation" and request.draw == 0
            return " \\boxed{ 0 }" if lost else at_place(off_by_one)(request)

        [one] = asked.make(
            "rollouts", self.problems[:1], facts(), Answering(policy=says), score="montecarlo", continuations=4
        )
        assert isinstance(one, MadePair)
        scored = [node.score for node in one.tree.nodes if node.verdict == "right" and node.score is not None]
        assert scored and set(scored) == {0.75}

    def test_a_policy_that_is_asked_in_messages_sees_the_steps_as_data(self) -> None:
        def says(request: ModelRequest) -> str:
            assert request.said is not None and not request.begun
            shown = request.said.split("<steps>")[1].split("</steps>")[0]
            steps = solution(request.problem)
            place = shown.count("=") // 2
            return steps[place].strip() if place < len(steps) else f"\\boxed{{{request.problem.answer}}}"

        made = asked.make("rollouts", self.problems, facts("think", goes_on=False), Answering(policy=says))
        assert all(isinstance(one, MadePair) for one in made)
        [prompts] = {str(one.pair.provenance["prompts"]) for one in made if isinstance(one, MadePair)}
        assert "step" in prompts


IN_SYMBOLS = next(
    each for each in map(ARITHMETIC.problem, [0] * 50, range(50), [1] * 50) if each.facts["form"] == "symbols"
)


class TestAWrongNumber:
    """`d = 81 - 54 = 27` was noticed by "Wait, 81 - 40 is 41, not 27", which nobody had said."""

    def told(self, seed: int) -> list[tuple[str, str, str]]:
        lines = [line.split("<<")[1].split(">>")[0] for line in (IN_SYMBOLS.solution or "").split("\n")[:-1]]
        letters = IN_SYMBOLS.facts["letters"]

        def policy(request: ModelRequest) -> str:
            done = request.begun.count(" .")
            if done == len(lines):
                return f" \\boxed{{ {IN_SYMBOLS.answer} }}"
            left, value = lines[done].split("=")
            if done == 0 and request.draw == 0:
                return f" {letters[0]} = 7 + 8 = 15 ."
            return f" {letters[done]} = {' '.join(re.split(r'([-+*])', left))} = {value} ."

        [made] = asked.make("rollouts", [IN_SYMBOLS], facts(), Answering(policy=policy), seed=seed, width=2)
        assert isinstance(made, MadePair), made
        return [(segment.role, segment.text.strip(), segment.brief) for segment in made.pair.journey.segments]

    @pytest.mark.parametrize("seed", range(6))
    def test_the_notice_names_both_calculations(self, seed: int) -> None:
        told = self.told(seed)
        assert [role for role, _, _ in told][:4] == ["mistake", "notice", "backtrack", "correction"]
        right = told[3][2].split(" = ")[1]
        assert "7 + 8" in told[1][1] and right in told[1][1] and "not 15" not in told[1][1]
        assert told[1][2] == f"check {right} not 7 + 8 ."
