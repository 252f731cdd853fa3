"""The evaluate stage end to end on a tiny random base with two adapters: resumable, and the same bytes every time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from safetensors.numpy import save

from journey.answers import checker
from journey.config import EvaluateSettings
from journey.errors import JourneyError, PartialError, ResourceError, UnknownName, UsageError
from journey.evaluate.dry_run import chances_of
from journey.evaluate.planning.plan import prepare
from journey.evaluate.planning.runs import diverged, pairs, read_runs
from journey.evaluate.run import evaluate, expected_effect, plan
from journey.evaluate.sampling.run_samples import worker_model
from journey.evaluate.scoring.score import rescore
from journey.formats.folders import open_finished
from journey.formats.plan import EvaluationPlan
from journey.formats.scores import Scores, SecondGrades
from journey.sampling import shards, workers
from journey.sampling.requests import PromptedQuestion
from journey.sampling.shards import cut
from journey.schema import Sample, decode
from journey.store import Folder
from journey_testing.folders import change, records, run_file, write_folder

TWO = ["countdown@1", "countdown-targets"]


def test_runs_are_compared_within_a_value_of_an_axis(tmp_path: Path) -> None:
    """Ranks 8 and 16: no run of one is pooled or compared with a run of the other, but both with the base."""
    files = {}
    for rank in (16, 8):
        for arm in ("journey", "shortcut@tokens"):
            for seed in (1, 0):
                name = f"{arm.replace('@', '-')}-r{rank}-s{seed}"
                files[f"{name}/run.json"] = run_file(
                    name, arm, seed, rank=rank, lr=1e-3, pairs=9, axis=f"r{rank}"
                ).encoded()
                files[f"{name}/adapter_model.safetensors"] = save({"a": np.zeros(1, dtype=np.float32)})
    arms = {"arms": ["shortcut@tokens", "journey"]}
    runs = read_runs(open_finished(write_folder(tmp_path / "f", "finetune", files, config=arms), "finetune"))
    assert [run.run for run in runs[:3]] == ["shortcut-tokens-r8-s0", "shortcut-tokens-r8-s1", "journey-r8-s0"]
    assert {run.arm for run in runs} == {f"{arm} r{rank}" for arm in ("shortcut@tokens", "journey") for rank in (8, 16)}
    assert pairs(runs) == [("shortcut@tokens r8", "journey r8"), ("shortcut@tokens r16", "journey r16")]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_ROWS", 8)


def settings(**changes: Any) -> EvaluateSettings:
    plain: dict[str, Any] = {"benchmarks": TWO, "limit": 15, "batch": 4, "workers": 1}
    return EvaluateSettings(**(plain | changes))


@pytest.fixture(scope="module")
def finished(finetuned: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SHARD_ROWS", 8)
        return evaluate(finetuned, settings(), tmp_path_factory.mktemp("finished") / "out")


def content(folder: Path) -> dict[str, bytes]:
    """The bytes of everything but what is never hashed, and scores without seconds."""
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file() and ".done" not in p.parts}
    kept = {
        name: path.read_bytes() for name, path in files.items() if name.startswith(("plan", "questions", "samples/"))
    }
    scores = json.loads(files["scores.json"].read_bytes())
    for scored in scores["runs"] + scores["arms"]:
        del scored["mean_seconds"]
    for point in (point for curve in scores["curves"] for point in curve["points"]):
        del point["seconds"]
    return kept | {"scores.json": json.dumps(scores).encode()}


def scores_of(folder: Path) -> Scores:
    return decode((folder / "scores.json").read_bytes(), Scores)


class TestTheFolder:
    def test_what_it_holds(self, finished: Path) -> None:
        names = set(json.loads((finished / "manifest.json").read_bytes())["files"])
        runs = ("base", "shortcut-tokens-s0", "journey-s0")
        shards = {f"samples/{r}/{b}/greedy/0000{k}.jsonl" for r in runs for b in TWO for k in (0, 1)}
        assert names == {"identities.json", "plan.json", "scores.json", *(f"questions/{b}.jsonl" for b in TWO), *shards}
        assert (finished / "report.html").is_file() and (finished / "report.md").is_file()
        assert json.loads((finished / "timing.json").read_bytes())["seconds_per_problem"].keys() == {
            f"samples/{r}/{b}/greedy" for r in runs for b in TWO
        }

    def test_the_plan(self, finished: Path) -> None:
        made = decode((finished / "plan.json").read_bytes(), EvaluationPlan)
        assert [(r.run, r.arm, r.seed) for r in made.runs] == [
            ("base", "base", None),
            ("shortcut-tokens-s0", "shortcut@tokens", 0),
            ("journey-s0", "journey", 0),
        ]
        assert [(c.first, c.second) for c in made.comparisons if c.benchmark == TWO[0]] == [
            ("shortcut@tokens", "journey"),
            ("base", "shortcut@tokens"),
            ("base", "journey"),
        ]
        assert (made.primary, made.view, made.dtype, made.batch) == (TWO[0], "compact", "float32", 4)
        assert made.max_new_tokens == 32  # 17.2 and a quarter, rounded up
        assert [(b.name, b.problems, b.check) for b in made.benchmarks] == [(name, 15, "countdown") for name in TWO]

    def test_samples(self, finished: Path) -> None:
        found = {r: list(records(finished, f"samples/{r}/{TWO[0]}/greedy", Sample)) for r in ("base", "journey-s0")}
        ids = [sample.question for sample in found["base"]]
        assert [sample.question for sample in found["journey-s0"]] == ids and len(set(ids)) == 15
        assert [s.text for s in found["base"]] != [s.text for s in found["journey-s0"]]
        every = [sample for samples in found.values() for sample in samples]
        assert {sample.finish for sample in every} == {"stop", "length"}
        for sample in every:
            words = sample.text.split()
            assert len(words) == sample.tokens - (sample.finish == "stop") and sample.seconds == 0
            assert sample.tokens == 32 or sample.finish == "stop"

    def test_rescore_gives_the_stored_scores(self, finished: Path) -> None:
        assert rescore(open_finished(finished, "evaluate")) == scores_of(finished)

    def test_a_finished_folder_is_left_alone(self, finetuned: Path, finished: Path) -> None:
        before = (finished / "manifest.json").stat().st_mtime_ns
        (finished / "report.md").unlink()
        assert evaluate(finetuned, settings(workers=2), finished) == finished
        assert (finished / "manifest.json").stat().st_mtime_ns == before and (finished / "report.md").is_file()


class TestTheSameBytes:
    def test_after_a_shard_is_lost(self, finetuned: Path, finished: Path, tmp_path: Path) -> None:
        out = shutil.copytree(finished, tmp_path / "out")
        lost = out / f"samples/journey-s0/{TWO[0]}/greedy/00001.jsonl"
        lost.unlink()
        (out / f"samples/base/{TWO[1]}/greedy/00000.jsonl").write_bytes(b"broken")
        evaluate(finetuned, settings(), out)
        assert content(out) == content(finished)
        assert (tmp_path / f"out.quarantine/samples/base/{TWO[1]}/greedy/00000.jsonl").read_bytes() == b"broken"

    def test_after_an_interruption(
        self, finetuned: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        done = workers.answer_all

        def interrupted(*args: Any) -> Iterator[workers.WorkUnitResult]:
            assert (tmp_path / "out.partial/plan.json").is_file()  # fixed before the first sample
            assert not (tmp_path / "out.partial/samples").exists()
            for number, one in enumerate(done(*args)):
                if number == 3:
                    raise KeyboardInterrupt
                yield one

        monkeypatch.setattr(workers, "answer_all", interrupted)
        with pytest.raises(KeyboardInterrupt):
            evaluate(finetuned, settings(), tmp_path / "out")
        assert len(list((tmp_path / "out.partial/samples").rglob("*.jsonl"))) == 9  # three pieces of three runs
        monkeypatch.setattr(workers, "answer_all", done)
        evaluate(finetuned, settings(), tmp_path / "out")
        assert content(tmp_path / "out") == content(finished)

    def test_with_two_workers(self, finetuned: Path, finished: Path, tmp_path: Path) -> None:
        evaluate(finetuned, settings(workers=2), tmp_path / "out")
        assert content(tmp_path / "out") == content(finished)


class TestOneGeometry:
    def test_every_piece_holds_every_run(
        self, finetuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pieces: list[workers.WorkUnit] = []

        def collect(base: workers.WorkerModel, given: Any, count: int) -> Iterator[workers.WorkUnitResult]:
            pieces.extend(given)
            raise KeyboardInterrupt
            yield

        monkeypatch.setattr(workers, "answer_all", collect)
        with pytest.raises(KeyboardInterrupt):
            evaluate(finetuned, settings(), tmp_path / "out")
        assert len(pieces) == 4
        for piece in pieces:
            assert [name for name, _ in piece.runs] == ["base", "shortcut-tokens-s0", "journey-s0"]
            assert len(piece.questions) in (8, 7) and piece.batch == 4

    def test_cut(self) -> None:
        assert cut([5, 3, 4, 3, 9], 2) == [[1, 3, 2, 0, 4]]
        assert [len(shard) for shard in cut([1] * 50, 4)] == [8] * 6 + [2]
        assert cut([1] * 5, 8, samples=4) == [[0, 1], [2, 3], [4]] and cut([1] * 2, 4, samples=9) == [[0], [1]]


class TestSettings:
    def test_another_plan_in_the_same_place(self, finetuned: Path, finished: Path) -> None:
        with pytest.raises(UsageError, match=r"config\.limit: 15 there, 14 now"):
            evaluate(finetuned, settings(limit=14), finished)

    def test_sizes_and_limit(self, finetuned: Path) -> None:
        asked = prepare(
            open_finished(finetuned, "finetune"), settings(limit=9, sizes={TWO[0]: 12, TWO[1]: 5})
        ).plan.benchmarks
        assert [benchmark.problems for benchmark in asked] == [9, 5]

    def test_primary(self, finetuned: Path) -> None:
        assert prepare(open_finished(finetuned, "finetune"), settings(primary=TWO[1])).plan.primary == TWO[1]
        with pytest.raises(UnknownName, match="countdown-targets"):
            prepare(open_finished(finetuned, "finetune"), settings(primary="countdown-target"))

    def test_cap(self, finetuned: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert prepare(open_finished(finetuned, "finetune"), settings(max_new_tokens=50)).plan.max_new_tokens == 50
        assert not capsys.readouterr().err
        assert prepare(open_finished(finetuned, "finetune"), settings(max_new_tokens=10)).plan.max_new_tokens == 10
        assert "the longest journeys trained on have 17" in " ".join(capsys.readouterr().err.split())
        with pytest.raises(UsageError, match="64 positions: a prompt of 8 tokens leaves room for 56"):
            prepare(open_finished(finetuned, "finetune"), settings(max_new_tokens=60))

    def test_cap_without_the_length_of_journeys(self, finetuned: Path, tmp_path: Path) -> None:
        def cap(**fields: Any) -> int:
            copy = shutil.copytree(finetuned, tmp_path / "copy", dirs_exist_ok=True)
            names = ("journey-s0", "shortcut-tokens-s0")
            files = {f"{name}/run.json": open_finished(copy, "finetune").runs[name] for name in names}
            for name, run in files.items():
                run = msgspec.structs.replace(run, completion_tokens_p995=None, **fields)
                change(copy, {name: run.encoded()})
            return prepare(open_finished(copy, "finetune"), settings()).plan.max_new_tokens

        assert cap() == 56  # all the room there is
        assert cap(max_length=40) == 40

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"benchmarks": []}, "no benchmark"),
            ({"benchmarks": ["countdwon@1"]}, "did you mean countdown@1"),
            ({"benchmarks": ["countdown", "countdown@1"]}, "asked for twice"),
            ({"sizes": {"countdwn@2": 5}}, "benchmark in sizes"),
            ({"strategy": ["gready"]}, "did you mean greedy"),
        ],
    )
    def test_bad_settings_leave_no_folder(
        self, changes: dict[str, Any], message: str, finetuned: Path, tmp_path: Path
    ) -> None:
        with pytest.raises(UsageError, match=message):
            evaluate(finetuned, settings(**changes), tmp_path / "out")
        assert not list(tmp_path.iterdir())

    def test_words_that_the_base_cannot_read(self, finetuned: Path, tmp_path: Path) -> None:
        file = tmp_path / "own.jsonl"
        file.write_text('{"problem": "use 3 apples make 7 :", "answer": "7"}\n')
        with pytest.raises(UsageError, match="cannot read own: it has no word for apples"):
            prepare(open_finished(finetuned, "finetune"), settings(benchmarks=[f"own={file}"]))


def test_a_second_grader_from_the_start_or_on_a_finished_folder(
    finetuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checker, "extract", lambda text: checker.Extracted("4", "box"))  # these words say no answers
    file = tmp_path / "own.jsonl"
    problems = [{"problem": f"use 3 {n} make {n} :", "answer": str(n)} for n in (4, 5, 6, 7)]
    file.write_text("".join(json.dumps(row) + "\n" for row in problems))
    asked = settings(benchmarks=[f"own={file}"], limit=4)
    out = evaluate(finetuned, asked.model_copy(update={"second_grader": "math-verify"}), tmp_path / "out")
    grades = SecondGrades.read(out)
    assert grades.grader == "math-verify" and grades.judged > 0
    said = f"of {grades.judged:,} answers otherwise ({len(grades.disagreements) / grades.judged:.1%})"
    assert said in (out / "report.md").read_text(encoding="utf-8").replace("\\", "")
    (out / SecondGrades.FILE).unlink()
    evaluate(finetuned, asked, out)
    assert not (out / SecondGrades.FILE).exists()
    evaluate(finetuned, asked.model_copy(update={"second_grader": "math-verify"}), out)
    assert SecondGrades.read(out) == grades
    with pytest.raises(UnknownName, match="math-verify"):
        evaluate(finetuned, settings(second_grader="nobody"), tmp_path / "other")


class TestTheFinetuneFolder:
    def test_not_one(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="not a finished folder"):
            evaluate(tmp_path / "nowhere", settings(), tmp_path / "out")

    def test_no_run(self, tmp_path: Path) -> None:
        with Folder.open(tmp_path / "empty", "finetune", {"base": "pocket"}) as folder:
            folder.finish({})
        with pytest.raises(UsageError, match="holds no trained run"):
            prepare(open_finished(tmp_path / "empty", "finetune"), settings())

    def test_a_failed_run_is_planned_and_not_sampled(self, finetuned: Path, tmp_path: Path) -> None:
        copy = shutil.copytree(finetuned, tmp_path / "copy")
        change(copy, {"journey-s0/adapter_model.safetensors": None})
        out = evaluate(copy, settings(benchmarks=TWO[:1], limit=4), tmp_path / "out")
        assert scores_of(out).failed_runs == ("journey-s0",)
        assert {scored.run for scored in scores_of(out).runs} == {"base", "shortcut-tokens-s0"}

    @pytest.mark.parametrize("value", ["nan", "inf", "1e30"])
    def test_a_run_that_diverged_blocks_nobody(self, finetuned: Path, tmp_path: Path, value: str) -> None:
        from safetensors.torch import load, save

        copy = shutil.copytree(finetuned, tmp_path / "copy")
        name = "journey-s0/adapter_model.safetensors"
        weights = load((copy / name).read_bytes())
        last = max(weights)
        change(copy, {name: save({**weights, last: weights[last].fill_(float(value))})})
        assert list(diverged(open_finished(copy, "finetune"))) == ["journey-s0"]
        if value == "1e30":
            out = evaluate(copy, settings(benchmarks=TWO[:1], limit=4), tmp_path / "out")
            assert scores_of(out).failed_runs == ("journey-s0",)
            assert {scored.run for scored in scores_of(out).runs} == {"base", "shortcut-tokens-s0"}

    def test_a_broken_run_json(self, finetuned: Path, tmp_path: Path) -> None:
        copy = shutil.copytree(finetuned, tmp_path / "copy")
        change(copy, {"journey-s0/run.json": b'{"run": "journey-s0"}'})
        with pytest.raises(PartialError, match=r"run\.json: Object missing required field `arm`"):
            prepare(open_finished(copy, "finetune"), settings())


def test_an_adapter_that_diverged(finetuned: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    adapter = shutil.copytree(finetuned / "journey-s0", tmp_path / "bad")
    weights = load_file(adapter / "adapter_model.safetensors")
    save_file({name: w * float("nan") for name, w in weights.items()}, adapter / "adapter_model.safetensors")
    ready = prepare(open_finished(finetuned, "finetune"), settings())
    question = ready.questions[TWO[0]][0]
    asked = PromptedQuestion(question.id, question.problem, tuple(ready.prompts[TWO[0]][question.id]))
    piece = workers.WorkUnit("p", (("base", None), ("journey-s0", adapter)), ("greedy",), (asked,), 4)
    with pytest.raises(JourneyError, match="journey-s0: .* did the training diverge"):
        list(workers.answer_all(worker_model(ready), [piece], 1))


def test_memory_that_runs_out_halves_the_batch(
    finetuned: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from journey.models.decode import Decoder

    ready, widths, write = prepare(open_finished(finetuned, "finetune"), settings()), [], Decoder.write

    def narrow(self: Any, jobs: Any, temperature: float = 1.0, top_p: float = 1.0, rows: int | None = None) -> Any:
        widths.append(rows)
        if rows is None or rows > 2:
            raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")
        return write(self, jobs, temperature, top_p, rows)

    asked = tuple(
        PromptedQuestion(q.id, q.problem, tuple(ready.prompts[TWO[0]][q.id])) for q in ready.questions[TWO[0]][:5]
    )
    piece = workers.WorkUnit("p", (("base", None), ("journey-s0", finetuned / "journey-s0")), ("greedy",), asked, 64)
    whole = next(workers.answer_all(worker_model(ready), [piece], 1)).written["greedy"]
    monkeypatch.setattr(Decoder, "write", narrow)
    result = next(workers.answer_all(worker_model(ready), [piece], 1))
    parts = result.written["greedy"]
    assert widths == [128, 4, 2] and result.smaller == 1
    assert "no later command takes them for such" in capsys.readouterr().err
    assert [[t[0].text for t in of_run] for of_run in parts] == [[t[0].text for t in of_run] for of_run in whole]
    monkeypatch.setattr(Decoder, "write", lambda *args: narrow(None, []))
    with pytest.raises(ResourceError, match="memory ran out while sampling p"):
        list(workers.answer_all(worker_model(ready), [piece], 1))


def test_a_batch_that_was_chosen_is_chosen_once(
    finetuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the card's memory where none is given; a folder that was begun keeps it, whatever card goes on."""
    from journey.evaluate import run as evaluation
    from journey.evaluate.planning import plan as planning
    from journey.models import load

    opened = open_finished(finetuned, "finetune")
    assert prepare(opened, settings()).plan.batch == settings().batch  # on a CPU: as set by default
    fields = {name: value for name, value in settings().model_dump().items() if name in settings().model_fields_set}
    unset = EvaluateSettings(**{name: value for name, value in fields.items() if name != "batch"})
    monkeypatch.setattr(load, "device_memory", lambda: 24 * 10**9)
    widths = iter((128, 256))
    monkeypatch.setattr(planning, "answers_together", lambda *_: next(widths))
    begun = prepare(opened, unset)
    assert begun.plan.batch == 128 and not begun.batch_given
    with Folder.open(tmp_path / "out", "evaluate", {}) as folder:
        evaluation._write_plan(folder, begun, [])
        later = prepare(opened, unset)
        assert later.plan.batch == 256
        assert evaluation._write_plan(folder, later, []).plan.batch == 128
    assert prepare(opened, unset.model_copy(update={"batch": 7})).plan.batch == 7


