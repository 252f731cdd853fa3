"""Test-time compute, behaviour and training in the page and in Markdown: every number stored is shown, none is made up."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from journey.evaluate.report import behaviour, build, costs, training
from journey.evaluate.report.content import content
from journey.formats.behaviour import Behaviour, BehaviourFile, Commitment
from journey.formats.curation import FunnelFile, FunnelTotals
from journey.formats.finetune import RunCounts
from journey.formats.folders import open_finished
from journey.formats.plan import EvaluationPlan
from journey.formats.scores import Scores
from journey.formats.training_view import TrainingView
from journey.schema import decode
from journey_testing import behind_evaluation as behind
from journey_testing.folders import audit_file, change, plan_and_scores, run_counts

Make = Callable[..., Path]


class Words(HTMLParser):
    """The texts of a page outside scripts and styles, and its section ids."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.ids: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value or "" for name, value in attrs if tag in ("section", "h3") and name == "id"]

    def handle_data(self, data: str) -> None:
        if not self.cdata_elem:
            self.words.append(data)


@pytest.fixture(scope="module")
def loaded(whole: Path) -> tuple[EvaluationPlan, Scores]:
    return plan_and_scores(whole)


@pytest.fixture(scope="module")
def page(whole: Path) -> Words:
    return Words(whole / "report.html")


@pytest.fixture(scope="module")
def markdown(whole: Path) -> str:
    return (whole / "report.md").read_text(encoding="utf-8")


def test_sections_in_the_order_of_a_readers_questions(page: Words) -> None:
    wanted = ["accuracy", "differences", "comparisons", "costs", "behaviour", "answers", "training", "budgets", "curves",
              "funnel", "pairs", "compared", "guide"]  # fmt: skip
    assert [ident for ident in page.ids if ident in wanted] == wanted


def test_no_part_without_data_is_shown(make: Make) -> None:
    folder = make(problems=3)
    page = Words(build.build(open_finished(folder, "evaluate"))[0])
    assert not {"costs", "behaviour", "budgets", "curves", "funnel", "pairs"} & set(page.ids)
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert "Test-time" not in text and "Behaviour" not in text and "does not name the training folder" in text


@pytest.mark.parametrize("form", ["page", "markdown"])
def test_equal_test_tokens_with_all_candidates(
    form: str, loaded: tuple[EvaluationPlan, Scores], request: pytest.FixtureRequest
) -> None:
    found = request.getfixturevalue(form)
    text = found.text if isinstance(found, Words) else found
    first, second = loaded[1].equal_tokens
    for candidate in first.candidates:
        assert candidate.policy in text
    assert "chosen on the dev split, is majority@3.1" in text
    assert "journey spends 88 generated tokens per problem with one greedy answer" in text
    assert "No policy of shortcut@examples was chosen: no dev problems" in text
    assert "so shortcut@tokens could do better still" in text
    assert first.comparison is not None and f"{100 * first.comparison.difference:+.1f} points" in text
    assert second.comparison is None
    assert (
        "larger spends 2G FLOPs per problem with one greedy answer. The best policy of journey for at most that" in text
    )


def test_unknown_dev_costs_are_not_zero(loaded: tuple[EvaluationPlan, Scores]) -> None:
    rows = costs.costs(*loaded).equal[0].rows
    assert rows[-1] == (("best-of-k-checker@8 (uses the checker)", "n/a", "n/a", "no", "70.0%", "240"), False)
    assert [chosen for _, chosen in rows] == [False, True, False, False]


def test_the_equal_tokens_comparison_is_a_headline_of_its_own(loaded: tuple[EvaluationPlan, Scores]) -> None:
    plan, scores = loaded
    told = content(plan, scores)
    assert len(told.headlines) == 3 and told.headlines[2].sentence == scores.headline[2]
    compared = scores.compared[-1].comparison
    assert f"journey {100 * compared.second_accuracy:.1f}%" in told.headlines[2].shares
    row = next(row for row in told.compared if row.at)
    assert row.label == "journey minus shortcut@tokens, equal test tokens (majority@3.1)" and row.primary
    assert len(told.compared) == len(plan.comparisons)


