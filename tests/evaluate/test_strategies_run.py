"""Strategies end to end on a tiny random base: shared draws, dev problems, resumption, later evaluations, A/A, servers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from journey.config import EvaluateSettings
from journey.errors import UsageError
from journey.evaluate.planning import comparisons
from journey.evaluate.planning.plan import prepare
from journey.evaluate.run import evaluate, plan
from journey.evaluate.sampling import parity
from journey.evaluate.sampling.parity import _agreement
from journey.evaluate.scoring.score import rescore
from journey.formats.finetune import RunFile
from journey.formats.folders import open_finished
from journey.formats.plan import EvaluationPlan, LooksBeside
from journey.formats.scores import Scores
from journey.sampling import shards, workers
from journey.schema import Problem, Question, Sample, decode
from journey_testing.folders import change, records, relist, run_file

NAMES = [
    "greedy",
    "majority",
    "best-of-checker",
    "best-of-logprob",
    "pass",
    "adaptive",
    "revision",
    "budget-cap",
    "budget-wait",
]
ONE = "countdown@1"
RUNS = ("base", "shortcut-tokens-s0", "journey-s0")


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_ROWS", 8)


def settings(**changes: Any) -> EvaluateSettings:
    plain: dict[str, Any] = {
        "benchmarks": [ONE], "limit": 8, "batch": 8, "workers": 1, "strategy": NAMES, "k": 2, "dev_problems": 6,
        "rounds": 1, "waits": 1, "caps": [8], "flips": 2,
    }  # fmt: skip
    return EvaluateSettings(**(plain | changes))


@pytest.fixture(scope="module")
def finished(finetuned: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SHARD_ROWS", 8)
        return evaluate(finetuned, settings(), tmp_path_factory.mktemp("strategies") / "out")


def plan_of(folder: Path) -> EvaluationPlan:
    return decode((folder / "plan.json").read_bytes(), EvaluationPlan)


def scores_of(folder: Path) -> Scores:
    return decode((folder / "scores.json").read_bytes(), Scores)


def samples_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.glob("samples/**/*.jsonl")}


def test_what_is_drawn(finished: Path) -> None:
    draws = {"greedy": 1, "samples": 4, "revision": 2, "budget-cap": 1, "budget-wait": 2}
    for run in RUNS:
        assert {path.name for path in (finished / f"samples/{run}/{ONE}").iterdir()} == set(draws)
        for draw, count in draws.items():
            found = list(records(finished, f"samples/{run}/{ONE}/{draw}", Sample))
            assert len(found) == 8 * count and {s.index for s in found} == set(range(count))
            assert all((s.logprob is not None) == (draw == "samples") and s.flops and s.prompt_tokens for s in found)
    # Policies are chosen for the shortcut, so a journey is greedy on dev problems, and the base is not asked.
    on_dev = {run: {path.name for path in (finished / f"samples/{run}/{ONE}.dev").glob("*")} for run in RUNS}
    assert on_dev == {"base": set(), "shortcut-tokens-s0": set(draws), "journey-s0": {"greedy"}}


def test_the_plan_says_it_before_sampling(finished: Path) -> None:
    made = plan_of(finished)
    assert [p.policy for p in made.policies][:4] == ["greedy", "majority@2", "best-of-checker@2", "best-of-logprob@2"]
    assert made.draw_of("majority") == made.draw_of("pass") == "samples" and made.backend == "stacked"
    assert {(c.first, c.at) for c in made.comparisons if c.first != "base"} == {
        ("shortcut@tokens", at) for at in ("", *(n for n in NAMES[1:] if n != "pass"), "equal test tokens")
    }
    assert made.benchmarks[0].dev == f"{ONE}.dev" and made.dev[0].problems == 6
    test_ids, dev_ids = (
        {json.loads(line)["id"] for line in (finished / f"questions/{name}.jsonl").read_text().splitlines()}
        for name in (ONE, f"{ONE}.dev")
    )
    assert len(test_ids) == 8 and len(dev_ids) == 6 and not test_ids & dev_ids


def test_accuracy_by_how_often_the_base_is_right(finetuned: Path, tmp_path: Path) -> None:
    chosen = settings(strategy=["greedy"], base_bins=True, samples=4, equal_tokens=False)
    folder = evaluate(finetuned, chosen, tmp_path / "out")
    drawn = {run: {path.name for path in (folder / f"samples/{run}/{ONE}").iterdir()} for run in RUNS}
    assert drawn == {"base": {"greedy", "samples"}, **{run: {"greedy"} for run in RUNS[1:]}}
    scores = scores_of(folder)
    assert rescore(open_finished(folder, "evaluate")) == scores
    assert [(one.arm, one.measure) for one in scores.difficulty] == [
        (arm, "pass rate of the base") for arm in ("base", "shortcut@tokens", "journey")
    ]
    accuracy = {arm.arm: arm.accuracy for arm in scores.arms}
    for one in scores.difficulty:
        assert sum(each.problems for each in one.bins) == 8
        mean = sum(each.problems * each.scores[0].accuracy for each in one.bins) / 8
        assert mean == pytest.approx(accuracy[one.arm])
    page = (folder / "report.md").read_text()
    assert f"### {ONE}, all arms, by difficulty (pass rate of the base)" in page.replace("\\", "")
    assert "pass rate of the base" in (folder / "report.html").read_text()


def test_scores(finished: Path) -> None:
    scores = scores_of(finished)
    assert rescore(open_finished(finished, "evaluate")) == scores
    assert {a.strategy for a in scores.arms} == set(NAMES) and len(scores.curves) == 3 * len(NAMES)
    assert [a.against for a in scores.agreement] == ["batch 1"] * 3
    assert all((a.problems, a.other_text) == (2, 0) for a in scores.agreement)  # float32
    assert len(scores.equal_tokens) == 1 and len(scores.difficulty) == len(scores.compute_optimal) == 3


def test_the_base_is_not_drawn_by_chance_where_no_comparison_reads_it(finetuned: Path, tmp_path: Path) -> None:
    out = evaluate(finetuned, settings(strategy=["greedy", "majority"], flips=0), tmp_path / "out")
    assert plan_of(out).base_draws == ("greedy",)
    drawn = {run: {path.name for path in (out / f"samples/{run}/{ONE}").iterdir()} for run in RUNS}
    assert drawn == {
        "base": {"greedy"},
        "shortcut-tokens-s0": {"greedy", "samples"},
        "journey-s0": {"greedy", "samples"},
    }
    scores = scores_of(out)
    arms = {"shortcut@tokens", "journey"}
    assert {one.arm for one in scores.arms if one.strategy == "greedy"} == {"base", *arms}
    for of_majority in (
        [a for a in scores.arms if a.strategy == "majority"],
        [c for c in scores.curves if c.strategy == "majority"],
    ):
        assert {one.arm for one in of_majority} == arms
    assert {one.arm for one in scores.difficulty} == {one.arm for one in scores.compute_optimal} == arms
    text = (out / "report.md").read_text(encoding="utf-8")
    of_majority = text.partition(f"### {ONE}, majority")[2].partition("###")[0]
    assert "| journey |" in of_majority and "| base |" not in of_majority  # not "n = 0": nobody asked


@pytest.mark.parametrize(
    ("strategies", "more", "expected"),
    [
        (["greedy", "majority"], {}, ("greedy",)),
        (["greedy", "majority"], {"sample_base": True}, None),
        (["majority", "greedy"], {}, None),  # arms are compared with the base by their votes
        (["greedy", "pass"], {}, None),  # pass@k of the base is what the arms' is held against
        (["greedy", "majority", "revision"], {}, ("greedy", "revision")),
    ],
)
def test_what_is_drawn_of_the_base(
    strategies: list[str], more: dict[str, Any], expected: tuple[str, ...] | None
) -> None:
    chosen = settings(strategy=strategies, **more)
    drawn = comparisons.draws(strategies, comparisons.strategy_settings(chosen, 16))
    assert comparisons.base_draws(chosen, drawn) == expected


def test_parquet(finished: Path) -> None:
    table = pq.read_table(finished / "samples.parquet").to_pylist()
    stored = [s for path in finished.glob("samples/*/*/*/*.jsonl") for s in path.read_bytes().splitlines()]
    assert len(table) == len(stored) and {row["outcome"] for row in table} <= {
        "correct",
        "wrong",
        "no_answer",
        "undecided",
    }
    assert all(row["seconds"] > 0 for row in table if row["draw"] == "greedy")


def test_the_same_bytes_with_two_workers(finetuned: Path, finished: Path, tmp_path: Path) -> None:
    out = evaluate(finetuned, settings(workers=2, strategy=["greedy", "majority"]), tmp_path / "out")
    whole, found = samples_of(finished), samples_of(out)
    assert len(found) > 10 and all(whole[name] == data for name, data in found.items())


def test_the_same_texts_one_run_at_a_time(finetuned: Path, finished: Path, tmp_path: Path) -> None:
    chosen = settings(stack=1, strategy=["greedy", "majority"], equal_tokens=False, sample_base=True)
    out = evaluate(finetuned, chosen, tmp_path / "out")
    for run in RUNS:
        for draw in ("greedy", "samples"):
            one, two = (list(records(f, f"samples/{run}/{ONE}/{draw}", Sample)) for f in (finished, out))
            assert [(s.question, s.index, s.text) for s in one] == [(s.question, s.index, s.text) for s in two]


def test_a_later_evaluation_takes_samples_over_and_says_that_it_looked(
    finetuned: Path, finished: Path, make_runs: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    more = make_runs(tmp_path / "more", ("shortcut@tokens", "journey"), 2)
    for name in ("shortcut-tokens-s0", "journey-s0"):  # the same runs as before, and one seed more of each
        shutil.rmtree(more / name)
        shutil.copytree(finetuned / name, more / name)
    relist(more)
    asked: list[str] = []
    done = workers.answer_all

    def noted(base: Any, pieces: Any, count: int) -> Any:
        asked.extend(run for piece in pieces for run, _ in piece.runs)
        return done(base, pieces, count)

    monkeypatch.setattr(workers, "answer_all", noted)
    few = settings(strategy=["greedy", "majority"], after=[str(finished)], flips=0)
    out = evaluate(more, few, tmp_path / "out")
    old, new = samples_of(finished), samples_of(out)
    same = [name for name in new if name in old]
    assert len(same) > 10 and all(new[name] == old[name] for name in same)
    (look,) = plan_of(out).earlier
    assert (look.folder, look.found, look.runs) == ("out", "given", ("shortcut-tokens-s0", "journey-s0"))
    assert "looked at once before (out)" in scores_of(out).looked_before
    assert "looked before (once)" in scores_of(out).qualifiers
    # The next one lies beside the second and finds it; the report says so, plan and scores do not depend on it.
    few = settings(strategy=["greedy"], flips=0, after=[str(finished)], limit=4)
    third, alone = evaluate(more, few, tmp_path / "third"), evaluate(more, few, tmp_path / "x" / "y" / "third")
    assert [look.found for look in plan_of(third).earlier] == ["given"]
    assert "looked before (once)" in scores_of(third).qualifiers
    assert [(look.folder, look.found) for look in LooksBeside.read(third).looks] == [("out", "beside")]
    assert "looked at once before (out)" in (third / "report.md").read_text()
    assert [look.folder for look in LooksBeside.read(alone).looks] == ["out", "third"]
    assert (third / "plan.json").read_bytes() == (alone / "plan.json").read_bytes()
    with pytest.raises(UsageError, match="shares no run and benchmark"):
        evaluate(more, settings(benchmarks=["countdown@2"], after=[str(finished)]), tmp_path / "other")


@pytest.fixture(scope="module")
def runs_in(finetuned: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`runs_in(view)`: the runs of the finetune folder as if they were trained in another view of the same prompts."""
    import shutil

    def copy(view: str) -> Path:
        folder = tmp_path_factory.mktemp(view) / "runs"
        shutil.copytree(finetuned, folder)
        runs = {f"{path.parent.name}/{RunFile.FILE}": RunFile.read(path.parent) for path in folder.glob("*/run.json")}
        return change(folder, {name: replace(run, view=view).encoded() for name, run in runs.items()})

    return copy


