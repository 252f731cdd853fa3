"""The embedded answers: which, how long, and that no text can leave its element."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from journey.evaluate.report import answers, viewer
from journey.formats.folders import open_finished
from journey.formats.plan import EvaluationPlan
from journey.schema import Problem
from journey_testing.folders import change, plan_and_scores

BUDGET = 20_000
Make = Callable[..., Path]


def read(folder: Path, **settings: Any) -> dict[str, Any]:
    return viewer.unpacked(embedded(folder, **settings))


def embedded(folder: Path, **settings: Any) -> str:
    return viewer.embedded(open_finished(folder, "evaluate"), **settings)


def differs(plan: EvaluationPlan, problem: dict[str, Any]) -> bool:
    right = {
        (run.arm, run.seed): answer[0] == "correct" for run, answer in zip(plan.runs, problem["answers"], strict=True)
    }
    return any(right[a, s] != right["journey", s] for a in ("shortcut@examples", "shortcut@tokens") for s in (0, 1))


def test_every_answer_of_every_run_joined_by_id(make: Make) -> None:
    folder = make(problems={"countdown@1": 8}, hostile=False)
    name = "samples/journey-s0/countdown@1/greedy/00000.jsonl"
    lines = (folder / name).read_bytes().splitlines(keepends=True)
    change(folder, {name: b"".join(reversed(lines))})
    data = read(folder)
    place = [run["run"] for run in data["runs"]].index("journey-s0")
    texts = {json.loads(line)["question"]: json.loads(line)["text"] for line in lines}
    problems = data["benchmarks"][0]["problems"]
    assert {problem["id"]: problem["answers"][place][5] for problem in problems} == texts
    assert data["pairs"] == [["shortcut@examples", "journey"], ["shortcut@tokens", "journey"]]
    assert [benchmark["total"] for benchmark in data["benchmarks"]] == [8, 0, 0, 0]


def test_graded_by_the_projects_own_grading(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(problems=3)
    monkeypatch.setattr(answers, "grade", lambda problem, *_: ("undecided", "seven", f"asked {problem.answer}"))
    problem = read(folder)["benchmarks"][0]["problems"][0]
    assert problem["answers"][0][0] == "undecided"
    assert problem["answers"][0][3:5] == ["seven", f"asked {problem['gold']}"]


def test_outcomes_of_real_texts(make: Make) -> None:
    problems = read(make(problems={"countdown@1": 40}, hostile=False))["benchmarks"][0]["problems"]
    answers = [answer for problem in problems for answer in problem["answers"]]
    assert {answer[0] for answer in answers} == {"correct", "wrong", "no_answer"}
    for outcome, cut, *_, text, _marks in answers:
        assert (outcome == "correct") == ("* " in text.rpartition("boxed")[2] and not cut)


def test_a_run_without_samples_has_no_answers(make: Make) -> None:
    folder = make(problems=3)
    change(folder, {"samples/base/countdown@1/greedy/00000.jsonl": None})
    data = read(folder)
    assert [problem["answers"][0] for problem in data["benchmarks"][0]["problems"]] == [None] * 3


def test_of_several_samples_of_one_question_the_first(make: Make) -> None:
    folder = make(problems=1)
    name = "samples/base/countdown@1/greedy/00000.jsonl"
    sample = json.loads((folder / name).read_bytes())
    lines = "".join(json.dumps({**sample, "text": text}) + "\n" for text in ("one", "two"))
    change(folder, {name: lines.encode()})
    assert read(folder)["benchmarks"][0]["problems"][0]["answers"][0][5] == "one"


def test_asked_as_the_model_was(make: Make) -> None:
    folder = make(problems={"countdown@1": 1}, view="think")
    assert read(folder)["benchmarks"][0]["problems"][0]["question"].startswith("Using each of the numbers")
    plan, _ = plan_and_scores(folder)
    change(folder, {EvaluationPlan.FILE: msgspec.structs.replace(plan, view="compact").encoded()})
    brief = read(folder)
    assert brief["benchmarks"][0]["problems"][0]["question"].startswith("use ")


@pytest.mark.usefixtures("quick")
def test_nothing_can_leave_the_element(make: Make) -> None:
    folder = make(problems=60)
    text = embedded(folder)
    assert re.fullmatch(r"[A-Za-z0-9+/]+=*", text)
    assert embedded(folder) == text
    assert "<script>document.title" in "".join(
        answer[5]
        for benchmark in viewer.unpacked(text)["benchmarks"]
        for p in benchmark["problems"]
        for answer in p["answers"]
    )


@pytest.mark.usefixtures("quick")
def test_budget_prefers_disagreement_and_keeps_order(make: Make) -> None:
    folder = make(problems={"countdown@1": 60, "arithmetic": 300}, hostile=False)
    plan, _ = plan_and_scores(folder)
    everything, part = read(folder)["benchmarks"], read(folder, budget=BUDGET)["benchmarks"]
    assert len(embedded(folder, budget=BUDGET)) <= BUDGET
    for whole, some in zip(everything, part, strict=True):
        ids = [problem["id"] for problem in whole["problems"]]
        kept = [problem["id"] for problem in some["problems"]]
        assert kept == [i for i in ids if i in kept]
        assert some["total"] == len(ids)
        assert bool(kept) == bool(ids), "every benchmark gets its turn"
    whole, some = everything[3]["problems"], part[3]["problems"]
    differing = [differs(plan, problem) for problem in whole].count(True)
    kept = [differs(plan, problem) for problem in some].count(True)
    assert kept < differing < 0.2 * len(whole)
    assert kept / len(some) == pytest.approx(2 / 3, abs=0.05)  # two that differ for each other one
    assert [p for p in some if differs(plan, p)] == [p for p in whole if differs(plan, p)][:kept]
    assert read(folder, budget=BUDGET)["benchmarks"] == part


def test_a_long_text_keeps_both_ends() -> None:
    text = "a" * 10_000 + "END"
    short = answers.shortened(text)
    assert len(short) < 6_200 and short.startswith("aaa") and short.endswith("END")
    assert "4,003 characters left out" in short
    assert answers.shortened("b" * 6_000) == "b" * 6_000


@pytest.mark.usefixtures("quick")
def test_a_budget_that_is_met_is_nearly_used_up(make: Make) -> None:
    folder = make(problems={"countdown@1": 200}, hostile=False)
    whole = len(embedded(folder))
    part = embedded(folder, budget=whole // 2)
    assert 0.4 * whole < len(part) <= whole // 2
    assert viewer.unpacked(embedded(folder, budget=10))["benchmarks"][0] == {
        "name": "countdown@1", "total": 200, "problems": [],
    }  # fmt: skip


def test_marks_count_as_scripts_do(make: Make) -> None:
    folder = make(problems={"countdown@1": 1}, hostile=False)
    name = "samples/journey-s0/countdown@1/greedy/00000.jsonl"
    sample = json.loads((folder / name).read_bytes())
    text = "\U0001f9ee try 2 + 2 = 5 . dead end . \U0001f9ee \\boxed{ 7 }"
    change(folder, {name: json.dumps({**sample, "text": text}).encode() + b"\n"})
    data = read(folder)
    flat = data["benchmarks"][0]["problems"][0]["answers"][-2][6]
    units = text.encode("utf-16-le")
    found = {
        data["kinds"][kind]: units[2 * start : 2 * end].decode("utf-16-le")
        for kind, start, end in zip(flat[::3], flat[1::3], flat[2::3], strict=True)
    }
    assert {found[kind] for kind in ("answer", "notice")} == {"\\boxed{ 7 }", "dead end ."}


def test_many_answers_are_read_in_processes_and_give_the_same(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(problems={"countdown@1": 12})
    one = embedded(folder)
    monkeypatch.setattr(answers, "MANY", 10)
    monkeypatch.setattr(answers.os, "cpu_count", lambda: 2)
    assert embedded(folder) == one


def test_marks_of_a_long_text_lie_where_it_is_shown() -> None:
    filler = "No more to say here. " * 400
    text = f"Wait, that is wrong. {filler}Wait, that is wrong. {filler}So the answer is \\boxed{{7}}."
    problem = Problem("p", "q", "7", "s")
    shown = answers.shortened(text)
    marks = list(answers._kept(text, problem))
    assert [shown[mark.start : mark.end] for mark in marks if mark.kind == "answer"] == ["\\boxed{7}"]
    assert sum("wrong" in shown[mark.start : mark.end] for mark in marks) == 1
