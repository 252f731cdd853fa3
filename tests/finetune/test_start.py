"""The arms' common start: trained on other data or taken, merged once, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from journey.config import FinetuneSettings
from journey.errors import JourneyError, ResourceError, UsageError
from journey.finetune import cost
from journey.finetune.planning import warmup
from journey.finetune.run import finetune, plan
from journey.finetune.training import side_runs
from journey.formats.finetune import BaseFacts, RunFile
from journey.formats.folders import open_finished, read_manifest
from journey.models import load
from journey.models.load import adapted
from journey.schema import Pair
from journey.store import Folder

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


def settings_for(base: Path, **changes: Any) -> FinetuneSettings:
    facts = {"seeds": 1, "rank": 4, "alpha": 64, "lr": 1e-2, "rows_per_step": 6, "micro_batch": 3, "warmup_steps": 0}
    return FinetuneSettings(base=str(base), **{**facts, "arms": ["shortcut"], "workers": 1, **changes})


def logits(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        return model(input_ids=torch.tensor([[1, 7, 9, 11, 5, 6]])).logits


@pytest.fixture(scope="module")
def warmed(curated: Path, other_curated: Path, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished folder whose arms began at a warm-up on other data."""
    out = tmp_path_factory.mktemp("warmed") / "runs"
    return finetune(curated, settings_for(base, warmup=str(other_curated), warmup_epochs=2), out)


