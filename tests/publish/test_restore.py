"""A Hub id wherever a folder stands: the folder comes back byte for byte, and scores come out the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from journey.config import CurateSettings, EvaluateSettings, GenerateSettings
from journey.curate.run import curate
from journey.errors import JourneyError, RemoteError, UsageError
from journey.formats.files import sha256_of
from journey.formats.folders import open_finished
from journey.formats.manifest import ListedFile, Manifest, manifest_hash
from journey.generate.run import generate
from journey.publish.run import publish
from journey.publish.settings import PublishSettings
from journey.publish.transfer.restore import local_folder
from journey_testing.folders import records

DATA, RUNS, BASE = "tester/three-numbers", "tester/runs", "tester/pocket"
ASKED = EvaluateSettings(benchmarks=["countdown@1"], limit=4, max_new_tokens=12, workers=1)


@pytest.fixture
def data(once: Any, curated: Path, tmp_path: Path) -> dict[str, Any]:
    return once("data", lambda: publish(str(curated), PublishSettings(repo=DATA), out=tmp_path / "data")[0])


@pytest.fixture
def runs(once: Any, curated: Path, finetuned: Path, tmp_path: Path) -> dict[str, Any]:
    """The data, the base and the adapters on the Hub."""

    def fill() -> dict[str, Any]:
        publish(str(curated), PublishSettings(repo=DATA), out=tmp_path / "data")
        publish("pocket", PublishSettings(repo=BASE), out=tmp_path / "base")
        settings = PublishSettings(repo=RUNS, base_repo=BASE, dataset=DATA)
        return publish(str(finetuned), settings, out=tmp_path / "runs")[0]

    return once("runs", fill)


def stored(folder: Path) -> dict[str, bytes]:
    ours = {"environment.json", "timing.json", "hub.json"}
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ours and ".done" not in path.parts
    }


def test_a_dataset_comes_back_as_its_folder(hub: Any, data: dict[str, Any], curated: Path) -> None:
    back = local_folder(f"{DATA}@v1", "curate")
    assert stored(back) == stored(curated) and manifest_hash(back) == manifest_hash(curated)
    assert json.loads((back / "hub.json").read_bytes())["commit"] == data["commit"]


def test_records_that_state_a_default_or_not_come_back_alike(hub: Any, tmp_path: Path) -> None:
    """The encoder states the default `check` or leaves it out by identity; a folder may hold both."""
    from journey.publish.tables.columns import states_check
    from journey.schema import Pair, decode, encode
    from journey.store import Folder

    settings = GenerateSettings(family=["arithmetic@1"], method=["slips"], pairs=12)
    made = generate(settings, tmp_path / "generated", workers=1)
    plain = curate(made, CurateSettings(base="pocket"), tmp_path / "plain")
    (shard,) = open_finished(plain, "curate").shards("train")
    lines = shard.read_bytes().splitlines()
    said = [line.replace(b'"source":', b'"check":"value","source":', 1) for line in lines[:3]]
    mixed = tmp_path / "mixed"
    identity = json.loads((plain / "manifest.json").read_bytes())
    with Folder.open(mixed, "curate", identity["config"], inputs=identity["inputs"]) as folder:
        folder.write("train/00000.jsonl", b"".join(encode(decode(line, Pair)) + b"\n" for line in [*said, *lines[3:]]))
        folder.write("funnel.json", (plain / "funnel.json").read_bytes())
        folder.finish({"train": len(lines)})
    assert len({states_check(line) for line in (mixed / "train/00000.jsonl").read_bytes().splitlines()}) == 2
    assert list(records(mixed, "train", Pair)) == list(records(plain, "train", Pair))
    for name, kept in (("plain", plain), ("mixed", mixed)):
        publish(str(kept), PublishSettings(repo=f"tester/{name}"), out=tmp_path / f"out-{name}")
        assert stored(local_folder(f"tester/{name}", "curate")) == stored(kept)


def test_adapters_come_back_as_their_folder(hub: Any, runs: dict[str, Any], finetuned: Path) -> None:
    back = local_folder(RUNS, "finetune")
    assert stored(back) == stored(finetuned) and manifest_hash(back) == manifest_hash(finetuned)


def test_the_evaluation_from_published_ids_has_the_same_scores(
    hub: Any, runs: dict[str, Any], evaluated: Path, tmp_path: Path
) -> None:
    from journey.evaluate.run import evaluate

    again = evaluate(local_folder(f"{RUNS}@v1", "finetune"), ASKED, tmp_path / "again")
    assert stored(again)["plan.json"] == stored(evaluated)["plan.json"]
    samples = {name: data for name, data in stored(evaluated).items() if name.startswith("samples/")}
    assert samples and {name: stored(again)[name] for name in samples} == samples
    assert timeless(again) == timeless(evaluated)


def timeless(folder: Path) -> Any:
    """scores.json without seconds, the only thing in it that is measured anew."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items() if key not in ("mean_seconds", "seconds")}
        return [plain(inner) for inner in value] if isinstance(value, list) else value

    return plain(json.loads((folder / "scores.json").read_bytes()))


