"""The search: its order, what it may leave out, and what it claims of each branch."""

from __future__ import annotations

import random

import pytest

from journey.catalog import FAMILIES
from journey.generate.search import tree
from journey.generate.search.tree import Found, LimitReached, Plan, distances_multiply, distances_sum, sample_trials

FAMILY = FAMILIES.get("countdown")()
PLANS = [
    Plan(strategy, order, prune, exhaust)
    for strategy in ("depth-first", "best-first", "beam")
    for order in ("canonical", "sum", "multiply")
    for prune in (False, True)
    for exhaust in (False, True)
    if not (prune and (strategy == "beam" or (strategy, order) == ("depth-first", "canonical")))
]


def space_of(*numbers: int, target: int, level: int = 3):
    return FAMILY.space(FAMILY.build(numbers, target, level=level))


def searched(plan: Plan, level: int = 3, count: int = 25, seed: int = 0):
    for index in range(count):
        space = FAMILY.space(FAMILY.problem(seed, index, level))
        yield space, tree.run(space, plan)


def told(found: Found) -> list[str]:
    """Every visit as an equation, in order, indented by its depth."""
    depth = {-1: 0}
    lines = []
    for place, (parent, (a, op, b, c, _), _) in enumerate(found.visits):
        depth[place] = depth[parent] + 1
        lines.append(" " * depth[parent] + f"{a}{op}{b}={c}")
    return lines


def test_depth_first_goes_into_each_branch_in_canonical_order():
    found = tree.run(space_of(23, 18, 3, target=51, level=1), Plan())
    assert told(found) == ["23+18=41", " 41+3=44", "23-18=5", " 5*3=15", " 5+3=8", "23*3=69", " 69-18=51"]
    assert found.events == [0, ~0, 2, ~2, 5] and found.path() == [5, 6] and found.solved


def test_order_by_distance_and_by_factors():
    space = space_of(23, 18, 3, target=51, level=1)
    found = tree.run(space, Plan(order="sum"))
    assert told(found) == ["18*3=54", " 54-23=31", "23*3=69", " 69-18=51"]
    # (|51-54| + |51-23|) / 2 and (|51-69| + |51-18|) / 2; 41 and 3 are 29 away, 26 and 18 too
    assert distances_sum([(23, "*", 3, 69, (69, 18)), (18, "*", 3, 54, (54, 23))], 51) == [25.5, 15.5]
    assert distances_sum([(69, "-", 18, 51, (51,)), (5, "+", 3, 8, (8,))], 51) == [0, 43]
    assert distances_sum([(9, "+", 1, 10, (10, 8, 3))], 7) == [(3 + 1 + 4) / 3]
    # factors of 12 but 1: 2 3 4 6 12; 7 is 1 away from 6, 10 is 2 away from 12
    assert distances_multiply([(5, "+", 2, 7, (10, 7)), (2, "*", 2, 4, (4,))], 12) == [3, 0]
    assert distances_sum([], 5) == distances_multiply([], 5) == []


@pytest.mark.parametrize("plan", PLANS, ids=str)
@pytest.mark.parametrize("level", [1, 3])
def test_every_claim_about_a_branch_is_true(plan, level):
    for space, found in searched(plan, level):
        dead = {~event for event in found.events if event < 0}
        assert len(dead) == sum(event < 0 for event in found.events)
        for place, (parent, move, right) in enumerate(found.visits):
            assert parent < place
            state = space.start if parent < 0 else found.visits[parent][1][4]
            assert move in space.moves(state) or move in space.last_moves(*state, True)
            left = move[4]
            assert right == (left == (space.target,) if len(left) == 1 else space.solvable(left))
            if place in dead and not plan.prune:
                assert not right
        if found.solved:
            assert all(found.visits[place][2] for place in found.path())
            assert found.visits[found.goal][1][4] == (space.target,) and found.goal == len(found.visits) - 1


@pytest.mark.parametrize("plan", [plan for plan in PLANS if not plan.prune and plan.strategy != "beam"], ids=str)
def test_a_dead_branch_was_tried_to_its_end(plan):
    for space, found in searched(plan):
        children: dict[int, list] = {}
        for parent, move, _ in found.visits:
            children.setdefault(parent, []).append(move)
        for place in (~event for event in found.events if event < 0):
            state, tried = found.visits[place][1][4], children.get(place, [])
            if len(state) > 2:
                assert sorted(tried) == sorted(space.moves(state))
            else:
                assert sorted(tried) == sorted(space.last_moves(*state, plan.exhaust))
        assert found.solved


