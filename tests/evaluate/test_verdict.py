"""One test per word and per qualifier of the verdict, and the boundaries between them."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from scipy import stats

from journey.evaluate.statistics.paired import compare, compare_to_base
from journey.evaluate.statistics.verdict import adjust, asked, below, decide, declare, mixed
from journey.formats.comparison import Comparison, Declared, MeanSquares, Verdict
from journey.rng import seed_for

PLAIN = Comparison(
    difference=0.01,
    first_accuracy=0.50,
    second_accuracy=0.51,
    problems=1000,
    seeds=3,
    trained_arms=2,
    se=0.01,
    df=20.0,
    low=-0.01,
    high=0.03,
    p=0.30,
    p_permutation=0.25,
    p_t=0.30,
    detectable=0.04,
    bootstrap=(-0.01, 0.03),
    mcnemar=(),
    mean_squares=MeanSquares(problems=0.3, seeds=0.25, noise=0.2),
    low90=-0.007,
    high90=0.027,
)
BETTER: dict[str, Any] = {"difference": 0.073, "low": 0.041, "high": 0.105, "p": 0.001, "p_permutation": 0.001}
BETTER |= {"p_t": 0.001, "low90": 0.046, "high90": 0.1}
WORSE = BETTER | {"difference": -0.073, "low": -0.105, "high": -0.041, "low90": -0.1, "high90": -0.046}
SLIGHT = BETTER | {"difference": 0.03, "low": 0.01, "high": 0.05, "low90": 0.013, "high90": 0.047}
WEAK = {"detectable": 0.06, "low90": -0.04, "high90": 0.06}
ONE_SEED: dict[str, Any] = {"seeds": 1, "se": None, "df": None, "low": None, "high": None, "p": None, "p_t": None}
ONE_SEED |= {
    "low90": None,
    "high90": None,
    "detectable": None,
    "bootstrap": None,
    "mean_squares": MeanSquares(0.3, None, None),
}


def case(**changes: Any) -> Comparison:
    return msgspec.structs.replace(PLAIN, **changes)


def words(holm_p: float | None = None, margin: float = 0.05, **changes: Any) -> str:
    comparison = case(**changes)
    return decide(comparison, (comparison.p or 1.0) if holm_p is None else holm_p, margin).words


class TestWords:
    def test_journey_better(self) -> None:
        assert words(**BETTER) == "journey better"

    def test_shortcut_better(self) -> None:
        assert words(**WORSE) == "shortcut better"

    def test_two_seeds_are_provisional(self) -> None:
        assert words(**BETTER, seeds=2) == "journey better (2 seeds, provisional)"
        assert words(**WORSE, seeds=2) == "shortcut better (2 seeds, provisional)"
        assert words(seeds=2) == "equal within the margin (2 seeds, provisional)"
        assert words(**WEAK, seeds=2) == "too small to tell (2 seeds, provisional)"

    def test_better_by_less_than_the_margin(self) -> None:
        assert words(**SLIGHT) == "journey better, by less than the margin"
        assert words(**SLIGHT, seeds=2) == "journey better, by less than the margin (2 seeds, provisional)"
        assert (
            "The 90% interval, +1.3 to +4.7, lies inside the margin of 5 points."
            in decide(case(**SLIGHT), 0.01).explanation
        )

    def test_equal_within_the_margin(self) -> None:
        assert words() == "equal within the margin"
        assert decide(PLAIN, 0.3).outcome == "equal" and decide(PLAIN, 0.3).winner is None

    def test_equal_is_judged_at_5_percent_a_comparison_and_not_by_holm(self) -> None:
        assert words(1.0) == "equal within the margin"

    def test_equal_leaning_to_an_arm(self) -> None:
        """The 95 % interval leaves out 0, but Holm asks for more than that."""
        verdict = decide(case(**SLIGHT), 0.06, first="shortcut@tokens")
        assert (verdict.words, verdict.leaning) == ("equal within the margin, leaning to journey", "journey")
        other = SLIGHT | {"difference": -0.03, "low": -0.05, "high": -0.01, "low90": -0.047, "high90": -0.013}
        verdict = decide(case(**other), 0.06, first="shortcut@tokens")
        assert (verdict.words, verdict.leaning) == ("equal within the margin, leaning to shortcut", "shortcut@tokens")

    def test_too_small_to_tell(self) -> None:
        assert words(**WEAK) == "too small to tell"

    def test_better_though_only_large_effects_are_detectable(self) -> None:
        assert words(**BETTER, detectable=0.06) == "journey better"


class TestBoundaries:
    def test_problems(self) -> None:
        assert words(**BETTER, problems=99) == "too small to tell"
        assert words(**BETTER, problems=100) == "journey better"
        assert words(problems=99) == "too small to tell"
        assert words(problems=100) == "equal within the margin"

    def test_seeds(self) -> None:
        assert words(**ONE_SEED) == "too small to tell"
        assert words(**(BETTER | {"seeds": 1})) == "too small to tell"
        assert words(**(BETTER | {"seeds": 2})) == "journey better (2 seeds, provisional)"

    def test_detectable_effects_decide_nothing(self) -> None:
        assert words(detectable=0.2) == "equal within the margin"

    def test_holm_p(self) -> None:
        assert words(0.05, **BETTER) == "journey better"
        assert words(0.0501, **BETTER) == "too small to tell"

    def test_interval_of_90_percent_inside_the_margin(self) -> None:
        assert decide(PLAIN, 0.3).inside_margin is True
        assert words(low90=-0.049, high90=0.049, low=-0.06, high=0.06) == "equal within the margin"
        for outside in ({"high90": 0.05}, {"low90": -0.05}, {"high90": 0.06}):
            verdict = decide(case(**outside), 0.3)
            assert (verdict.words, verdict.inside_margin) == ("too small to tell", False)
            assert "reaches beyond the margin of 5 points" in verdict.explanation
        assert words(high90=0.05, margin=0.06) == "equal within the margin"
        assert decide(case(**ONE_SEED), 1.0).inside_margin is None

    @pytest.mark.parametrize("margin", [0, 5, -0.05])
    def test_margin_is_a_share(self, margin: float) -> None:
        with pytest.raises(ValueError, match="0.05 = 5 points"):
            decide(PLAIN, 0.3, margin)

    @pytest.mark.parametrize("holm_p", [0.2, 1.1, float("nan")])
    def test_holm_p_is_never_below_the_comparisons_own(self, holm_p: float) -> None:
        with pytest.raises(ValueError, match="Holm's p"):
            decide(PLAIN, holm_p)


def right_or_wrong(name: str, *shares: float, seeds: int = 5, n: int = 600) -> list[np.ndarray]:
    """Arms (n, seeds) whose runs are right so often, on problems of shared difficulty."""
    rng = np.random.default_rng(seed_for("verdict edges", name))
    hard = rng.random((n, 1))
    return [np.where(rng.random((n, seeds)) < 0.9, hard, rng.random((n, seeds))) < share for share in shares]


class TestEdges:
    """What the rule says where scores do not vary, or an experiment has no difference to find."""

    @pytest.mark.parametrize(("share", "what"), [(0, "nothing"), (1, "everything")])
    def test_a_floor_and_a_ceiling_are_not_applicable(self, share: int, what: str) -> None:
        same = np.full((300, 3), share)
        c = compare(same, same)
        assert (c.low, c.high, c.low90, c.high90, c.p, c.detectable) == (None,) * 6
        verdict = decide(c, 1.0)
        assert (verdict.words, verdict.qualifiers) == ("too small to tell", (("floor", "ceiling")[share],))
        assert f"Both arms solve {what}, which leaves no variation to judge by: how many" in verdict.explanation

    def test_arms_that_never_differ(self) -> None:
        same = np.tile(np.arange(200)[:, None] % 2, 3)
        c = compare(same, same)
        assert (c.low, c.p, c.detectable) == (None, None, None)
        verdict = decide(c, 1.0)
        assert verdict.words == "too small to tell"
        assert "Both arms have the same scores, which leaves no variation to judge by" in verdict.explanation

    def test_a_difference_that_never_varies_has_its_permutation(self) -> None:
        c = compare(np.zeros((200, 3)), np.ones((200, 3)))
        assert (c.low, c.p_t) == (None, None) and c.p == c.p_permutation < 0.001
        assert decide(c, 0.01).words == "journey better"

    def test_intervals_stay_within_what_is_possible(self) -> None:
        rng = np.random.default_rng(seed_for("possible"))
        arm = np.column_stack([rng.random(120) < 0.05, rng.random(120) < 0.6])  # two runs that have little in common
        c = compare_to_base(arm, np.ones(120))
        half = stats.t.ppf(0.975, c.df) * c.se
        assert c.difference - half < -1 and c.low == -1 and c.high == min(1, c.difference + half) and c.low90 == -1

    def test_an_equal_pair(self) -> None:
        first, second = right_or_wrong("an equal pair", 0.6, 0.6)
        c = compare(first, second)
        assert decide(c, c.p).words == "equal within the margin"

    def test_an_a_a_comparison(self) -> None:
        """Seeds of one arm against others of it."""
        (runs,) = right_or_wrong("a/a", 0.7, seeds=10)
        c = compare(runs[:, :5], runs[:, 5:])
        verdict = decide(c, c.p, first="journey", second="journey (again)")
        assert (verdict.words, verdict.winner) == ("equal within the margin", None)

    def test_a_collapsed_arm(self) -> None:
        base, whole, collapsed = (arm[:, :2] for arm in right_or_wrong("collapse", 0.8, 0.78, 0.05))
        results = {"whole": compare_to_base(whole, base[:, 0]), "collapsed": compare_to_base(collapsed, base[:, 0])}
        low = below(results["whole"]), below(results["collapsed"])
        assert low == (False, True)
        verdict = decide(compare(whole, collapsed), 0.01, below_base=low)
        assert verdict.words == "shortcut better (2 seeds, provisional)"
        assert verdict.qualifiers == ("journey below the untuned base",)


class TestExplanation:
    def test_carries_every_number_in_points(self) -> None:
        verdict = decide(case(**BETTER), 0.004, first="shortcut@tokens")
        assert verdict.explanation == (
            "journey minus shortcut@tokens: +7.3 points (95% interval +4.1 to +10.5; p = 0.004 after Holm) on 1,000 "
            "problems with 3 training seeds; minimum detectable effect 4.0 points (80% power). That is more than "
            "chance explains; 5 or more seeds are recommended."
        )

    def test_five_seeds_need_no_advice(self) -> None:
        assert "recommended" not in decide(case(**BETTER, seeds=5), 0.001).explanation

    def test_too_small_says_how_many_would_do(self) -> None:
        verdict = decide(case(**WEAK, problems=300), 0.3)
        assert verdict.needed
        for size in verdict.needed:
            assert f"{size.seeds} seeds on {size.problems:,} problems" in verdict.explanation
        assert verdict.explanation.endswith("would do for a margin of 5 points.")

    def test_detectable_effects_are_at_the_level_that_holm_asked(self) -> None:
        plain, in_a_family = decide(PLAIN, 0.3), decide(PLAIN, 0.3, level=0.05 / 26)
        assert (plain.detectable, plain.level) == (0.04, 0.05)
        assert in_a_family.detectable is not None and in_a_family.detectable > 0.045
        assert "(80% power at 0.0019, the level that Holm asks here)" in in_a_family.explanation

    def test_an_effect_beyond_what_is_possible(self) -> None:
        assert (
            "minimum detectable effect more than is possible (80% power)"
            in decide(case(detectable=1.3), 0.3).explanation
        )

    def test_one_seed(self) -> None:
        verdict = decide(case(**ONE_SEED), 1.0)
        assert "on 1,000 problems with 1 training seed. One training seed cannot tell" in verdict.explanation
        assert ": at least 3 seeds on 1,000 problems, or 2 seeds on 1,300 problems would do" in verdict.explanation

    def test_few_problems(self) -> None:
        assert "Fewer than 100 problems are too few: about" in decide(case(problems=99), 0.3).explanation

    def test_nothing_needed_once_there_is_a_verdict(self) -> None:
        assert decide(PLAIN, 0.3).needed == decide(case(**BETTER), 0.01).needed == ()


class TestNames:
    def test_words_leave_the_budget_out(self) -> None:
        verdict = decide(case(**WORSE), 0.01, first="shortcut@tokens", second="journey")
        assert (verdict.words, verdict.winner) == ("shortcut better", "shortcut@tokens")

    def test_unless_the_budget_tells_the_arms_apart(self) -> None:
        verdict = decide(case(**WORSE), 0.01, first="shortcut@tokens", second="shortcut@examples")
        assert verdict.words == "shortcut@tokens better"


class TestQualifiers:
    def test_none(self) -> None:
        assert decide(PLAIN, 0.3).qualifiers == ()

    @pytest.mark.parametrize(
        ("below_base", "expected"),
        [
            ((True, True), "both below the untuned base"),
            ((True, False), "shortcut below the untuned base"),
            ((False, True), "journey below the untuned base"),
        ],
    )
    def test_below_base(self, below_base: tuple[bool, bool], expected: str) -> None:
        assert decide(PLAIN, 0.3, first="shortcut@tokens", below_base=below_base).qualifiers == (expected,)

    def test_below_is_a_description(self) -> None:
        """By more than the margin, and either the rule's own p or every run's own interval says so."""
        assert below(case(**WORSE))
        assert below(case(**WORSE, problems=99))
        assert not below(case(**BETTER))
        assert not below(case(**WORSE | {"difference": -0.05}))
        assert not below(case(**WORSE | {"p": 0.06}))
        assert below(case(**WORSE | {"p": 0.06, "run_intervals": ((-0.2, -0.01), (-0.1, -0.02))}))
        assert not below(case(**WORSE | {"p": 0.06, "run_intervals": ((-0.2, -0.01), (-0.1, 0.02))}))
        assert below(case(**ONE_SEED | {"difference": -0.2, "run_intervals": ((-0.25, -0.15),)}))
        assert not below(case(**WORSE), margin=0.1)

    def test_every_runs_own_interval_is_over_problems(self) -> None:
        base, arm = (one[:, :2].astype(float) for one in right_or_wrong("own intervals", 0.6, 0.5))
        c = compare_to_base(arm, base[:, 0])
        assert len(c.run_intervals) == 2
        d = arm[:, 1] - base[:, 0]
        expected = stats.t.interval(0.95, len(d) - 1, d.mean(), d.std(ddof=1) / np.sqrt(len(d)))
        assert c.run_intervals[1] == pytest.approx(expected)
        assert compare(arm, arm).run_intervals == ()

    def test_floor(self) -> None:
        assert decide(case(first_accuracy=0.049, second_accuracy=0.04), 0.3).qualifiers == ("floor",)
        assert decide(case(first_accuracy=0.05, second_accuracy=0.04), 0.3).qualifiers == ()

    def test_ceiling(self) -> None:
        assert decide(case(first_accuracy=0.951, second_accuracy=0.96), 0.3).qualifiers == ("ceiling",)
        assert decide(case(first_accuracy=0.95, second_accuracy=0.96), 0.3).qualifiers == ()

    def test_a_difference_of_differences_has_neither(self) -> None:
        """Right after a mistake minus right after its twin lies below 0 for nearly every arm."""
        twins = case(first_accuracy=-0.84, second_accuracy=-0.76)
        assert decide(twins, 0.3, shares=False).qualifiers == () and decide(twins, 0.3).qualifiers == ("floor",)
        none = decide(msgspec.structs.replace(compare(np.zeros((200, 2)), np.zeros((200, 2)))), 1.0, shares=False)
        assert "Both arms have the same scores" in none.explanation
        wide = decide(case(first_accuracy=-0.2, second_accuracy=-0.1, detectable=1.3), 0.3, shares=False)
        assert "minimum detectable effect 130.0 points" in wide.explanation

    def test_both_kinds(self) -> None:
        low = case(first_accuracy=0.01, second_accuracy=0.02)
        assert decide(low, 0.3, below_base=(True, True)).qualifiers == ("both below the untuned base", "floor")


class TestMixed:
    better, worse, none = decide(case(**BETTER), 0.01), decide(case(**WORSE), 0.01), decide(PLAIN, 0.3)

    def test_opposite_significant_signs(self) -> None:
        assert mixed([self.better, self.none, self.worse])

    def test_one_sign_is_not_mixed(self) -> None:
        assert not mixed([self.better, self.none, self.better])
        assert not mixed([self.none, decide(case(difference=-0.01), 0.3)])
        assert not mixed([])

    def test_other_arms_are_refused(self) -> None:
        with pytest.raises(ValueError, match="one pair"):
            mixed([self.better, decide(case(**WORSE), 0.01, first="journey-masked")])


class TestFamily:
    pairs = (("shortcut@examples", "journey"), ("shortcut@tokens", "journey"))

    def test_every_pair_and_every_arm_against_base_on_every_benchmark(self) -> None:
        family = declare(["gsm8k", "svamp"], self.pairs)
        assert len(family) == len({item.key for item in family}) == 10
        assert family[0] == Declared("gsm8k", "shortcut@examples", "journey")
        assert Declared("svamp", "base", "shortcut@tokens") in family
        assert len(declare(["gsm8k"], self.pairs, base=False)) == 2
        assert declare(["gsm8k"], [("base", "journey")]) == [Declared("gsm8k", "base", "journey")]

    def test_holm_runs_over_all_that_was_declared(self) -> None:
        family = declare(["gsm8k", "svamp"], [("shortcut", "journey")], base=False)
        first, second = (item.key for item in family)
        assert adjust(family, {first: case(p=0.02)}) == {first: 0.04, second: 1.0}
        assert adjust(family, {first: case(p=0.02), second: case(**ONE_SEED)}) == {first: 0.04, second: 1.0}

    def test_the_level_is_what_holm_asks_of_the_rank(self) -> None:
        family = declare(["gsm8k", "svamp", "aime24"], [("shortcut", "journey")], base=False)
        first, second, third = (item.key for item in family)
        assert asked(family, {first: case(p=0.5), second: case(p=0.02)}) == pytest.approx(
            {second: 0.05 / 3, first: 0.05 / 2, third: 0.05}
        )

    def test_undeclared_comparisons_are_refused(self) -> None:
        family = declare(["gsm8k"], [("shortcut", "journey")], base=False)
        with pytest.raises(ValueError, match="not declared before scoring: aime24: shortcut v journey"):
            adjust(family, {"aime24: shortcut v journey": PLAIN})


def test_from_scores_to_words() -> None:
    """Real arrays through the whole chain: declared family, Holm, verdict, JSON."""
    hard = np.arange(400)[:, None] % 10
    shortcut, journey, base = np.tile(hard < 5, 3), np.tile(hard < 8, 3), hard[:, 0] < 6
    # A few problems on which runs disagree, so that runs vary.
    shortcut[:30] ^= np.eye(3, dtype=bool)[np.arange(30) % 3]
    family = declare(["countdown@1"], [("shortcut@tokens", "journey")])
    scores = {"shortcut@tokens": shortcut, "journey": journey}
    results = {
        item.key: compare_to_base(scores[item.second], base)
        if item.first == "base"
        else compare(scores[item.first], scores[item.second])
        for item in family
    }
    adjusted = adjust(family, results)
    pair, base_shortcut, base_journey = (item.key for item in family)
    worse = tuple(below(results[key]) for key in (base_shortcut, base_journey))
    verdict = decide(results[pair], adjusted[pair], first="shortcut@tokens", below_base=worse)
    assert verdict.words == "journey better"
    assert verdict.qualifiers == ("shortcut below the untuned base",)
    assert msgspec.json.decode(msgspec.json.encode(verdict), type=Verdict) == verdict
