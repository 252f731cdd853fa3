"""The one reader of user rows: every kind of file gives the same rows, every value one meaning, every verb the same problem."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pyarrow
import pyarrow.feather
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey.errors import UsageError
from journey.questions import load_questions
from journey.tables.problems import read_problems
from journey.tables.rows import UnusableRow, UserRow, UserTable, read_row

ROWS: list[dict[str, Any]] = [
    {"question": 'What, "exactly",\nis 2 + 2?', "answer": "4", "solution": "2 + 2 = 4", "license": "cc-by-4.0"},
    {"question": "Halbiere 1; wie viel? ½", "answer": "1/2", "solution": None, "license": None},
    {"question": "A line\u2028separator?", "answer": "007", "solution": None, "license": None},
]


def lines(path: Path, *rows: Any, raw: bytes | None = None) -> str:
    path.write_bytes(raw if raw is not None else "".join(json.dumps(row) + "\n" for row in rows).encode())
    return str(path)


def read(row: dict[str, Any], **mapping: str) -> UserRow:
    found = read_row(row, "line 1", mapping)
    assert isinstance(found, UserRow), found
    return found


def reason(row: dict[str, Any], **mapping: str) -> str:
    found = read_row(row, "line 1", mapping)
    assert isinstance(found, UnusableRow), found
    return found.reason


def csv_text(separator: str = ",") -> str:
    def cell(value: Any) -> str:
        return "" if value is None else '"' + value.replace('"', '""') + '"'

    heads = list(ROWS[0])
    return "".join(separator.join(cells) + "\r\n" for cells in [heads, *([cell(r[h]) for h in heads] for r in ROWS)])


def write_all(folder: Path) -> list[Path]:
    """ROWS in every kind of file."""
    table = pyarrow.Table.from_pylist(ROWS)
    paths = [folder / f"rows{number}" for number in range(20)]
    made = []
    for path, suffix, content in (
        (paths[0], ".jsonl", "".join(json.dumps(row) + "\n" for row in ROWS).encode()),
        (paths[1], ".jsonl", b"\xef\xbb\xbf" + "\r\n\r\n".join(json.dumps(row) for row in ROWS).encode()),
        (paths[2], ".ndjson", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS).encode()),
        (paths[3], ".json", json.dumps(ROWS, indent=1).encode()),
        (paths[4], ".json", json.dumps({"version": 2, "data": ROWS}).encode()),
        (paths[5], ".json", "".join(json.dumps(row) + "\n" for row in ROWS).encode()),
        (paths[6], ".csv", csv_text().encode()),
        (paths[7], ".csv", b"\xef\xbb\xbf" + csv_text(";").encode()),
        (paths[8], ".tsv", csv_text("\t").encode()),
    ):
        made.append(path.with_suffix(suffix))
        made[-1].write_bytes(content)
    pyarrow.parquet.write_table(table, folder / "rows.parquet")
    pyarrow.feather.write_feather(table, folder / "rows.feather")
    with pyarrow.OSFile(str(folder / "rows.arrow"), "wb") as file, pyarrow.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    return [*made, folder / "rows.parquet", folder / "rows.feather", folder / "rows.arrow"]


def test_every_kind_of_file_gives_the_same_rows(tmp_path: Path) -> None:
    def content(path: Path) -> list[tuple[Any, ...]]:
        return [(r.question, r.answer, r.solution, r.licence, r.check) for r in UserTable(str(path)).rows()]

    wanted = [(r["question"], r["answer"], r["solution"], r["license"], "value") for r in ROWS]
    paths = write_all(tmp_path)
    assert len({path.suffix for path in paths}) == 8
    for path in paths:
        assert content(path) == wanted, path.name


@pytest.mark.parametrize("kind", ["files", "card", "saved", "splits"])
def test_folders_are_read_as_datasets_lays_them_out(kind: str, tmp_path: Path) -> None:
    import datasets

    def rows(answer: str) -> list[dict[str, str]]:
        return [{"question": f"Q{number}?", "answer": answer} for number in range(3)]

    folder, spec = tmp_path / "mine", str(tmp_path / "mine")
    folder.mkdir()
    if kind == "files":
        lines(folder / "a.jsonl", *rows("1"))
    elif kind == "card":
        lines(folder / "a.jsonl", *rows("0"))
        lines(folder / "b.jsonl", *rows("1"))
        card = (
            "---\nconfigs:\n- config_name: one\n  data_files: a.jsonl\n- config_name: two\n  data_files: b.jsonl\n---\n"
        )
        (folder / "README.md").write_text(card)
        spec += ":two"
    elif kind == "saved":
        datasets.DatasetDict(
            {"train": datasets.Dataset.from_list(rows("0")), "dev": datasets.Dataset.from_list(rows("1"))}
        ).save_to_disk(folder)
        spec += "::dev"
    else:
        (folder / "data").mkdir()
        lines(folder / "data" / "train.jsonl", *rows("0"))
        lines(folder / "data" / "test.jsonl", *rows("1"))
    asked, facts = load_questions(f"mine={spec}")
    assert [question.problem.answer for question in asked] == ["1"] * 3
    assert facts.source.startswith("mine")
    if kind != "splits":
        assert [problem.answer for problem in read_problems(spec)] == ["1"] * 3
    else:
        assert [problem.answer for problem in read_problems(spec)] == ["0"] * 3  # generate reads train
        with pytest.raises(UsageError, match=r"no split dev; it has: train, test"):
            UserTable(f"{spec}::dev").check()


def test_a_folder_without_rows_and_a_file_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"folder .*DIR\[:CONFIG"):
        UserTable(str(tmp_path)).check()
    with pytest.raises(UsageError, match="line 3: 3 cells, the first line has 2"):
        UserTable(lines(tmp_path / "a.csv", raw=b"question,answer\nQ?,1\nR?,1,000\n")).check()
    with pytest.raises(UsageError, match="two columns are called 'answer'"):
        UserTable(lines(tmp_path / "b.csv", raw=b"question,answer,answer\n")).check()
    with pytest.raises(UsageError, match="line 1: binary data"):
        UserTable(lines(tmp_path / "c.csv", raw="question,answer\nQ?,1\n".encode("utf-16"))).check()
    with pytest.raises(UsageError, match="no readable arrow file"):
        UserTable(lines(tmp_path / "d.arrow", raw=b"ARROW1 but no more")).check()


class TestValues:
    """One rule for what a value is."""

    def test_null_and_missing_are_the_same(self) -> None:
        bare = {"question": "Q?", "answer": "1"}
        assert read({**bare, "solution": None, "source": None, "license": None, "id": None}) == read(bare)
        assert read({"question": None, "problem": "Q?", "answer": "1"}).question == "Q?"
        assert reason({"question": "Q?", "answer": None}) == reason({"question": "Q?"}) == "answer_missing"
        assert reason({"question": None, "answer": "1"}) == reason({"answer": "1"}) == "question_missing"

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), "nan", "NaN", "-inf", Decimal("NaN")])
    def test_what_is_not_finite_is_no_answer(self, value: Any) -> None:
        assert reason({"question": "Q?", "answer": value}) == "answer_not_finite"

    def test_numbers_keep_their_digits(self, tmp_path: Path) -> None:
        long = "1234567890" * 9
        spec = lines(
            tmp_path / "a.jsonl",
            raw=f'{{"question": "a", "answer": {long}}}\n{{"question": "b", "answer": 0.12345678901234567890123}}\n'
            '{"question": "c", "answer": 0.50}\n{"question": "d", "answer": 1e400}\n{"question": "e", "answer": NaN}\n'
            '{"question": "f", "answer": -7}'.encode(),
        )
        assert [row.answer for row in UserTable(spec).rows()] == [
            long,
            "0.12345678901234567890123",
            "0.5",
            "1E+400",
            "-7",
        ]
        table = pyarrow.table({"question": ["Q?"], "answer": pyarrow.array([Decimal("72.10")])})
        pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
        assert next(UserTable(str(tmp_path / "a.parquet")).rows()).answer == "72.10"

    def test_text(self) -> None:
        assert read({"question": " Q?\r\nR? ", "answer": "72\r\n"}) == UserRow("line 1", "Q?\nR?", "72")
        assert read({"question": b"Q?", "answer": b"\xc3\xa9"}).answer == "é"
        assert read({"question": "Q?", "answer": ["5"]}).answer == "5"
        for value in (True, [], ["2", "-2"], {"a": 1}):
            assert reason({"question": "Q?", "answer": value}) == "answer_not_text"
        assert reason({"question": "Q?", "answer": " "}) == "answer_empty"
        assert reason({"question": "", "answer": "1"}) == "question_empty"
        assert reason({"question": 5, "answer": "1"}) == "question_not_text"
        assert reason({"question": "Q?", "answer": "1", "solution": [1, 2]}) == "solution_not_text"

    def test_both_spellings_of_licence(self) -> None:
        bare = {"question": "Q?", "answer": "1"}
        assert read({**bare, "licence": "MIT"}).licence == read({**bare, "license": ["MIT"]}).licence == "MIT"

    def test_dotted_fields(self) -> None:
        row = {"problem": {"text": "Q?"}, "reward_model": {"ground_truth": 3}, "all": [{"x": "s"}], "a.b": "mine"}
        found = read(row, question="problem.text", answer="reward_model.ground_truth", solution="all.0.x", source="a.b")
        assert (found.question, found.answer, found.solution, found.source) == ("Q?", "3", "s", "mine")
        missing = read_row(row, "line 1", {"question": "problem.txt", "answer": "reward_model.ground_truth"})
        assert isinstance(missing, UnusableRow) and "problem.text, reward_model.ground_truth" in missing.detail

    @pytest.mark.parametrize(
        ("given", "wanted"),
        [
            ("2 + 3 = 5\n#### 5", "5"),
            ("So ... therefore \\boxed{\\frac{1}{2}}.", "\\frac{1}{2}"),
            ("Half of 62. The answer is 31.", "31"),
            ("31", None),
            ("#### Step 1\nWe add.", None),
            ("x = 3 and y = 4", None),
        ],
    )
    def test_the_gold_is_read_out_of_a_solution(self, given: str, wanted: str | None) -> None:
        found = read({"question": "Q?", "answer": given})
        assert (found.answer, found.solution) == ((wanted, given) if wanted else (given, None))
        if wanted:
            assert read({"question": "Q?", "solution": given}) == found
        else:
            assert reason({"question": "Q?", "solution": given}) == "answer_missing"


class TestChats:
    """Chats are a question and its answer."""

    MESSAGES: ClassVar = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Q?"}]},
        {"role": "assistant", "content": "Thus \\boxed{4}."},
    ]
    SHAREGPT: ClassVar = [{"from": "human", "value": "Q?"}, {"from": "gpt", "value": "Thus \\boxed{4}."}]

    def test_messages_and_conversations(self) -> None:
        wanted = UserRow("line 1", "Q?", "4", "Thus \\boxed{4}.")
        assert read({"messages": self.MESSAGES}) == read({"conversations": self.SHAREGPT}) == wanted
        assert read({"prompt": self.MESSAGES}, question="prompt") == wanted
        assert read({"q": "Q?", "m": self.MESSAGES}, question="q", answer="m") == wanted
        asked = {"prompt": self.MESSAGES[:2], "reward_model": {"ground_truth": "4"}}
        assert read(asked, question="prompt", answer="reward_model.ground_truth").answer == "4"

    def test_what_is_no_single_question(self) -> None:
        assert reason({"messages": self.MESSAGES * 2}) == "chat_several_questions"
        assert reason({"messages": self.MESSAGES[2:]}) == "chat_not_understood"
        assert reason({"messages": self.MESSAGES[:2]}) == "answer_missing"
        picture = {"role": "user", "content": [{"type": "image", "url": "x"}]}
        assert reason({"messages": [picture], "answer": "1"}) == "chat_not_text"


def test_a_mapped_field_that_no_row_has(tmp_path: Path) -> None:
    spec = lines(tmp_path / "a.jsonl", {"question": "Q?", "answer": "1", "work": {"text": "w"}})
    with pytest.raises(UsageError, match=r"--map solution=work.txt, and no row has a field 'work.txt'") as refused:
        UserTable(spec, {"solution": "work.txt"}).check()
    assert "fields: question, answer, work.text" in str(refused.value)


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    texts,
    st.sampled_from(["4", " 4\r\n", "#### 4", "\\boxed{4}", "B", "(C) 7", "The answer is 4."]),
    st.lists(texts, max_size=4),
    st.dictionaries(st.sampled_from(["text", "A", "B", "label"]), texts, max_size=3),
)
NAMES = "question problem answer solution source license licence options choices answerKey messages A B C".split()


KNOWN: list[dict[str, Any]] = [
    {"question": "Which?", "options": ["4", "7"], "answer": "B", "license": "MIT"},
    {"question": "Which?", "choices": {"text": ["x", "y"], "label": ["1", "2"]}, "answerKey": "2"},
    {"problem": "How many?", "solution": "So \\boxed{4}.", "licence": "Apache-2.0"},
    {"conversations": TestChats.SHAREGPT, "source": "chats"},
    {"question": "NaN?", "answer": float("nan")},
]
any_row = st.one_of(st.sampled_from(KNOWN), st.dictionaries(st.sampled_from(NAMES), values, max_size=6))


@settings(max_examples=80, deadline=None)
@given(st.lists(any_row, min_size=1, max_size=4))
def test_a_row_means_the_same_in_every_verb(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    """Whatever the rows are: generate (and a warm-up), evaluate and check read the same, and refuse the same."""
    from journey.tables.survey import survey

    spec = lines(tmp_path_factory.getbasetemp() / "property.jsonl", *rows)
    counted = survey(UserTable(spec))
    assert counted.usable + counted.unusable.total() == len(rows)
    if not counted.usable:
        for refusing in (lambda: list(read_problems(spec)), lambda: load_questions(f"mine={spec}")):
            with pytest.raises(UsageError):
                refusing()
        return
    made, (asked, facts) = list(read_problems(spec)), load_questions(f"mine={spec}")
    assert facts.unusable == dict(sorted(counted.unusable.items())) and len(asked) == counted.usable

    def meaning(problem: Any) -> tuple[Any, ...]:
        return problem.question, problem.answer, problem.check, problem.licence, problem.facts.get("options")

    seen: dict[str, Any] = {}
    for question in asked:  # a question that comes twice is one training problem
        seen.setdefault(" ".join(question.problem.question.split()).lower(), meaning(question.problem))
    by_words = {" ".join(problem.question.split()).lower(): meaning(problem) for problem in reversed(made)}
    assert by_words == seen
