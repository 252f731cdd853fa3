"""What every problem family keeps at each of its levels: the contract of `journey.generate.protocols.Family`.

A new family is held to all of it without a line here. Each law has been seen to fail for a family that breaks it.
"""

from __future__ import annotations

import math
import sys
from functools import lru_cache
from random import Random
from typing import Any

import pytest

from journey import views
from journey.answers.checker import Outcome, number
from journey.answers.claims import claim_is_false
from journey.answers.grading import grade
from journey.catalog import FAMILIES, METHODS, Entry
from journey.generate.protocols import CheckedFamily, Family, LocatingFamily, SearchableFamily
from journey.rng import rng_for
from journey.schema import FirstMistake, Problem, decode, encode
from journey.splits import split_of
from journey_testing.pairs import made

COUNT = 50
SHARED = 0.1  # of the problems of two streams, at most: small levels have only so many
ENTRIES = FAMILIES.entries()
LEVELS = [(entry, level) for entry in ENTRIES for level in entry.facts["levels"]]
EVERY_LEVEL = pytest.mark.parametrize(("entry", "level"), LEVELS, ids=[f"{e.name}@{level}" for e, level in LEVELS])


@lru_cache
def problems(name: str, level: int, seed: int = 0, attempt: int = 0) -> tuple[Problem, ...]:
    """The first problems of a seed's stream."""
    family = FAMILIES.get(name)()
    return tuple(family.problem(seed, index, level, attempt) for index in range(COUNT))


def ids(name: str, level: int, seed: int = 0, attempt: int = 0) -> list[str]:
    return [problem.id for problem in problems(name, level, seed, attempt)]


def gold(problem: Problem) -> str:
    """An answer that must be graded right."""
    return problem.answer if problem.check == "value" else FAMILIES.get(problem.check)().gold(problem)


def graded(problem: Problem, answer: str) -> str:
    return grade(problem, f"so \\boxed{{{answer}}}").outcome


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
class TestEveryFamily:
    def test_it_is_what_the_protocol_says(self, entry: Entry[Any]) -> None:
        family = entry.target()
        assert isinstance(family, Family) and entry.module.rpartition(".")[2] == entry.name
        levels, methods = entry.facts["levels"], entry.facts["methods"]
        assert sorted(levels) == list(levels) and all(isinstance(k, int) and said for k, said in levels.items())
        assert entry.facts["difficulty"], "difficulty= of FAMILIES.add says what makes a problem harder"
        assert methods and all(METHODS.entry(method) for method in methods)
        assert isinstance(family, SearchableFamily) or "search" not in methods
        checks = {problem.check for level in levels for problem in problems(entry.name, level)}
        assert checks == {entry.name if isinstance(family, CheckedFamily) else "value"}

    def test_levels_get_harder(self, entry: Entry[Any]) -> None:
        """The correct path gets longer or, at one length, the mean difficulty rises."""
        found = []
        for level in entry.facts["levels"]:
            made = [
                METHODS.get(entry.facts["methods"][0])().make(problem, 0) for problem in problems(entry.name, level)
            ]
            steps = [
                sum(s.role == "step" for s in each.pair.shortcut.segments) for each in made if hasattr(each, "pair")
            ]
            assert steps, f"level {level}: no problem gives a pair"
            difficulty = [entry.target().difficulty(problem) for problem in problems(entry.name, level)]
            found.append((sum(steps) / len(steps), sum(difficulty) / len(difficulty)))
        assert found == sorted(set(found)), f"(steps of the correct path, difficulty) by level: {found}"


