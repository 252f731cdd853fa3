"""`--method own=3 --method import=1`: rows with traces dealt in turns with attempts, families, or questions of the same file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from journey.config import CurateSettings, GenerateSettings
from journey.curate.run import curate
from journey.errors import UsageError
from journey.formats.folders import FinishedFolder, open_finished
from journey.generate import run as stage
from journey.generate.mixing import dealt_until
from journey_testing.attempts import sample_folder
from journey_testing.traces import write

QUESTIONS = 9


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Questions with thinking in two fields, each solved in one step that slips can read too."""
    return write(
        tmp_path / "rows.jsonl",
        [
            {
                "problem": f"A box has 17 pens, a bag has {n} pens. Ann takes 5 of them. How many are left?",
                "gtruth_answer": str(12 + n),
                "message_thinking": f"There are 17 + {n} = {17 + n} pens.\n\nSo {17 + n} - 5 = {12 + n} are left.",
                "message_content": f"17 + {n} - 5 = {12 + n} pens are left.\n\n\\boxed{{{12 + n}}}",
                "solution": f"There are 17+{n} = <<17+{n}={17 + n}>>{17 + n} pens.\n"
                f"{17 + n}-5 = <<{17 + n}-5={12 + n}>>{12 + n} pens are left.\n#### {12 + n}",
            }
            for n in range(21, 21 + QUESTIONS)
        ],
    )


def made(out: Path, method: list[str], *, workers: int = 1, **more: Any) -> FinishedFolder:
    settings = GenerateSettings(method=method, **more)
    return open_finished(stage.generate(settings, out, workers=workers), "generate")


class TestDealt:
    @pytest.mark.parametrize(
        ("turned", "there", "dealt"),
        [
            ("aaab", {"a": 9, "b": 2}, {"a": 9, "b": 2}),  # a tenth a is due
            ("aaab", {"a": 30, "b": 2}, {"a": 9, "b": 2}),  # the third b is due after nine a
            ("aaab", {"a": 9, "b": 9}, {"a": 9, "b": 3}),
            ("ab", {"a": 5, "b": 1}, {"a": 2, "b": 1}),
            ("fb", {"b": 3}, {"f": 4, "b": 3}),  # a family has no end
            ("ab", {"a": 0, "b": 3}, {}),
            ("b", {"b": 3}, {"b": 3}),
        ],
    )
    def test_until_a_kind_is_due_of_which_none_is_left(
        self, turned: str, there: dict[str, int], dealt: dict[str, int]
    ) -> None:
        given: dict[str, int] = {}
        for place in range(1000):  # one at a time
            kind = turned[place % len(turned)]
            if given.get(kind, 0) == there.get(kind, 1000):
                break
            given[kind] = given.get(kind, 0) + 1
        assert +dealt_until(turned, there) == given == dealt


class TestMixed:
    def test_with_attempts_in_proportion(self, rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        tried = sample_folder(tmp_path / "tried", 24)
        more: dict[str, Any] = {"problems": str(rows), "attempts": str(tried)}
        folder = made(tmp_path / "out", ["own=3", "import=1"], **more)
        pairs = list(folder.pairs())
        lost = sum(folder.counts.rejected.values())
        assert folder.counts.mixed["import"] == 8 and folder.counts.mixed["own"] + lost == 24
        assert [pair.method for pair in pairs[:5]].count("import") == 1, "dealt in turns, not one after the other"
        assert "8 of 9 questions with traces and 24 of 24 problems with attempts" in capsys.readouterr().err
        assert folder.manifest.inputs.keys() == {"problems", "sample"}
        told = {each["name"]: each["share"] for each in folder.manifest.config["methods"]}
        assert told == {"own": 3, "import": 1} and str(tmp_path) not in (folder.path / "manifest.json").read_text()
        again = made(tmp_path / "again", ["own=3", "import=1"], workers=2, **more)
        assert list(again.pairs()) == pairs, "the same bytes, whatever the workers"

    def test_with_a_family_it_ends_with_the_rows(self, rows: Path, tmp_path: Path) -> None:
        folder = made(tmp_path / "out", ["search=2", "import=1"], problems=str(rows), family=["countdown@1"])
        assert folder.counts.mixed == {"countdown@1 search": 19, "import": QUESTIONS}
        few = made(tmp_path / "few", ["search=2", "import=1"], problems=str(rows), family=["countdown@1"], pairs=6)
        assert few.counts.mixed == {"countdown@1 search": 4, "import": 2}
        kept = curate(folder.path, CurateSettings(), tmp_path / "kept")
        assert open_finished(kept, "curate").funnel.totals.kept == 28

    def test_rows_of_one_file_are_dealt_to_both(self, rows: Path, tmp_path: Path) -> None:
        """One question is never told twice."""
        folder = made(tmp_path / "out", ["slips=2", "import=1"], problems=str(rows), per_problem=2)
        questions = {name: {p.problem.id for p in folder.pairs() if p.method == name} for name in ("slips", "import")}
        assert len(questions["import"]) == 3 and not questions["slips"] & questions["import"]
        assert folder.counts.rejected.keys() <= {"no_more_answers", "no_annotation"}

    def test_a_plan_says_how_many(self, rows: Path, tmp_path: Path) -> None:
        settings = GenerateSettings(problems=str(rows), family=["countdown@1"], method=["search=2", "import=1"])
        assert stage.plan(settings, tmp_path / "out")["pairs"] == 28

    @pytest.mark.parametrize(
        ("method", "more", "said"),
        [
            (["own", "import"], {"attempts": "tried"}, r"read different rows\n.*--method import=1,own=1"),
            (["rollouts=1", "import=1"], {"policy": "pocket"}, "rollouts asks a model"),
            (["own=1", "import=1"], {}, "own reads attempts"),
            (["search=1", "import=1"], {}, "no given method reads problem files"),
            (["nosuch=1", "import=1"], {}, "nosuch"),
            (["slips=1", "import=1"], {"options": {"search": {"limit": 3}}}, "search, which makes none"),
        ],
    )
    def test_what_cannot_be_mixed_is_one_error(
        self, method: list[str], more: dict[str, Any], said: str, rows: Path, tmp_path: Path
    ) -> None:
        with pytest.raises(UsageError, match=said):
            made(tmp_path / "out", method, problems=str(rows), **more)
        with pytest.raises(UsageError, match="give --problems"):
            made(tmp_path / "out", ["search=1", "import=1"], family=["countdown@1"])
        assert not (tmp_path / "out").exists()