def test_dry_run(finetuned: Path) -> None:
    told = plan(finetuned, settings())
    assert told["answers"] == 3 * 30 and told["new_tokens_at_most"] == 90 * 32
    assert told["plan"]["primary"] == TWO[0] and told["detectable_points"] == {name: None for name in TWO}
    assert told["chances"] == {name: None for name in TWO}  # one seed
    assert told["sampler"].startswith("built-in, as at every size") and "is not measured" in told["sampler"]
    assert 0 < told["seconds_at_most"] < told["new_tokens_at_most"] and told["disk_bytes"] > told["new_tokens_at_most"]
    assert 500 << 20 < told["memory_bytes_per_worker"] < 4 << 30
    assert json.dumps(told)


def test_a_plan_says_what_chance_the_words_have() -> None:
    told = chances_of(600, 5)
    assert told is not None and (told["margin_points"], told["comparisons"]) == (5, 1)
    one, two = told["1 point"], told["2 points"]
    assert 88 <= one["equal"] <= 99 and 63 <= two["equal"] <= 80 and one["better"] > two["better"] > 60
    in_a_family = chances_of(600, 5, family=4)
    assert in_a_family is not None and in_a_family["2 points"]["better"] < two["better"]
    assert chances_of(600, 1) is None is chances_of(90, 5)


def test_expected_effect_is_near_what_was_simulated() -> None:
    found = [expected_effect(300, 2), expected_effect(300, 3), expected_effect(300, 5)]
    assert found == [pytest.approx(8.3, abs=2), pytest.approx(7.0, abs=1), pytest.approx(5.7, abs=1)]
    assert expected_effect(300, 1) is None
