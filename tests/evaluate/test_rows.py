"""A benchmark of one's own rows in an evaluation: golds checked before sampling, a changed file is another evaluation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from journey.config import EvaluateSettings
from journey.errors import RemoteError, UsageError
from journey.evaluate.report.content import content
from journey.evaluate.run import evaluate, plan
from journey.formats.folders import open_finished
from journey.tables import rows


def write(path: Path, golds: list[Any]) -> Path:
    """Rows that the tiny base can read, with these golds."""
    made = [{"question": f"make {number} : {number} + 1 .", "answer": gold} for number, gold in enumerate(golds)]
    path.write_text("".join(json.dumps(row) + "\n" for row in made))
    return path


def settings(path: Path, **changes: Any) -> EvaluateSettings:
    return EvaluateSettings(benchmarks=[f"mine={path}"], max_new_tokens=6, workers=1, **changes)


def test_solutions_are_read_and_unusable_rows_are_in_plan_and_report(finetuned: Path, tmp_path: Path) -> None:
    file = write(
        tmp_path / "m.jsonl", ["So it is \\boxed{1}.", "The answer is 2.", "1 + 2\n#### 3", 4.0, None, float("nan")]
    )
    asked = settings(file)
    out = evaluate(finetuned, asked, tmp_path / "out")
    evaluated = open_finished(out, "evaluate")
    assert [question.problem.answer for question in evaluated.questions("mine")] == ["1", "2", "3", "4.0"]
    told = evaluated.plan.rows["mine"]
    assert told.unusable == {"answer_missing": 1, "answer_not_finite": 1} and told.golds.unread == 0
    said = content(evaluated.plan, evaluated.scores).caveats
    assert any("2 rows of its file could not be used" in caveat for caveat in said)
    with pytest.raises(UsageError, match="line 5: field 'answer' is null"):
        plan(finetuned, settings(file, strict=True))

    before = (out / "plan.json").read_bytes()
    assert evaluate(finetuned, asked, out) == out  # the same file: nothing is done again
    write(file, ["So it is \\boxed{1}.", "The answer is 2.", "1 + 2\n#### 3", 5])
    with pytest.raises(UsageError, match="asked other questions of mine than .* gives now: another evaluation"):
        evaluate(finetuned, asked, out)
    assert (out / "plan.json").read_bytes() == before


def test_golds_that_cannot_be_judged_by_are_refused_or_allowed(finetuned: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "m.jsonl", ["1", "2", "proof", "3"])
    with pytest.raises(UsageError, match=r"mine: 1 gold of 4 \(25.0%\) cannot be judged") as refused:
        plan(finetuned, settings(file))
    assert "--allow-golds" in str(refused.value) and "'proof'" in str(refused.value)
    out = evaluate(finetuned, settings(file, allow_golds=True), tmp_path / "out")
    evaluated = open_finished(out, "evaluate")
    assert evaluated.plan.rows["mine"].golds_allowed
    caveat = next(each for each in content(evaluated.plan, evaluated.scores).caveats if "gold answer" in each)
    assert "'proof'" in caveat and "--allow-golds let the set through" in caveat
    assert "allow-golds" in (out / "report.md").read_text()
    few = write(tmp_path / "few.jsonl", [*map(str, range(30)), "proof"])
    assert plan(finetuned, settings(few))["plan"]["rows"]["mine"]["golds"]["unread"] == 1  # below the share: told


def test_plans_without_anything_to_say_are_as_they_were(finetuned: Path, tmp_path: Path) -> None:
    out = evaluate(finetuned, settings(write(tmp_path / "m.jsonl", ["1", "2"])), tmp_path / "out")
    assert "rows" not in json.loads((out / "plan.json").read_bytes())


def test_changed_dev_problems_are_another_evaluation_too(finetuned: Path, tmp_path: Path) -> None:
    from journey.evaluate.planning.plan import prepare
    from journey.evaluate.planning.questions import refuse_changed

    dev = write(tmp_path / "dev.jsonl", ["1", "2", "3"])
    file = write(tmp_path / "m.jsonl", ["4", "5"])
    asked = settings(file, dev={"mine": str(dev)}, strategy=["greedy", "majority"], k=1)
    runs = open_finished(finetuned, "finetune")
    fixed = prepare(runs, asked).plan
    assert [info.name for info in fixed.dev] == ["mine.dev"]
    refuse_changed(fixed, runs, asked, "out")
    write(dev, ["1", "2", "4"])
    with pytest.raises(UsageError, match="out asked other questions of mine.dev than .*dev.jsonl gives now"):
        refuse_changed(fixed, runs, asked, "out")


def test_a_hub_data_set_without_a_revision_that_changed_is_another_evaluation(
    finetuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    golds: list[str] | None = ["1", "2"]

    def load(repo: str, config: Any, split: str, revision: Any, instead: str = "") -> list[dict[str, str]]:
        if golds is None:
            raise RemoteError(f"cannot load {repo}: no network")
        return [{"question": f"make {n} : {n} + 1 .", "answer": gold} for n, gold in enumerate(golds)]

    monkeypatch.setattr(rows, "load_hub", load)
    floating, pinned = (
        EvaluateSettings(benchmarks=[spec], max_new_tokens=6, workers=1) for spec in ("org/sums", "org/sums@abc")
    )
    outs = [evaluate(finetuned, asked, tmp_path / name) for asked, name in ((floating, "f"), (pinned, "p"))]
    golds = None
    assert evaluate(finetuned, floating, outs[0]) == outs[0]
    assert "whether org/sums has changed cannot be seen" in " ".join(capsys.readouterr().err.split())
    golds = ["1", "3"]
    with pytest.raises(UsageError, match="asked other questions of sums than org/sums gives now"):
        evaluate(finetuned, floating, outs[0])
    assert evaluate(finetuned, pinned, outs[1]) == outs[1]


def test_dev_golds_are_checked_as_those_of_the_benchmark_are(finetuned: Path, tmp_path: Path) -> None:
    dev = write(tmp_path / "dev.jsonl", [*map(str, range(30)), "proof", None])
    file = write(tmp_path / "m.jsonl", ["4", "5"])
    facts = {"dev": {"mine": str(dev)}, "strategy": ["greedy", "majority"], "k": 1}
    told = plan(finetuned, settings(file, **facts))["plan"]["rows"]
    assert list(told) == ["mine.dev"] and told["mine.dev"]["golds"]["unread"] == 1
    assert told["mine.dev"]["unusable"] == {"answer_missing": 1}
    write(dev, ["1", "proof"])
    with pytest.raises(UsageError, match=r"mine.dev: 1 gold of 2 \(50.0%\) cannot be judged"):
        plan(finetuned, settings(file, **facts))
