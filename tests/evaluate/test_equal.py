"""Comparisons at equal cost, difficulty and curves, on a stored evaluation with known answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from journey.evaluate.planning import comparisons
from journey.evaluate.planning.runs import pairs
from journey.evaluate.planning.sample_sets import draws_on
from journey.evaluate.scoring import difficulty, equal_cost, graded, score
from journey.evaluate.scoring.difficulty import quantile_bins
from journey.evaluate.scoring.graded import GradedSamples, read_book
from journey.formats.folders import EvaluatedFolder, open_finished
from journey.formats.plan import BenchmarkInfo, EvaluationPlan, LargerInfo, RunInfo
from journey.formats.scores import Scores
from journey.rng import rng_for
from journey.sampling.requests import StrategySettings
from journey.sampling.shards import samples_folder
from journey.schema import Problem, Question, Sample
from journey_testing.folders import write_folder

ARMS = ("shortcut@tokens", "journey")
NUMBERS = StrategySettings(k=4, samples=8, temperature=0.7, top_p=0.95, rounds=1, waits=1, caps=(8,))
SHORT, LONG = 10, 35  # tokens of a shortcut's and of a journey's answer
MORE: dict[str, int] = {}  # tokens that the answers of a run have more than those of its arm
NAMES = ("greedy", "majority", "pass", "adaptive")


def info(name: str, problems: int, dev: str | None = None) -> BenchmarkInfo:
    return BenchmarkInfo(name, problems, "test", None, None, "0", "value", dev=dev)


def make(
    folder: Path, *, problems: int = 150, dev: bool = True, names: tuple[str, ...] = NAMES, large: bool = False
) -> GradedSamples:
    """Half of the problems are easy. The shortcut is right on 85 % of samples of easy ones and 35 % of hard ones (wrong
    answers differ), the journey on 90 % and 60 %."""
    runs = [RunInfo("base", "base", None)]
    runs += [RunInfo(f"{arm[:8].strip('@')}-s{s}", arm, s, "there") for arm in ARMS for s in (0, 1)]
    infos = (info("main", problems, "main.dev" if dev else None),)
    plan = EvaluationPlan(
        base="tiny", view="plain", runs=tuple(runs), benchmarks=infos, primary="main", strategies=names,
        comparisons=comparisons.family(
            names, infos, ARMS, pairs(runs[1:]), (), base=True, equal=True, larger=large
        ),
        margin=0.05, max_new_tokens=64, batch=8, dtype="float32", seed=0,
        policies=comparisons.policies(names, NUMBERS), draws=comparisons.draws(names, NUMBERS),
        dev=(info("main.dev", problems),) if dev else (), numbers=msgspec.to_builtins(NUMBERS),
        larger=LargerInfo("large", "plain", 100) if large else None,
    )  # fmt: skip
    plan = msgspec.structs.replace(plan, primary_family=comparisons.primary_family(plan.comparisons, "main"))
    files: dict[str, Any] = {EvaluationPlan.FILE: plan.encoded()}
    seconds: dict[str, Any] = {}
    for benchmark in (*plan.benchmarks, *plan.dev):
        asked = [question(benchmark.name, n) for n in range(problems)]
        files[f"questions/{benchmark.name}.jsonl"] = asked
        for run in runs:
            for draw in draws_on(plan, benchmark.name, run):
                put(files, seconds, run.run, run.arm, asked, draw, 8 if draw == "samples" else 1)
        if large and benchmark.name == "main":
            put(files, seconds, "larger", "larger", asked, "greedy", 1)
    return read_book(open_finished(write_folder(folder, "evaluate", files), "evaluate"), plan, seconds)


def question(benchmark: str, n: int) -> Question:
    name = f"{benchmark}-{n}"
    return Question(name, benchmark, Problem(id=name, question="How many?", answer="18", source="test", level=n % 2))


def put(files: dict[str, Any], seconds: Any, run: str, arm: str, asked: list[Question], draw: str, count: int) -> None:
    samples = []
    for question in asked:
        hard = question.problem.level == 1
        chance = {"base": 0.1, ARMS[0]: 0.35 if hard else 0.85, "journey": 0.6 if hard else 0.9, "larger": 0.8}[arm]
        for index in range(count):
            rng = rng_for("test", run, question.id, draw, index)
            answer = "18" if rng.random() < chance else str(rng.randint(100, 200))
            tokens = (SHORT if arm != "journey" else LONG) + MORE.get(run, 0)
            samples.append(
                Sample(question.id, run, f"\\boxed{{{answer}}}", tokens, 0.0, "stop", index, 5, 1000 * tokens, -1.0)
            )
    where = samples_folder(run, asked[0].benchmark, draw)
    files[f"{where}/00000.jsonl"] = samples
    seconds[where] = [0.5] * len(samples)


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> GradedSamples:
    return make(tmp_path_factory.mktemp("book") / "e", large=True)


@pytest.fixture(scope="module")
def scores(book: GradedSamples, tmp_path_factory: pytest.TempPathFactory) -> Scores:
    return score.score_book(stored(tmp_path_factory.mktemp("scores") / "e", book), book)


def stored(folder: Path, book: GradedSamples) -> EvaluatedFolder:
    """A folder with the book's plan alone: scoring reads nothing else of it."""
    return open_finished(write_folder(folder, "evaluate", {EvaluationPlan.FILE: book.plan.encoded()}), "evaluate")