def greedy_after(runs: Path, out: Path, *after: Path, **changes: Any) -> Path:
    plain: dict[str, Any] = {"strategy": ["greedy"], "limit": 4, "flips": 0, "dtype": "float32", "max_new_tokens": 12}
    return evaluate(runs, settings(**{**plain, **changes}, after=[str(folder) for folder in after]), out)


def test_samples_are_taken_over_only_where_nothing_they_depend_on_differs(
    runs_in: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cap, batch, precision and view each change an answer, so that the earlier one is none of this evaluation's."""
    told = "are taken over from earlier evaluations"
    plain, think = runs_in("plain"), runs_in("think")
    first = greedy_after(plain, tmp_path / "first")
    assert told not in capsys.readouterr().err
    again = greedy_after(plain, tmp_path / "again", first)
    assert told in " ".join(capsys.readouterr().err.split()) and samples_of(again) == samples_of(first)
    others: list[tuple[Path, dict[str, Any]]] = [
        (plain, {"max_new_tokens": 11}), (plain, {"batch": 4}), (plain, {"dtype": "bfloat16"}), (think, {}),
    ]  # fmt: skip
    for number, (runs, changes) in enumerate(others):
        greedy_after(runs, tmp_path / f"other{number}", first, **changes)
        assert told not in " ".join(capsys.readouterr().err.split()), changes or "view"


def test_one_arm_against_itself(make_runs: Callable[..., Path], tmp_path: Path) -> None:
    runs = make_runs(tmp_path / "runs", ("journey",), 5)
    made = prepare(open_finished(runs, "finetune"), settings(aa=True, strategy=["greedy"])).plan
    assert [(r.arm, r.seed, r.trained_seed) for r in made.runs[1:]] == [
        ("journey", 0, 0), ("journey", 1, 1), ("journey (again)", 0, 2), ("journey (again)", 1, 3),
    ]  # fmt: skip
    assert [(c.first, c.second) for c in made.comparisons] == [("journey (again)", "journey")] and made.aa
    out = evaluate(runs, settings(aa=True, strategy=["greedy"], flips=0), tmp_path / "out")
    assert scores_of(out).compared[0].verdict.words == "too small to tell (2 seeds, provisional)"
    with pytest.raises(UsageError, match="no arm 'shortcut'"):
        prepare(open_finished(runs, "finetune"), settings(aa=True, aa_arm="shortcut"))


def test_one_seed_has_nothing_to_compare_with(finetuned: Path) -> None:
    with pytest.raises(UsageError, match="two seeds or more of journey, there is 1"):
        prepare(open_finished(finetuned, "finetune"), settings(aa=True))


def test_a_larger_model(finetuned: Path, base: Path, tmp_path: Path) -> None:
    out = evaluate(finetuned, settings(strategy=["greedy", "majority"], larger=str(base), flips=0), tmp_path / "out")
    (told,) = scores_of(out).larger
    tried = open_finished(out, "evaluate").plan.sampler
    assert list(tried) == ["base", "larger"] and all("6 of 6 texts" in words for words in tried.values())
    assert (
        told.model == str(base) and told.flops and {one.arm for one in told.matched} == {"shortcut@tokens", "journey"}
    )
    untuned = next(a for a in scores_of(out).arms if (a.arm, a.strategy) == ("base", "greedy"))
    assert told.accuracy == untuned.accuracy and told.tokens == untuned.mean_tokens


def test_low_precision_is_answered_again_one_at_a_time(
    finetuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One prompt at a time, one row of every run side by side: no padding, and as few steps as one run would take."""
    real, units = workers.answer_all, []

    def seen(model: Any, asked: Any, count: int) -> Any:
        units.extend(asked)
        return real(model, asked, count)

    monkeypatch.setattr(workers, "answer_all", seen)
    out = evaluate(finetuned, settings(strategy=["greedy"], dtype="bfloat16", flips=None), tmp_path / "out" / "e")
    assert plan_of(out).dtype == "bfloat16"
    assert [(a.run, a.problems, a.against) for a in scores_of(out).agreement] == [(r, 8, "batch 1") for r in RUNS]
    alone = [unit for unit in units if "/one/" in unit.key]
    assert len(alone) == 8  # 16 in all, but the benchmark has no more
    assert parity.FLIPS == 16
    assert all(tuple(run for run, _ in unit.runs) == RUNS and len(unit.questions) == unit.batch == 1 for unit in alone)


def test_what_counts_as_another_answer() -> None:
    problem = Problem(id="p", question="?", answer="18", source="test")
    asked = [Question(f"q{n}", "b", problem) for n in range(6)]
    texts = [
        ("\\boxed{18}", "\\boxed{18}"),
        ("a \\boxed{18}", "b \\boxed{18}"),
        ("\\boxed{17}", "\\boxed{16}"),
        ("x", "\\boxed{18}"),
        ("I go on", "I go"),  # neither has an answer
        ("I go on", "I go on"),
    ]
    ours, theirs = (
        [Sample(q.id, "r", pair[side], 1, 0.0, "stop") for q, pair in zip(asked, texts, strict=True)] for side in (0, 1)
    )
    found = _agreement("batch 1", "r", asked, ours, theirs)
    assert (found.problems, found.other_text, found.other_answer, found.other_outcome) == (6, 4, 3, 1)


def test_dry_run(finetuned: Path) -> None:
    told = plan(finetuned, settings())
    assert told["answers"] == 3 * 8 * (1 + 4 + 2 + 1 + 2) + 6 * (1 + 4 + 2 + 1 + 2) + 6
    assert json.dumps(told)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strategy": ["pass"]}, "looks at the gold answer"),
        ({"strategy": []}, "no strategy"),
        ({"strategy": ["greedy", "best-of-reward"]}, "needs a reward model"),
        ({"samples": 1}, "1 samples cannot give the best of 2"),
        ({"caps": [9, 3]}, "no rising numbers"),
        ({"sampled": ["countdown@9"]}, "benchmark in sampled"),
        ({"dev": {"gsm8k": "x.jsonl"}}, "benchmark in dev"),
        ({"larger": "no/such/folder"}, "no model folder"),
        ({"after": ["nowhere"]}, "not a finished folder"),
    ],
)
def test_bad_settings_leave_no_folder(changes: dict[str, Any], message: str, finetuned: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        evaluate(finetuned, settings(**changes), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_benchmark_without_a_checker_skips_the_strategy(finetuned: Path, tmp_path: Path) -> None:
    file = tmp_path / "own.jsonl"
    file.write_text('{"problem": "make 3 + 4 :", "answer": "7"}\n')
    made = prepare(
        open_finished(finetuned, "finetune"), settings(benchmarks=[ONE, f"own={file}"], sampled=[f"own={file}"])
    ).plan
    assert made.strategies_on(ONE) == ["greedy"] and made.benchmarks[0].dev is None
    assert "best-of-checker" not in made.strategies_on("own") and "majority" in made.strategies_on("own")
    with pytest.raises(UsageError, match="own has no checker"):
        prepare(
            open_finished(finetuned, "finetune"), settings(benchmarks=[f"own={file}"], strategy=["best-of-checker"])
        )


def test_dev_problems_of_a_file(finetuned: Path, tmp_path: Path) -> None:
    for name in ("own", "dev"):
        (tmp_path / f"{name}.jsonl").write_text(f'{{"problem": "make {3 + len(name)} + 4 :", "answer": "7"}}\n')
    spec = f"own={tmp_path / 'own.jsonl'}"
    asked = settings(benchmarks=[spec], dev={"own": str(tmp_path / "dev.jsonl")}, strategy=["greedy", "majority"])
    made = prepare(open_finished(finetuned, "finetune"), asked).plan
    assert [(b.name, b.problems, b.dev) for b in made.benchmarks] == [("own", 1, "own.dev")]
    assert made.dev[0].source == "dev.jsonl" and made.dev[0].sha256 != made.benchmarks[0].sha256
    without = prepare(
        open_finished(finetuned, "finetune"), settings(benchmarks=[spec], strategy=["greedy", "majority"])
    ).plan
    assert without.benchmarks[0].dev is None and not [c for c in without.comparisons if c.at == "equal test tokens"]


def test_whole_models_and_adapters_on_a_common_start(base: Path, finetuned: Path, tmp_path: Path) -> None:
    """A run trained in full is alone in its batch; adapters of a warmed-up start share theirs with that start."""
    import shutil

    import torch
    from peft import PeftModel
    from transformers import LlamaForCausalLM

    from journey.evaluate.planning.runs import by_base, read_runs

    runs = shutil.copytree(finetuned, tmp_path / "f" / "runs")
    start = LlamaForCausalLM.from_pretrained(base)
    torch.manual_seed(3)
    with torch.no_grad():
        start.lm_head.weight.add_(torch.randn_like(start.lm_head.weight) * 0.3)
    start.save_pretrained(runs / "warmup")
    shutil.copy(base / "tokenizer.json", runs / "warmup")
    config = json.loads((runs / "journey-s0/adapter_config.json").read_bytes())
    for seed, name in enumerate(("journey-s0", "journey-s1")):
        if seed:
            shutil.copytree(runs / "journey-s0", runs / name)
            (runs / name / "run.json").write_bytes(run_file(name, "journey", 1, view="compact").encoded())
        (runs / name / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": "../warmup"}))
    whole = runs / "shortcut-tokens-s0"
    (whole / "adapter_config.json").unlink()
    (whole / "adapter_model.safetensors").unlink()
    start.save_pretrained(whole)
    opened = open_finished(relist(runs), "finetune")
    infos = read_runs(opened)
    groups = [[run.run for run in group] for group in by_base(opened, infos)]
    assert groups == [["warmup", "journey-s0", "journey-s1"], ["shortcut-tokens-s0"]]
    out = evaluate(runs, settings(strategy=["greedy"], flips=0), tmp_path / "out" / "e")
    texts = {
        run: {s.question: s.text for s in records(out, f"samples/{run}/{ONE}/greedy", Sample)}
        for run in ("base", "warmup", "journey-s0", "journey-s1", "shortcut-tokens-s0")
    }
    assert texts["warmup"] == texts["shortcut-tokens-s0"] and texts["journey-s0"] == texts["journey-s1"]
    assert len({str(one) for one in texts.values()}) == 3
    model = PeftModel.from_pretrained(
        LlamaForCausalLM.from_pretrained(runs / "warmup"), str(runs / "journey-s0")
    ).eval()
    ready = prepare(open_finished(runs, "finetune"), settings(strategy=["greedy"]))
    for question, prompt in ready.prompts[ONE].items():
        ids = torch.tensor([prompt])
        with torch.inference_mode():
            written = model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=32
            )
        new = written[0, len(prompt) :].tolist()
        new = new[:-1] if new[-1] in (2, 30, 40, 50) else new
        assert ready.tokenizer.decode(new) == texts["journey-s0"][question]
