"""The recovery probe: prefixes with clean twins, the rules on continuations, and the table and comparisons end to end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from journey.answers.equations import equations
from journey.answers.spelling import unspelled
from journey.catalog import FAMILIES
from journey.config import EvaluateSettings
from journey.errors import UsageError
from journey.evaluate.planning.comparisons import family
from journey.evaluate.recovery import asking, tables
from journey.evaluate.recovery.prefixes import injected, written
from journey.evaluate.recovery.rules import joined, judge, recall
from journey.evaluate.recovery.tables import Recovered
from journey.evaluate.report.build import build
from journey.evaluate.run import evaluate
from journey.evaluate.scoring.score import rescore
from journey.evaluate.statistics import paired
from journey.evaluate.statistics.verdict import AFTER_MISTAKE, AGAINST_TWIN
from journey.formats.behaviour import RecoveryPrefix, RecoveryText, prefixes_file
from journey.formats.comparison import Declared
from journey.formats.files import read_lines
from journey.formats.folders import open_finished
from journey.formats.plan import BenchmarkInfo, RunInfo
from journey.models import load, template
from journey.questions import load_questions
from journey.schema import Problem, Question, Sample

GRAPH = Problem("g", "", "52", "t", "b = 18 * 3 ; c = b - 2 ; find c :")
SEARCH = Problem(
    "s", "", "14", "t", "use 16 1 1 make 14 :", "countdown", 1, facts={"numbers": [16, 1, 1], "target": 14}
)


def asked(name: str, limit: int = 40) -> list[Question]:
    return load_questions(name, split="test", seed=0, limit=limit)[0]


class TestPrefixes:
    @pytest.mark.parametrize("name", ["countdown@1", "arithmetic@1"])
    @pytest.mark.parametrize("view", ["compact", "think"])
    def test_the_injector_falsifies_one_value_and_the_twin_has_the_true_one(self, name: str, view: Any) -> None:
        made, left_out = injected(asked(name), view, 0)
        assert len(made) >= 30 and len(made) + sum(left_out.values()) == 40
        for prefix in made:
            assert prefix.value != prefix.truth and prefix.wrong != prefix.clean
            last_wrong, last_clean = (list(equations(text))[-1] for text in (prefix.wrong, prefix.clean))
            assert not last_wrong.true and last_clean.true and last_wrong.left == last_clean.left == prefix.calculation
            assert all(equation.true for equation in list(equations(prefix.wrong))[:-1])
            assert "\\boxed" not in prefix.wrong
        assert injected(asked(name), view, 0)[0] == made and injected(asked(name), view, 1)[0] != made

    def test_spelled_numbers_are_falsified_as_numbers_and_spelled_again(self) -> None:
        questions = asked("multiplication@1")
        made, _ = injected(questions, "compact", 0)
        assert len(made) >= 30
        for prefix in made:
            assert not any(len(word) > 1 and word.isdigit() for word in prefix.wrong.split())
            last_wrong, last_clean = (list(equations(unspelled(text)))[-1] for text in (prefix.wrong, prefix.clean))
            assert not last_wrong.true and last_clean.true and str(last_wrong.claimed) == prefix.value
        question = questions[0]
        first, value = (made[0].calculation, made[0].value)
        text = f"{made[0].wrong} \\boxed{{ 7 }}"
        (own,), _ = written([question], [Sample(question.id, "r", text, 9, 0.0, "stop")], "shortcut", "r")
        assert (own.wrong, own.clean, own.calculation, own.value) == (made[0].wrong, made[0].clean, first, value)

    def test_what_the_sentence_says_of_the_value_is_left_out_and_what_is_left_of_it_changed(self) -> None:
        text = "try 16 - 1 = 14 left 14 1 . 14 + 1 = 15 high . \\boxed{ 3 }"
        (made,), _ = written([Question("s", "b", SEARCH)], [Sample("s", "r", text, 9, 0.0, "stop")], "journey", "r")
        assert (made.wrong, made.clean) == ("try 16 - 1 = 14 left 14 1 .", "try 16 - 1 = 15 left 15 1 .")
        assert (made.value, made.truth, made.calculation, made.run) == ("14", "15", "16 - 1", "r")
        judged = "try 16 - 1 = 14 left 14 1 too high . \\boxed{ 3 }"
        (made,), _ = written([Question("s", "b", SEARCH)], [Sample("s", "r", judged, 9, 0.0, "stop")], "journey", "r")
        assert made.wrong == "try 16 - 1 = 14 left 14 1"

    def test_a_models_first_mistake_without_a_twin_is_counted(self) -> None:
        texts = {
            "b = 18 * 3 = 54 . c = 54 - 2 = 52 . \\boxed{ 52 }": "no false step",
            "b = 18 + 3 = 21 . c = 21 - 2 = 20 . \\boxed{ 20 }": "a first mistake without a clean twin",
            "b = 18 * 3 = 1,054 . \\boxed{ 52 }": "",
        }
        for text, why in texts.items():
            made, left_out = written([Question("g", "b", GRAPH)], [Sample("g", "r", text, 9, 0.0, "stop")], "a", "r")
            assert (dict(left_out) == {why: 1}) if why else len(made) == 1

    def test_two_numbers_of_the_same_size_make_no_twin(self) -> None:
        text = "try 16 - 1 = 1 left 1 1 . \\boxed{ 3 }"
        made, left_out = written([Question("s", "b", SEARCH)], [Sample("s", "r", text, 9, 0.0, "stop")], "a", "r")
        assert not made and dict(left_out) == {"no clean twin": 1}


PREFIX = RecoveryPrefix("g", "injector", None, "b = 18 * 3 = 53 .", "b = 18 * 3 = 54 .", "18 * 3", "b", "53", "54")


def told(text: str, after: Any = "wrong", finish: Any = "stop") -> tuple[bool, ...]:
    seen = judge(PREFIX, RecoveryText("g", "injector", after, text, 9, finish), GRAPH)
    return seen.right, seen.doubted, seen.true_later, seen.same_again, seen.changed


MULTIPLIED = FAMILIES.get("multiplication")().build(98, 17)
SPELLED = RecoveryPrefix(
    MULTIPLIED.id, "injector", None, "8 * 7 = 5 6 . 9 0 * 7 = 6 0 3 .", "8 * 7 = 5 6 . 9 0 * 7 = 6 3 0 .", "90 * 7", None,
    "603", "630",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("check 6 0 3 / 9 0 not 7 . back . 9 0 * 7 = 6 3 0 . \\boxed{ 1 6 6 6 }", (True, True, True, False, True)),
        ("5 6 + 6 0 3 = 6 5 9 . \\boxed{ 1 6 3 9 }", (False, False, False, False, False)),
        ("check 6 0 3 not 6 3 0 . back . 9 0 * 7 = 6 0 3 . \\boxed{ 1 6 3 9 }", (False, True, False, True, False)),
    ],
)
def test_continuations_in_spelled_numbers(text: str, seen: tuple[bool, ...]) -> None:
    """(right, doubted, the true value later, the same value again, another value)."""
    found = judge(SPELLED, RecoveryText(MULTIPLIED.id, "injector", "wrong", text, 9, "stop"), MULTIPLIED)
    assert (found.right, found.doubted, found.true_later, found.same_again, found.changed) == seen


class TestRules:
    """(right, doubted, the true value later, the same value again, another value)."""

    def test_noticed_and_corrected(self) -> None:
        text = "wait end 4 not 3 . back to b . b = 18 * 3 = 54 . c = 54 - 2 = 52 . \\boxed{ 52 }"
        assert told(text) == (True, True, True, False, True)

    def test_silently_right(self) -> None:
        assert told("c = 54 - 2 = 52 . \\boxed{ 52 }") == (True, False, False, False, False)

    def test_carried_on(self) -> None:
        assert told("c = 53 - 2 = 51 . \\boxed{ 51 }") == (False, False, False, False, False)

    def test_doubted_and_written_again(self) -> None:
        text = "wait check 53 . back to b . b = 18 * 3 = 53 . c = 53 - 2 = 51 . \\boxed{ 51 }"
        right, doubted, true_later, same_again, changed = told(text)
        assert (right, true_later, same_again, changed) == (False, False, True, False)
        assert doubted  # "wait check 53" names the value

    def test_a_false_alarm_on_the_twin(self) -> None:
        text = "wait end 3 not 4 . so 54 is wrong . b = 18 * 3 = 53 . c = 53 - 2 = 51 . \\boxed{ 51 }"
        assert told(text, "clean") == (False, True, False, False, True)
        assert told("c = 54 - 2 = 52 . \\boxed{ 52 }", "clean") == (True, False, False, False, False)

    def test_what_is_doubted_after_the_answer_does_not_count(self) -> None:
        assert not told("c = 53 - 2 = 51 . \\boxed{ 51 } wait 53 is wrong .")[1]

    def test_a_correction_behind_the_last_box_does_not_count(self) -> None:
        assert not told("c = 53 - 2 = 51 . wait end 4 not 3 . back to b . \\boxed{ 51 } b = 18 * 3 = 54 .")[1]

    def test_a_doubt_between_two_boxes_counts(self) -> None:
        text = "c = 53 - 2 = 51 . \\boxed{ 51 } wait end 4 not 3 . back to b . b = 18 * 3 = 54 . c = 54 - 2 = 52 . \\boxed{ 52 }"
        assert told(text) == (True, True, True, False, True)

    def test_a_doubt_within_the_prefix_is_not_the_continuations(self) -> None:
        """Here the last step is not written as an equation, so that it is known by its value alone."""
        prefix = msgspec.structs.replace(PREFIX, wrong="wait end 4 not 3 . back to b . b is 53 .")
        text = RecoveryText("g", "injector", "wrong", "b = 18 * 3 = 54 . c = 54 - 2 = 52 . \\boxed{ 52 }", 9, "stop")
        assert not judge(prefix, text, GRAPH).doubted

    def test_the_last_of_two_steps_with_the_same_calculation_is_the_one_asked_about(self) -> None:
        prefix = msgspec.structs.replace(PREFIX, wrong="a = 18 * 3 = 53 . b = 18 * 3 = 53 .")
        text = RecoveryText(
            "g",
            "injector",
            "wrong",
            "wait end 4 not 3 . back to b . b = 18 * 3 = 54 . c = 54 - 2 = 52 . \\boxed{ 52 }",
            9,
            "stop",
        )
        assert judge(prefix, text, GRAPH).doubted

    def test_cut_off_before_a_box_is_not_right(self) -> None:
        assert not told("c = 54 - 2 = 52 .", finish="length")[0]

    def test_joined_with_one_blank(self) -> None:
        assert joined("a .", "b") == joined("a .", " b") == joined("a . ", "b") == "a . b" and joined("a", "") == "a"

    def test_the_rules_recall_is_measured_on_the_methods_own_journeys(self) -> None:
        for view in ("compact", "think"):
            seen = [flag for question in asked("arithmetic@1", 60) for flag in recall(question, view, 0)]  # type: ignore[arg-type]
            assert len(seen) > 20 and sum(seen) / len(seen) > 0.8
        assert recall(Question("s", "b", GRAPH), "compact", 0) == []


class TestComparisons:
    plan: Any = None

    def made(self) -> tuple[Any, Recovered]:
        """200 prefixes; journeys are right after every second mistake, shortcuts after every fourth; twins always."""
        runs = [RunInfo("base", "base", None)]
        runs += [RunInfo(f"{arm}-s{s}", arm, s, "there") for arm in ("shortcut", "journey") for s in (0, 1, 2)]
        prefixes = [
            RecoveryPrefix(f"q{n}", w, None, "", "", "", None, "1", "2")
            for n in range(200)
            for w in ("injector", "journey")
        ]

        def judged(run: RunInfo) -> tables.Judged:
            every = {"journey": 2, "shortcut": 4, "base": 100}[run.arm]
            return {
                (f"q{n}", w): (tables.Continuation((n + (run.seed or 0)) % every == 0, False, False, False, False),
                               tables.Continuation(True, False, False, False, False))
                for n in range(200) for w in ("injector", "journey")
            }  # fmt: skip

        class Plan:
            def __init__(self) -> None:
                self.runs, self.probed = tuple(runs), ("b",)

        return Plan(), Recovered("b", prefixes, {run.run: judged(run) for run in runs})

    def test_after_a_mistake_and_against_the_twin(self) -> None:
        plan, found = self.made()
        after = tables.compare(plan, found, Declared("b", "shortcut", "journey", AFTER_MISTAKE), flips=200, resamples=0)
        twin = tables.compare(plan, found, Declared("b", "shortcut", "journey", AGAINST_TWIN), flips=200, resamples=0)
        assert after is not None and twin is not None
        assert (after.first_accuracy, after.second_accuracy) == (pytest.approx(0.25), pytest.approx(0.5))
        assert after.problems == 200 and after.seeds == 3 and after.p is not None and after.p < 0.05
        # Twins are always right, so the difference is the same, in the same unit.
        assert twin.difference == pytest.approx(after.difference) and twin.first_accuracy == pytest.approx(-0.75)
        assert (twin.low, twin.high, twin.detectable) == (
            pytest.approx(after.low), pytest.approx(after.high), pytest.approx(after.detectable),
        )  # fmt: skip
        assert paired.compare is not None and twin.p == pytest.approx(after.p, abs=0.01)

    def test_an_arms_own_prefixes_are_in_no_comparison(self) -> None:
        plan, found = self.made()
        own = [prefix for prefix in found.made if prefix.writer == "journey"]
        alone = Recovered("b", own, found.by_run)
        assert tables.compare(plan, alone, Declared("b", "shortcut", "journey", AFTER_MISTAKE), flips=20) is None

    def test_every_pair_is_declared_twice_among_the_secondary_ones(self) -> None:
        infos = [BenchmarkInfo("b", 9, "t", None, None, "0", "value")]
        declared = family(["greedy"], infos, ["shortcut", "journey"], [("shortcut", "journey")], (), base=True, equal=False, larger=False, probed=["b"])  # fmt: skip
        assert [item.at for item in declared if item.at] == [AFTER_MISTAKE, AGAINST_TWIN]


def test_a_probe_gives_no_headline(finetuned: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="recover is a probe"):
        evaluate(finetuned, EvaluateSettings(benchmarks=["countdown@1"], strategy=["recover"]), tmp_path / "e")


@pytest.fixture(scope="module")
def probed(make_runs: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("probed")
    runs = make_runs(folder / "finetune", ("shortcut@tokens", "journey"), 2)
    settings = EvaluateSettings(
        benchmarks=["countdown@1"], limit=20, batch=8, max_new_tokens=24, strategy=["greedy", "recover"], workers=1
    )
    return evaluate(runs, settings, folder / "e")


class TestRun:
    def test_every_run_reads_every_prefix_and_its_twin(self, probed: Path) -> None:
        opened = open_finished(probed, "evaluate")
        made = list(read_lines(opened.file(prefixes_file("countdown@1")), RecoveryPrefix))
        assert len(made) >= 15 and {prefix.writer for prefix in made} >= {"injector"}
        for run in opened.plan.runs:
            texts = list(read_lines(opened.file(f"recover/countdown@1/{run.run}.jsonl"), RecoveryText))
            assert len(texts) == 2 * len(made) and {text.after for text in texts} == {"wrong", "clean"}
            assert max(text.tokens for text in texts) < 24  # the prefix counts towards the cap

    def test_the_table_and_the_comparisons(self, probed: Path) -> None:
        opened = open_finished(probed, "evaluate")
        (table,) = opened.scores.recovery
        readers = {cell.reader for cell in table.cells if cell.writer == "injector"}
        assert readers == {"base", "shortcut@tokens", "journey"}
        assert all(cell.runs == (1 if cell.reader == "base" else 2) for cell in table.cells)
        assert all(cell.own == (cell.writer == cell.reader) for cell in table.cells)
        assert {"injector", "base", "journey"} <= set(table.left_out)
        done = {item.strategy for item in opened.scores.compared}
        assert {AFTER_MISTAKE, AGAINST_TWIN} <= done
        assert not any(
            item.primary for item in opened.scores.compared if item.strategy in (AFTER_MISTAKE, AGAINST_TWIN)
        )
        twins = [item for item in opened.scores.compared if item.strategy == AGAINST_TWIN]
        assert twins and not any({"floor", "ceiling"} & set(item.verdict.qualifiers) for item in twins)
        assert rescore(opened) == opened.scores

    def test_the_report_shows_it(self, probed: Path) -> None:
        html, text = (path.read_text(encoding="utf-8") for path in build(open_finished(probed, "evaluate")))
        for page in (html, text):
            assert "injector" in page and AFTER_MISTAKE in page and "Right after a mistake" in page
        assert 'class="recovery"' in html


def test_prompt_and_text_are_tokenised_together(probed: Path) -> None:
    base = (
        load.find(
            str(Path(probed).parent / "finetune"),
        )
        if False
        else None
    )
    assert base is None
    question = asked("countdown@1", 1)[0]
    tokenizer = load.load_tokenizer(load.find("pocket"))

    class Setup:
        pass

    setup: Any = Setup()
    setup.tokenizer = tokenizer
    setup.plan = type("P", (), {"view": "compact", "max_new_tokens": 30})()
    prompt = template.prompt_ids(tokenizer, question.problem, "compact")
    setup.prompts = {"countdown@1": {question.id: prompt}}
    made, cap = asking._request(setup, question, "try 3 + 4 = 7 left")
    whole = tokenizer(f"{question.problem.brief} try 3 + 4 = 7 left", add_special_tokens=False)["input_ids"]
    assert list(made.prompt) == [*template.prompt_start(tokenizer, "compact"), *whole]
    assert cap == 30 - (len(made.prompt) - len(prompt)) and np.all(np.array(made.prompt) >= 0)
