"""EleutherAI's harness on our adapters: refused by name where it is missing, and the same score on every problem where it is."""

from __future__ import annotations

import importlib.metadata
import json
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from journey.answers.grading import grade
from journey.config import EvaluateSettings
from journey.errors import UsageError
from journey.evaluate import harness
from journey.evaluate.run import evaluate
from journey.formats.files import read_lines
from journey.formats.finetune import TemplateFile
from journey.formats.folders import open_finished
from journey.models import load
from journey.schema import Problem, Question, encode
from journey.store import Folder
from journey_testing.folders import audit_file, keep_adapter, run_file


@pytest.fixture(scope="module")
def finetuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two adapters on the embedded base: one of no effect, one that disturbs it."""
    import torch
    from peft import LoraConfig, get_peft_model

    out = tmp_path_factory.mktemp("harness") / "finetune"
    with Folder.open(out, "finetune", {"base": "pocket", "arms": ["shortcut", "journey"]}) as folder:
        for arm, strength in (("shortcut", 0.0), ("journey", 0.6)):
            torch.manual_seed(1)
            model: Any = get_peft_model(
                load.load_model(load.find("pocket")), LoraConfig(r=4, target_modules="all-linear")
            )
            with torch.no_grad():
                for name, weights in model.named_parameters():
                    if "lora_B" in name:
                        weights.copy_(strength * torch.randn_like(weights) / weights.shape[0] ** 0.5)
            model.save_pretrained(folder.work / f"{arm}-s0")
            keep_adapter(folder, f"{arm}-s0")
            run_file(f"{arm}-s0", arm, view="compact").write(folder, f"{arm}-s0/run.json")
        audit_file().write(folder)
        folder.finish({})
    return out


def test_a_missing_harness_is_refused_by_name(finetuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    with pytest.raises(UsageError, match=r"(?s)needs the package lm-eval.*journey-learning\[lm-eval\]"):
        harness.recheck(tmp_path / "f", EvaluateSettings(benchmarks=["arithmetic@1"]), [], tmp_path / "out")
    assert not (tmp_path / "out.partial").exists()


def test_the_harness_is_told_what_our_checker_says() -> None:
    problem = Problem("1", "q", "1/2", "x")
    doc = {"problem": encode(problem).decode()}
    assert harness.process_results(doc, ["so \\boxed{0.5}"]) == {"acc": 1.0}
    assert harness.process_results(doc, ["so \\boxed{2}"]) == harness.process_results(doc, ["none"]) == {"acc": 0.0}


def test_task_names() -> None:
    assert harness.task_name("countdown@1") == "journey_countdown_1"


def test_its_own_tasks_are_asked_by_the_template_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for the harness, which takes a tokenizer and applies its chat template and nothing else."""
    own, asked = TemplateFile(args={"enable_thinking": False}, before="<think></think>"), []

    def simple_evaluate(model_args: dict[str, Any], apply_chat_template: bool, **_: Any) -> dict[str, Any]:
        rendered = model_args["tokenizer"].apply_chat_template(
            [{"role": "user", "content": "2 + 2?"}], tokenize=False, add_generation_prompt=True
        )
        asked.append((apply_chat_template, rendered))
        return {"results": {}, "samples": {}}

    stub, tasks = types.ModuleType("lm_eval"), types.ModuleType("lm_eval.tasks")
    stub.simple_evaluate, tasks.TaskManager = simple_evaluate, lambda include_path: None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lm_eval", stub)
    monkeypatch.setitem(sys.modules, "lm_eval.tasks", tasks)
    tokenizer = load.load_tokenizer(load.find("pocket"))
    tokenizer.chat_template = (
        "{{ messages[0].content }}{% if add_generation_prompt %}|{{ 'on' if enable_thinking else 'off' }}|{% endif %}"
    )
    monkeypatch.setattr(load, "load_tokenizer", lambda ref: tokenizer)
    harness._harness(load.find("pocket"), None, ["gsm8k"], tmp_path / "none", EvaluateSettings(), own)
    assert asked == [(True, "2 + 2?|off|<think></think>")]


@pytest.mark.slow
def test_the_same_score_on_every_problem(finetuned: Path, tmp_path: Path) -> None:
    pytest.importorskip("lm_eval", reason="the extra [lm-eval] is not installed")
    with pytest.raises(UsageError, match="nothing to run"):
        harness.recheck(finetuned, EvaluateSettings(), [], tmp_path / "none")
    with pytest.raises(UsageError, match="knows no task gsm9k"):
        harness.recheck(finetuned, EvaluateSettings(), ["gsm9k"], tmp_path / "unknown")
    assert not (tmp_path / "unknown.partial").exists()
    settings = EvaluateSettings(
        benchmarks=["arithmetic@1", "countdown@1"], limit=16, batch=8, max_new_tokens=56, workers=1
    )
    ours, theirs = evaluate(finetuned, settings, tmp_path / "ours"), tmp_path / "theirs"
    harness.recheck(finetuned, settings, [], theirs)
    scores = []
    for benchmark in ("arithmetic@1", "countdown@1"):
        task = harness.task_name(benchmark)
        problems = {q.id: q.problem for q in read_lines(ours / f"questions/{benchmark}.jsonl", Question)}
        for run in ("base", "shortcut-s0", "journey-s0"):
            samples = {s.question: s for s in open_finished(ours, "evaluate").samples(run, benchmark, "greedy")}
            rows = {
                row["id"]: row for row in map(json.loads, (theirs / run / f"{task}.jsonl").read_text().splitlines())
            }
            assert rows.keys() == samples.keys() == problems.keys() and len(rows) == 16
            for identity, sample in samples.items():
                right = grade(problems[identity], sample.text, sample.finish).outcome == "correct"
                assert rows[identity]["acc"] == right, (benchmark, run, sample.text, rows[identity]["text"])
                if sample.finish == "stop" and "<" not in sample.text:  # the harness leaves special tokens out
                    assert rows[identity]["text"].split() == sample.text.split()
                scores.append(right)
    assert 10 < sum(scores) < len(scores) - 10  # right and wrong ones, or equality would say little
    found = harness.read(theirs)
    assert found.harness.startswith("lm-eval 0.") and len(found.scores) == 6
    base = next(score for score in found.scores if (score.run, score.task) == ("base", "journey_arithmetic_1"))
    assert base.n == 16 and base.metrics["acc"] > 0.5
    # A finished folder is not run again, and others have what they need.
    assert harness.recheck(finetuned, settings, [], theirs) == theirs
    assert "--include_path ." in (theirs / "tasks/README.md").read_text()
