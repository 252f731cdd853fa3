"""Loading questions: families, registered sets, local files, the Hub, and bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from journey import questions
from journey.catalog import BENCHMARKS
from journey.errors import RemoteError, UnknownName, UsageError
from journey.questions import is_made_here, load_questions
from journey.schema import problem_id
from journey.splits import split_of


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


ROWS = [{"id": str(n), "problem": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(5)]


class TestFamilies:
    @pytest.mark.parametrize("split", ["dev", "test"])
    def test_problems_are_of_the_split(self, split: Any) -> None:
        asked, _ = load_questions("countdown@1", split=split, limit=20)
        assert [split_of(question.problem) for question in asked] == [split] * 20

    def test_held_out_targets_are_a_benchmark_of_their_own(self) -> None:
        ordinary, _ = load_questions("countdown@1", limit=50)
        held_out, facts = load_questions("countdown-targets", limit=20)
        assert not any(question.problem.held_out for question in ordinary)
        assert all(question.problem.held_out for question in held_out)
        assert (facts.check, facts.licence, facts.revision) == ("countdown", "Apache-2.0", "made here, seed 0")

    def test_the_same_every_time_and_a_larger_limit_only_adds(self) -> None:
        few, many = load_questions("countdown@1", limit=10)[0], load_questions("countdown@1", limit=25)[0]
        assert many[:10] == few
        assert load_questions("countdown@1", limit=10)[0] == few

    def test_seeds_and_training_draw_other_problems(self) -> None:
        from journey.catalog import FAMILIES

        one, two = ({q.id for q in load_questions("countdown@1", seed=s, limit=100)[0]} for s in (0, 1))
        assert len(one & two) < 10
        trained = {FAMILIES.get("countdown")().problem(0, index, 1).id for index in range(100)}
        assert not trained & {q.id for q in load_questions("countdown@1", seed=0, limit=100)[0]}

    def test_fresh_problems_are_new(self) -> None:
        usual = {q.id for q in load_questions("countdown@1", limit=40)[0]}
        fresh, facts = load_questions("countdown@1", limit=40, fresh=5)
        assert facts.revision == "made here, fresh seed 5"
        assert not usual & {q.id for q in fresh} and {split_of(q.problem) for q in fresh} == {"test"}
        trained = {q.id for q in fresh[:7]}
        again, _ = load_questions("countdown@1", limit=40, fresh=5, seen=trained)
        assert [q.id for q in again[:33]] == [q.id for q in fresh[7:]] and not trained & {q.id for q in again}
        assert load_questions("countdown@1", limit=40, fresh=6)[0] != fresh

    def test_which_benchmarks_can_be_fresh(self) -> None:
        assert is_made_here("countdown") and is_made_here("arithmetic@2") and is_made_here("reasoning-gym:lcm")
        assert not any(map(is_made_here, ("gsm8k", "org/some-set", "mine=FILE.jsonl")))

    def test_a_family_alone_is_its_lowest_level(self) -> None:
        asked, facts = load_questions("countdown", limit=3)
        assert facts.name == "countdown@1" == asked[0].benchmark

    def test_a_family_without_enough_problems(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(questions, "_DRAWS", 1)
        with pytest.raises(UsageError, match=r"only \d+ test problems, 30 are asked for"):
            load_questions("countdown@1", limit=30)


class TestFiles:
    def test_the_common_shape(self, tmp_path: Path) -> None:
        file = write(tmp_path / "sums.jsonl", [*ROWS, {"question": "What is half of 1?", "answer": 0.5, "level": 3}])
        asked, facts = load_questions(f"sums={file}")
        assert [q.problem.answer for q in asked] == ["1", "2", "3", "4", "5", "0.5"]
        assert {q.benchmark for q in asked} == {"sums"} and facts.source == "sums.jsonl" and facts.licence is None
        assert all(split_of(q.problem) == "test" for q in asked)
        assert asked[0].id == problem_id("sums", "what is 0 + 1?")
        assert len(load_questions(f"sums={file}", limit=2)[0]) == 2

    def test_a_registered_set_in_its_own_fields(self, tmp_path: Path) -> None:
        file = write(tmp_path / "g.jsonl", [{"question": "How many?", "answer": "2 + 3 = <<2+3=5>>5\n#### 5"}])
        asked, facts = load_questions(f"gsm8k={file}")
        assert asked[0].problem.answer == "5" and asked[0].problem.licence == "MIT"
        assert facts.source == "g.jsonl, a file of 1 rows, not the 1,319 of gsm8k" and facts.revision is None
        file = write(tmp_path / "s.jsonl", [{"Body": "Tom has 3 pens", "Question": "How many?", "Answer": 3.0}])
        problem = load_questions(f"svamp={file}")[0][0].problem
        assert (problem.question, problem.answer) == ("Tom has 3 pens. How many?", "3")

    def test_as_many_other_problems_are_not_a_registered_set(self, tmp_path: Path) -> None:
        """A file under a known name with that set's number of rows is known by what is in it."""
        rows = [{"question": f"How many are {n} and {n}?", "answer": f"{2 * n}"} for n in range(1319)]
        _, facts = load_questions(f"gsm8k={write(tmp_path / 'g.jsonl', rows)}")
        assert facts.source == "g.jsonl, a file of other problems than those of gsm8k" and facts.revision is None

    def test_other_field_names_are_mapped(self, tmp_path: Path) -> None:
        rows = [{"prompt": "How much?", "gold": 7, "answer": "no"}, {"prompt": "And?", "gold": "2 = 2\n#### 4"}]
        file = write(tmp_path / "m.jsonl", rows)
        asked, _ = load_questions(f"mine={file}", fields={"question": "prompt", "answer": "gold"})
        assert [(q.problem.question, q.problem.answer) for q in asked] == [("How much?", "7"), ("And?", "4")]
        with pytest.raises(
            UsageError,
            match=r"no row can be used \(question_missing 2\)|line 1: no field 'text' \(fields: prompt, gold, answer\)",
        ):
            load_questions(f"mine={file}", fields={"question": "text"})
        with pytest.raises(UsageError, match=r"line 1: no field 'answer' \(fields: prompt, gold\)") as error:
            load_questions(
                f"mine={write(tmp_path / 'n.jsonl', [{'prompt': 'a', 'gold': '1'}])}", fields={"question": "prompt"}
            )
        assert "--map question=FIELD,answer=FIELD" in str(error.value)
        with pytest.raises(UsageError, match="unknown field 'answr'"):
            load_questions(f"mine={file}", fields={"answr": "gold"})

    def test_a_question_asked_twice_has_two_ids(self, tmp_path: Path) -> None:
        file = write(tmp_path / "twice.jsonl", [ROWS[0], ROWS[0], ROWS[0]])
        asked, _ = load_questions(f"twice={file}")
        assert len({q.id for q in asked}) == 3

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "is empty"),
            (b"\n\n", "holds no rows"),
            (b'{"problem": "a", "answer": "1"}\n{"problem": \n', "line 2: not JSON"),
            (b"\x89PNG\r\n\x1a\n\x00\x00", "line 1: not UTF-8"),
            (b"[1, 2]\n", "line 1: a list, an object is expected"),
            (b'{"id": 1, "answer": "1"}\n', r"line 1: no field 'question' \(fields: id, answer\)"),
            (b'{"problem": "a"}\n', r"line 1: no field 'answer' \(fields: problem\)"),
            (b'{"problem": "a", "answer": null}\n', "line 1: field 'answer' is null"),
            (b'{"problem": "a", "answer": true}\n', "line 1: field 'answer' is true or false"),
            (b'{"problem": ["a", "b"], "answer": "1"}\n', "line 1: field 'problem' is a list"),
            (b'{"problem": "a", "answer": " "}\n', "line 1: field 'answer' is empty"),
        ],
    )
    def test_bad_content_names_the_line_and_the_field(self, content: bytes, message: str, tmp_path: Path) -> None:
        file = tmp_path / "bad.jsonl"
        file.write_bytes(content)
        with pytest.raises(UsageError, match=message):
            load_questions(f"bad={file}")

    def test_missing_file_and_bad_names(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="no file"):
            load_questions(f"mine={tmp_path / 'nowhere.jsonl'}")
        with pytest.raises(UsageError, match="is no name"):
            load_questions(f"../mine={tmp_path / 'x.jsonl'}")
        with pytest.raises(UsageError, match="is made here"):
            load_questions(f"countdown@1={tmp_path / 'x.jsonl'}")
        with pytest.raises(UsageError, match="test=test.jsonl"):
            load_questions("test.jsonl")

    def test_byte_order_mark(self, tmp_path: Path) -> None:
        file = tmp_path / "bom.jsonl"
        file.write_bytes(b"\xef\xbb\xbf" + json.dumps(ROWS[0]).encode() + b"\n")
        assert len(load_questions(f"bom={file}")[0]) == 1