def test_a_curve_for_every_strategy_and_unit_with_greedy_in_each(loaded: tuple[EvaluationPlan, Scores]) -> None:
    plan, scores = loaded
    found = costs.costs(plan, scores).curves
    assert [(group.benchmark, group.unit) for group in found] == [("countdown@1", unit) for unit in costs.UNITS]
    for group in found:
        assert len(group.pictures) == 3
        for picture in group.pictures:
            lines, dots = picture.count('class="line"'), len(re.findall(r'class="dot(?: hollow)?"', picture))
            arms = 3 if group.unit == "flops" else 4  # the base's FLOPs are not known
            assert (lines, dots) == (arms, arms * 5)
    assert "best-of-k-gold (oracle)" in found[0].pictures[2]


def test_bins_mark_the_best_and_leave_unknown_ones_open(loaded: tuple[EvaluationPlan, Scores]) -> None:
    plan, scores = loaded
    whole = costs.costs(plan, scores).bins[0]
    assert [[best for _, _, best in cells] for _, cells in whole.rows] == [[False] * 5, [True] * 5]
    assert whole.heads[0] == "1: 80 to 100% pass, 30 problems"
    item = scores.difficulty[0]
    lacking = msgspec.structs.replace(item, bins=(msgspec.structs.replace(item.bins[0], scores=()), *item.bins[1:]))
    some = costs.costs(plan, msgspec.structs.replace(scores, difficulty=(lacking,))).bins[0]
    assert some.rows[0][1][0] == ("n/a", None, False)


def test_oracle_strategies_earlier_looks_and_what_was_skipped_are_said(page: Words) -> None:
    assert "This is the second look at these runs" in page.text
    assert "best-of-k-checker on arithmetic: it has no checker of its own" in page.text
    assert "pocket-large, 1.4e+07 parameters, revision unpinned, untuned" in page.text
    assert "majority@8" in page.text


def test_an_a_a_comparison_says_so(loaded: tuple[EvaluationPlan, Scores]) -> None:
    plan, scores = loaded
    assert any("seeds alone" in text for text in content(msgspec.structs.replace(plan, aa=True), scores).caveats)


def test_behaviour_in_numbers(page: Words, markdown: str) -> None:
    for text in (page.text, markdown.replace(" | ", " ")):
        assert (
            "journey 150 80.0% 80.0% 80.0% 80.0% 60.0% (60 of 100) 69.0% (69 of 100) 30.0% (12 of 40) 5.0% (3 of 60) 1.3% 2.0%"
            in text
        )
        assert "base 150 2.0% 2.0% 2.0% 2.0% n/a n/a" in text
        assert "2.2% (20 of 900) 25.0% (5 of 20) 18 n/a" in text
        assert "97.5% (390 of 400) 98.3% (295 of 300) 95.0% (95 of 100)" in text
        assert "97 replies could be read, 2 could not, 1 did not come" in text and "0.86" in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: b"{", "is left out"),
        (lambda data: data.replace(b'"version": 1', b'"version": 9'), "is of version 9"),
        (lambda data: re.sub(rb'"plan_sha256": "\w+"', b'"plan_sha256": "other"', data), "belongs to another plan"),
    ],
)
def test_behaviour_that_does_not_belong_here(make: Make, change: Callable[[bytes], bytes], words: str) -> None:
    folder = make(problems=2)
    behind.behaviour(folder)
    path = folder / BehaviourFile.FILE
    path.write_bytes(change(path.read_bytes()))
    page = Words(build.build(open_finished(folder, "evaluate"))[0])
    assert words in page.text and "Goes back" not in page.text