def test_pruning_leaves_out_what_is_farther_than_the_target():
    for order, distances in (("sum", distances_sum), ("multiply", distances_multiply)):
        plan, seen = Plan(order=order, prune=True), 0
        for space, found in searched(plan):
            for _, move, _ in found.visits:
                assert distances([move], space.target)[0] <= space.target
            seen += len(found.visits)
        free = sum(len(found.visits) for _, found in searched(plan._replace(prune=False)))
        assert 0 < seen < free


def test_best_first_always_takes_the_nearest_open_state():
    for space, found in searched(Plan("best-first", "sum"), count=40):
        open_moves = {(-1, move): distances_sum([move], space.target)[0] for move in space.moves(space.start)}
        for place in (event for event in found.events if event >= 0):
            parent, move, _ = found.visits[place]
            assert open_moves.pop((parent, move)) <= min(open_moves.values(), default=1e9)
            if len(move[4]) > 2:
                open_moves |= {(place, m): distances_sum([m], space.target)[0] for m in space.moves(move[4])}


@pytest.mark.parametrize("width", [1, 3])
def test_a_beam_keeps_its_width_at_every_depth(width):
    solved = 0
    for space, found in searched(Plan("beam", "multiply", width=width), count=60):
        layers: dict[int, list] = {}
        for event in (event for event in found.events if event >= 0):
            layers.setdefault(len(found.visits[event][1][4]), []).append(found.visits[event][1])
        assert all(len(layer) <= width for layer in layers.values())
        first = sorted(distances_multiply(space.moves(space.start), space.target))[:width]
        assert sorted(distances_multiply(layers[3], space.target)) == first
        solved += found.solved
    assert 0 < solved < 60


def test_a_search_that_grows_too_long_is_stopped():
    space = space_of(97, 89, 83, 7, target=11)
    visits = len(tree.run(space, Plan()).visits)
    with pytest.raises(LimitReached, match="40 moves"):
        tree.run(space, Plan(limit=40))
    assert len(tree.run(space, Plan(limit=visits)).visits) == visits


def test_two_numbers_are_searched_too():
    found = tree.run(space_of(8, 5, target=13), Plan())
    assert told(found) == ["8*5=40", "8+5=13"] and found.events == [] and found.path() == [1]


class TestTrials:
    @pytest.mark.parametrize(("trials", "depth"), [(1, None), (2, None), (2, 1), (3, 2), (50, None)])
    def test_tries_and_depth_are_kept(self, trials, depth):
        mistakes = 0
        for _, found in searched(Plan(), count=40):
            sampled = sample_trials(found, trials, depth, random.Random(1))
            path, dead = sampled.path(), {~event for event in sampled.events if event < 0}
            assert [found.visits[p][1] for p in found.path()] == [sampled.visits[p][1] for p in path]
            assert sampled.goal == len(sampled.visits) - 1
            levels: dict[int, int] = {}
            for place, (parent, move, right) in enumerate(sampled.visits):
                wrong_above = 0 if parent < 0 else levels[parent]
                levels[place] = 0 if right else wrong_above + 1
                assert depth is None or levels[place] <= depth
                if not right and len(move[4]) > 1:
                    assert place in dead
            for place in path:
                siblings = [visit for visit in sampled.visits if visit[0] == sampled.visits[place][0]]
                assert len(siblings) <= trials
            mistakes += len(sampled.visits) - len(path)
        assert (mistakes > 0) == (trials > 1)

    def test_all_trials_without_depth_leave_the_search_as_it_was(self):
        for _, found in searched(Plan(), count=10):
            assert sample_trials(found, 1000, None, random.Random(0)) == found

    def test_the_draw_decides_which_branches(self):
        _, found = max(searched(Plan(), count=30), key=lambda pair: len(pair[1].visits))
        drawn = {tuple(map(str, sample_trials(found, 2, 1, random.Random(seed)).visits)) for seed in range(8)}
        assert len(drawn) > 3
