"""behaviour.json of an evaluation folder: hand-counted on a small one, kept while it fits, the same bytes every time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from journey.evaluate.behaviour import measure
from journey.formats.behaviour import Behaviour, BehaviourFile, Judged
from journey.formats.files import dump_json, json_lines, sha256
from journey.formats.folders import open_finished
from journey.formats.plan import BenchmarkInfo, EvaluationPlan, RunInfo
from journey.schema import Problem, Question, Sample, decode
from journey_testing import synthetic_evaluation
from journey_testing.folders import change, write_folder

BRIEF = "a = 18 ; b = a * 3 ; c = b - 2 ; find c :"
RIGHT = "b = 18 * 3 = 54 . c = 54 - 2 = 52 . \\boxed{ 52 }"
WRONG = "b = 18 * 3 = 54 . c = 54 - 2 = 51 . \\boxed{ 51 }"
FIXED = "b = 18 * 3 = 54 . c = 54 - 2 = 51 . wait end 2 not 1 . back to c . c = 54 - 2 = 52 . \\boxed{ 52 }"
BROKEN = "b = 18 * 3 = 54 . c = 54 - 2 = 52 . wait . back to c . c = 54 - 2 = 51 . \\boxed{ 51 }"
CUT = "b = 18 * 3 = 54 . " + "back to b . " * 8
ANSWERS = {
    "base": [RIGHT, WRONG, "nothing", ""],
    "journey-s0": [FIXED, BROKEN, RIGHT, CUT],
    "journey-s1": [FIXED, FIXED, WRONG, RIGHT],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    questions = [Question(f"q{n}", "sums", Problem(f"q{n}", f"How many? {n}", "52", "sums", BRIEF)) for n in range(4)]
    runs = [RunInfo("base", "base", None)]
    runs += [RunInfo(f"journey-s{seed}", "journey", seed, f"journey-s{seed}/a.safetensors") for seed in (0, 1)]
    info = BenchmarkInfo("sums", 4, "made", None, None, "0" * 64, "value")
    plan = EvaluationPlan("pocket", "compact", tuple(runs), (info,), "sums", ("greedy",), (), 0.05, 64, 4, "float32", 0)
    files: dict[str, Any] = {"questions/sums.jsonl": questions, EvaluationPlan.FILE: plan.encoded()}
    for run, texts in ANSWERS.items():
        files[f"samples/{run}/sums/greedy/00000.jsonl"] = [
            Sample(f"q{n}", run, text, len(text.split()), 0.0, "length" if text == CUT else "stop")
            for n, text in enumerate(texts)
        ]
    return write_folder(tmp_path / "evaluation", "evaluate", files)


def built(folder: Path) -> BehaviourFile:
    return decode(measure.build(open_finished(folder, "evaluate")).read_bytes(), BehaviourFile)


def of(file: BehaviourFile, run: str) -> Behaviour:
    return next(one for one in file.runs if one.run == run)


def test_counted_by_hand(folder: Path) -> None:
    file = built(folder)
    assert file.plan_sha256 == sha256(folder / "plan.json")
    one = of(file, "journey-s0")
    tokens = sum(len(text.split()) for text in ANSWERS["journey-s0"])
    back = one.habits["backtracks"]
    # FIXED and BROKEN go back once; the eight in a row of CUT are neighbours, and count once.
    assert (one.answers, one.tokens, back.count, back.answers_with, back.share) == (4, tokens, 3, 3, 0.75)
    assert back.per_1k_tokens == pytest.approx(3000 / tokens) and back.per_answer == 0.75
    assert one.habits["verifies"].count == 2 and one.habits["works_backward"].count == 0
    # First answers: 51 (fixed), 52 (broken), 52; the cut one commits to none.
    c = one.commitment
    assert c is not None
    assert (c.committed, c.first_right, c.first_wrong, c.corrected, c.harmed) == (3, 2, 1, 1, 1)
    assert (c.correction_rate, c.harm_rate) == (1.0, 0.5)
    assert (one.loops, one.truncated, one.truncation_rate) == (1, 1, 0.25)
    s = one.steps
    assert s is not None
    # 3 + 3 + 2 + 1 equations; 51 is false twice, and only the first is taken back.
    assert (s.judged, s.true, s.false, s.noticed, s.answers_with_false) == (9, 7, 2, 1, 2)
    assert (s.false_rate, s.noticed_rate) == (pytest.approx(2 / 9), 0.5)
    assert one.claims is None


def test_without_data_there_is_no_rate(folder: Path) -> None:
    base = of(built(folder), "base")
    assert base.commitment is not None and base.commitment.correction_rate == 0 and base.commitment.harm_rate == 0
    sample = Sample("q0", "base", "nothing", 1, 0.0, "stop")
    change(folder, {"samples/base/sums/greedy/00000.jsonl": json_lines([sample])})
    (folder / "behaviour.json").unlink()
    base = of(built(folder), "base")
    assert (base.commitment, base.steps, base.claims) == (None, None, None)


def test_an_arm_is_the_sum_of_its_runs(folder: Path) -> None:
    file = built(folder)
    arm = next(one for one in file.arms if one.arm == "journey")
    first, second = (of(file, f"journey-s{seed}") for seed in (0, 1))
    assert (arm.run, arm.seed, arm.answers) == (None, None, 8)
    for name in ("backtracks", "verifies"):
        assert arm.habits[name].count == first.habits[name].count + second.habits[name].count
    assert arm.commitment is not None and first.commitment is not None and second.commitment is not None
    assert arm.commitment.corrected == first.commitment.corrected + second.commitment.corrected == 3


def test_kept_while_plan_and_rules_are_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = measure.build(open_finished(folder, "evaluate")).read_bytes()
    monkeypatch.setattr(measure, "measure", lambda *a: pytest.fail("read again"))
    assert measure.build(open_finished(folder, "evaluate")).read_bytes() == data
    monkeypatch.undo()
    (folder / "behaviour.json").unlink()
    assert measure.build(open_finished(folder, "evaluate")).read_bytes() == data
    for other in ({"rules": "0"}, {"plan_sha256": "0" * 64}, {"version": 0}):
        (folder / "behaviour.json").write_bytes(dump_json(json.loads(data) | other))
        assert measure.build(open_finished(folder, "evaluate")).read_bytes() == data
    (folder / "behaviour.json").write_bytes(b"{")
    assert measure.build(open_finished(folder, "evaluate")).read_bytes() == data


def test_a_judge_is_added_and_kept(folder: Path) -> None:
    measure.build(open_finished(folder, "evaluate"))
    judged = Judged("m", "0" * 64, 1, 0, 0, {}, {}, {})
    assert decode(measure.build(open_finished(folder, "evaluate"), judged).read_bytes(), BehaviourFile).judge == judged
    assert decode(measure.build(open_finished(folder, "evaluate")).read_bytes(), BehaviourFile).judge == judged


def test_hostile_texts_and_benchmarks_without_problems(tmp_path: Path) -> None:
    made = synthetic_evaluation.folder(tmp_path, problems={"countdown@1": 20, "arithmetic": 8})
    file = built(made)
    empty = next(one for one in file.runs if one.benchmark == "countdown@2")
    assert (empty.answers, empty.habits, empty.commitment, empty.steps) == (0, {}, None, None)
    journeys = next(one for one in file.arms if (one.arm, one.benchmark) == ("journey", "countdown@1"))
    assert journeys.claims is not None and journeys.claims.dead_ends > 0


def test_json_round_trip_and_documented(folder: Path) -> None:
    file = built(folder)
    assert msgspec.json.decode(msgspec.json.encode(file), type=BehaviourFile) == file
    docs = (Path(__file__).parents[3] / "docs/formats.md").read_text(encoding="utf-8")
    for record in (BehaviourFile, Behaviour):
        for name in record.__struct_fields__:
            assert f"`{name}`" in docs, name
