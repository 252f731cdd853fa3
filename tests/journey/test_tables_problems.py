"""Problem files: every shape that is read, and every bad file named with its line and field."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journey.config import GenerateSettings
from journey.errors import RemoteError, UsageError
from journey.formats.folders import open_finished
from journey.generate.run import generate
from journey.schema import problem_id
from journey.tables.problems import read_problems
from journey.tables.rows import UserTable

ROW = {"question": "What is 2 + 2?", "answer": "4", "solution": "2 + 2 = <<2+2=4>>4\n#### 4"}


def source_hash(spec: str) -> str:
    return UserTable(spec).digest()


def write(path: Path, *rows: Any) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_jsonl_json_and_parquet_give_the_same_problems(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    rows = [ROW, {**ROW, "question": "And  3 + 3?", "answer": "6"}]
    lines = write(tmp_path / "toy.jsonl", *rows)
    whole = tmp_path / "toy.json"
    whole.write_text(json.dumps({"version": 1, "data": rows}))
    table = tmp_path / "toy.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), table)
    found = list(read_problems(lines))
    assert found == list(read_problems(str(whole))) == list(read_problems(str(table)))
    assert [each.answer for each in found] == ["4", "6"]
    assert found[1].source == "toy" and found[1].brief == "And 3 + 3?" and found[1].licence is None
    assert found[1].id == problem_id("toy", "and 3 + 3?")


def test_the_shape_of_openai_gsm8k_is_understood(tmp_path: Path) -> None:
    spec = write(tmp_path / "gsm8k_train.jsonl", {"question": "Q?", "answer": "1+1 = <<1+1=2>>2\n#### 2"})
    (problem,) = read_problems(spec)
    assert (problem.answer, problem.source, problem.licence) == ("2", "gsm8k", "MIT")
    assert problem.solution == "1+1 = <<1+1=2>>2\n#### 2"


def test_problem_stands_for_question_and_numbers_for_answers(tmp_path: Path) -> None:
    (problem,) = read_problems(write(tmp_path / "a.jsonl", {"problem": "Q?", "answer": 7, "source": "mine"}))
    assert (problem.question, problem.answer, problem.source, problem.solution) == ("Q?", "7", "mine", None)


def test_fields_are_mapped(tmp_path: Path) -> None:
    spec = write(tmp_path / "a.jsonl", {"q": "Q?", "a": "7", "work": "w"})
    (problem,) = read_problems(spec, {"question": "q", "answer": "a", "solution": "work"})
    assert (problem.question, problem.answer, problem.solution) == ("Q?", "7", "w")
    assert next(read_problems(spec, {"problem": "q", "answer": "a"})).question == "Q?"
    with pytest.raises(UsageError, match="unknown field 'quesion'"):
        read_problems(spec, {"quesion": "q"})


def test_a_question_that_comes_twice_comes_once(tmp_path: Path) -> None:
    spec = write(tmp_path / "a.jsonl", ROW, {**ROW, "question": " what is  2 + 2?"})
    assert len(list(read_problems(spec))) == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b"", "is empty"),
        ("a.jsonl", b"\n \n", "holds no rows"),
        ("a.json", b"[]", "holds no rows"),
        ("a.json", b'"text"', "holds text, a list of problems is expected"),
        ("a.jsonl", b'{"question": "Q", "answer": "1"}\n{"question": ', "line 2: not JSON"),
        ("a.jsonl", b"[1, 2]\n", "line 1: a list, an object is expected"),
        ("a.json", b'[{"question": "Q", "answer": "1"}, 5]', "row 2: a number, an object is expected"),
        ("a.jsonl", b'{"question": "Q"}\n', "line 1: no field 'answer' (fields: question)"),
        ("a.jsonl", b'{"answer": "1"}\n', "line 1: no field 'question'"),
        ("a.jsonl", b'{"question": 3, "answer": "1"}\n', "line 1: field 'question' is a number, text is expected"),
        ("a.jsonl", b'{"question": "Q", "answer": null}\n', "line 1: field 'answer' is null"),
        ("a.jsonl", b'{"question": "Q", "answer": true}\n', "field 'answer' is true or false"),
        ("a.jsonl", b'{"question": " ", "answer": "1"}\n', "line 1: field 'question' is empty"),
        ("a.jsonl", b'{"question": "Q", "answer": "1", "solution": []}\n', "field 'solution' is a list"),
        ("a.jsonl", b'{"question": "\\ud800", "answer": "1"}\n', "lone surrogate"),
        (
            "a.jsonl",
            b'{"question": "Q", "answer": ' + b"9" * 5000 + b"}\n",
            "line 1: field 'answer' is a number of 5,000",
        ),
        ("a.jsonl", b"[" * 100_000, "line 1: not JSON"),
        ("a.jsonl", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "binary data|not UTF-8"),
        ("a.jsonl", b'{"question": "caf\xe9", "answer": "1"}', "line 1: not UTF-8"),
        ("a.parquet", b"PAR1 but nothing else", "no readable parquet file"),
        ("a.parquet", b"not parquet", "no readable parquet file"),
    ],
)
def test_bad_files_are_named_before_any_work(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_problems(str(path))
    assert any(part in str(caught.value) for part in message.split("|")), str(caught.value)
    assert caught.value.exit_code == 2 and str(path) in str(caught.value)


def test_a_broken_last_line_is_found_before_the_first_problem(tmp_path: Path) -> None:
    spec = write(tmp_path / "a.jsonl", *[{**ROW, "question": f"Q{number}?"} for number in range(50)])
    with Path(spec).open("a") as file:
        file.write("{broken")
    with pytest.raises(UsageError, match="line 51: not JSON"):
        read_problems(spec)


def test_a_row_without_an_answer_is_counted_or_with_strict_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = write(tmp_path / "a.jsonl", ROW, *[{"question": f"Q{number}?"} for number in range(12)])
    assert len(list(read_problems(spec))) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "12 of 13 rows cannot be used (answer_missing 12)" in said
    assert "line 11: no field 'answer' (fields: question)" in said
    assert "line 12:" not in said and "and 2 more" in said
    with pytest.raises(UsageError, match=r"line 2: no field 'answer'"):
        read_problems(spec, strict=True)


@pytest.mark.parametrize("spec", ["nowhere.jsonl", "./no/such", "folder/nowhere.parquet", "word", "a b/c"])
def test_missing_files(spec: str) -> None:
    for read in (read_problems, source_hash):
        with pytest.raises(UsageError, match="no file"):
            read(spec)


def test_the_hash_is_of_the_bytes(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.jsonl", ROW), write(tmp_path / "b.jsonl", ROW)
    assert source_hash(first) == source_hash(second)
    assert source_hash(write(tmp_path / "a.jsonl", ROW, ROW)) != source_hash(second)


def test_hub_datasets_are_read_by_id(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    asked: list[tuple[Any, ...]] = []

    def load(name: str, config: str | None, *, split: str, revision: str | None) -> datasets.Dataset:
        asked.append((name, config, split, revision))
        if name == "who/knows":
            raise datasets.exceptions.DatasetNotFoundError("no such dataset")
        if name == "off/line":
            raise ConnectionError("no route")
        return datasets.Dataset.from_list([{"question": "Q?", "answer": "1+1 = <<1+1=2>>2\n#### 2"}])

    monkeypatch.setattr(datasets, "load_dataset", load)
    (problem,) = read_problems("openai/gsm8k")
    assert (problem.source, problem.answer, problem.licence) == ("gsm8k", "2", "MIT")
    assert next(read_problems("me/mine:small@v1.0")).source == "mine"
    assert asked == [("openai/gsm8k", "main", "train", None), ("me/mine", "small", "train", "v1.0")]
    assert source_hash("openai/gsm8k").startswith("hub:openai/gsm8k:")
    with pytest.raises(UsageError, match="no dataset 'who/knows'"):
        list(read_problems("who/knows"))
    with pytest.raises(RemoteError, match="off/line"):
        list(read_problems("off/line"))


def test_real_gsm8k(real_data: Callable[[str], Path]) -> None:
    path = str(real_data("gsm8k_train.jsonl"))
    problems = list(read_problems(path))
    assert len(problems) == 7473
    assert len({problem.id for problem in problems}) == 7473
    assert {problem.source for problem in problems} == {"gsm8k"}
    assert all(problem.solution and problem.licence == "MIT" for problem in problems)
    assert source_hash(path) == source_hash(path)


def test_generate_counts_the_rows_of_no_use_in_its_manifest(tmp_path: Path) -> None:
    from journey.formats.folders import read_manifest
    from journey.generate.run import plan

    worked = "He has 6 * 2 = <<6*2=12>>12 pens.\nIn all 6 + 12 = <<6+12=18>>18 pens."
    good = {"q": {"t": "Tom has 6 pens and buys twice as many. How many pens has he?"}, "a": 18, "s": worked}
    spec = write(tmp_path / "a.jsonl", good, {**good, "a": None}, {**good, "a": float("inf")})
    asked = {"problems": spec, "method": ["slips"], "map": {"question": "q.t", "answer": "a", "solution": "s"}}
    out = generate(GenerateSettings(**asked), tmp_path / "out", workers=1)
    counts = read_manifest(out, "generate").counts
    assert counts["pairs"] == 1 and counts["unusable"] == {"answer_missing": 1, "answer_not_finite": 1}
    assert plan(GenerateSettings(**asked), tmp_path / "new")["unusable"] == counts["unusable"]
    with pytest.raises(UsageError, match="line 2: field 'a' is null"):
        generate(GenerateSettings(**asked, strict=True), tmp_path / "strict")
    assert not (tmp_path / "strict").exists()


@pytest.mark.parametrize("more", [{}, {"pairs": 3}])
def test_every_row_is_a_pair_rejected_a_duplicate_or_unused(tmp_path: Path, more: dict[str, int]) -> None:
    solved = {
        "question": "A pen costs 3 dollars. What do 4 pens cost?",
        "answer": "12",
        "solution": "3 * 4 = <<3*4=12>>12",
    }
    other = {"question": "How far is it from here to the sea?", "answer": "9", "solution": "It is 9."}
    rows = [{**each, "question": f"{number}. {each['question']}"} for number in range(6) for each in (solved, other)]
    rows = [*rows, *rows[:5]]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = GenerateSettings(problems=str(tmp_path / "rows.jsonl"), method=["slips"], **more)
    counts = open_finished(generate(settings, tmp_path / "g", workers=1), "generate").counts
    assert counts.rows == len(rows) == counts.pairs + sum(counts.rejected.values()) + counts.duplicates + counts.unused
    assert counts.duplicates == 5 and bool(counts.unused) == bool(more)