def test_no_answers_are_no_rates(make: Make) -> None:
    folder = make(problems=2)
    behind.behaviour(folder)
    file = decode((folder / BehaviourFile.FILE).read_bytes(), BehaviourFile)
    none = msgspec.structs.replace(file.arms[0], answers=0, habits={}, commitment=None, steps=None, claims=None)
    told = behaviour.section(msgspec.structs.replace(file, arms=(none,), runs=(), judge=None))
    assert told.arms[0].rows == (("base", "n = 0", *[""] * 10),)
    assert told.arms[0].steps == told.arms[0].claims == () and set(told.rates[0][2:]) == {"n/a"}


def test_budgets_show_what_the_audit_holds(page: Words, markdown: str) -> None:
    for text in (page.text, markdown):
        assert "Rows seen" in text and "100 to 101" in text and "37.0%" in text
    assert "journey-s1: NotFinite" in page.text


def test_axes_are_columns_of_their_own() -> None:
    runs = [run_counts("a", "journey", axis=axis, rank=rank) for axis, rank in (("r8", 8), ("r16", 16))]
    told = training.trained(TrainingView("", audit=audit_file(runs)), "compact")
    assert told.budget is not None and told.budget.arms == ("journey r8", "journey r16")
    assert ("LoRA rank", "8", "16") in told.budget.rows


def test_every_number_of_the_audit_has_words() -> None:
    named = set(RunCounts.__struct_fields__) - training._NAMES
    assert named <= set(training.LABELS), "give the field words in LABELS"


def test_an_empty_audit_and_funnel_do_no_harm() -> None:
    funnel = FunnelFile((), FunnelTotals(0, 0, 0, 0, 0, 0, 0))
    told = training.trained(TrainingView("", audit=audit_file(), funnel=funnel), "think")
    assert told.budget is not None and told.budget.arms == () and told.panels == ()
    assert told.funnel is not None and told.funnel.kept_share is None


def test_funnel(page: Words, markdown: str) -> None:
    assert "Generated: 40 pairs" in page.text and "exact duplicate 40 4 duplicate 4" in page.text
    assert "Dropped nothing of 40: answer correct." in page.text
    assert "40 pairs came in, 36 were kept (train 36, dev 0, test 0; solved at the first try 3)" in markdown


def test_hostile_words_everywhere(make: Make) -> None:
    folder = make(problems=2)
    behind.strategies(folder)
    plan, scores = plan_and_scores(folder)
    evil = "</td></section><script>alert(1)</script>"
    plan = msgspec.structs.replace(plan, skipped=(msgspec.structs.replace(plan.skipped[0], why=evil),))
    curve = msgspec.structs.replace(scores.curves[1], arm=evil, strategy=evil)
    equal = msgspec.structs.replace(scores.equal_tokens[1], why=evil, first=evil)
    scores = msgspec.structs.replace(scores, curves=(curve,), equal_tokens=(equal,), looked_before=evil)
    change(folder, {EvaluationPlan.FILE: plan.encoded(), Scores.FILE: scores.encoded()})
    text = build.build(open_finished(folder, "evaluate"))[0].read_text(encoding="utf-8")
    assert "<script>alert" not in text and text.count("&lt;script&gt;alert(1)") >= 4


def test_first_and_final_answers_of_every_arm_stand_side_by_side() -> None:
    """Of 20 answers that commit early 8 are right at first; 6 are corrected and 2 harmed, so 12 are right in the end."""
    commitment = Commitment(20, 8, 12, 6, 2, 0.5, 0.25)
    item = Behaviour("journey-s0", "journey", 0, "b", "greedy", 30, 900, {}, commitment, 0, 0.0, 0, 0.0, None)
    (row,) = behaviour.section(BehaviourFile("0", "1", (), (item,))).arms[0].rows
    shown = dict(zip(["", "answers", *behaviour.HEADS, *behaviour.TURNS], row, strict=True))
    assert (shown["First answer right"], shown["Then final right"]) == ("40.0% (8 of 20)", "60.0% (12 of 20)")
    none = msgspec.structs.replace(item, commitment=None)
    (row,) = behaviour.section(BehaviourFile("0", "1", (), (none,))).arms[0].rows
    assert row[6:10] == ("n/a",) * 4