class TestEqualTokens:
    def test_the_budget_is_what_a_greedy_journey_costs(self, scores: Scores) -> None:
        (told,) = scores.equal_tokens
        assert (told.first, told.second, told.arm, told.unit) == (ARMS[0], "journey", ARMS[0], "tokens")
        assert told.budget == told.dev_budget == LONG and not told.why

    def test_the_budget_is_a_mean_over_the_seeds(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Seed 1 writes 10 tokens more than seed 0: B is what a journey costs, not what the first run's journeys do."""
        monkeypatch.setitem(MORE, "journey-s1", 10)
        book = make(tmp_path, problems=20, names=("greedy", "majority"))
        (told,) = (b.record for b in equal_cost.all_budgets(book).values())
        assert told.budget == told.dev_budget == LONG + 5

    def test_every_candidate_is_shown_and_no_oracle(self, scores: Scores) -> None:
        (told,) = scores.equal_tokens
        names = [c.policy for c in told.candidates]
        majority = ["majority@1", "majority@2", "majority@4", "majority@3.5"]
        assert names == ["greedy", *majority, "adaptive@2", "adaptive@4", "best-of-self@2", "best-of-self@4"]
        assert not any("pass" in name for name in names)
        by_name = {c.policy: c for c in told.candidates}
        assert by_name["majority@3.5"].cost == by_name["majority@3.5"].dev_cost == pytest.approx(LONG)
        assert not by_name["majority@4"].affordable and by_name["majority@3.5"].affordable

    def test_a_shortcut_that_calls_its_wrong_answers_wrong_may_use_that(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whether or not best-of-self was asked for; plans of 0.1 never had it."""
        monkeypatch.setattr(graded, "calls_itself_wrong", lambda text, problem: text != "\\boxed{18}")
        book = make(tmp_path / "e", problems=40, names=("greedy", "majority"))
        (told,) = (b.record for b in equal_cost.all_budgets(book).values())
        assert (told.chosen or "").startswith("best-of-self")
        assert next(c for c in told.candidates if c.chosen).accuracy > 0.8
        book.plan = msgspec.structs.replace(book.plan, primary_family=())
        (old,) = (b.record for b in equal_cost.all_budgets(book).values())
        assert not [c for c in old.candidates if c.strategy == "best-of-self"]

    def test_samples_of_an_oracle_alone_are_not_on_dev_problems(self, tmp_path: Path) -> None:
        book = make(tmp_path / "e", problems=20, names=("greedy", "pass"))
        (told,) = (b.record for b in equal_cost.all_budgets(book).values())
        assert [c.policy for c in told.candidates] == ["greedy"]

    def test_interpolated_between_the_settings_on_either_side(self, book: GradedSamples, scores: Scores) -> None:
        (told,) = scores.equal_tokens
        three, four = (
            np.mean([book.applied(f"shortcut-s{s}", "main", "majority", k).scores for s in (0, 1)]) for k in (3, 4)
        )
        found = next(c for c in told.candidates if c.policy == "majority@3.5")
        assert found.accuracy == pytest.approx((three + four) / 2)

    def test_the_best_on_dev_is_chosen_whatever_the_test_says(self, scores: Scores) -> None:
        (told,) = scores.equal_tokens
        within = [c for c in told.candidates if c.affordable]
        best = max(within, key=lambda c: c.dev_accuracy or 0)
        assert [c.policy for c in told.candidates if c.chosen] == [best.policy] == [told.chosen]
        assert max(within, key=lambda c: c.accuracy).accuracy >= best.accuracy

    def test_the_test_problems_do_not_choose(self, tmp_path: Path) -> None:
        """Greedy is made perfect on the dev problems alone, and the vote on the test problems alone."""
        book = make(tmp_path, problems=30, names=("greedy", "majority"))
        for (_, benchmark, draw), cell in book.cells.items():
            if (benchmark, draw) in (("main.dev", "greedy"), ("main", "samples")):
                cell.__dict__["matrix"] = _replaced(cell.matrix, np.ones_like(cell.matrix.points))
        (told,) = (b.record for b in equal_cost.all_budgets(book).values())
        by_name = {c.policy: c for c in told.candidates}
        assert told.chosen == "greedy" and by_name["greedy"].accuracy < by_name["majority@3.5"].accuracy

    def test_the_same_test_on_scores_between_0_and_1(self, scores: Scores) -> None:
        (told,) = scores.equal_tokens
        assert told.comparison is not None and told.comparison.problems == 150 and told.comparison.seeds == 2
        chosen = next(c for c in told.candidates if c.chosen)
        assert told.comparison.first_accuracy == pytest.approx(chosen.accuracy) and told.comparison.mcnemar == ()
        compared = next(c for c in scores.compared if c.strategy == "equal test tokens")
        assert compared.comparison == told.comparison and compared.policy == told.chosen and compared.primary
        assert any(f"at equal test tokens, {ARMS[0]} ({told.chosen}) v journey" in line for line in scores.headline)

    def test_primary_and_secondary_verdicts_are_families_of_their_own(
        self, book: GradedSamples, scores: Scores
    ) -> None:
        kinds = {(item.first, item.at) for item in book.plan.comparisons}
        assert kinds == {
            (ARMS[0], ""), ("base", ""), (ARMS[0], "majority"), (ARMS[0], "adaptive"), (ARMS[0], "equal test tokens"),
            ("larger", "equal test FLOPs"),
        }  # fmt: skip
        assert (
            len(book.plan.comparisons) == 8 and len(scores.compared) == 7
        )  # a journey costs more than the larger model
        primary, others = ([c for c in scores.compared if c.primary is flag] for flag in (True, False))
        assert [(c.first, c.strategy) for c in primary] == [(ARMS[0], "greedy"), (ARMS[0], "equal test tokens")]
        for family, declared in ((primary, 2), (others, 6)):
            smallest = min(family, key=lambda c: c.comparison.p or 1)
            assert smallest.verdict.holm_p == pytest.approx(declared * (smallest.comparison.p or 1))

    def test_equal_test_tokens_is_one_question(self) -> None:
        """Asked of the shortcut with equal training tokens; controls are secondary, journeys of other origins are not."""
        arms = ("shortcut@examples", "shortcut@tokens", "dots", "journey:injected", "journey")
        runs = [RunInfo(f"{arm}-s0", arm, 0) for arm in arms]
        declared = comparisons.family(
            NAMES,
            (info("main", 9, "dev"), info("b", 9, "dev")),
            arms,
            pairs(runs),
            (),
            base=True,
            equal=True,
            larger=True,
        )
        assert comparisons.primary_family(declared, "main") == (
            "main: shortcut@examples v journey",
            "main: shortcut@tokens v journey",
            "main: journey:injected v journey",
            "main: shortcut@tokens v journey, equal test tokens",
        )
        alone = comparisons.family(
            NAMES,
            (info("main", 9),),
            ("dots", "journey"),
            [("dots", "journey")],
            (),
            base=True,
            equal=True,
            larger=False,
        )
        assert comparisons.primary_family(alone, "main") == ("main: dots v journey",)

    def test_without_dev_problems_nothing_is_declared_or_chosen(self, tmp_path: Path) -> None:
        book = make(tmp_path, dev=False, problems=20)
        assert not [item for item in book.plan.comparisons if item.at == "equal test tokens"]
        assert score.score_book(stored(tmp_path / "stored", book), book).equal_tokens == ()

    def test_a_budget_for_more_samples_than_count_says_so(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(globals(), "LONG", 90)
        book = make(tmp_path, problems=20)
        (told,) = (b.record for b in equal_cost.all_budgets(book).values())
        assert told.limited and told.budget == 90
        names = ("greedy", "majority")
        monkeypatch.setitem(globals(), "LONG", 35)
        (enough,) = (b.record for b in equal_cost.all_budgets(make(tmp_path / "b", problems=20, names=names)).values())
        assert not enough.limited
        assert max(c.k or 0 for c in told.candidates) == 4  # half of the eight that were drawn


class TestLarger:
    def test_matched_by_flops(self, scores: Scores) -> None:
        (told,) = scores.larger
        assert told.model == "large" and told.flops == 1000 * SHORT and 0.7 < told.accuracy < 0.9
        by_arm = {one.arm: one for one in told.matched}
        assert set(by_arm) == set(ARMS) and all(one.first == "larger" for one in told.matched)
        assert by_arm["journey"].chosen is None and by_arm["journey"].why == "no policy of the arm costs so little"
        found = by_arm[ARMS[0]].comparison
        assert found is not None and found.trained_arms == 1 and found.first_accuracy == pytest.approx(told.accuracy)


class TestDifficulty:
    def test_five_bins_from_the_other_half_of_the_samples(self, scores: Scores) -> None:
        assert [(d.benchmark, d.arm) for d in scores.difficulty] == [("main", arm) for arm in ("base", *ARMS)]
        for told in scores.difficulty:
            assert told.measure == "pooled pass rate" and told.largest_share < 0.5
            assert sum(one.problems for one in told.bins) == pytest.approx(150)
        journey = scores.difficulty[2]
        greedy = [next(s for s in b.scores if s.policy == "greedy").accuracy for b in journey.bins]
        assert greedy[0] > greedy[-1] + 0.2

    def test_bins_do_not_look_at_the_samples_that_they_score(self, book: GradedSamples) -> None:
        """Where every sample is a coin of its own, a bin of problems that were lucky is no better on the other half."""
        rng = np.random.default_rng(0)
        for (_, benchmark, draw), cell in list(book.cells.items()):
            if benchmark == "main" and draw == "samples":
                cell.__dict__["matrix"] = _replaced(cell.matrix, (rng.random(cell.matrix.points.shape) < 0.5) * 1.0)
        fresh = GradedSamples(book.plan, book.cells)
        told = list(difficulty.all_difficulties(fresh))[1]
        for cell in book.cells.values():
            cell.__dict__.pop("matrix", None)
        single = [next(s for s in b.scores if s.strategy == "pass").accuracy for b in told.bins]
        assert max(single) - min(single) < 0.15

    def test_bins_of_equal_values(self) -> None:
        assert quantile_bins(np.array([0.0] * 9 + [1.0])).tolist() == [0] * 9 + [4]
        assert np.bincount(quantile_bins(np.arange(100.0))).tolist() == [20] * 5

    def test_too_much_alike_falls_back_to_the_level(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(difficulty, "TOO_FULL", 0.1)
        (told, *_) = difficulty.all_difficulties(make(tmp_path, problems=20))
        assert told.measure == difficulty.OWN and len(told.bins) == 2  # levels 0 and 1

    def test_compute_optimal(self, scores: Scores) -> None:
        told = next(o for o in scores.compute_optimal if o.arm == ARMS[0])
        assert [p.budget for p in told.points] == sorted(p.budget for p in told.points)
        for point in told.points:
            assert len(point.policies[0]) == 5 and point.tokens <= point.budget * 1.3
        assert told.points[-1].accuracy > told.points[0].accuracy
        assert not any("pass" in name for p in told.points for half in p.policies for name in half)


def _replaced(matrix: Any, points: Any) -> Any:
    from dataclasses import replace

    return replace(matrix, points=points)


class TestCurves:
    def test_points(self, scores: Scores) -> None:
        found = {(c.strategy, c.arm): c for c in scores.curves}
        assert set(found) == {(name, arm) for name in NAMES for arm in ("base", *ARMS)}
        curve = found["majority", "journey"]
        assert [p.k for p in curve.points] == [1, 2, 4] and curve.axis == "samples" and not curve.oracle
        assert [p.tokens for p in curve.points] == pytest.approx([35, 70, 140])
        assert curve.points[0].flops == pytest.approx(35_000) and curve.points[0].seconds == pytest.approx(0.5)
        assert (
            found["pass", "journey"].oracle and curve.points[2].low <= curve.points[2].accuracy <= curve.points[2].high
        )

    def test_runs_and_arms_have_policies_costs(self, scores: Scores) -> None:
        arm = next(a for a in scores.arms if (a.arm, a.strategy) == ("journey", "majority"))
        assert (arm.mean_tokens, arm.mean_flops, arm.mean_seconds) == pytest.approx((140, 140_000, 2.0))
        run = next(r for r in scores.runs if (r.run, r.strategy) == ("journey-s0", "majority"))
        assert (run.samples, run.n) == (1200, 150) and run.accuracy > run.correct / run.samples


def test_holm_can_reach_significance_in_a_large_family(book: GradedSamples) -> None:
    from journey.evaluate.scoring.graded import comparison_options

    many = msgspec.structs.replace(book.plan, comparisons=book.plan.comparisons * 40)
    options = comparison_options(many, book.plan.comparisons[0])
    assert len(many.comparisons) / (options["flips"] + 1) < 0.05
    assert comparison_options(book.plan, book.plan.comparisons[0])["flips"] == 2000
