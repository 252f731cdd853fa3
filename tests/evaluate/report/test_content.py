"""What the report says: order, words, missing data, caveats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from journey.evaluate.report import words
from journey.evaluate.report.content import Content, content
from journey.formats.plan import EvaluationPlan
from journey.formats.scores import Conduct, Scores
from journey_testing.folders import plan_and_scores

Make = Callable[..., Path]


@pytest.fixture(scope="module")
def loaded(folder: Path) -> tuple[EvaluationPlan, Scores]:
    return plan_and_scores(folder)


@pytest.fixture(scope="module")
def told(loaded: tuple[EvaluationPlan, Scores]) -> Content:
    return content(*loaded)


def test_headlines_carry_their_own_numbers(told: Content) -> None:
    assert [line.sentence for line in told.headlines] == list(dict.fromkeys(line.sentence for line in told.headlines))
    for line, arm in zip(told.headlines, ("shortcut@examples", "shortcut@tokens"), strict=True):
        assert arm in line.sentence
        assert f"{arm} " in line.shares and "the untuned base" in line.shares
        assert line.explanation.startswith(f"journey minus {arm}:")


def test_an_explanation_inside_the_sentence_is_not_repeated(loaded: tuple[EvaluationPlan, Scores]) -> None:
    plan, scores = loaded
    primary = [item for item in scores.compared if item.primary]
    headline = tuple(f"So it is. {item.verdict.explanation}" for item in primary)
    lines = content(plan, msgspec.structs.replace(scores, headline=headline)).headlines
    assert [line.explanation for line in lines] == ["", ""]


def test_sentences_that_belong_to_no_comparison_stand_alone(loaded: tuple[EvaluationPlan, Scores]) -> None:
    plan, scores = loaded
    (line,) = content(plan, msgspec.structs.replace(scores, headline=("One sentence for all.",))).headlines
    assert (line.sentence, line.shares, line.explanation) == ("One sentence for all.", "", "")


def test_nothing_compared_says_so(loaded: tuple[EvaluationPlan, Scores]) -> None:
    plan, scores = loaded
    empty = msgspec.structs.replace(scores, headline=(), compared=(), arms=(), runs=())
    told = content(plan, empty)
    assert told.headlines[0].sentence == "Nothing could be compared (n = 0)."
    assert {row.accuracy for table in told.tables for row in table.rows} == {"n = 0"}
    assert {row.difference for row in told.compared} == {"n = 0"}
    assert len(told.compared) == len(plan.comparisons)


def test_no_data_is_never_zero(told: Content) -> None:
    tables = {table.benchmark: table for table in told.tables}
    for row in tables["countdown@2"].rows:  # asked nothing
        assert (row.accuracy, row.n, row.share) == ("n = 0", "n = 0", None)
        assert {row.interval, row.truncated, row.no_answer, row.undecided, row.tokens, row.seconds} == {""}
    assert {run[3:] for run in told.runs if run[1] == "countdown@2"} == {("", "n = 0", *[""] * 7)}
    lost = [row for row in told.compared if row.benchmark == "countdown@2"]
    assert {(row.difference, row.points, row.holm, row.words) for row in lost} == {
        ("n = 0", None, "1.000", "no result")
    }
    assert any("countdown@2: shortcut@tokens v journey" in caveat for caveat in told.caveats)


def test_comparisons_in_the_order_declared(loaded: tuple[EvaluationPlan, Scores]) -> None:
    plan, scores = loaded
    turned = msgspec.structs.replace(scores, compared=tuple(reversed(scores.compared)))
    found = [(row.benchmark, row.first, row.second) for row in content(plan, turned).compared]
    assert found == [(item.benchmark, item.first, item.second) for item in plan.comparisons]


def test_a_comparison_that_nobody_declared_is_shown_too(loaded: tuple[EvaluationPlan, Scores]) -> None:
    plan, scores = loaded
    told = content(msgspec.structs.replace(plan, comparisons=plan.comparisons[1:]), scores)
    assert len(told.compared) == len(plan.comparisons)


def test_a_changed_plan_is_a_caveat(loaded: tuple[EvaluationPlan, Scores]) -> None:
    plan, scores = loaded
    assert not any("hash" in line for line in content(plan, scores, plan_sha256=scores.plan_sha256).caveats)
    assert any("hash has changed" in line for line in content(plan, scores, plan_sha256="0" * 64).caveats)


def test_caveats_for_failed_runs_and_frequent_truncation(loaded: tuple[EvaluationPlan, Scores]) -> None:
    plan, scores = loaded
    arms = [msgspec.structs.replace(arm, truncation_rate=0.3 if arm.arm == "journey" else 0.05) for arm in scores.arms]
    failed = msgspec.structs.replace(scores, failed_runs=("journey-s1",), arms=tuple(arms))
    caveats = content(plan, failed).caveats
    assert any("Runs that failed: journey-s1" in line for line in caveats)
    cut = [line for line in caveats if "cap of 256" in line]
    assert len(cut) == 2 and all("journey" in line and "30.0%" in line for line in cut)


def test_one_seed_has_no_interval(make: Make) -> None:
    told = content(*plan_and_scores(make(problems=120, seeds=1)))
    row = next(row for row in told.compared if row.points)
    assert (row.interval, row.p, row.detectable, row.tone) == ("n/a", "n/a", "n/a", "open")
    assert row.points is not None and row.points[1:] == (None, None)


def test_unpinned_revisions_are_named(told: Content) -> None:
    facts = dict(told.facts)
    assert facts["Benchmarks of no pinned revision"] == "countdown@1, countdown@2, countdown-targets, arithmetic"
    assert {row[3] for row in told.benchmarks} == {"unpinned"}


@pytest.mark.parametrize(
    ("qualifier", "expected"),
    [
        ("both below the untuned base", "Both arms are worse than the untuned base that they started from."),
        ("shortcut below the untuned base", "shortcut is worse than the untuned base that training started from."),
        ("floor", words.PLAIN_WORDS["floor"]),
        ("something new", "something new"),
    ],
)
def test_qualifiers_in_plain_words(qualifier: str, expected: str) -> None:
    assert words.plain_words(qualifier) == expected


def test_a_base_that_runs_on_into_a_new_problem_has_not_0_percent(loaded: tuple[EvaluationPlan, Scores]) -> None:
    plan, scores = loaded
    seen = Conduct(answers=60, loops=0, cut_in_a_loop=0, cut_by_the_cap=0, no_box=0, ran_on=60, right_before=45)
    arms = [msgspec.structs.replace(arm, conduct=seen) if arm.arm == "base" else arm for arm in scores.arms]
    told = content(plan, msgspec.structs.replace(scores, arms=tuple(arms)))
    shown = {row.arm: row.accuracy for row in told.tables[0].rows}
    assert shown["base"] == "n/a (runs on; 75.0% right before)" and shown["journey"].endswith("%")
    assert "the untuned base n/a (runs on; 75.0% right before)" in told.headlines[0].shares
