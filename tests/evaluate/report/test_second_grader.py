"""The second grader: disagreements with both reasons, and their rate in the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from journey.answers.comparing.outcomes import Judgement, Outcome
from journey.errors import UnknownName
from journey.evaluate.report import build
from journey.evaluate.scoring import second_grader
from journey.formats.folders import open_finished
from journey.formats.scores import SecondGrades


def test_disagreements_and_their_rate(make: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(problems={"arithmetic": 20}, seeds=1)
    evaluated = open_finished(folder, "evaluate")
    assert second_grader.sentence(evaluated) is None
    said = {Outcome.SAME: Judgement(Outcome.SAME, "yes"), Outcome.DIFFERENT: Judgement(Outcome.DIFFERENT, "no")}
    monkeypatch.setattr(second_grader, "_opinion", lambda gold, answer: said[Outcome.SAME])
    grades = second_grader.build(evaluated, "math-verify")
    assert grades == SecondGrades.read(folder) and grades.judged > 0
    assert 0 < len(grades.disagreements) <= grades.judged
    assert {one.second_why for one in grades.disagreements} == {"yes"} and all(one.why for one in grades.disagreements)
    assert {one.outcome for one in grades.disagreements} <= {"different", "undecided"}
    build.build(evaluated)
    rate = f"{len(grades.disagreements) / grades.judged:.1%}"
    for name in ("report.md", "report.html"):
        text = (folder / name).read_text(encoding="utf-8")
        assert "Second grader math" in text and rate.replace("%", "") in text.replace("\\", "")


def test_an_unknown_grader_is_named(make: Callable[..., Path]) -> None:
    with pytest.raises(UnknownName, match="math-verify"):
        second_grader.build(open_finished(make(problems={"arithmetic": 20}, seeds=1), "evaluate"), "nobody")
