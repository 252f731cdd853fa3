"""Countdown: problems, solver and checker, against a brute force that shares no code with them."""

from __future__ import annotations

import random
import time
from fractions import Fraction

import pytest

from journey.answers.checker import Outcome
from journey.catalog import FAMILIES
from journey.generate.families import countdown
from journey.generate.families.countdown import LEVELS, can_make, failed_first_moves, last_moves, moves, solutions
from journey.schema import encode
from journey.splits import split_of
from journey.views import prompt

FAMILY = FAMILIES.get("countdown")()


def reachable(numbers: list[int], target: int, operations: str, ceiling: int | None) -> bool:
    """Every order of play in whole numbers above zero, with nothing left out."""
    if len(numbers) == 1:
        return numbers[0] == target
    for i, a in enumerate(numbers):
        for j, b in enumerate(numbers):
            if i == j:
                continue
            rest = [number for k, number in enumerate(numbers) if k not in (i, j)]
            results = {"+": a + b, "*": a * b, "-": a - b, "/": a // b if a % b == 0 else 0}
            values = [results[operation] for operation in operations]
            legal = [value for value in values if value > 0 and (ceiling is None or value <= ceiling)]
            if any(reachable([*rest, value], target, operations, ceiling) for value in legal):
                return True
    return False


def ask(*numbers: int, target: int, level: int = 3):
    return FAMILY.build(numbers, target, level=level)


class TestProblems:
    @pytest.mark.parametrize("level", LEVELS)
    def test_same_seed_same_bytes(self, level):
        assert [encode(FAMILY.problem(3, i, level)) for i in range(10)] == [
            encode(FAMILY.problem(3, i, level)) for i in range(10)
        ]

    def test_other_seeds_and_attempts_are_disjoint(self):
        streams = [{FAMILY.problem(seed, i, 3).id for i in range(200)} for seed in (0, 1, 2)]
        streams.append({FAMILY.problem(0, i, 3, attempt=1).id for i in range(200)})
        assert len(set().union(*streams)) == sum(map(len, streams)) == 800

    @pytest.mark.parametrize("level", [1, 2, 3])
    def test_every_problem_can_be_solved(self, level):
        rules = LEVELS[level]
        for index in range(25):
            facts = FAMILY.problem(5, index, level).facts
            assert reachable(facts["numbers"], facts["target"], rules.operations, rules.ceiling)

    @pytest.mark.parametrize("level", LEVELS)
    def test_problems_are_within_the_rules_of_their_level(self, level):
        rules = LEVELS[level]
        for index in range(30):
            problem = FAMILY.problem(9, index, level)
            numbers, target = problem.facts["numbers"], problem.facts["target"]
            assert len(numbers) == rules.numbers and max(numbers) <= rules.largest and min(numbers) > 0
            assert numbers == sorted(numbers, reverse=True) and target not in numbers
            assert rules.targets[0] <= target <= rules.targets[1] and problem.level == level
            assert str(target) == problem.answer and problem.check == "countdown"
            for view in ("think", "compact"):
                assert all(f"{number}" in prompt(problem, view) for number in [*numbers, target])

    @pytest.mark.parametrize("level", [1, 2])
    def test_few_ways_lead_to_the_target(self, level):
        for index in range(40):
            problem = FAMILY.problem(11, index, level)
            assert 1 <= solutions(FAMILY.space(problem).start, problem.facts["target"], LEVELS[level]) <= 2

    def test_level_2_has_five_failed_first_moves(self):
        failed = []
        for index in range(40):
            space = FAMILY.space(FAMILY.problem(1, index, 2))
            failed.append(failed_first_moves(space.start, space.target, space.rules))
            tried = [move[4] for move in moves(space.start, space.rules)][: failed[-1] + 1]
            assert [reachable(list(left), space.target, "*+-", 99) for left in tried] == [False] * failed[-1] + [True]
        assert min(failed) >= 5

    def test_a_tenth_of_the_targets_is_never_trained_on(self):
        held = [target for target in range(10, 1000) if countdown.is_held_out(target)]
        assert 0.08 < len(held) / 990 < 0.12
        assert 5 <= sum(target < 100 for target in held) <= 14
        problems = [FAMILY.problem(0, index, 1) for index in range(600)]
        of_held = [problem for problem in problems if problem.facts["target"] in held]
        assert of_held and all(split_of(problem) == "test" for problem in of_held)
        assert all(problem.held_out == (problem.facts["target"] in held) for problem in problems)

    def test_the_order_of_the_numbers_does_not_matter(self):
        assert ask(3, 50, 7, 7, target=20) == ask(7, 3, 7, 50, target=20)

    def test_the_id_is_of_the_instance(self):
        ids = {ask(8, 5, 3, 2, target=target).id for target in (20, 21)} | {ask(8, 5, 3, 3, target=20).id}
        assert len(ids) == 3


class TestSolver:
    @pytest.mark.parametrize(("level", "size"), [(1, 2), (1, 3), (3, 2), (3, 3), (3, 4)])
    def test_agrees_with_brute_force(self, level, size):
        rng, rules = random.Random(size), LEVELS[level]
        found = set()
        for _ in range(60 if size == 4 else 400):  # small numbers: many idle steps, divisions and equal numbers
            numbers = [rng.randint(1, 12) for _ in range(size)]
            target = rng.randint(1, 40)
            truth = reachable(numbers, target, rules.operations, rules.ceiling)
            assert can_make(tuple(numbers), target, rules) == truth, (numbers, target)
            found.add(truth)
        assert found == {True, False}

    def test_a_step_that_changes_nothing_is_used_where_it_hits(self):
        assert [move[3] for move in last_moves(40, 20, 20, LEVELS[1])] == [20]
        assert [move[:3] for move in last_moves(20, 1, 20, LEVELS[1])] == [(20, "*", 1), (20, "-", 1)]
        assert can_make((20, 10, 7), 70, LEVELS[3]) and can_make((5, 3, 1), 15, LEVELS[3])

    @pytest.mark.parametrize("level", LEVELS)
    def test_last_moves_leave_out_no_solution(self, level):
        rng, rules = random.Random(level), LEVELS[level]
        for _ in range(500):
            a, b = sorted((rng.randint(1, 60), rng.randint(1, 60)), reverse=True)
            target = rng.choice((a, b, a + b, a - b, a * b, rng.randint(1, 99))) or 1
            if rules.ceiling and target > rules.ceiling:
                continue
            for every in (False, True):
                hit = any(move[3] == target for move in last_moves(a, b, target, rules, every=every))
                assert hit == reachable([a, b], target, rules.operations, rules.ceiling), (a, b, target)

    def test_moves_are_legal_different_and_in_canonical_order(self):
        found = moves((6, 6, 2), LEVELS[3])
        assert [(a, op, b) for a, op, b, _, _ in found] == [
            (6, "*", 6), (6, "+", 6), (6, "/", 6), (6, "*", 2), (6, "+", 2), (6, "-", 2), (6, "/", 2),
        ]  # fmt: skip
        assert [left for *_, left in found] == [(36, 2), (12, 2), (2, 1), (12, 6), (8, 6), (6, 4), (6, 3)]

    def test_gold_is_right_and_unsolvable_is_an_error(self):
        for level in LEVELS:
            for index in range(8):
                problem = FAMILY.problem(2, index, level)
                assert FAMILY.check(problem, FAMILY.gold(problem)) == (Outcome.SAME, "")
        with pytest.raises(ValueError, match="cannot make"):
            FAMILY.gold(ask(2, 2, 2, 2, target=99))


class TestChecker:
    problem = ask(36, 28, 18, target=10, level=1)

    @pytest.mark.parametrize(
        "answer",
        [
            "18 - (36 - 28)",
            "18-36+28",
            "(28 + 18) - 36 = 10",
            "18 - \\left(36 - 28\\right)",
            "$18 - (36 - 28)$",
            "18 \u2212 [36 \u2212 28]",
            "28 + -(36 - 18)",
            "\\left[28+18\\right] \\,-\\, 36",
        ],
    )
    def test_right_forms(self, answer):
        assert FAMILY.check(self.problem, answer) == (Outcome.SAME, "")

    @pytest.mark.parametrize(
        ("answer", "why"),
        [
            ("10", "uses"),  # the bare target
            ("18 - 8", "uses"),
            ("36 - 28 + 18 - 18 + 2", "uses"),
            ("18 - (36 - 28) + 18 - 18", "uses"),  # a number more than once
            ("28 - 18", "uses"),  # one is missing
            ("36 + 28 + 18", "is 82"),
            ("36 - 28 + 18 = 10", "is 26"),
            ("18 - (36 - 28) = 11", "says it equals"),
            ("18 - (36 - 28) =", "says it equals"),
            ("18 - (36 - 28) = 10 = 10", "says it equals"),
            ("36 ** 28 - 18", "not an expression"),
            ("36 * * 28 - 18", "not an expression"),
            ("36^28 - 18", "not an expression"),
            ("36 28 - 18", "not an expression"),
            ("__import__('os').system('true')", "not an expression"),
            ("18 - (36 - 28", "not a well-formed"),
            ("18 - 36 // 28", "not a well-formed"),
            ("36 / (18 - 28 + 0)", "uses"),
            ("18 - (36 - 28) + 0000000", "uses"),
            ("18 - (36 - 28) + 1000000 - 1000000", "uses"),
            ("\u0661\u0668 - (36 - 28)", "not an expression"),  # digits of another script
            ("", "not an expression"),
            ("9" * 100_000, "not an expression"),
            ("(" * 100 + "18" + ")" * 100 + "-(36-28)", "not an expression"),
            ("(" * 80 + "18" + ")" * 80 + "-(36-28)", "not a well-formed"),
        ],
    )
    def test_wrong_forms(self, answer, why):
        started = time.perf_counter()
        outcome, said = FAMILY.check(self.problem, answer)
        assert outcome is Outcome.DIFFERENT and why in said and len(said) < 2000
        assert time.perf_counter() - started < 1

    def test_fractions_and_products_in_latex(self):
        problem = ask(99, 9, 4, 3, target=47)
        assert FAMILY.check(problem, "\\dfrac{99}{9} \\times 4 + 3")[0] is Outcome.SAME
        assert FAMILY.check(problem, "99 \\div 9 \\cdot 4 + 3")[0] is Outcome.SAME
        assert FAMILY.check(problem, "99 / 9 \u00d7 4 + 3")[0] is Outcome.SAME
        assert FAMILY.check(problem, "\\frac{99}{4} \\times 9 + 3")[0] is Outcome.DIFFERENT

    def test_division_is_exact_and_by_zero_is_wrong(self):
        assert FAMILY.check(ask(8, 8, 3, 3, target=24), "8 / (3 - 8 / 3)")[0] is Outcome.SAME
        assert FAMILY.check(ask(8, 8, 3, 3, target=24), "3 / (8 - 8) * 3")[0] is Outcome.DIFFERENT
        assert Fraction(8, 3) != 2  # what truncating division would say

    def test_random_expressions_of_the_numbers(self):
        rng = random.Random(0)
        for _ in range(300):
            numbers = [rng.randint(1, 30) for _ in range(3)]
            a, b, c = numbers
            first, second = rng.choices("+-*", k=2)
            exact = {"+": lambda x, y: x + y, "-": lambda x, y: x - y, "*": lambda x, y: x * y}
            value = exact[second](exact[first](a, b), c)
            problem = FAMILY.build(tuple(numbers), max(1, value + rng.choice((0, 0, 1))), level=1)
            outcome, _ = FAMILY.check(problem, f"({a} {first} {b}) {second} {c}")
            assert (outcome is Outcome.SAME) == (value == problem.facts["target"])
