"""Matched journeys of grids: one right path and place for all kinds, wrong digits that the text refutes, errors as the policy's."""

from __future__ import annotations

from collections import Counter
from functools import cache
from random import Random

import pytest

from journey import views
from journey.answers.grading import grade
from journey.catalog import FAMILIES, METHODS
from journey.config import CurateSettings
from journey.curate.item import Item
from journey.curate.rules import Context, bind, resolve_options
from journey.generate.attempts.matched import MATCHED, AttemptedProblem
from journey.generate.attempts.moves import weigh
from journey.generate.attempts.reading import count_errors
from journey.generate.grids import matched
from journey.generate.grids.space import brief_cell, candidates, filled, solve
from journey.generate.made import MadePair, Rejection
from journey.rng import rng_for
from journey.schema import Pair, Problem, decode, encode
from journey_testing.attempts import POLICY, attempt_of

TRIED = 24


def guess(problem: Problem, rng: Random) -> str:
    """A path in terse notation with a digit by chance here and there, often one that fits."""
    grid = tuple(problem.facts["grid"])
    solution, said = solve(grid), []
    assert solution is not None
    for cell, given in enumerate(grid):
        if given:
            continue
        fit, digit, luck = candidates(grid, cell), solution[cell], rng.random()
        if luck < 0.06:
            digit = rng.randint(1, 4)
        elif luck < 0.2 and fit:
            digit = rng.choice(fit)
        said.append(f"{'try ' * (len(fit) > 1)}{brief_cell(cell, 4)} = {digit} .")
        grid = filled(grid, cell, digit)
    return f"{' '.join(said)} \\boxed{{ {' '.join(map(str, grid))} }}"


@cache
def tried() -> tuple[AttemptedProblem, ...]:
    family, found = FAMILIES.get("sudoku")(), []
    for index in range(TRIED):
        problem = family.problem(0, index, 1)
        rng = rng_for("guesser", problem.id)
        found.append((problem, tuple(attempt_of(problem, guess(problem, rng), number) for number in range(16))))
    errors = weigh(count_errors(*both) for both in found)
    return tuple(AttemptedProblem(problem, attempts, POLICY, errors) for problem, attempts in found)


@cache
def made(method: str, clean: float = 0.25, rechecks: float = 0.2) -> tuple[MadePair | Rejection, ...]:
    reader = METHODS.get(method)
    return tuple(reader(reader.Settings(clean=clean, rechecks=rechecks)).make_of(each, 0) for each in tried())


def told(pair: Pair, half: str) -> list[tuple[str, str, str]]:
    return [(s.role, s.text, s.brief) for s in getattr(pair, half).segments]


def test_one_right_path_and_place_for_all_kinds() -> None:
    together = [
        each for each in zip(*map(made, MATCHED), strict=True) if all(isinstance(one, MadePair) for one in each)
    ]
    assert len(together) > TRIED * 0.7
    differ = 0
    for trio in together:
        own, injected, profiled = (one.pair for one in trio if isinstance(one, MadePair))
        assert len({pair.provenance["matched"] for pair in (own, injected, profiled)}) == 1
        assert told(own, "shortcut") == told(injected, "shortcut") == told(profiled, "shortcut")
        right = [
            [brief for role, _, brief in told(pair, "journey") if role in ("step", "correction", "check")]
            for pair in (own, injected, profiled)
        ]
        assert right[0] == right[1] == right[2]
        differ += told(own, "journey") != told(injected, "journey")
    assert differ > TRIED * 0.2


@pytest.mark.parametrize("method", MATCHED)
def test_every_rule_of_curation_is_kept(method: str) -> None:
    pairs = [each for each in made(method, 0.0) if isinstance(each, MadePair)]
    assert len(pairs) > TRIED * 0.7
    context = Context(CurateSettings())
    for rule in bind(resolve_options(context.settings), context):
        items = [Item(each.pair, each.tree) for each in pairs]
        assert not [drop for drops in rule.judge(items) for drop in drops], rule.name
    for each in pairs:
        assert decode(encode(each.pair), Pair) == each.pair
        for trace in (each.pair.shortcut, each.pair.journey):
            for view in views.VIEWS:
                text = views.render(trace, view).text
                assert grade(each.pair.problem, text).outcome == "correct" and "  " not in text and "{" not in text[:40]


def test_an_own_wrong_digit_is_what_the_policy_wrote() -> None:
    for each, result in zip(tried(), made("own", 0.0), strict=True):
        if isinstance(result, MadePair):
            wrong = next(a for a in each.attempts if a.index == result.pair.provenance["attempts"]["wrong"])
            [mistake] = [s for s in result.pair.journey.segments if s.role == "mistake"]
            assert mistake.brief in wrong.text


def test_a_clash_is_noticed_by_the_cell_that_has_the_digit_and_a_guess_by_a_cell_without_any() -> None:
    seen: Counter[str] = Counter()
    for method in MATCHED:
        for each in made(method, 0.0):
            if not isinstance(each, MadePair):
                continue
            [mistake] = each.tree.mistakes()
            [notice] = [s.brief.split() for s in each.pair.journey.segments if s.role == "notice"]
            grid = each.tree.problem.facts["grid"]
            state = list(mistake.claim.state)  # type: ignore[union-attr]
            cell, digit = "abcdefghijklmnop".index(mistake.text[0]), int(mistake.text[-1])
            assert grid[cell] == 0 and state[cell] == digit
            seen[mistake.kind or ""] += 1
            if mistake.kind != matched.GUESS:
                has = "abcdefghijklmnop".index(notice[1])
                assert notice == ["wait", notice[1], "is", str(digit), "."] and has != cell and state[has] == digit
                continue
            for s in each.pair.journey.segments:
                if s.role == "consequence":
                    state["abcdefghijklmnop".index(s.brief[0])] = int(s.brief[4])
            stuck = "abcdefghijklmnop".index(notice[1])
            assert not state[stuck] and not candidates(tuple(state), stuck) and notice[2:] == [".", "dead", "end", "."]
    assert seen[matched.GUESS] >= 5 and len(seen) >= 3


def test_profiled_digits_err_as_the_policy_does() -> None:
    policy = tried()[0].errors
    for each in tried():
        for attempt in each.wrong():
            found = matched.own_mistake(each.problem, attempt)
            if found is None:
                continue
            wrong = found[1]
            right = matched.WrittenDigit(wrong.written.cell, solve(wrong.before)[wrong.written.cell])  # type: ignore[index]
            only = {wrong.error_class: 1.0}
            drawn = matched.slip(wrong.before, right, rng_for("test", each.problem.id), only)
            assert drawn is not None and drawn.error_class == wrong.error_class
            assert matched.slip(wrong.before, right, rng_for("test"), {"5 fit: wrong guess": 1.0}) is None
    assert all("fit: " in name for name in policy)