@EVERY_LEVEL
class TestEveryLevel:
    def test_the_same_place_gives_the_same_bytes(self, entry: Entry[Any], level: int) -> None:
        """By another instance, in another order, at another time."""
        family = entry.target()
        again = [encode(family.problem(0, index, level)) for index in reversed(range(COUNT))]
        assert again[::-1] == [encode(problem) for problem in problems(entry.name, level)]

    def test_another_seed_place_or_attempt_gives_another_problem(self, entry: Entry[Any], level: int) -> None:
        """Streams have nothing to do with one another; a stream that is moved by one place would share nearly all."""
        first = ids(entry.name, level)
        assert len(set(first)) >= (1 - SHARED) * COUNT, "the stream repeats itself: does `index` reach rng_for?"
        for seed, attempt in ((1, 0), (2, 0), (0, 1)):
            other = ids(entry.name, level, seed, attempt)
            shared = len(set(first) & set(other))
            assert shared <= SHARED * COUNT and sum(a == b for a, b in zip(first, other, strict=True)) <= 1, (
                f"seed 0 and (seed {seed}, attempt {attempt}) share {shared} of {COUNT} problems: "
                "do `seed` and `attempt` reach rng_for?"
            )

    def test_all_chance_comes_from_rng_for(
        self, entry: Entry[Any], level: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With one stream for every place the problem is the same one, id included: it comes from the instance alone."""
        named: list[tuple[Any, ...]] = []

        def one_stream(*parts: Any) -> Random:
            named.append(parts)
            return rng_for("the same for all")

        module = sys.modules[entry.module]
        assert getattr(module, "rng_for", None) is rng_for, f"{entry.module}: from journey.rng import rng_for"
        monkeypatch.setattr(module, "rng_for", one_stream)
        family = entry.target()
        first, second = family.problem(103, 105, level, 107), family.problem(111, 113, level, 117)
        assert encode(first) == encode(second)
        assert {103, 105, level, 107} <= set(named[0]), (
            f"a stream is named by seed, index, level and attempt: {named[0]}"
        )

    def test_the_id_is_that_of_the_question(self, entry: Entry[Any], level: int) -> None:
        found = [problem for seed in range(3) for problem in problems(entry.name, level, seed)]
        assert len({p.id for p in found}) == len({(p.id, p.brief) for p in found}) == len({p.brief for p in found})
        assert all(len(problem.id) == 32 and int(problem.id, 16) >= 0 for problem in found)

    def test_the_record_is_whole(self, entry: Entry[Any], level: int) -> None:
        for problem in problems(entry.name, level):
            assert decode(encode(problem), Problem) == problem
            assert (problem.source, problem.level) == (entry.name, level)
            assert problem.question and problem.brief and problem.answer and problem.licence
            assert split_of(problem) == "test" or not problem.held_out

    def test_gold_is_right_and_a_changed_gold_is_wrong(self, entry: Entry[Any], level: int) -> None:
        for problem in problems(entry.name, level):
            right, value = gold(problem), number(problem.answer)
            assert graded(problem, right) == "correct", f"{problem.question} {right}"
            assert value is not None or problem.check != "value"
            if problem.check == "value":
                assert value is not None and graded(problem, str(value + 1)) == "wrong"
                continue
            checked: Any = entry.target()
            assert right == checked.gold(problem)
            assert checked.check(problem, f"({right}) + 1")[0] is Outcome.DIFFERENT
            if value is not None:
                assert number(right) == value, f"{right} is gold, the stated answer is {value}"
                assert checked.check(problem, problem.answer)[0] is Outcome.DIFFERENT, (
                    "the bare answer is no expression"
                )

    def test_difficulty_is_a_number(self, entry: Entry[Any], level: int) -> None:
        found = [entry.target().difficulty(problem) for problem in problems(entry.name, level)]
        assert all(math.isfinite(each) and each >= 0 for each in found)


LOCATING = [entry for entry in FAMILIES.entries() if isinstance(entry.target(), LocatingFamily)]


@pytest.mark.parametrize("view", ["think", "compact"])
@pytest.mark.parametrize("entry", LOCATING, ids=lambda entry: entry.name)
class TestEveryLocatingFamily:
    def test_right_paths_have_no_mistake_and_mistakes_are_found_where_they_are(
        self, entry: Entry[Any], view: views.View
    ) -> None:
        """Journeys of a search end right; of slips those are taken that nobody notices, since a right answer is trusted."""
        family, exact, told = entry.target(), 0, 0
        [method] = entry.facts["methods"]
        for one in made(entry.name, method, 25):
            pair = one.pair
            right = family.first_mistake(pair.problem, views.render(pair.shortcut, view).text)
            assert right == FirstMistake(before=True)
            trace = pair.journey if method == "search" else METHODS.get(method)().unnoticed(pair)
            if trace is None or not pair.mistakes:
                continue
            rendered = views.render(trace, view)
            wrong = next(span for span in rendered.spans if span.role == "mistake")
            found = family.first_mistake(pair.problem, rendered.text)
            told += 1
            if found.span is not None:
                assert 0 <= found.span[0] < found.span[1] <= len(rendered.text)
                at_mistake = wrong.start < found.span[1] <= wrong.end + 8
                assert at_mistake or not found.checked_first, "it says that this is the first, and it is not"
                exact += at_mistake
                if found.claim is not None:
                    assert claim_is_false(found.claim, one.tree) is not False
        assert exact >= 0.6 * told > 0
