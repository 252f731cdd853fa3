"""The search method: every strategy at every level makes pairs whose claims an independent brute force confirms."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import pytest

from journey.catalog import FAMILIES, METHODS
from journey.errors import UnknownName, UsageError
from journey.generate.made import MadePair, Rejection
from journey.schema import Pair, Problem, Reachable, Tree, decode, encode
from journey.settings.given import build

FAMILY, SEARCH = FAMILIES.get("countdown")(), METHODS.get("search")
ALL = [
    {"strategy": strategy, "order": order, "prune": prune, "exhaust": exhaust}
    for strategy in ("depth-first", "best-first", "beam")
    for order in ("canonical", "sum", "multiply")
    for prune in (False, True)
    for exhaust in (False, True)
    if not (prune and (strategy == "beam" or (strategy, order) == ("depth-first", "canonical")))
]
TRIALS = [{"trials": 1}, {"trials": 2}, {"trials": 3, "depth": 1}, {"trials": 2, "depth": 2, "order": "sum"}]


@cache
def solved_by_force(state: tuple[int, ...], target: int, dividing: bool) -> bool:
    """Every pair, both ways round, whole numbers above zero. Nothing of the package is used."""
    if len(state) == 1:
        return state[0] == target
    for i in range(len(state)):
        for j in range(len(state)):
            if i == j:
                continue
            a, b = state[i], state[j]
            rest = [state[k] for k in range(len(state)) if k not in (i, j)]
            values = {a + b, a * b, a - b} | ({a // b} if dividing and a % b == 0 else set())
            if any(value > 0 and solved_by_force(tuple(sorted([*rest, value])), target, dividing) for value in values):
                return True
    return False


def replayed(tree: Tree) -> dict[int, list[int]]:
    """The numbers left after each node, from the texts of the moves alone; every move must be legal."""
    states = {0: list(tree.problem.facts["numbers"])}
    for node in tree.nodes[1:]:
        a, op, b, _, c = node.text.split()
        left = list(states[node.parent])
        for number in (a, b):
            left.remove(int(number))
        exact = {"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b), "/": int(a) // int(b)}[op]
        assert exact == int(c) > 0 and (op != "/" or int(a) % int(b) == 0)
        states[node.id] = sorted([*left, exact])
    return states


def check(made: MadePair, force: bool = True) -> None:
    """The laws of every pair: verdicts, claims, checks and the final path."""
    tree, pair = made.tree, made.pair
    target, dividing = tree.problem.facts["target"], (tree.problem.level or 1) > 2
    states = replayed(tree)
    truth = {
        node.id: solved_by_force(tuple(states[node.id]), target, dividing)
        if force or len(states[node.id]) < 4
        else FAMILY.solvable(tree.problem, tuple(states[node.id]), target)
        for node in tree.nodes
    }
    for node in tree.nodes[1:]:
        if node.verdict != "unknown":
            assert (node.verdict == "right") == truth[node.id], (node, states[node.id])
        if node.claim is not None:
            assert isinstance(node.claim, Reachable) and sorted(node.claim.state) == states[node.id]
            assert node.claim.target == target and node.truth is False and node.verdict == "wrong"
            assert node.check and (node.check.relation, node.check.right) == ("solves", str(target))
        if node.role == "mistake":  # the check fails on the claim, and passes on the state it was tried from
            assert node.claim is not None and not truth[node.id] and truth[node.parent] and node.kind and node.reason
        if node.role == "consequence":
            assert not truth[node.id] and not truth[node.parent]
        if node.role == "correction":
            assert truth[node.id]
    final = tree.nodes[pair.shortcut.segments[-2].node]
    assert states[final.id] == [target] and final.id == len(tree.nodes) - 1
    assert FAMILY.check(tree.problem, pair.journey.answer)[0].name == "SAME"
    assert pair.tree == tree.id and pair.problem == tree.problem
    assert decode(encode(pair), Pair) == pair and decode(encode(tree), Tree) == tree


@pytest.mark.parametrize("options", [*ALL, *TRIALS], ids=str)
@pytest.mark.parametrize(("level", "count"), [(1, 25), (2, 8), (3, 8)])
def test_claims_agree_with_brute_force(options, level, count):
    search, made = SEARCH(SEARCH.Settings(**options)), []
    for index in range(count):
        result = search.make(FAMILY.problem(4, index, level), 4)
        assert isinstance(result, MadePair) or result.reason == "unsolved"
        made += [result] if isinstance(result, MadePair) else []
    for each in made:
        check(each)
    incomplete = options.get("prune") or options.get("strategy") == "beam"
    assert len(made) == count or incomplete
    assert made or options.get("strategy") == "beam"


@pytest.mark.parametrize(
    "options", [{}, {"strategy": "best-first"}, {"strategy": "beam", "width": 20}, {"trials": 2}], ids=str
)
def test_five_numbers(options):
    search, made = SEARCH(SEARCH.Settings(limit=800, **options)), 0
    for index in range(12):
        result = search.make(FAMILY.problem(0, index, 4), 0)
        if isinstance(result, MadePair):
            made += 1
            check(result, force=False)
        else:
            assert result.reason in ("limit_reached", "unsolved")
    assert made


def test_level_2_shows_five_failed_branches_before_the_right_one():
    for index in range(30):
        pair = SEARCH().make(FAMILY.problem(0, index, 2), 0).pair
        assert sum(segment.brief == "dead end ." for segment in pair.journey.segments) >= 5 <= pair.mistakes


def test_problems_solved_without_a_mistake_stay_in():
    pairs = [SEARCH().make(FAMILY.problem(0, index, 1), 0).pair for index in range(60)]
    clean = [pair for pair in pairs if pair.mistakes == 0]
    assert clean and all(pair.journey == pair.shortcut for pair in clean)


def test_same_seed_same_bytes_other_seed_other_words():
    problem = FAMILY.problem(0, 5, 2)
    first, again, other = (SEARCH().make(problem, seed) for seed in (0, 0, 1))
    assert encode(first.pair) == encode(again.pair) and encode(first.tree) == encode(again.tree)
    assert first.pair.journey != other.pair.journey and first.pair.pair_id != other.pair.pair_id
    assert SEARCH().make(problem, 0, attempt=1).pair.journey != first.pair.journey


def test_settings_are_recorded_and_make_another_tree():
    problem = FAMILY.problem(0, 5, 3)
    plain, sampled = SEARCH().make(problem, 0), SEARCH(SEARCH.Settings(trials=2, depth=1)).make(problem, 0)
    assert plain.tree.id != sampled.tree.id and plain.pair.pair_id != sampled.pair.pair_id
    assert sampled.tree.settings == SEARCH.Settings(trials=2, depth=1).model_dump()
    assert plain.pair.provenance["oracle_timed"] is False and sampled.pair.provenance["oracle_timed"] is True
    assert plain.pair.provenance["visited"] == len(plain.tree.nodes) - 1


def test_what_cannot_be_made_is_rejected_with_a_reason():
    unsolvable = FAMILY.build((2, 2, 2, 2), 99, level=3)
    assert SEARCH().make(unsolvable, 0).reason == "unsolved"
    long = SEARCH(SEARCH.Settings(limit=10)).make(FAMILY.build((97, 89, 83, 7), 11, level=3), 0)
    assert isinstance(long, Rejection) and long.reason == "limit_reached" and "10 moves" in long.detail
    other = Problem(id="x", question="2 + 2?", answer="4", source="gsm8k")
    assert SEARCH().make(other, 0).reason == "no_search_space"


def test_two_numbers_and_equal_numbers():
    for numbers, target, level in (((8, 5), 13, 3), ((7, 7, 7), 98, 1), ((1, 1, 1), 3, 1), ((20, 10, 10, 1), 40, 3)):
        check(SEARCH().make(FAMILY.build(numbers, target, level=level), 0))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"strategy": "dfs"}, "strategy"),
        ({"trials": 0}, "trials"),
        ({"trials": "some"}, "trials"),
        ({"width": 0}, "width"),
        ({"depth": 2}, "search.trials=K"),
        ({"prune": True}, "search.order=sum"),
        ({"prune": True, "strategy": "beam", "order": "sum"}, "no beam"),
        ({"limit": 0}, "limit"),
    ],
)
def test_bad_settings_say_what_is_wrong(options, said):
    with pytest.raises(UsageError, match=said):
        build(SEARCH.Settings, options, "method search")


def test_an_unknown_setting_offers_the_nearest():
    with pytest.raises(UnknownName, match="did you mean strategy"):
        build(SEARCH.Settings, {"stratgy": "beam"}, "method search")


class TestExactNumbers:
    @pytest.mark.parametrize("family", ["countdown", "sudoku"])
    def test_a_larger_number_has_the_branches_of_a_smaller_one(self, family: str) -> None:
        """On the same problems and from one stream, so that doses nest."""
        ask, told = FAMILIES.get(family)().problem, 0
        for index in range(10):
            wrong = []
            for count in (0, 1, 2, 3):
                made = SEARCH(SEARCH.Settings(backtracks=count)).make(ask(0, index, 2), 0)
                if isinstance(made, Rejection):
                    assert made.reason == "too_few_mistakes" and family == "sudoku"
                    continue
                wrong.append({repr(node.claim) for node in made.tree.mistakes()})
                assert len(wrong[-1]) == count
                assert made.pair.provenance["oracle_timed"] or count == made.pair.mistakes
            assert all(few < many for few, many in pairwise(wrong))
            told += len(wrong)
        assert told > 30

    def test_none_is_the_right_path_alone(self) -> None:
        made = SEARCH(SEARCH.Settings(backtracks=0)).make(FAMILY.problem(0, 0, 2), 0)
        assert made.pair.journey == made.pair.shortcut and made.pair.provenance["oracle_timed"]
        assert all(node.verdict == "right" for node in made.tree.nodes)

    def test_a_number_that_no_search_has_is_refused(self) -> None:
        refused = SEARCH(SEARCH.Settings(backtracks=99)).make(FAMILY.problem(0, 0, 1), 0)
        assert isinstance(refused, Rejection) and refused.reason == "too_few_mistakes"

    def test_it_excludes_trials_and_leaves_old_settings_as_they_were(self) -> None:
        with pytest.raises(UsageError, match="set one of them"):
            build(SEARCH.Settings, {"backtracks": 1, "trials": 2}, "method search")
        assert "backtracks" not in SEARCH.Settings().model_dump()
