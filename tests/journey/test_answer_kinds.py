"""Every kind of answer: right respellings are never different, near misses never the same, nearly all right ones decided."""

from __future__ import annotations

import json
import random
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey.answers.checker import Outcome, compare, explain
from journey.answers.comparing.last_resort import ask_math_verify
from journey.answers.explaining import explained, kind_of, pairs
from journey.answers.mathworker import WORKER
from journey.answers.reading.fingerprints import fingerprints, units_in
from journey.answers.second import second_opinion
from journey.errors import UsageError
from journey_testing.answer_kinds import KINDS

PAIRS: list[dict[str, Any]] = json.loads(
    (Path(__file__).resolve().parent.parent / "golden" / "answers_pairs.json").read_text()
)


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_no_right_one_is_different_and_no_near_miss_the_same(name: str, seed: int) -> None:
    case = KINDS[name](random.Random(seed))
    assert [right for right in case.right if compare(case.gold, right) is not Outcome.SAME] == []
    assert [wrong for wrong in case.wrong if compare(case.gold, wrong) is Outcome.SAME] == []


@pytest.mark.parametrize("name", KINDS)
def test_an_answer_that_is_cut_off_is_read_or_not_read(name: str) -> None:
    """Votes and explanations read any text; what was cut off in the middle raises nothing."""
    case = KINDS[name](random.Random(1))
    for text in (case.gold, *case.right[:2]):
        for place in range(len(text) + 1):
            for part in (text[:place], text[place:]):
                assert fingerprints(part) and kind_of(part) and units_in(part) is not None


@pytest.mark.parametrize("name", KINDS)
def test_the_order_of_the_two_does_not_matter(name: str) -> None:
    case = KINDS[name](random.Random(f"order of {name}"))
    for text in case.right + case.wrong:
        assert (compare(case.gold, text) is Outcome.SAME) == (compare(text, case.gold) is Outcome.SAME), text


@pytest.mark.parametrize("row", PAIRS, ids=[f"{row['kind']}-{index}" for index, row in enumerate(PAIRS)])
def test_pairs(row: dict[str, Any]) -> None:
    outcome, why = explain(row["gold"], row["answer"])
    wanted = {
        "right": {"same"},
        "wrong": {"different", "undecided"},
        "different": {"different"},
        "undecided": {"undecided"},
    }
    assert outcome in wanted[row["want"]], why


def test_most_near_misses_are_proven_wrong() -> None:
    wrong = [row for row in PAIRS if row["want"] == "wrong"]
    assert sum(compare(row["gold"], row["answer"]) is Outcome.DIFFERENT for row in wrong) >= 0.8 * len(wrong)


@pytest.mark.parametrize(
    "text",
    ["9^{9^{9^{9}}}", "\\frac{" * 300, "(" * 400, "{" * 900, "x^" * 300 + "2", "1+" * 499 + "1", "x+" * 400 + "1", "\\sqrt{" * 150 + "2" + "}" * 150,
     "\\{" * 200, ",".join("123456789"), ", ".join(f"x^{n}" for n in range(24)), "(1+x)^{9999}", "((((x+1)^9)^9)^9)^9", "10^{10^{10}}x", "(10^8)!", "\\binom{10^9}{5}",
     "\\sin(\\sin(\\sin(10^{900})))", "|" * 300, "-" * 900 + "x", "\\text{" * 160, "a_" * 300, "\\pm 1" * 60, "x<" * 200 + "1", "e^{e^{e^{e^{e}}}}",
     "\\begin{pmatrix}" + "1&" * 300 + "\\end{pmatrix}", "1:" * 300 + "1", "x=" * 300 + "1", "\\sum_{n=1}^{999} n^{99}", "\\int_0^1 x^{99} dx", "2^{2^{2^{n}}}",
     "5 dollars" * 60, "12.5 x dollars " * 40, "5 km/h" * 60, "5 a.m/" * 60, "\\{145.5\\}" * 40],
)  # fmt: skip
def test_hostile_answers_are_bounded(text: str) -> None:
    WORKER.ask("1", "1", 5)  # starting it is not counted
    for gold in ("18", "x^2+1", "\\{1,2\\}", text + "+1"):
        began = time.process_time()
        assert compare(gold[:990], text) in set(Outcome)
        assert time.process_time() - began < 1.0


def test_math_verify_is_asked_for_what_is_left_and_never_for_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    assert compare("\\int_{0}^{1} 2x dx", "1", timeout=20) is Outcome.SAME
    monkeypatch.setattr(WORKER, "ask", lambda gold, answer, seconds: ("different", 0.0))
    assert compare("\\int_{0}^{1} 3x dx", "1") is Outcome.UNDECIDED
    monkeypatch.setattr(WORKER, "ask", lambda gold, answer, seconds: ("same", 0.0))
    assert ask_math_verify("x+2=0", "x+2=0", 1.0, "no").outcome is Outcome.UNDECIDED  # it would compare real solutions


def test_reasons_are_words() -> None:
    for row in PAIRS[:60]:
        assert re.fullmatch(r".{4,200}", explain(row["gold"], row["answer"]).why)


def test_math_verify_is_not_believed_where_letters_differ_in_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WORKER, "ask", lambda *_: ("same", 0.0))
    asked = [("\\int_{0}^{1} 2Kx dx", other) for other in ("\\int_{0}^{1} 2xK dx", "\\int_{0}^{1} 2kx dx")]
    assert [ask_math_verify(*pair, 1.0, "").outcome for pair in asked] == [Outcome.SAME, Outcome.UNDECIDED]


def test_the_second_grader_reads_for_itself() -> None:
    assert second_opinion("1/2", "so \\boxed{0.5}").outcome is Outcome.SAME
    assert (
        second_opinion("x^2+1=0", "x^2+2=0").outcome is Outcome.SAME
    )  # by their real solutions, which is why it is second
    assert second_opinion("18", "17").outcome is Outcome.DIFFERENT
    assert second_opinion("18", "x" * 5000).outcome is Outcome.UNDECIDED


def test_a_judgement_in_words(tmp_path: Path) -> None:
    row = explained("(3,4]", "so \\boxed{3 < x \\le 4}", second=True)
    assert (row["outcome"], row["taken_from"], row["answer_read_as"]) == ("same", "box", "a set of real numbers")
    assert explained("18", "nothing ???")["answer_read_as"].startswith("not read")
    file = tmp_path / "a.jsonl"
    file.write_text('{"gold": "1/2", "answer": "0.5"}\n\n{"gold": 18, "answer": 17}\n')
    assert list(pairs(file)) == [("1/2", "0.5"), ("18", "17")]
    file.write_text('{"gold": "1/2"}\n')
    with pytest.raises(UsageError, match="line 1"):
        list(pairs(file))


def test_every_kind_of_object_has_its_words() -> None:
    names = {kind_of(text) for text in ("1", "\\text{even}", "(C) 3", "1,2", "(1,2)", "x<2", "\\begin{pmatrix}1\\\\2\\end{pmatrix}",
                                        "x+y=1", "x=1", "x+y<1", "52_8", "3:30")}  # fmt: skip
    assert len(names) == 12 and not any(name.startswith("not read") for name in names)
