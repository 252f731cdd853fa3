"""`--method import` from rows to a published card: what is recognised, counted, curated, licensed and refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journey.config import CurateSettings, GenerateSettings
from journey.curate.run import curate
from journey.errors import UsageError
from journey.formats.folders import open_finished
from journey.generate import run as stage
from journey.generate.imports.readers.cells import LONGEST, MOST_STEPS, TraceRow
from journey.generate.made import Rejection
from journey.publish.run import publish
from journey.publish.settings import PublishSettings
from journey.schema import Problem
from journey.tables.cells import Unusable
from journey_testing.attempts import folder_of_answers
from journey_testing.traces import APPLES, ROWS, shepherd, told, write

RealData = Callable[[str], Path]


def settings(path: Path, **more: Any) -> GenerateSettings:
    options = {"options": {"import": more.pop("options")}} if "options" in more else {}
    return GenerateSettings(problems=str(path), method=["import"], **more, **options)


def curated(path: Path, folder: Path, **more: Any) -> Path:
    """Pairs of a file, curated."""
    made = stage.generate(settings(path, **more), folder / "made", workers=1)
    return curate(made, CurateSettings(), folder / "curated")


def card(folder: Path, out: Path, **licences: str) -> str:
    publish(str(folder), PublishSettings(repo="tester/pairs", source_license=licences), out=out, dry_run=True)
    return (out / "bundle" / "README.md").read_text()


class TestRows:
    def test_bad_rows_are_counted_and_said(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        rows = [*ROWS["prm800k"], {**ROWS["prm800k"][0], "label": {"steps": 7, "finish_reason": "solution"}}]
        made = stage.generate(settings(write(tmp_path / "rows.jsonl", rows)), tmp_path / "out", workers=1)
        assert open_finished(made, "generate").counts.unusable == {"list_expected": 1}
        said = capsys.readouterr().err
        assert "1 of 4 rows cannot be used (list_expected 1)" in said and "line 4: field 'label.steps'" in said
        assert "of 3 mistakes" in said and "decidable" in said
        with pytest.raises(UsageError, match="line 4: field 'label.steps' is a number"):
            stage.generate(settings(tmp_path / "rows.jsonl", strict=True), tmp_path / "strict", workers=1)

    def test_a_file_of_another_kind_is_one_error(self, tmp_path: Path) -> None:
        for rows, said in (([{"text": "hello"}], "of no format"), ([], "is empty")):
            with pytest.raises(UsageError, match=said):
                stage.generate(settings(write(tmp_path / "rows.jsonl", rows)), tmp_path / "out")
        path = write(tmp_path / "rows.jsonl", [{"question": "q", "longCOT": 7}])
        with pytest.raises(UsageError, match=r"no row can be used[\s\S]*read as o1-journey"):
            stage.generate(settings(path, options={"format": "o1-journey"}), tmp_path / "out")
        with pytest.raises(UsageError, match="did you mean prm800k"):
            stage.generate(settings(path, options={"format": "prm80k"}), tmp_path / "out")
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"problems": None}, "nothing to make pairs of"),
            ({"method": ["import", "slips"]}, "read different rows"),
            ({"options": {"slips": {"delay": 1}}}, "read different rows"),
            ({"options": {"import": {"solutions": "nofile.jsonl"}}}, "no file nofile.jsonl"),
        ],
    )
    def test_what_does_not_go_together_is_refused(self, tmp_path: Path, changed: dict[str, Any], said: str) -> None:
        path = write(tmp_path / "rows.jsonl", ROWS["s1k"])
        with pytest.raises(UsageError, match=said):
            stage.generate(settings(path).model_copy(update=changed), tmp_path / "out")

    def test_a_plan_writes_nothing(self, tmp_path: Path) -> None:
        path = write(tmp_path / "rows.jsonl", ROWS["prm800k"])
        told = stage.plan(settings(path, per_problem=2), tmp_path / "out")
        assert (told["problems"], told["methods"][0]["format"]) == (3, "prm800k") and not (tmp_path / "out").exists()

    def test_fields_of_another_name_are_mapped(self, tmp_path: Path) -> None:
        row = {"q": APPLES, "gold": "10", **ROWS["thinking"][0]}
        row = {name: value for name, value in row.items() if name not in ("problem", "gtruth_answer")}
        path = write(tmp_path / "rows.jsonl", [row])
        made = stage.generate(settings(path, map={"question": "q", "answer": "gold"}), tmp_path / "out", workers=1)
        assert [pair.problem.question for pair in open_finished(made, "generate").pairs()] == [APPLES]

    def test_rows_of_one_question_are_found_wherever_they_stand(self, tmp_path: Path) -> None:
        wrong, right = ROWS["math-shepherd"][:2]
        others = [shepherd(f"What is {n} + 1? ", f"{n} + 1 = {n + 1}. The answer is: {n + 1} +") for n in range(300)]
        path = write(tmp_path / "rows.jsonl", [wrong, *others, right])
        made = stage.generate(settings(path, pairs=20), tmp_path / "out", workers=1)
        pairs = list(open_finished(made, "generate").pairs())
        assert pairs[0].provenance["rows"] == ["line 1", "line 302"]
        assert [pair.provenance["rows"] for pair in pairs[1:]] == [[f"line {n}"] for n in range(2, 21)]

    def test_texts_and_lists_are_bounded(self) -> None:
        row = TraceRow({"text": "x" * (LONGEST + 1), "list": [1] * (MOST_STEPS + 1)}, "line 1", {})
        for ask, reason in ((lambda: row.text("text"), "too_long"), (lambda: row.items("list"), "too_many_steps")):
            with pytest.raises(Unusable) as refused:
                ask()
            assert refused.value.reason == reason


class TestSampled:
    RIGHT = "Tom has 3 * 4 = 12 apples.\nHe keeps 12 - 2 = 10.\nThe answer is \\boxed{10}."
    WRONG = "Tom has 3 * 4 = 13 apples.\n13 - 3 = 10.\nThe answer is \\boxed{10}."

    def test_a_policys_right_answers_are_shortcuts_and_endings(self, tmp_path: Path) -> None:
        """One that comes to the right answer by a false step is none."""
        problem = Problem("p", APPLES, "10", "mine")
        folder = folder_of_answers(tmp_path / "attempts", problem, [self.WRONG, self.RIGHT])
        options = {"solutions": str(folder), "shortcut": "sampled"}
        path = write(tmp_path / "rows.jsonl", ROWS["s1k-1.1"])
        made = open_finished(stage.generate(settings(path, options=options), tmp_path / "a", workers=1), "generate")
        [pair] = made.pairs()
        assert pair.provenance["shortcut"] == "sampled:guesser" and pair.provenance["sampled_from"] == "guesser"
        assert pair.shortcut.segments[0].text == "Tom has 3 * 4 = 12 apples."
        assert made.manifest.inputs["solutions"] == open_finished(folder, "sample").sha256
        assert str(tmp_path) not in (made.path / "manifest.json").read_text() + repr(pair)
        kept = curate(made.path, CurateSettings(), tmp_path / "kept")
        with pytest.raises(UsageError, match="the model guesser wrote some of the traces"):
            card(kept, tmp_path / "published")
        text = card(kept, tmp_path / "published", guesser="apache-2.0")
        assert "| guesser | 1 | apache-2.0 |" in text and "| deepseek-ai/DeepSeek-R1 | 1 | mit |" in text
        [refused] = told("math-shepherd", ROWS["math-shepherd"][:1], solutions=str(folder))
        assert isinstance(refused, Rejection) and refused.reason == "no_gold", "what a model answers is no gold"


class TestPublished:
    def test_the_card_says_origin_proof_models_and_licences(self, tmp_path: Path) -> None:
        text = card(curated(write(tmp_path / "rows.jsonl", ROWS["prm800k"]), tmp_path), tmp_path / "published")
        for line in (
            "| prm800k | labelled | cut | 2 |",
            "| prm800k | labelled | given | 1 |",
            "| openai/prm800k | 3 | mit |",
            "| model | labelled | 3 |",
            "| prm800k | 3 | mit |",
            "published under **mit**",
            "no prompt of this project",
        ):
            assert line in text, line
        assert "No language model wrote any of it" not in text

    def test_where_no_licence_is_stated_it_is_kept_here(self, tmp_path: Path) -> None:
        folder = curated(write(tmp_path / "rows.jsonl", ROWS["o1-journey"]), tmp_path)
        with pytest.raises(UsageError, match="o1-journey has no licence"):
            card(folder, tmp_path / "published")
        known = {"o1-journey": "cc-by-4.0"}
        with pytest.raises(UsageError, match="the model gpt-4o wrote some of the traces"):
            card(folder, tmp_path / "published", **known)
        assert "| gpt-4o | 1 | other |" in card(folder, tmp_path / "published", **known, **{"gpt-4o": "other"})

    def test_one_that_forbids_what_is_made_from_it_is_refused_whatever_is_asked(self, tmp_path: Path) -> None:
        rows = [{**ROWS["messages"][0], "licence": "cc-by-nd-4.0"}]
        folder = curated(write(tmp_path / "rows.jsonl", rows), tmp_path)
        with pytest.raises(UsageError, match=r"mine is cc-by-nd-4\.0: nothing made from it may be published"):
            card(folder, tmp_path / "published", mine="mit")

    def test_unverified_pairs_are_said_to_be_so(self, tmp_path: Path) -> None:
        text = card(curated(write(tmp_path / "rows.jsonl", ROWS["s1k-1.1"]), tmp_path), tmp_path / "published")
        assert "| model | unverified | 1 |" in text and "The roles of 1 pairs were read out of prose" in text
        assert "| deepseek-ai/DeepSeek-R1 | 1 | mit |" in text


class TestHub:
    def test_a_known_id_maps_by_itself(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import datasets

        from journey.tables import rows as tables

        asked: list[tuple[Any, ...]] = []

        def load(*names: Any) -> Any:
            asked.append(names)
            return datasets.Dataset.from_list(ROWS["openr1-math-220k"])

        monkeypatch.setattr(tables, "load_hub", load)
        named = settings(Path("open-r1/OpenR1-Math-220k"))
        made = open_finished(stage.generate(named, tmp_path / "out", workers=1), "generate")
        assert asked == [("open-r1/OpenR1-Math-220k", "default", "train", None)]
        assert made.manifest.config["methods"][0]["format"] == "openr1-math-220k" and made.counts.pairs == 2


class TestRealData:
    """The published records that lie beside the checkout."""

    @pytest.mark.parametrize(
        ("name", "pairs", "more"),
        [
            ("steps_prm800k_sample.jsonl", 5, {}),
            ("steps_mathshepherd_sample.jsonl", 7, {"solutions": "gsm8k_train.jsonl"}),
            ("journeys_rasbt_sample.jsonl", 10, {}),
        ],
    )
    def test_curated_pairs_of_real_records(
        self, name: str, pairs: int, more: dict[str, str], real_data: RealData, tmp_path: Path
    ) -> None:
        options = {key: str(real_data(file)) for key, file in more.items()}
        folder = curated(real_data(name), tmp_path, per_problem=2 if pairs == 10 else 1, options=options)
        counts = open_finished(folder, "curate").funnel.totals
        assert (counts.kept, counts.dropped) == (pairs, 0)
        terms = {"math-shepherd": "mit", "peiyi9979/Math-Shepherd": "other", "journeys_rasbt_sample": "apache-2.0"}
        text = card(folder, tmp_path / "published", **terms)
        assert "| labelled |" in text or "| unverified |" in text
        told = json.loads((tmp_path / "published" / "bundle" / "manifest.json").read_bytes())["counts"]
        assert sum(told["pairs"].values()) == pairs
