"""The whole stage on a tiny base: what the folder holds, what is refused, and what happens when a run fails."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from journey.config import FinetuneSettings
from journey.errors import JourneyError, PartialError, ResourceError, UnknownName, UsageError
from journey.finetune import cost, session
from journey.finetune.planning import memory
from journey.finetune.planning.prepare import prepare
from journey.finetune.run import finetune, plan
from journey.finetune.runs import Run
from journey.finetune.training import pool
from journey.finetune.training.events import Event
from journey.finetune.training.protocol import Trained
from journey.formats.folders import open_finished, read_manifest
from journey.models import load
from journey.schema import Pair
from journey.store import Folder

ADAPTER = {"adapter_model.safetensors", "adapter_config.json", "run.json", "trajectory.jsonl"}


def settings_for(base: Path, **changes: Any) -> FinetuneSettings:
    facts = {"seeds": 1, "rank": 4, "alpha": 8, "lr": 1e-2, "rows_per_step": 6, "micro_batch": 3, "warmup_steps": 2}
    return FinetuneSettings(base=str(base), **{**facts, **changes})


def pretend(monkeypatch: pytest.MonkeyPatch, fails: dict[str, Event] | None = None) -> list[str]:
    """Put a training in place that writes empty adapters at once; gives the names of the runs trained."""
    trained: list[str] = []

    def train_all(
        groups: list[list[Run]], plan_file: Path, workers: int, *, on_step: Any, on_end: Any, **_: Any
    ) -> None:
        for run in (run for group in groups for run in group):
            trained.append(run.run)
            if fails and run.run in fails:
                on_end(fails[run.run])
                continue
            folder = plan_file.parent.parent / run.run
            folder.mkdir(exist_ok=True)
            for name in ADAPTER - {"run.json"}:
                (folder / name).write_text("{}\n")
            on_step(Event(run.run, run.steps, 1.0))
            on_end(Event(run.run, trained=Trained(run.run, "a" * 32, "b" * 32, 1.0, 2.0, "cpu", "float32")))

    monkeypatch.setattr(pool, "train_all", train_all)
    return trained


def test_the_stage_from_end_to_end(curated: Path, base: Path, tmp_path: Path) -> None:
    """Three arms train in worker processes; one of them has a rate at which its loss is soon no number."""
    settings = settings_for(base, arms=["base", "shortcut@examples", "shortcut@tokens", "journey"], workers=1)
    settings = settings.model_copy(update={"lr_by_arm": {"shortcut@examples": 1e30}})
    out = tmp_path / "runs"
    with pytest.raises(PartialError, match="shortcut-examples-s0 failed: loss nan"):
        finetune(curated, settings, out)
    open_finished(out)  # every byte is as it was written
    found = {
        path.relative_to(out).as_posix() for path in out.rglob("*") if ".done" not in path.parts and path.is_file()
    }
    runs = {f"{run}/{name}" for run in ("journey-s0", "shortcut-tokens-s0") for name in ADAPTER}
    top = {"manifest.json", "environment.json", "timing.json", "audit.json", "problems.txt"}
    assert found == runs | top | {"shortcut-examples-s0/run.json"}
    for name in ADAPTER - {"adapter_model.safetensors"}:
        assert str(tmp_path) not in (out / "journey-s0" / name).read_text()
        assert str(base.parent) not in (out / "journey-s0" / name).read_text()
    facts = json.loads((out / "shortcut-tokens-s0" / "run.json").read_text())
    wanted = {"run": "shortcut-tokens-s0", "arm": "shortcut@tokens", "kind": "shortcut", "budget": "tokens", "seed": 0}
    wanted |= {"view": "compact", "rank": 4, "alpha": 8, "lr": 0.01, "problems": 24, "max_length": 512, "failed": None}
    assert wanted.items() <= facts.items()
    assert facts["base"]["name"] == "tiny"
    journey = json.loads((out / "journey-s0" / "run.json").read_text())
    assert abs(facts["supervised_tokens"] - journey["supervised_tokens"]) <= 14  # half a shortcut
    assert facts["final_loss"] > 0
    steps = (out / "journey-s0" / "trajectory.jsonl").read_text().splitlines()
    assert len(steps) == journey["steps"] == 4
    assert sum(json.loads(step)["supervised_tokens"] for step in steps) == journey["supervised_tokens"]
    audit = open_finished(out, "finetune").audit
    assert audit.reference == "journey"
    assert list(audit.failed) == ["shortcut-examples-s0"]
    assert "base trains nothing; it is always evaluated" in audit.notes
    assert any(note.startswith("padding: ") for note in audit.notes)
    assert any(sentence.startswith("seed 0: initial adapter") for sentence in audit.equal)
    manifest = read_manifest(out, "finetune")
    assert manifest.counts["runs"] == 2 and manifest.counts["failed"] == 1
    assert "workers" not in manifest.config
    assert finetune(curated, settings, out) == out  # finished: nothing is done again


def test_workers_may_change_between_sittings_but_settings_may_not(
    curated: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = {"journey-s0": Event("journey-s0", failed="OutOfMemoryError: too much")}
    trained = pretend(monkeypatch, failing)
    settings, out = settings_for(base, engine="trl"), tmp_path / "runs"
    with pytest.raises(PartialError) as partial:
        finetune(curated, settings, out)
    assert "journey-s0 failed: OutOfMemoryError: too much" in str(partial.value)
    assert "the same command tries again" in str(partial.value)
    assert not out.exists()
    with pytest.raises(UsageError, match="rank: 4 there, 8 now"):
        finetune(curated, settings.model_copy(update={"rank": 8}), out)
    trained.clear()
    failing.clear()
    finetune(curated, settings.model_copy(update={"workers": 2}), out)
    assert trained == ["journey-s0"]  # the finished runs are not trained again
    assert open_finished(out, "finetune").audit.failed == {}
    assert not (out / session.SCRATCH).exists()


def test_a_run_that_fails_twice_is_left_out_and_named(
    curated: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, {"journey-s0": Event("journey-s0", failed="ValueError: again")})
    for expected in ("tries again", "is finished without it"):
        with pytest.raises(PartialError, match=expected):
            finetune(curated, settings_for(base), tmp_path / "runs")
    assert open_finished(tmp_path / "runs", "finetune").audit.failed == {"journey-s0": "ValueError: again"}
    assert read_manifest(tmp_path / "runs").counts["runs"] == 2


@pytest.mark.parametrize("engine", ["stacked", "trl"])
def test_a_run_whose_last_update_diverged_has_failed_and_the_others_are_kept(
    curated: Path, base: Path, tmp_path: Path, engine: str
) -> None:
    """Its losses are all finite: nothing is computed with the weights after the last step."""
    chosen = settings_for(base, arms=["journey"], seeds=1, lr=[3e-3, 1e30], max_steps=1, engine=engine, workers=1)
    with pytest.raises(PartialError, match=r"journey-lr1e\+30-s0 failed: .*the weights have diverged"):
        finetune(curated, chosen, tmp_path / "runs")
    runs = open_finished(tmp_path / "runs", "finetune")
    assert list(runs.trained) == ["journey-lr0.003-s0"] and runs.runs["journey-lr1e+30-s0"].failed


def test_when_every_run_fails_nothing_is_finished(
    curated: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, {"journey-s0": Event("journey-s0", failed="loss nan at step 3", again=False)})
    with pytest.raises(JourneyError, match="no run is left") as failed:
        finetune(curated, settings_for(base, arms=["journey"]), tmp_path / "runs")
    assert failed.value.exit_code == 1
    assert not (tmp_path / "runs").exists()


def test_runs_that_cost_most_are_trained_first(
    curated: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = pretend(monkeypatch)
    finetune(curated, settings_for(base, seeds=2, engine="trl"), tmp_path / "runs")
    flops = {one.run: one.flops for one in open_finished(tmp_path / "runs", "finetune").audit.runs}
    assert trained == sorted(flops, key=lambda run: (-flops[run], run))
    assert trained != list(flops)


def test_the_same_command_gives_the_same_bytes(
    curated: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch)
    manifests = []
    for name, workers in (("one", 1), ("two", 2)):
        finetune(curated, settings_for(base, workers=workers), tmp_path / name)
        manifests.append((tmp_path / name / "manifest.json").read_bytes())
    assert manifests[0] == manifests[1]


def test_bad_input_leaves_nothing_behind(curated: Path, base: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    refused: list[tuple[dict[str, Any], type[JourneyError], str]] = [
        ({"max_length": 60}, UsageError, "would be truncated"),
        ({"max_length": 4096}, UsageError, "has 512 positions"),
        ({"view": "think"}, UsageError, "cannot carry"),
        ({"arms": ["jurney"]}, UnknownName, "did you mean journey"),
        ({"engine": "tlr"}, UnknownName, "did you mean trl"),
        ({"lr_by_arm": {"jurney": 1.0}}, UnknownName, "did you mean journey"),
        ({"base": "poket"}, UnknownName, "did you mean pocket"),
    ]
    for changes, kind, says in refused:
        with pytest.raises(kind, match=says):
            finetune(curated, settings_for(base).model_copy(update=changes), out)
        assert list(tmp_path.iterdir()) == []


def test_folders_that_cannot_be_trained_on(base: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a finished folder"):
        finetune(tmp_path / "missing", settings_for(base), tmp_path / "runs")
    with Folder.open(tmp_path / "empty", "curate", {}) as folder:
        folder.finish({})
    with pytest.raises(UsageError, match="no training pairs"):
        finetune(tmp_path / "empty", settings_for(base), tmp_path / "runs")


def test_a_base_without_safe_weights_is_refused(curated: Path, base: Path, tmp_path: Path) -> None:
    shutil.copytree(base, tmp_path / "pickled", ignore=shutil.ignore_patterns("*.safetensors"))
    (tmp_path / "pickled" / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(UsageError, match="pickled weights"):
        finetune(curated, settings_for(tmp_path / "pickled"), tmp_path / "runs")


def test_memory_that_is_not_there(curated: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "free_memory", lambda device: 1000)
    with pytest.raises(ResourceError, match="micro_batch"):
        finetune(curated, settings_for(base, engine="trl"), tmp_path / "runs")
    with pytest.raises(ResourceError, match="a stack of 3 runs is expected to need .* 0 runs fit\n  give a smaller"):
        finetune(curated, settings_for(base), tmp_path / "runs")
    monkeypatch.undo()
    lengths = [
        int(rows.lengths.max()) for rows in prepare(open_finished(curated, "curate"), settings_for(base)).data.values()
    ]
    footprint = memory.footprint_of(load.find(str(base)), settings_for(base), max(lengths), "cpu")
    fits = cost.PROCESS_BYTES + footprint.peak(2, 2048, False)
    monkeypatch.setattr(cost, "free_memory", lambda device: fits)
    with pytest.raises(ResourceError, match="2 runs fit\n  give --set stacks=2, or a smaller"):
        finetune(curated, settings_for(base, checkpointing=False), tmp_path / "runs")
    assert plan(curated, settings_for(base, stacks=2, checkpointing=False))["runs_that_fit_in_a_stack"] == 2
    made = plan(curated, settings_for(base))
    assert made["recompute"] is True  # then three fit too
    assert list(made["runs_that_fit_on_a_gpu"]) == ["24 GB", "48 GB", "80 GB", "141 GB"]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_begun_keeps_its_passes(
    curated: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = list[int]()

    def interrupted(sitting: session.Session) -> None:
        seen.append(sitting.prepared.memory.pass_tokens)
        raise KeyboardInterrupt

    monkeypatch.setattr(session.Session, "work", interrupted)
    for tokens in (512, 4096):  # what would be chosen, then and now
        monkeypatch.setattr(memory, "PASS_TOKENS", tokens)
        with pytest.raises(KeyboardInterrupt):
            finetune(curated, settings_for(base), tmp_path / "runs")
    assert seen == [512, 512]


def test_plan_counts_without_training(curated: Path, base: Path, pairs: list[Pair], tmp_path: Path) -> None:
    made = plan(curated, settings_for(base, pairs=12, max_steps=3, workers=2, engine="trl"))
    assert json.loads(json.dumps(made)) == made
    assert made["pairs"] == 12
    assert [run["run"] for run in made["runs"]] == ["shortcut-examples-s0", "shortcut-tokens-s0", "journey-s0"]
    assert [run["steps"] for run in made["runs"]] == [2, 3, 2]
    assert any("stops after 3 steps" in note for note in made["notes"])
    assert made["workers"] == 2 and made["view"] == "compact" and made["max_length"] == 512
    assert made["disk_bytes"] > 0 and made["memory_bytes_per_group"] > 0 and made["flops"] > 0
    assert 0 < made["hours"] < 1
    assert list(tmp_path.iterdir()) == []


def test_full_fine_tuning_from_end_to_end(curated: Path, base: Path, tmp_path: Path) -> None:
    """Whole models instead of adapters, found by evaluate; FLOPs, disk and run.json say so."""
    from journey.evaluate.planning.plan import read_runs

    settings = settings_for(base, arms=["journey"], engine="trl", full=True, workers=1, lr=1e-3, processes=1)
    planned = plan(curated, settings)
    parameters = sum(value.numel() for value in load_file(base / "model.safetensors").values())
    assert planned["disk_bytes"] == 4 * parameters
    assert planned["flops"] > plan(curated, settings.model_copy(update={"full": False, "rank": 1}))["flops"]
    out = finetune(curated, settings, tmp_path / "runs")
    open_finished(out)  # every byte is as it was written
    found = {path.name for path in (out / "journey-s0").iterdir()}
    whole = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "generation_config.json"}
    assert found == whole | {"run.json", "trajectory.jsonl"}
    told = json.loads((out / "journey-s0" / "run.json").read_text())
    assert told["full"] is True and told["final_loss"] > 0
    runs = read_runs(open_finished(out, "finetune"))
    assert [run.adapter for run in runs] == ["journey-s0/model.safetensors"]
    assert any("every weight of the base is trained" in note for note in open_finished(out, "finetune").audit.notes)
