"""Adapters go up with nothing but what belongs to them, and load in PEFT as they answered before."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from journey.errors import PartialError, UsageError
from journey.publish.run import publish
from journey.publish.settings import Given, PublishSettings

BASE, DATA, REPO = "tester/pocket", "tester/three-numbers", "tester/runs"


@pytest.fixture
def online(once: Any, curated: Path, tmp_path: Path) -> dict[str, dict[str, Any]]:
    """The base and the data on the Hub."""

    def fill() -> dict[str, dict[str, Any]]:
        (base,) = publish("pocket", PublishSettings(repo=BASE), out=tmp_path / "base")
        (data,) = publish(str(curated), PublishSettings(repo=DATA), out=tmp_path / "data")
        return {"base": base, "data": data}

    return once("base and data", fill)


def send(folder: Path, out: Path, *, dry_run: bool = False, **settings: Any) -> list[dict[str, Any]]:
    asked = {"repo": REPO, "base_repo": BASE, "dataset": DATA, **settings}
    return publish(str(folder), PublishSettings(**asked), out=out, dry_run=dry_run)


def names(hub: Any, repo: str) -> set[str]:
    return set(hub.repos["models", repo].at("main").files) - {".gitattributes"}


def test_only_what_belongs_to_an_adapter_goes_up(hub: Any, online: Any, finetuned: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(finetuned, tmp_path / "runs")
    for stray in ("training_args.bin", "optimizer.pt", "checkpoint-2/model.bin", "notes.txt", ".env"):
        path = folder / "journey-s0" / stray
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"hf_" + b"s" * 34)
    send(folder, tmp_path / "out")
    inside = {"adapter_model.safetensors", "adapter_config.json", "run.json", "trajectory.jsonl"}
    runs = {f"{run}/{name}" for run in ("journey-s0", "shortcut-s0") for name in inside}
    original = {f"provenance/finetune/{run}/adapter_config.json" for run in ("journey-s0", "shortcut-s0")}
    whole = {"README.md", "audit.json", "problems.txt", "manifest.json", "provenance/finetune/manifest.json"}
    assert names(hub, REPO) == runs | original | whole


def test_the_base_is_named_by_hub_id_and_commit(hub: Any, online: Any, finetuned: Path, tmp_path: Path) -> None:
    send(finetuned, tmp_path / "out")
    files = hub.repos["models", REPO].at("main").files
    config = json.loads(files["journey-s0/adapter_config.json"][0])
    assert (config["base_model_name_or_path"], config["revision"]) == (BASE, online["base"]["commit"])
    card = yaml.safe_load(files["README.md"][0].decode().split("---")[1])
    assert card["base_model"] == BASE and card["datasets"] == [DATA] and card["library_name"] == "peft"
    assert online["data"]["commit"] in files["README.md"][0].decode()


def test_they_load_in_peft_and_answer_as_they_did(hub: Any, online: Any, finetuned: Path, tmp_path: Path) -> None:
    import torch
    from peft import PeftModel

    from journey.models import load

    send(finetuned, tmp_path / "out")
    ref = load.find("pocket")
    tokenizer = load.load_tokenizer(ref)
    ids = torch.tensor([tokenizer("use 16 1 1 make 14 : try 16 - 1 = 15")["input_ids"]])

    def logits(place: str, **where: Any) -> torch.Tensor:
        model = PeftModel.from_pretrained(load.load_model(ref, device="cpu"), place, **where).eval()
        with torch.inference_mode():
            return model(input_ids=ids).logits

    for run in ("journey-s0", "shortcut-s0"):
        there = logits(REPO, subfolder=run, revision="v1")
        assert torch.equal(there, logits(str(finetuned / run)))
    assert not torch.equal(there, load.load_model(ref, device="cpu")(input_ids=ids).logits)


def test_evaluation_results_are_metadata_with_intervals(
    hub: Any, online: Any, finetuned: Path, evaluated: Path, tmp_path: Path
) -> None:
    from huggingface_hub import ModelCard

    send(finetuned, tmp_path / "out")
    card = ModelCard(hub.repos["models", REPO].at("main").files["README.md"][0].decode())
    scores = json.loads((evaluated / "scores.json").read_bytes())["arms"]
    found = {(one.metric_args["arm"], one.dataset_name): one for one in card.data.eval_results}
    assert set(found) == {(one["arm"], one["benchmark"]) for one in scores}
    for one in scores:
        result = found[one["arm"], one["benchmark"]]
        assert result.metric_type == "accuracy" and result.metric_value == pytest.approx(one["accuracy"], abs=1e-6)
        for end in ("low", "high"):
            assert result.metric_args[end] == pytest.approx(one[end], abs=1e-6)
        assert result.metric_args["problems"] == one["n"] and result.metric_args["seeds"] == one["seeds"]


def test_one_repository_a_run(hub: Any, online: Any, finetuned: Path, tmp_path: Path) -> None:
    done = send(finetuned, tmp_path / "out", per_run=True)
    assert [line["repo"] for line in done] == [f"{REPO}-journey-s0", f"{REPO}-shortcut-s0"]
    assert {"adapter_model.safetensors", "adapter_config.json", "run.json"} <= names(hub, f"{REPO}-journey-s0")
    assert not any(name.startswith("shortcut-s0/") for name in names(hub, f"{REPO}-journey-s0"))
    assert [line["changed"] for line in send(finetuned, tmp_path / "out", per_run=True)] == [False, False]


def test_a_base_that_is_on_no_hub_is_refused_with_what_to_type(hub: Any, finetuned: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="journey publish pocket --repo"):
        send(finetuned, tmp_path / "out", base_repo=None)
    assert not hub.repos


def test_other_weights_under_the_bases_name_are_refused(hub: Any, online: Any, finetuned: Path, tmp_path: Path) -> None:
    repo = hub.repos["models", BASE]
    changed = {**repo.at("main").files, "model.safetensors": (b"other", True)}
    repo.heads["main"] = repo.add(changed, "other weights", "", repo.heads["main"])
    with pytest.raises(UsageError, match="are not those of pocket"):
        send(finetuned, tmp_path / "out")
    assert send(finetuned, tmp_path / "out", base_repo=f"{BASE}@{online['base']['commit']}")[0]["changed"]


def test_other_data_than_were_trained_on_are_refused(
    hub: Any, online: Any, finetuned: Path, generated: Path, tmp_path: Path
) -> None:
    from journey.config import CurateSettings
    from journey.curate.run import curate

    other = curate(generated, CurateSettings(base="pocket", max_tokens=100), tmp_path / "other")
    publish(str(other), PublishSettings(repo="tester/other"), out=tmp_path / "o", given=Given(trees=(generated,)))
    with pytest.raises(UsageError, match="tester/other is not the data"):
        send(finetuned, tmp_path / "out", dataset="tester/other")


def test_data_that_are_not_published_must_be_said(hub: Any, finetuned: Path, tmp_path: Path) -> None:
    publish("pocket", PublishSettings(repo=BASE), out=tmp_path / "base")
    alone = shutil.copytree(finetuned, tmp_path / "alone")
    with pytest.raises(UsageError, match="--dataset none"):
        send(alone, tmp_path / "out", dataset=None)
    send(alone, tmp_path / "out", dataset="none")
    assert "| data | not published |" in hub.repos["models", REPO].at("main").files["README.md"][0].decode()


def llama(hub: Any, licence: str, files: dict[str, bytes]) -> None:
    """The embedded base under another licence."""
    repo = hub.repos["models", BASE]
    card = f"---\nlicense: {licence}\n---\n".encode()
    changed = {**repo.at("main").files, "README.md": (card, False), **{n: (d, False) for n, d in files.items()}}
    repo.heads["main"] = repo.add(changed, "another licence", "", repo.heads["main"])


def test_llamas_duties_are_met_or_it_stops(hub: Any, online: Any, finetuned: Path, tmp_path: Path) -> None:
    llama(hub, "llama3.1", {})
    asked = {"base_license": "llama3.1", "base_repo": BASE}
    with pytest.raises(UsageError, match="must begin with 'Llama'"):
        send(finetuned, tmp_path / "out", **asked)
    with pytest.raises(UsageError, match="wants a copy of its licence"):
        send(finetuned, tmp_path / "out", repo="tester/Llama-runs", **asked)
    llama(hub, "llama3.1", {"LICENSE": b"the agreement", "USE_POLICY.md": b"the policy"})
    send(finetuned, tmp_path / "out", repo="tester/Llama-runs", **asked)
    files = {name: data for name, (data, _) in hub.repos["models", "tester/Llama-runs"].at("main").files.items()}
    assert files["LICENSE"] == b"the agreement" and files["USE_POLICY.md"] == b"the policy"
    assert files["NOTICE"].startswith(b"Llama 3.1 is licensed under")
    assert b"**Built with Llama**" in files["README.md"] and b"license: llama3.1" in files["README.md"]


def test_a_dry_run_builds_it_without_the_hub(hub: Any, finetuned: Path, tmp_path: Path) -> None:
    (told,) = send(finetuned, tmp_path / "out", dry_run=True)
    assert hub.requests == [] and "journey-s0/adapter_model.safetensors" in told["files"]


def test_a_changed_adapter_is_refused(hub: Any, online: Any, finetuned: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(finetuned, tmp_path / "runs")
    with (folder / "journey-s0" / "adapter_model.safetensors").open("ab") as file:
        file.write(b"x")
    with pytest.raises(PartialError, match="damaged or missing: journey-s0/adapter_model.safetensors"):
        send(folder, tmp_path / "out")


@pytest.mark.parametrize("name", ["generated", "missing", "whole"])
def test_what_is_not_published_says_what_is(
    hub: Any, name: str, generated: Path, curated: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    whole = tmp_path / "whole"
    (whole / "curate").mkdir(parents=True)
    shutil.copyfile(curated / "manifest.json", whole / "curate" / "manifest.json")
    folder, said = {
        "generated": (generated, "journey curate"),
        "missing": (tmp_path / "missing", "not a finished folder"),
        "whole": (whole, "add --all"),
    }[name]
    with pytest.raises(UsageError, match=said):
        publish(str(folder), PublishSettings(repo=REPO))


def test_a_warm_start_goes_up_before_the_adapters_that_lie_on_it(
    hub: Any, online: Any, warmed: Path, tmp_path: Path
) -> None:
    from journey.publish.transfer.restore import local_folder

    start, adapters = send(warmed, tmp_path / "out")
    assert [line["repo"] for line in (start, adapters)] == [f"{REPO}-warmup", REPO]
    files = hub.repos["models", REPO].at("main").files
    config = json.loads(files["journey-s0/adapter_config.json"][0])
    assert (config["base_model_name_or_path"], config["revision"]) == (f"{REPO}-warmup", start["commit"])
    card = files["README.md"][0].decode()
    assert f"base_model: {REPO}-warmup" in card and start["commit"] in card and online["base"]["commit"] in card
    back = local_folder(REPO, "finetune")
    kept = {path.relative_to(warmed).as_posix(): path.read_bytes() for path in warmed.rglob("*") if path.is_file()}
    ours = {name: data for name, data in kept.items() if not name.startswith(".done") and name not in HERE}
    assert {name: (back / name).read_bytes() for name in ours} == ours
    assert [line["changed"] for line in send(warmed, tmp_path / "out")] == [False, False]


HERE = ("environment.json", "timing.json")


def test_a_warm_up_by_its_id(hub: Any, online: Any, finetuned: Path, curated: Path, tmp_path: Path) -> None:
    from journey.publish.transfer.restore import warmup_folder

    send(finetuned, tmp_path / "out")
    assert Path(warmup_folder(f"{REPO}@v1:journey-s0"), "adapter_config.json").is_file()
    assert Path(warmup_folder(DATA), "manifest.json").read_bytes() == (curated / "manifest.json").read_bytes()
    with pytest.raises(UsageError, match="holds no run 'x-s0'"):
        warmup_folder(f"{REPO}:x-s0")
    assert warmup_folder(str(finetuned / "journey-s0")) == str(finetuned / "journey-s0")