def test_one_run_of_many_repositories(hub: Any, runs: Any, finetuned: Path, tmp_path: Path) -> None:
    settings = PublishSettings(repo="tester/each", base_repo=BASE, dataset=DATA, per_run=True)
    publish(str(finetuned), settings, out=tmp_path / "each")
    back = local_folder("tester/each-journey-s0", "finetune")
    assert [path.parent.name for path in back.glob("*/run.json")] == ["journey-s0"]
    whole = finetuned / "journey-s0"
    assert stored(back / "journey-s0") == stored(whole)


def test_a_commit_that_was_fetched_needs_no_network(hub: Any, data: dict[str, Any]) -> None:
    there = local_folder(f"{DATA}@{data['commit']}", "curate")
    sent = len(hub.requests)
    assert local_folder(f"{DATA}@{data['commit']}", "curate") == there and len(hub.requests) == sent


def test_a_folder_of_that_name_wins(hub: Any, curated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tester").mkdir()
    shutil.copytree(curated, tmp_path / "tester" / "three-numbers")
    assert local_folder(DATA, "curate") == Path(DATA) and hub.requests == []


@pytest.mark.parametrize("spec", ["data/runs/nothing", "/tmp/nothing/here", "./nothing", "nothing"])
def test_a_path_that_is_not_there_stays_a_path(hub: Any, spec: str) -> None:
    assert local_folder(spec, "curate") == Path(spec) and hub.requests == []


def test_no_such_repository_says_that_there_is_no_folder_either(hub: Any) -> None:
    with pytest.raises(RemoteError, match="no folder tester/nothing here.*no such repository"):
        local_folder("tester/nothing", "curate")
    with pytest.raises(RemoteError, match="no such revision"):
        hub.make("datasets", DATA)
        local_folder(f"{DATA}@v9", "curate")


def test_a_dataset_of_somebody_else(hub: Any) -> None:
    hub.put("datasets", "other/math", {"train.parquet": b"PAR1"})
    with pytest.raises(UsageError, match="journey generate --problems other/math"):
        local_folder("other/math", "curate")


def test_bytes_that_changed_on_the_hub_are_noticed(hub: Any, data: dict[str, Any]) -> None:
    repo = hub.repos["datasets", DATA]
    shard = "pairs/train-00000.parquet"
    changed = {**repo.at("main").files, shard: (repo.at("main").files["pairs/test-00000.parquet"][0], True)}
    repo.heads["main"] = repo.add(changed, "tampered", "", repo.heads["main"])
    with pytest.raises(RemoteError, match=f"{shard} is not the file that was published"):
        local_folder(DATA, "curate")


def test_an_adapter_of_somebody_else_is_one_run(hub: Any, runs: Any, finetuned: Path, tmp_path: Path) -> None:
    from journey.evaluate.run import evaluate

    config = json.loads((finetuned / "journey-s0" / "adapter_config.json").read_bytes())
    config |= {"base_model_name_or_path": BASE, "revision": None}
    weights = (finetuned / "journey-s0" / "adapter_model.safetensors").read_bytes()
    hub.put(
        "models",
        "other/My_LoRA",
        {"adapter_config.json": json.dumps(config).encode(), "adapter_model.safetensors": weights},
    )
    hub.repos["models", BASE].private = False
    back = local_folder("other/My_LoRA", "finetune")
    made = evaluate(back, ASKED.model_copy(update={"limit": 2}), tmp_path / "e")
    plan = json.loads((made / "plan.json").read_bytes())
    assert [run["run"] for run in plan["runs"]] == ["base", "my-lora-s0"] and plan["base"] == BASE


@pytest.mark.parametrize(
    "files, said",
    [
        (
            {"adapter_config.json": b'{"base_model_name_or_path": "tester/pocket"}', "adapter_model.bin": b"x"},
            "pickled",
        ),
        (
            {"adapter_config.json": b'{"base_model_name_or_path": "/home/me/x"}', "adapter_model.safetensors": b"x"},
            "no Hub id",
        ),
        ({"config.json": b"{}", "model.safetensors": b"x"}, "holds no adapter"),
    ],
)
def test_what_is_no_adapter_is_refused(hub: Any, files: dict[str, bytes], said: str) -> None:
    hub.put("models", "other/thing", files)
    with pytest.raises(UsageError, match=said):
        local_folder("other/thing", "finetune")


def test_published_data_are_linked_from_where_they_were_fetched(hub: Any, data: dict[str, Any], tmp_path: Path) -> None:
    """Runs that were trained from a Hub id know their dataset without a log beside them."""
    from journey.publish import pieces

    back = local_folder(f"{DATA}@v1", "curate")
    link = pieces.published(tmp_path / "elsewhere" / "runs", "dataset", manifest_hash(back))
    assert link is not None and (link.repo, link.commit) == (DATA, data["commit"])


@pytest.mark.parametrize("name", ["train/../../../../../../caught.jsonl", "/tmp/caught.jsonl", "train/x.jsonl"])
def test_a_hostile_dataset_writes_nothing_outside(hub: Any, data: dict[str, Any], tmp_path: Path, name: str) -> None:
    """Whoever publishes a data set decides its names and its manifest; neither may lead out of the reader's cache."""
    told = "provenance/curate/shards.json"
    files = {path: content for path, (content, _) in hub.repos["datasets", DATA].at("main").files.items()}
    shards = json.dumps({**json.loads(files[told]), name: {"rows": 1, "stated": True}}).encode()
    manifest = Manifest.parse(files["manifest.json"], "manifest.json")
    without = {path: listed for path, listed in manifest.files.items() if path != told}
    vouched = without | {told: ListedFile(sha256_of(shards), len(shards))}
    for listed, said in ((without, "is not the file that was published"), (vouched, "is no shard of a curated folder")):
        sealed = msgspec.structs.replace(manifest, files=listed).sealed().encoded()
        commit(hub, {**files, told: shards, "manifest.json": sealed})
        refused(tmp_path, said)


@pytest.mark.parametrize("name", ["../../../caught", "/tmp/caught.jsonl", "train/../../caught.jsonl"])
def test_a_hostile_manifest_writes_nothing_outside(hub: Any, data: dict[str, Any], tmp_path: Path, name: str) -> None:
    told = "provenance/curate/manifest.json"
    files = {path: content for path, (content, _) in hub.repos["datasets", DATA].at("main").files.items()}
    inner = Manifest.parse(files[told], told)
    hostile = msgspec.structs.replace(inner, files={**inner.files, name: ListedFile("0" * 64, 1)}).sealed().encoded()
    outer = Manifest.parse(files["manifest.json"], "manifest.json")
    listed = {**outer.files, told: ListedFile(sha256_of(hostile), len(hostile))}
    sealed = msgspec.structs.replace(outer, files=listed).sealed().encoded()
    commit(hub, {**files, told: hostile, "manifest.json": sealed})
    refused(tmp_path, "which is no file below it")


def commit(hub: Any, files: dict[str, bytes]) -> None:
    repo = hub.repos["datasets", DATA]
    repo.heads["main"] = repo.add({path: (data, False) for path, data in files.items()}, "h", "", repo.heads["main"])


def refused(tmp_path: Path, said: str) -> None:
    """The data set is refused with these words, and nothing is written outside the cache, nor left in it."""

    def outside() -> set[Path]:
        return {path for path in tmp_path.rglob("*") if not {"cache", "hf"} & set(path.relative_to(tmp_path).parts)}

    before = outside()
    with pytest.raises(JourneyError, match=said):
        local_folder(DATA, "curate")
    assert outside() == before and not Path("/tmp/caught.jsonl").exists() and not Path("/tmp/caught").exists()
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_the_command_refuses_a_hostile_dataset(hub: Any, data: dict[str, Any], tmp_path: Path) -> None:
    """`journey finetune USER/NAME --dry-run` in a process of its own: exit code, one message, nothing written."""
    told = "provenance/curate/shards.json"
    files = {path: content for path, (content, _) in hub.repos["datasets", DATA].at("main").files.items()}
    shards = json.dumps({**json.loads(files[told]), "train/../../../caught": {"rows": 1, "stated": True}}).encode()
    manifest = Manifest.parse(files["manifest.json"], "manifest.json")
    listed = {**manifest.files, told: ListedFile(sha256_of(shards), len(shards))}
    commit(
        hub,
        {**files, told: shards, "manifest.json": msgspec.structs.replace(manifest, files=listed).sealed().encoded()},
    )
    env = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf2"), "HF_HUB_OFFLINE": "0"}
    command = [sys.executable, "-P", "-m", "journey", "finetune", DATA, "--base", "pocket", "--dry-run", "--out", "ft"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 5 and "Traceback" not in done.stderr, done.stderr
    assert "is no shard of a curated folder" in " ".join(done.stderr.split())
    assert not list(tmp_path.rglob("caught*")) and not (tmp_path / "ft").exists()
