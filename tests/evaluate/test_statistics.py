"""The statistics against hand-worked examples and against SciPy; test_error_rates.py simulates how often they err."""

from __future__ import annotations

import itertools
import math

import msgspec
import numpy as np
import pytest
from scipy import stats

from journey.evaluate.statistics import sizes
from journey.evaluate.statistics.paired import (
    accuracy_interval,
    compare,
    compare_to_base,
    holm,
    levels,
    sign_flips,
    wilson,
)
from journey.evaluate.statistics.sizes import detectable, needed
from journey.formats.comparison import Comparison, Size
from journey.rng import seed_for


def draw(rng: np.random.Generator, n: int, seeds: int, sd: float, effect: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Two arms, (n, seeds) right or wrong each, the second better by `effect` (a share) on average.

    A run is right where problem difficulty + how the problem suits the arm + the run's luck + noise is positive.
    """
    difficulty, suits = 1.5, 0.5
    total = math.sqrt(difficulty**2 + suits**2 + 1)
    start = 0.5
    mean = (start, total * stats.norm.ppf(stats.norm.cdf(start / total) + effect))
    luck = sd / 100 * total / stats.norm.pdf(start / total)
    hardness = difficulty * rng.standard_normal((n, 1))
    first, second = (
        mu
        + hardness
        + suits * rng.standard_normal((n, 1))
        + luck * rng.standard_normal((1, seeds))
        + rng.standard_normal((n, seeds))
        > 0
        for mu in mean
    )
    return first, second


# Four problems, two seeds. D = [[1, 0], [1, 1], [0, -1], [0, 0]], its row means .5, 1, -.5, 0 (mean .25, squares about it
# .0625 + .5625 + .5625 + .0625 = 1.25).
FIRST2 = np.array([[0, 0], [0, 0], [1, 1], [1, 1]])
SECOND2 = np.array([[1, 0], [1, 1], [1, 0], [1, 1]])
# Three seeds of the same problems, where seeds vary a lot: accuracies 0, .5, 1 and 1, 1, .25.
FIRST3 = np.array([[0, 0, 1], [0, 0, 1], [0, 1, 1], [0, 1, 1]])
SECOND3 = np.array([[1, 1, 0], [1, 1, 0], [1, 1, 0], [1, 1, 1]])


class TestHandWorked:
    def test_two_seeds_take_all_of_the_seed_variance(self) -> None:
        c = compare(FIRST2, SECOND2)
        # MSi = 2 * 1.25 / 3. Accuracies: first .5, .5; second 1, .5, variance .125. A = 4 * .125 = .5; U = A.
        msi, a = 2 * 1.25 / 3, 0.5
        # Of A nothing is the first arm's, so its term is that of the second alone.
        se, df = math.sqrt((msi + a) / 8), (msi + a) ** 2 / (msi**2 / 3 + a**2)
        assert c.difference == 0.25
        assert (c.first_accuracy, c.second_accuracy) == (0.5, 0.75)
        assert c.se == pytest.approx(se) == pytest.approx(0.408248, abs=1e-6)
        assert c.df == pytest.approx(df) == pytest.approx(3.692308, abs=1e-6)
        assert stats.t.ppf(0.975, df) * se > 0.75 and c.high == 1  # cut at what is possible
        assert c.difference - c.low == pytest.approx(stats.t.ppf(0.975, df) * se)
        assert c.difference - c.low90 == pytest.approx(stats.t.ppf(0.95, df) * se)
        assert c.p_t == pytest.approx(2 * stats.t.sf(0.25 / se, df))
        assert c.p == max(c.p_t, c.p_permutation)
        assert c.detectable == pytest.approx((stats.t.ppf(0.975, df) + stats.t.ppf(0.8, df)) * se)
        # Residuals of the second arm: rows of means .5, 1, .5, 1, columns 1, .5, mean .75: +-.25 everywhere, 8 * .0625 / 3.
        assert c.mean_squares.noise == pytest.approx(0.5 / 3)

    def test_three_seeds_take_the_noise_out_of_the_seed_variance(self) -> None:
        c = compare(FIRST3, SECOND3)
        # A = 4 * (var(0, .5, 1) + var(1, 1, .25)) = 4 * (.25 + .1875) = 1.75
        # Row means: first 1/3 1/3 2/3 2/3, second 2/3 2/3 2/3 1. Column means as above; means .5 and .75. Residuals:
        first = np.array([[1, -2, 1], [1, -2, 1], [-1, 2, -1], [-1, 2, -1]]) / 6
        second = np.array([[1, 1, -2], [1, 1, -2], [1, 1, -2], [-3, -3, 6]]) / 12
        e = ((first**2).sum() + (second**2).sum()) / 6
        assert e == pytest.approx((24 / 36 + 72 / 144) / 6)
        msi = 3 * np.var([1 / 3, 1 / 3, 0, 1 / 3], ddof=1)
        a, u = 1.75, 1.75 - e
        apart, noise = 1**2 + 0.75**2, ((24 / 36) ** 2 + (72 / 144) ** 2) / 36  # squares of 4 * .25 and 4 * .1875
        df = (msi + u) ** 2 / (msi**2 / 3 + apart / 2 + noise / 6)
        assert c.mean_squares.seeds == pytest.approx(a)
        assert c.mean_squares.noise == pytest.approx(e)
        assert c.se == pytest.approx(math.sqrt((msi + u) / 12))
        assert c.df == pytest.approx(df)
        full, df_full = msi + a, (msi + a) ** 2 / (msi**2 / 3 + apart / 2)
        quantiles = stats.t.ppf(0.975, df_full) + stats.t.ppf(0.8, df_full)
        assert c.detectable == pytest.approx(quantiles * math.sqrt(full / 12))

    def test_seeds_that_vary_less_than_noise_leave_the_problems_alone(self) -> None:
        second = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])  # every seed has accuracy .5
        first = np.zeros_like(second)
        c = compare(first, second)
        msi = 3 * np.var([1 / 3, 1 / 3, 1 / 3, 1], ddof=1)
        assert c.mean_squares.seeds == pytest.approx(0)
        assert c.se == pytest.approx(math.sqrt(msi / 12))
        assert c.df == 3

    def test_against_base_only_the_arm_varies_between_seeds(self) -> None:
        base = np.array([0, 1, 0, 1])
        c = compare_to_base(SECOND3, base)
        msi = 3 * np.var([2 / 3, -1 / 3, 2 / 3, 0], ddof=1)
        a, e = 4 * 0.1875, 72 / 144 / 6
        df = (msi + a - e) ** 2 / (msi**2 / 3 + a**2 / 2 + e**2 / 6)
        assert c.difference == pytest.approx(0.25)
        assert (c.trained_arms, c.seeds) == (1, 3)
        assert c.se == pytest.approx(math.sqrt((msi + a - e) / 12))
        assert c.df == pytest.approx(df)
        df_full = (msi + a) ** 2 / (msi**2 / 3 + a**2 / 2)
        quantiles = stats.t.ppf(0.975, df_full) + stats.t.ppf(0.8, df_full)
        assert c.detectable == pytest.approx(quantiles * math.sqrt((msi + a) / 12))

    def test_no_variance_leaves_the_permutation_alone(self) -> None:
        c = compare(np.zeros((12, 2)), np.ones((12, 2)))
        assert (c.se, c.p_t, c.low, c.high, c.detectable) == (0, None, None, None, None)
        assert c.p == c.p_permutation < 0.01

    def test_equal_arms(self) -> None:
        c = compare(FIRST2, FIRST2)
        assert (c.difference, c.se, c.p, c.p_t) == (0, 0, None, None)

    def test_swapping_the_arms_turns_the_sign_only(self) -> None:
        a, b = compare(FIRST3, SECOND3), compare(SECOND3, FIRST3)
        assert (a.difference, a.low, a.high) == (-b.difference, -b.high, -b.low)
        assert (a.p, a.se, a.df, a.detectable) == (b.p, b.se, b.df, b.detectable)

    def test_fractional_scores(self) -> None:
        c = compare(FIRST2 / 2, SECOND2 / 2)
        whole = compare(FIRST2, SECOND2)
        assert c.se == pytest.approx(whole.se / 2)
        assert (c.p, c.mcnemar) == (pytest.approx(whole.p), ())


class TestAgainstSciPy:
    def test_sign_flip_permutation(self) -> None:
        rng = np.random.default_rng(seed_for("permutation reference"))
        first, second = draw(rng, 10, 3, 1, 0.2)
        every = np.array(list(itertools.product((-1, 1), repeat=10)))
        ours = compare(first, second, signs=every).p_permutation
        rows = (second.mean(axis=1), first.mean(axis=1))
        scipy_test = stats.permutation_test(
            rows, lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=np.inf
        )
        hits = scipy_test.pvalue * len(every)
        assert 0 < hits < len(every)
        assert ours == pytest.approx((1 + hits) / (1 + len(every)))
        drawn = compare(first, second, flips=20_000).p_permutation
        assert drawn == pytest.approx(scipy_test.pvalue, abs=0.015)

    def test_exact_mcnemar_per_seed(self) -> None:
        rng = np.random.default_rng(seed_for("mcnemar reference"))
        first, second = draw(rng, 60, 2, 1, 0.1)
        for seed, test in enumerate(compare(first, second).mcnemar):
            b = int((first[:, seed] & ~second[:, seed]).sum())
            c = int((second[:, seed] & ~first[:, seed]).sum())
            assert (test.seed, test.only_first, test.only_second) == (seed, b, c)
            assert test.p == stats.binomtest(b, b + c, 0.5).pvalue
        # By hand: 1 against 5 of 6 discordant problems, 2 * (1 + 6) / 64.
        first, second = np.array([1] + [0] * 5 + [1] * 4), np.array([0] + [1] * 5 + [1] * 4)
        assert compare(first[:, None], second[:, None]).mcnemar[0].p == pytest.approx(14 / 64)
        assert compare(FIRST2, FIRST2).mcnemar[0].p == 1

    def test_wilson(self) -> None:
        for correct, n in ((0, 10), (3, 10), (10, 10), (700, 1319)):
            reference = stats.binomtest(correct, n).proportion_ci(method="wilson")
            z, share = stats.norm.ppf(0.975), correct / n
            centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
            half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
            assert wilson(correct, n) == (reference.low, reference.high)
            assert wilson(correct, n) == pytest.approx((centre - half, centre + half))

    def test_bootstrap_resamples_problems_and_each_arms_seeds(self) -> None:
        rng = np.random.default_rng(seed_for("bootstrap reference"))
        first, second = draw(rng, 80, 3, 5, 0.1)
        against_arm, against_base = [], []
        for _ in range(4000):
            rows = rng.integers(0, 80, 80)
            a, b = rng.integers(0, 3, 3), rng.integers(0, 3, 3)
            against_arm.append(second[rows][:, b].mean() - first[rows][:, a].mean())
            against_base.append(second[rows][:, b].mean() - first[rows][:, 0].mean())
        for ours, means in (
            (compare(first, second, resamples=4000), against_arm),
            (compare_to_base(second, first[:, 0], resamples=4000), against_base),
        ):
            assert ours.bootstrap == pytest.approx(tuple(np.quantile(means, (0.025, 0.975))), abs=0.015)


class TestHolm:
    def test_by_hand(self) -> None:
        # Sorted .01 .02 .03 .04 times 4 3 2 1: .04 .06 .06 .04, and never falling: .04 .06 .06 .06.
        assert holm({"a": 0.04, "b": 0.01, "c": 0.03, "d": 0.02}) == pytest.approx(
            {"a": 0.06, "b": 0.04, "c": 0.06, "d": 0.06}
        )

    def test_keeps_order_and_caps_at_one(self) -> None:
        adjusted = holm({"z": 0.6, "a": 0.5})
        assert list(adjusted.items()) == [("z", 1.0), ("a", 1.0)]

    def test_a_missing_p_stays_in_the_family(self) -> None:
        assert holm({"scored": 0.02, "failed": None}) == {"scored": 0.04, "failed": 1.0}

    def test_levels_by_hand(self) -> None:
        asked = levels({"a": 0.04, "b": 0.01, "c": None, "d": 0.02})
        assert asked == pytest.approx({"b": 0.05 / 4, "d": 0.05 / 3, "a": 0.05 / 2, "c": 0.05})
        assert list(asked) == ["a", "b", "c", "d"]

    @pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
    def test_refuses_what_is_no_p(self, p: float) -> None:
        with pytest.raises(ValueError, match="'x'"):
            holm({"x": p})


class TestAccuracyInterval:
    def test_two_way_by_hand(self) -> None:
        # Rows .5, 1, .5, 1 (variance 1/12): MSi = 1/6. Accuracies 1, .5: A = 4 * .125 = .5. One arm: A^2 / (S - 1).
        result = accuracy_interval(SECOND2)
        msi, a = 1 / 6, 0.5
        half = stats.t.ppf(0.975, (msi + a) ** 2 / (msi**2 / 3 + a**2)) * math.sqrt((msi + a) / 8)
        assert (result.mean, result.method) == (0.75, "two-way")
        assert result.low == pytest.approx(max(0, 0.75 - half))
        assert result.high == 1

    def test_one_run_gets_wilson(self) -> None:
        result = accuracy_interval(SECOND2[:, 1:])
        assert (result.low, result.high, result.method) == (*wilson(2, 4), "wilson")

    def test_all_wrong_is_not_certain(self) -> None:
        result = accuracy_interval(np.zeros((50, 3)))
        assert (result.low, result.method) == (0, "wilson")
        assert result.high == pytest.approx(wilson(0, 50)[1])
        assert result.high > 0.05

    def test_one_run_of_fractional_scores(self) -> None:
        result = accuracy_interval([[0.2], [0.4], [0.6]])
        half = stats.t.ppf(0.975, 2) * 0.2 / math.sqrt(3)
        assert result.method == "t over problems"
        assert (result.low, result.high) == (0, pytest.approx(0.4 + half))


class TestOneSeedAndOneProblem:
    def test_one_seed_has_no_interval_and_no_p(self) -> None:
        rng = np.random.default_rng(seed_for("one seed"))
        c = compare(*draw(rng, 120, 1, 1))
        assert c.p_permutation > 0
        assert len(c.mcnemar) == 1
        assert (c.p, c.p_t, c.se, c.df, c.low, c.high, c.detectable, c.bootstrap) == (None,) * 8

    def test_one_problem(self) -> None:
        c = compare([[0, 0]], [[1, 1]])
        assert (c.difference, c.p, c.mean_squares) == (1, None, None)
        assert accuracy_interval([[1, 1]]).method == "wilson"


class TestNeeded:
    def test_the_named_sizes_do(self) -> None:
        """Experiments of the named size have, at the median, a detectable effect near the margin."""
        rng = np.random.default_rng(seed_for("needed"))
        c = compare(*draw(rng, 400, 4, 1), resamples=0)
        margin = 0.75 * c.detectable
        named = needed(c, margin)
        assert len(named) == 2
        assert named[0].problems == 400 and named[0].seeds > 4
        assert named[1].seeds == 4 and named[1].problems > 400
        for size in named:
            draws = [draw(rng, size.problems, size.seeds, 1) for _ in range(30)]
            reached = np.median([compare(a, b, flips=1, resamples=0).detectable for a, b in draws])
            assert reached == pytest.approx(margin, rel=0.35)

    def test_no_more_than_needed(self) -> None:
        c = compare(*draw(np.random.default_rng(seed_for("needed")), 300, 3, 0), resamples=0)
        wide, narrow = needed(c, 0.99 * c.detectable), needed(c, 0.92 * c.detectable)
        assert wide[0].seeds <= narrow[0].seeds
        assert wide[-1].problems < narrow[-1].problems

    def test_more_of_both_where_neither_alone_would_do(self) -> None:
        rng = np.random.default_rng(seed_for("needed both"))
        c = compare(*draw(rng, 150, 2, 3), resamples=0)
        (size,) = needed(c, 0.02)
        assert size.seeds >= 5 and size.problems > 150

    def test_starts_at_the_least_size_for_a_verdict(self) -> None:
        c = compare(*draw(np.random.default_rng(seed_for("needed few")), 40, 1, 1))
        assert needed(c, 0.9) == (Size(2, 100),)

    def test_scores_that_never_differ_tell_nothing(self) -> None:
        assert needed(compare(FIRST2, FIRST2), 0.05) == ()

    def test_a_stricter_level_needs_more(self) -> None:
        c = compare(*draw(np.random.default_rng(seed_for("needed")), 400, 4, 1), resamples=0)
        margin = 0.75 * c.detectable
        plain, strict = needed(c, margin)[0], needed(c, margin, 0.05 / 26)[0]
        assert strict.seeds > plain.seeds
        assert detectable(c, 0.05 / 26) > detectable(c) == c.detectable

    def test_the_named_size_calls_equal_arms_equal_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Both ends of the 90 % interval have to stay within the margin, which asks for more than finding it does."""
        c = compare(*draw(np.random.default_rng(seed_for("needed")), 400, 4, 1), resamples=0)
        both = needed(c, 0.75 * c.detectable)
        monkeypatch.setattr(sizes, "_equal_reach", lambda se, df: 0 * se)
        assert both[-1].problems > needed(c, 0.75 * c.detectable)[-1].problems

    def test_margin_must_be_positive(self) -> None:
        with pytest.raises(ValueError, match="margin is 0"):
            needed(compare(FIRST2, SECOND2), 0)


class TestRefusals:
    @pytest.mark.parametrize(
        ("first", "second", "says"),
        [
            (np.zeros((0, 2)), np.zeros((0, 2)), "first arm: no data, n = 0 problems"),
            (np.zeros((3, 0)), np.zeros((3, 0)), "no seeds for 3 problems"),
            ([0.0, 1.0], [0.0, 1.0], "expected \\(problems, seeds\\)"),
            ([[0.0, math.nan]], [[0.0, 1.0]], "first arm: 1 scores are NaN"),
            ([[0.0, 1.0]], [[0.0, 1.5]], "second arm: scores from 0 to 1.5"),
            ([[0.0, 1.0]], [[-0.1, 1.0]], "expected 0 to 1"),
            (np.zeros((3, 2)), np.zeros((3, 3)), "a failed seed leaves both arms"),
        ],
    )
    def test_compare(self, first: object, second: object, says: str) -> None:
        with pytest.raises(ValueError, match=says):
            compare(first, second)

    def test_base_of_another_length(self) -> None:
        with pytest.raises(ValueError, match="one score for each of 4 problems"):
            compare_to_base(SECOND2, [0, 1, 1])

    def test_no_data_is_never_zero(self) -> None:
        with pytest.raises(ValueError, match="no data"):
            accuracy_interval(np.zeros((0, 3)))
        with pytest.raises(ValueError, match="no data"):
            wilson(0, 0)
        with pytest.raises(ValueError, match="impossible"):
            wilson(5, 4)
        with pytest.raises(ValueError, match="at least 1"):
            sign_flips(3, 0)
        with pytest.raises(ValueError, match="expected \\(flips, 4\\)"):
            compare(FIRST2, SECOND2, signs=np.ones((5, 3)))


def test_deterministic_named_streams() -> None:
    rng = np.random.default_rng(seed_for("streams"))
    first, second = draw(rng, 50, 3, 1)
    assert compare(first, second, parts=("gsm8k",)) == compare(first, second, parts=("gsm8k",))
    assert compare(first, second, parts=("gsm8k",)).bootstrap != compare(first, second, parts=("svamp",)).bootstrap


def test_json_round_trip() -> None:
    for c in (compare(FIRST3, SECOND3), compare(FIRST3[:, :1], SECOND3[:, :1])):
        assert msgspec.json.decode(msgspec.json.encode(c), type=Comparison) == c