class TestNames:
    def test_unknown_name_offers_the_nearest(self) -> None:
        with pytest.raises(UnknownName, match="did you mean gsm8k"):
            load_questions("gsm8")
        with pytest.raises(UnknownName, match="countdown@"):
            load_questions("countdown@77")

    @pytest.mark.parametrize("limit", [0, -3])
    def test_limit_must_be_positive(self, limit: int) -> None:
        with pytest.raises(UsageError, match="limit of 1 or more"):
            load_questions("countdown@1", limit=limit)

    def test_published_sets_have_no_dev_problems(self) -> None:
        with pytest.raises(UsageError, match="published test set"):
            load_questions("gsm8k", split="dev")


class TestHub:
    def test_registered_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        called = []
        rows = [{"problem": f"p{n}", "answer": str(n)} for n in range(BENCHMARKS.entry("math500").facts["rows"])]

        def load(*args: Any, **kwargs: Any) -> list[dict[str, str]]:
            called.append((args, kwargs))
            return rows

        monkeypatch.setattr("datasets.load_dataset", load)
        asked, facts = load_questions("math500", limit=7)
        assert [q.problem.question for q in asked] == [f"p{n}" for n in range(7)]
        revision = BENCHMARKS.entry("math500").facts["source_revision"]
        assert called == [(("HuggingFaceH4/MATH-500", None), {"split": "test", "revision": revision})]
        assert facts.revision == revision and len(revision) == 40
        rows.pop()
        with pytest.raises(RemoteError, match="has 499 rows, 500 were expected"):
            load_questions("math500")

    def test_any_id(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("datasets.load_dataset", lambda *args, **kwargs: [{"question": "q", "answer": 4}])
        asked, facts = load_questions("org/some-set@v2")
        assert (asked[0].benchmark, facts.name, facts.source, facts.revision) == (
            "some-set",
            "some-set",
            "org/some-set",
            "v2",
        )
        monkeypatch.setattr("datasets.load_dataset", lambda *args, **kwargs: [{"text": "q"}])
        with pytest.raises(UsageError, match="row 1: no field 'question'"):
            load_questions("org/some-set")

    def test_config_split_revision_and_fields(self, monkeypatch: pytest.MonkeyPatch) -> None:
        called = []

        def load(*args: Any, **kwargs: Any) -> list[dict[str, str]]:
            called.append((*args, kwargs["split"], kwargs["revision"]))
            return [{"q": "a?", "a": "1"}]

        monkeypatch.setattr("datasets.load_dataset", load)
        for spec in ("org/set", "org/set:main", "org/set:main:train@abc", "org/set::train"):
            asked, facts = load_questions(spec, fields={"question": "q", "answer": "a"})
            assert (asked[0].problem.answer, facts.name) == ("1", "set")
        assert called == [
            ("org/set", None, "test", None),
            ("org/set", "main", "test", None),
            ("org/set", "main", "train", "abc"),
            ("org/set", None, "train", None),
        ]
        assert facts.source == "org/set, train"

    def test_offline_says_what_to_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def load(*args: Any, **kwargs: Any) -> None:
            raise ConnectionError("Couldn't reach 'openai/gsm8k' on the Hub (OfflineModeIsEnabled)")

        monkeypatch.setattr("datasets.load_dataset", load)
        with pytest.raises(RemoteError, match=r"gsm8k=FILE\.jsonl"):
            load_questions("gsm8k")