def test_arms_begin_at_a_warm_up_on_other_data(warmed: Path, base: Path, other_curated: Path) -> None:
    open_finished(warmed)  # every byte is as it was written
    told = json.loads((warmed / "warmup" / "warmup.json").read_text())
    assert told["kind"] == "data" and told["from"] == other_curated.name
    assert told["run"]["rows"] == 24 and told["run"]["steps"] == 4 and told["run"]["seed"] not in (0, 1)
    assert told["trained"]["final_loss"] > 0 and "seconds" not in told["trained"]
    run = json.loads((warmed / "shortcut-s0" / "run.json").read_text())
    assert run["warmup"] == told["input"] == read_manifest(warmed).inputs["warmup"]
    assert run["base"]["name"] == "tiny"  # the untuned one
    config = json.loads((warmed / "shortcut-s0" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "../warmup"
    assert any(
        "warmed up on the shortcuts of other: 12 pairs, 2 epochs" in note
        for note in open_finished(warmed, "finetune").audit.notes
    )
    for path in warmed.rglob("*.json"):
        assert str(warmed.parent) not in path.read_text() and str(other_curated.parent) not in path.read_text()


def test_what_is_evaluated_is_base_warm_up_and_adapter(warmed: Path, base: Path) -> None:
    from peft import PeftModel

    untuned = load.load_model(load.find(str(base)), device="cpu")
    warm = load.load_model(load.find(str(warmed / "warmup")), device="cpu")
    assert warm.dtype == torch.float32
    assert (logits(warm) - logits(untuned)).abs().max() > 1e-2
    adapter = PeftModel.from_pretrained(
        load.load_model(load.find(str(warmed / "warmup")), device="cpu"), str(warmed / "shortcut-s0")
    )
    before = logits(untuned)
    with adapted(untuned, warmed / "shortcut-s0") as model:
        torch.testing.assert_close(logits(model), logits(adapter.eval()), rtol=1e-4, atol=1e-4)
        assert (logits(model) - logits(warm)).abs().max() > 1e-2
    with adapted(untuned, warmed / "warmup") as model:
        assert torch.equal(logits(model), logits(warm))
    assert torch.equal(logits(untuned), before)


def test_evaluate_samples_the_warm_start_beside_the_untuned_base(warmed: Path, tmp_path: Path) -> None:
    from journey.config import EvaluateSettings
    from journey.evaluate.run import evaluate

    asked = EvaluateSettings(benchmarks=["countdown@1"], limit=3, max_new_tokens=4, workers=1)
    out = evaluate(warmed, asked, tmp_path / "evaluation")
    scores = json.loads((out / "scores.json").read_text())
    assert [arm["arm"] for arm in scores["arms"]] == ["base", "warmup", "shortcut"]
    assert {(one["first"], one["second"]) for one in scores["compared"]} == {("base", "shortcut")}
    assert scores["failed_runs"] == []
    samples = [(out / "samples" / run / "countdown@1").rglob("*.jsonl") for run in ("base", "warmup", "shortcut-s0")]
    assert all(len(list(files)) == 1 for files in samples)


def test_an_adapter_is_merged_in_float32(
    warmed: Path, curated: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of a run that began at a warm-up itself; the command is cut off before its runs, and goes on."""
    settings = settings_for(base, warmup=str(warmed / "shortcut-s0"))
    from journey.finetune import session

    def interrupted(self: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(session.Session, "work", interrupted)
        with pytest.raises(KeyboardInterrupt):
            finetune(curated, settings, tmp_path / "runs")
    there = tmp_path / "runs.partial" / "warmup" / "model.safetensors"
    written = there.stat().st_mtime_ns
    out = finetune(curated, settings, tmp_path / "runs")
    assert (out / "warmup" / "model.safetensors").stat().st_mtime_ns == written
    before, after = load_file(warmed / "warmup" / "model.safetensors"), load_file(out / "warmup" / "model.safetensors")
    adapter = load_file(warmed / "shortcut-s0" / "adapter_model.safetensors")
    changed = 0
    for name, value in before.items():
        stem = f"base_model.model.{name.removesuffix('.weight')}"
        delta = torch.zeros_like(value)
        if f"{stem}.lora_A.weight" in adapter:
            delta = 64 / 4 * adapter[f"{stem}.lora_B.weight"] @ adapter[f"{stem}.lora_A.weight"]
            changed += 1
        torch.testing.assert_close(after[name], value + delta, rtol=0, atol=1e-6)
    assert changed == 14
    assert json.loads((out / "warmup" / "warmup.json").read_text())["kind"] == "adapter"
    assert not (out / session.SCRATCH).exists()


def test_the_plan_says_what_a_warm_up_costs(curated: Path, other_curated: Path, base: Path) -> None:
    without = plan(curated, settings_for(base))
    made = plan(curated, settings_for(base, warmup=str(other_curated)))
    size = sum(value.numel() for value in load_file(base / "model.safetensors").values()) * 4
    assert made["warmup"]["disk_bytes"] == size and made["disk_bytes"] == without["disk_bytes"] + size
    assert made["warmup"]["steps"] == 2 and made["warmup"]["flops"] > 0
    assert without["warmup"] is None


def test_a_warm_up_that_diverges_says_so(
    curated: Path, other_curated: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        side_runs, "train_apart", lambda *args, **kwargs: {"warmup": side_runs.Ended(failed="loss nan at step 2")}
    )
    with pytest.raises(
        JourneyError, match="the warm-up failed: loss nan at step 2\n  lower its rate with --set lr_by_arm.w"
    ):
        finetune(curated, settings_for(base, warmup=str(other_curated)), tmp_path / "runs")


def adapter_in(folder: Path, tensors: dict[str, torch.Tensor], **told: Any) -> Path:
    folder.mkdir()
    save_file(tensors, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 4, **told.pop("config", {})}))
    if told:
        facts = RunFile(run=folder.name, arm="journey", seed=0, base=BaseFacts(**told["base"]))
        (folder / "run.json").write_bytes(facts.encoded())
    return folder


def test_what_cannot_be_a_start(curated: Path, warmed: Path, base: Path, tmp_path: Path) -> None:
    ref = load.find(str(base))
    layer = "base_model.model.model.layers.0.self_attn.q_proj"
    fits = {f"{layer}.lora_A.weight": torch.zeros(4, 32), f"{layer}.lora_B.weight": torch.zeros(32, 4)}
    elsewhere = {name.replace("q_proj", "query"): value for name, value in fits.items()}
    wide = {f"{layer}.lora_A.weight": torch.zeros(4, 64), f"{layer}.lora_B.weight": torch.zeros(32, 4)}
    assert warmup.check_adapter(adapter_in(tmp_path / "good", fits), ref) == []
    named = adapter_in(tmp_path / "named", fits, config={"base_model_name_or_path": "org/large"})
    assert "says that it was trained on large" in warmup.check_adapter(named, ref)[0]
    with pytest.raises(UsageError, match="would match no layer of"):
        warmup.check_adapter(adapter_in(tmp_path / "elsewhere", elsewhere), ref)
    with pytest.raises(UsageError, match="does not fit .*q_proj.lora_A"):
        warmup.check_adapter(adapter_in(tmp_path / "wide", wide), ref)
    with pytest.raises(UsageError, match="was trained on large, which is not"):
        warmup.check_adapter(adapter_in(tmp_path / "large", fits, base={"name": "large", "weights": "00"}), ref)
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "adapter_config.json").write_text("{}")
    refused = {
        str(tmp_path / "nowhere"): "is no folder",
        str(tmp_path / "pickled"): "no adapter_model.safetensors",
        str(warmed): "holds 1 runs\n  name one: .*shortcut-s0",
        str(tmp_path): "not a finished folder",
    }
    for name, says in refused.items():
        with pytest.raises(UsageError, match=says):
            finetune(curated, settings_for(base, warmup=name), tmp_path / "runs")
        assert not (tmp_path / "runs").exists() and not (tmp_path / "runs.partial").exists()


def test_warm_up_data_is_checked_as_the_arms_are(
    curated: Path, base: Path, pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Folder.open(tmp_path / "none", "curate", {}) as folder:
        folder.finish({})
    with pytest.raises(UsageError, match="none has no training pairs"):
        finetune(curated, settings_for(base, warmup=str(tmp_path / "none")), tmp_path / "runs")
    problem = pairs[0].problem
    import msgspec

    strange = msgspec.structs.replace(problem, brief=f"{problem.brief} zebra", id="other")
    with Folder.open(tmp_path / "strange", "curate", {}) as folder:
        folder.write_shard(0, {"train/00000.jsonl": [msgspec.structs.replace(pairs[0], problem=strange)]})
        folder.finish({})
    with pytest.raises(UsageError, match="cannot carry 1 of .*'zebra'"):
        finetune(curated, settings_for(base, warmup=str(tmp_path / "strange")), tmp_path / "runs")
    whole = shutil.copytree(base, tmp_path / "whole")
    tensors = load_file(whole / "model.safetensors")
    assert warmup.kind_of(whole) == "model"
    warmup._check_model(whole, load.find(str(base)))
    config = json.loads((whole / "config.json").read_text())
    (whole / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 1}))
    with pytest.raises(UsageError, match="is a model of another shape"):
        warmup._check_model(whole, load.find(str(base)))
    assert np.isfinite(tensors["model.embed_tokens.weight"].numpy()).all()
    monkeypatch.setattr(cost, "free_memory", lambda device: 1000)
    with pytest.raises(ResourceError, match="merging the warm-up"):
        finetune(curated, settings_for(base, warmup=str(base)), tmp_path / "runs")


def test_a_warm_up_on_the_worked_solutions_of_a_file(
    curated: Path, other_curated: Path, base: Path, tmp_path: Path
) -> None:
    """The rows are read as everywhere: with the fields mapped, and those of no use counted."""
    from journey.finetune.planning.prepare import prepare

    rows: list[dict[str, Any]] = []
    for pair in open_finished(other_curated, "curate").pairs("train"):
        worked = " ".join(segment.brief for segment in pair.shortcut.segments[:-1])
        rows.append({"q": pair.problem.brief, "work": {"text": worked}, "answer": pair.shortcut.answer_brief})
    file = tmp_path / "mine.jsonl"
    file.write_text(
        "".join(json.dumps(row) + "\n" for row in [*rows, {"q": None, "work": {"text": "7"}, "answer": "7"}])
    )
    fields = {"question": "q", "solution": "work.text"}
    settings = settings_for(base, warmup=str(file), map=fields)
    prepared = prepare(open_finished(curated, "curate"), settings)
    assert prepared.start is not None and prepared.start.rows is not None
    worked_rows = warmup.worked_pairs(file, settings)
    assert len(prepared.start.rows) == len(worked_rows) and 3 <= len(worked_rows) < len(rows)  # those that are train
    told = open_finished(finetune(curated, settings, tmp_path / "out"), "finetune")
    assert read_manifest(told.path).inputs["warmup"] == warmup.digest_of(file)
    assert any(f"shortcuts of mine.jsonl: {len(worked_rows)} pairs" in note for note in told.audit.notes)
    file.write_text("".join(json.dumps({"q": row["q"], "answer": row["answer"]}) + "\n" for row in rows))
    with pytest.raises(UsageError, match="no row has a field"):
        prepare(open_finished(curated, "curate"), settings)
    with pytest.raises(UsageError, match=r"has a solution to train on") as refused:
        prepare(open_finished(curated, "curate"), settings_for(base, warmup=str(file), map={"question": "q"}))
    assert "--map solution=FIELD" in str(refused.value)
