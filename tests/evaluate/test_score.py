"""Scores from stored samples: joined by id, per seed, with what was declared and what failed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from journey.answers.grading import grade
from journey.errors import PartialError
from journey.evaluate.report.content import content
from journey.evaluate.scoring.conduct import conduct_of, count
from journey.evaluate.scoring.graded import read_book
from journey.evaluate.scoring.score import score_book
from journey.evaluate.statistics.verdict import declare
from journey.formats.files import json_lines, sha256
from journey.formats.folders import open_finished
from journey.formats.plan import BenchmarkInfo, EvaluationPlan, RunInfo
from journey.formats.scores import Scores
from journey.rng import rng_for
from journey.sampling.shards import samples_folder
from journey.schema import Problem, Question, Sample
from journey_testing.folders import change as rewrite
from journey_testing.folders import write_folder

PROBLEMS = 120
Answers = Callable[[str, int | None, int], str]  # (arm, seed, question) -> text


def question(benchmark: str, number: int) -> Question:
    name = f"{benchmark}-{number}"
    return Question(name, benchmark, Problem(id=name, question="How many?", answer="18", source="test"))


def often(arm: str, seed: int | None, number: int) -> str:
    """Right answers: journey 90 %, shortcut 40 %, base 10 %."""
    share = {"journey": 0.9, "shortcut@tokens": 0.4, "base": 0.1}[arm]
    return "\\boxed{18}" if rng_for("test", arm, seed, number).random() < share else "\\boxed{17}"


def make(
    folder: Path,
    answers: Answers = often,
    *,
    seeds: dict[str, tuple[int, ...]] | None = None,
    benchmarks: tuple[str, ...] = ("main",),
    change: Callable[[str, list[Sample]], list[Sample]] = lambda run, samples: samples,
    **plan_changes: Any,
) -> tuple[EvaluationPlan, dict[str, float]]:
    """An evaluation folder with these answers; gives its plan and the seconds."""
    seeds = seeds or {"shortcut@tokens": (0, 1), "journey": (0, 1)}
    runs = [RunInfo("base", "base", None)]
    for arm, numbers in seeds.items():
        runs += [RunInfo(f"{arm.replace('@', '-')}-s{n}", arm, n, "there") for n in numbers]
    info = [BenchmarkInfo(name, PROBLEMS, "test", None, None, "0", "value") for name in benchmarks]
    pairs = [("shortcut@tokens", "journey"), ("base", "shortcut@tokens"), ("base", "journey")]
    plan = EvaluationPlan(
        base="tiny",
        view="plain",
        runs=tuple(runs),
        benchmarks=tuple(info),
        primary=benchmarks[0],
        strategies=("greedy",),
        comparisons=tuple(declare(benchmarks, pairs, base=False)),
        margin=0.05,
        max_new_tokens=64,
        batch=8,
        dtype="float32",
        seed=0,
    )
    plan = msgspec.structs.replace(plan, **plan_changes)
    files: dict[str, Any] = {EvaluationPlan.FILE: plan.encoded()}
    seconds = {}
    for name in benchmarks:
        files[f"questions/{name}.jsonl"] = [question(name, n) for n in range(PROBLEMS)]
        for run in runs:
            samples = [
                Sample(f"{name}-{n}", run.run, answers(run.arm, run.seed, n), 10, 0.0, "stop") for n in range(PROBLEMS)
            ]
            where = samples_folder(run.run, name, "greedy")
            files[f"{where}/00000.jsonl"] = change(run.run, samples)
            seconds[where] = 0.5
    write_folder(folder, "evaluate", files)
    return plan, seconds


def score(folder: Path, plan: EvaluationPlan, seconds: dict[str, float]) -> Scores:
    evaluated = open_finished(folder, "evaluate")
    return score_book(evaluated, read_book(evaluated, plan, seconds))


def scored(folder: Path, *args: Any, **kwargs: Any) -> Scores:
    plan, seconds = make(folder, *args, **kwargs)
    return score(folder, plan, seconds)


def test_a_clear_difference(tmp_path: Path) -> None:
    scores = scored(tmp_path)
    assert scores.plan_sha256 == sha256(tmp_path / "plan.json")
    first = scores.compared[0]
    assert (first.first, first.second, first.primary, first.strategy) == ("shortcut@tokens", "journey", True, "greedy")
    assert first.comparison.seeds == 2 and first.comparison.problems == PROBLEMS
    assert first.verdict.words == "journey better (2 seeds, provisional)"
    assert [item.primary for item in scores.compared] == [True, False, False]
    assert len(scores.headline) == 1 and scores.headline[0].startswith(
        "On main, shortcut@tokens v journey: journey better (2 seeds, provisional) (+"
    )
    assert scores.qualifiers == () and scores.failed_runs == ()


def test_runs_and_arms_count_the_same_samples(tmp_path: Path) -> None:
    scores = scored(tmp_path)
    assert [run.run for run in scores.runs] == [
        "base",
        "shortcut-tokens-s0",
        "shortcut-tokens-s1",
        "journey-s0",
        "journey-s1",
    ]
    for arm in scores.arms:
        runs = [run for run in scores.runs if run.arm == arm.arm]
        assert arm.seeds == len(runs) and arm.n == PROBLEMS
        assert arm.accuracy == pytest.approx(sum(run.correct for run in runs) / PROBLEMS / len(runs))
        assert arm.low <= arm.accuracy <= arm.high
    compared = scores.compared[0].comparison
    by_arm = {arm.arm: arm.accuracy for arm in scores.arms}
    assert compared.difference == pytest.approx(by_arm["journey"] - by_arm["shortcut@tokens"])


def test_samples_are_joined_by_id_and_never_by_position(tmp_path: Path) -> None:
    plain = scored(tmp_path / "a")
    turned = scored(tmp_path / "b", change=lambda run, samples: samples[::-1] if run == "journey-s0" else samples)
    assert turned == plain


def test_outcomes_and_rates(tmp_path: Path) -> None:
    texts = ["\\boxed{18}", "\\boxed{17}", "no idea", "\\boxed{50\\%}", "so \\boxed{18", "The answer is 18"]

    def cut(run: str, samples: list[Sample]) -> list[Sample]:
        return [msgspec.structs.replace(s, finish="length") if int(s.question[5:]) % 6 >= 4 else s for s in samples]

    def answers(arm: str, seed: int | None, number: int) -> str:
        return texts[number % 6]

    scores = scored(tmp_path, answers, change=cut)
    run = scores.runs[1]
    assert (run.n, run.correct, run.wrong, run.no_answer, run.undecided, run.truncated) == (120, 20, 40, 60, 0, 40)
    assert (run.mean_tokens, run.mean_seconds) == (10.0, 0.5)
    arm = scores.arms[1]
    assert (arm.truncation_rate, arm.no_answer_rate, arm.accuracy) == (40 / 120, 60 / 120, 20 / 120)


def test_undecided_scores_nothing_and_is_counted(tmp_path: Path) -> None:
    plan, seconds = make(tmp_path, lambda arm, seed, n: "\\boxed{50\\%}")
    half = [question("main", n) for n in range(PROBLEMS)]
    half = [msgspec.structs.replace(q, problem=msgspec.structs.replace(q.problem, answer="0.5")) for q in half]
    rewrite(tmp_path, {"questions/main.jsonl": json_lines(half)})
    scores = score(tmp_path, plan, seconds)
    assert scores.runs[0].undecided == PROBLEMS and scores.arms[0].accuracy == 0
    assert scores.qualifiers == ("floor",)


class TestSeedsThatFailed:
    def test_a_missing_seed_leaves_both_arms_and_is_named(self, tmp_path: Path) -> None:
        scores = scored(tmp_path, seeds={"shortcut@tokens": (0, 1, 2), "journey": (0, 2)})
        whole = scored(tmp_path / "b", seeds={"shortcut@tokens": (0, 2), "journey": (0, 2)})
        assert scores.failed_runs == ("journey seed 1",)
        assert scores.compared[0].comparison == whole.compared[0].comparison
        assert scores.compared[0].comparison.seeds == 2
        assert {arm.arm: arm.seeds for arm in scores.arms} == {"base": 1, "shortcut@tokens": 3, "journey": 2}

    def test_a_run_without_an_adapter_is_named(self, tmp_path: Path) -> None:
        plan, seconds = make(tmp_path)
        runs = [msgspec.structs.replace(r, adapter=None) if r.run == "journey-s1" else r for r in plan.runs]
        scores = score(tmp_path, msgspec.structs.replace(plan, runs=tuple(runs)), seconds)
        assert scores.failed_runs == ("journey-s1",)
        assert scores.compared[0].comparison.seeds == 1
        assert scores.compared[0].verdict.words == "too small to tell"

    def test_no_seed_in_common_is_no_result_but_stays_in_the_family(self, tmp_path: Path) -> None:
        scores = scored(tmp_path, seeds={"shortcut@tokens": (0, 1), "journey": (2, 3)})
        assert [(c.first, c.second) for c in scores.compared] == [("base", "shortcut@tokens"), ("base", "journey")]
        assert scores.headline == ()
        best = min(c.comparison.p or 1 for c in scores.compared)
        assert min(c.verdict.holm_p for c in scores.compared) == pytest.approx(3 * best)


def test_below_the_base(tmp_path: Path) -> None:
    def worse(arm: str, seed: int | None, number: int) -> str:
        return often({"base": "journey", "journey": "base"}.get(arm, arm), seed, number)

    scores = scored(tmp_path, worse)
    assert scores.compared[0].verdict.qualifiers == ("both below the untuned base",)
    assert scores.qualifiers == ("both below the untuned base",)
    assert scores.headline[0].endswith("; both below the untuned base.")


def test_mixed_over_benchmarks(tmp_path: Path) -> None:
    plan, seconds = make(tmp_path, benchmarks=("main", "other"))
    names = {"journey": "shortcut@tokens", "shortcut@tokens": "journey", "base": "base"}
    for run in plan.runs:
        turned = [
            Sample(f"other-{n}", run.run, often(names[run.arm], run.seed, n), 10, 0.0, "stop") for n in range(PROBLEMS)
        ]
        where = samples_folder(run.run, "other", "greedy")
        rewrite(tmp_path, {f"{where}/00000.jsonl": json_lines(turned)})
    scores = score(tmp_path, plan, seconds)
    assert scores.qualifiers == ("mixed",)
    assert len(scores.headline) == 1 and len(scores.compared) == 6


def test_holm_counts_everything_declared(tmp_path: Path) -> None:
    one, two = scored(tmp_path / "a"), scored(tmp_path / "b", benchmarks=("main", "other"))
    assert two.compared[0].comparison == one.compared[0].comparison
    assert two.compared[0].verdict.holm_p > one.compared[0].verdict.holm_p


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda samples: samples[1:], "119 samples of 120 questions, 1 of them missing"),
        (lambda samples: [*samples, samples[0]], "question main-0 has two samples"),
        (lambda samples: [*samples, msgspec.structs.replace(samples[0], question="main-999")], "121 samples of 120"),
    ],
)
def test_samples_that_do_not_fit_the_questions(change: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(PartialError, match=message):
        scored(tmp_path, change=lambda run, samples: change(samples) if run == "journey-s1" else samples)


def two_families(benchmarks: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return {"primary_family": (f"{benchmarks[0]}: shortcut@tokens v journey",)}


def test_asking_for_more_costs_the_headline_no_power(tmp_path: Path) -> None:
    """Holm covers the primary comparisons and the others apart, and an n/a one stays in its family."""
    few, many = ("main",), ("main", "other", "third")
    one = scored(tmp_path / "a", benchmarks=few, **two_families(few))
    more = scored(tmp_path / "b", benchmarks=many, **two_families(many))
    for scores in (one, more):
        primary = scores.compared[0]
        assert primary.primary and primary.verdict.holm_p == primary.comparison.p and primary.verdict.level == 0.05
    others = [item for item in more.compared if not item.primary]
    smallest = min(others, key=lambda item: item.comparison.p or 1)
    assert len(others) == 8 and smallest.verdict.level == pytest.approx(0.05 / 8)
    assert smallest.verdict.holm_p == pytest.approx(8 * (smallest.comparison.p or 1))

    def nothing(arm: str, seed: int | None, number: int) -> str:
        return "\\boxed{17}" if arm != "journey" else often(arm, seed, number)

    lost = scored(tmp_path / "c", nothing, benchmarks=few, **two_families(few))
    never = next(item for item in lost.compared if (item.first, item.second) == ("base", "shortcut@tokens"))
    assert (never.comparison.p, never.comparison.low) == (None, None)
    other = next(item for item in lost.compared if item.second == "journey" and item.first == "base")
    assert other.verdict.holm_p == pytest.approx(2 * (other.comparison.p or 1))


def test_an_arm_that_collapsed_elsewhere_is_in_the_headline(tmp_path: Path) -> None:
    plan, seconds = make(tmp_path, benchmarks=("main", "other"), **two_families(("main",)))
    worse = {"base": "journey", "journey": "base", "shortcut@tokens": "journey"}
    for run in plan.runs:
        texts = [often(worse[run.arm], run.seed, n) for n in range(PROBLEMS)]
        turned = [Sample(f"other-{n}", run.run, text, 10, 0.0, "stop") for n, text in enumerate(texts)]
        rewrite(tmp_path, {f"{samples_folder(run.run, 'other', 'greedy')}/00000.jsonl": json_lines(turned)})
    scores = score(tmp_path, plan, seconds)
    assert scores.headline[0].endswith("; journey below the untuned base on other.")
    assert "journey below the untuned base on other" in scores.qualifiers


def conducted(text: str, finish: Any = "stop") -> Any:
    one = question("main", 0)
    sample = Sample("main-0", "base", text, 10, 0.0, finish)
    return conduct_of(one, sample, grade(one.problem, text, finish))


class TestConduct:
    def test_an_answer_in_the_format(self) -> None:
        for text in (
            "so \\boxed{18}",
            "\\boxed{12}. Wait, that is wrong. \\boxed{18}",
            "<answer>18</answer>",
            "\\boxed{18}</s>",
        ):
            seen = conducted(text)
            assert not (seen.loop or seen.cut or seen.ran_on or seen.no_box), text

    @pytest.mark.parametrize(
        "more",
        [
            " <bos> use 3 4 make 7 : try",
            " use 3 4 5 make 7 : \\boxed{ 3 }",
            "\n\nQuestion: What is 2 + 2?",
            "<|user|> And 3?",
        ],
    )
    def test_running_on_into_a_new_problem(self, more: str) -> None:
        assert conducted(f"so \\boxed{{18}}{more}").ran_on and conducted(f"so \\boxed{{18}}{more}").right_before
        assert conducted(f"so \\boxed{{17}}{more}").ran_on and not conducted(f"so \\boxed{{17}}{more}").right_before
        assert not conducted(f"no box {more}").ran_on

    def test_no_box(self) -> None:
        assert conducted("The answer is 18").no_box
        assert not conducted("The answer is", "length").no_box and not conducted("").no_box

    def test_withheld_and_empty_answers_are_counted_apart(self) -> None:
        seen = count([conducted("\\boxed{18}", "content_filter"), conducted(" \n"), conducted("\\boxed{18}")])
        assert (seen.answers, seen.withheld, seen.empty, seen.no_box) == (3, 1, 1, 0)

    def test_cut_off_by_cause(self) -> None:
        loop = "try 3 + 4 = 7 low . " * 12
        assert (conducted(loop, "length").loop, conducted(loop, "length").cut) == (True, True)
        longer = "then " + " ".join(f"{n} + 1 = {n + 1}" for n in range(30))
        assert (conducted(longer, "length").loop, conducted(longer, "length").cut) == (False, True)
        seen = count(
            [conducted(loop, "length"), conducted(longer, "length"), conducted(loop), conducted("\\boxed{18}")]
        )
        assert (seen.answers, seen.loops, seen.cut_in_a_loop, seen.cut_by_the_cap) == (4, 2, 1, 1)

    def test_what_is_frequent_stands_beside_the_headline(self, tmp_path: Path) -> None:
        """A base that runs on into a new problem has not 0 % right."""

        def answers(arm: str, seed: int | None, number: int) -> str:
            right = often(arm, seed, number)
            return f"\\boxed{{18}} <bos> use 3 4 make 7 : {right.replace('18', '7')}" if arm == "base" else right

        def cut(run: str, samples: list[Sample]) -> list[Sample]:
            loop = "try 3 + 4 = 7 low . " * 12
            changed = [msgspec.structs.replace(s, text=loop, finish="length") for s in samples[: PROBLEMS // 4]]
            return [*changed, *samples[PROBLEMS // 4 :]] if run.startswith("journey") else samples

        scores = scored(tmp_path, answers, change=cut)
        base = next(arm for arm in scores.arms if arm.arm == "base")
        assert base.accuracy == 0 and base.conduct is not None and base.conduct.right_before == PROBLEMS
        assert scores.qualifiers == (
            (
                "base runs on into a new problem in 100.0% of its answers (cut there, 100.0% of all would be right): "
                "its 0.0% is no measure of what it can do on main"
            ),
            "journey ends in a loop in 25.0% of its answers on main",
            "journey is cut off in 25.0% of its answers (25.0% in a loop) on main",
        )


def lucky(arm: str, seed: int | None, number: int) -> str:
    """The journey is better in its seeds 1 and 2 alone; all seeds of the shortcut are alike."""
    share = {"journey": 0.42 if seed in (0, 3) else 0.8, "shortcut@tokens": 0.4, "base": 0.1}[arm]
    return "\\boxed{18}" if rng_for("test", arm, seed, number).random() < share else "\\boxed{17}"


@pytest.mark.parametrize("answers", [often, lucky])
def test_words_without_a_seed_are_those_of_a_folder_that_never_had_it(tmp_path: Path, answers: Answers) -> None:
    seeds = {"shortcut@tokens": (0, 1, 2), "journey": (0, 1, 2)}
    whole = score(tmp_path / "whole", *make(tmp_path / "whole", answers, seeds=seeds))
    assert [one[:4] for one in map(msgspec.structs.astuple, whole.survival)] == [
        (item.benchmark, item.strategy, item.first, item.second) for item in whole.compared
    ]
    for seed in (0, 1, 2):
        kept = tuple(other for other in (0, 1, 2) if other != seed)
        folder = tmp_path / f"without-{seed}"
        fewer = score(folder, *make(folder, answers, seeds=dict.fromkeys(seeds, kept)))
        for item, survival in zip(fewer.compared, whole.survival, strict=True):
            [left] = [one for one in survival.without if one.seed == seed]
            assert left.words == item.verdict.words


def test_it_is_said_which_seed_the_words_rest_on(tmp_path: Path) -> None:
    seeds = {"shortcut@tokens": (0, 1, 2), "journey": (0, 1, 2)}
    same = score(tmp_path / "same", *make(tmp_path / "same", seeds=seeds))
    assert {one.in_words for one in same.survival} == {"the same words without any one seed"}
    plan, seconds = make(tmp_path / "rests", lucky, seeds=seeds)
    rests = score(tmp_path / "rests", plan, seconds)
    pair = next(one for one in rests.survival if one.first != "base")
    assert rests.compared[0].verdict.words == "too small to tell"
    assert pair.in_words == "other words without seed 0: journey better (2 seeds, provisional)"
    told = content(plan, rests).compared[0]
    assert told.explanation.endswith(f" Leaving out one seed at a time: {pair.in_words}.")


def test_two_seeds_leave_none_to_leave_out(tmp_path: Path) -> None:
    scores = score(tmp_path / "two", *make(tmp_path / "two"))
    assert not scores.survival and b"survival" not in scores.encoded()
