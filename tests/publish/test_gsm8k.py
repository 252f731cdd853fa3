"""Real problems all the way round: GSM8K slips are published, trained on and evaluated by their ids, scores unchanged."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journey_testing.models import byte_tokenizer, save_model, tiny_model

Shell = Callable[..., subprocess.CompletedProcess[str]]
REPO, BASE = "tester/gsm8k-slips", "tester/tiny"


def tiny_base(folder: Path, texts: list[str]) -> dict[str, bytes]:
    """A random Llama with a byte-level tokenizer trained on the texts, as the files of a repository."""
    named = {"pad_token": "<pad>", "bos_token": "<bos>", "eos_token": "<eos>"}
    tokenizer = byte_tokenizer(texts, 600, special=named.values(), model_max_length=1024, **named)
    shape = {"intermediate_size": 64, "num_attention_heads": 2, "max_position_embeddings": 1024}
    save_model(folder, tiny_model(vocab_size=len(tokenizer), **shape), tokenizer)
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    return {**files, "README.md": b"---\nlicense: apache-2.0\n---\n# tiny\n"}


@pytest.mark.slow
def test_published_trained_on_and_evaluated_by_id(
    hub: Any, shell: Shell, real_data: Callable[[str], Path], tmp_path: Path
) -> None:
    train, test = real_data("gsm8k_train.jsonl"), real_data("gsm8k_test.jsonl")
    questions = [json.loads(line)["problem"] for line in train.read_text().splitlines()[:200]]
    repo = hub.put("models", BASE, tiny_base(tmp_path / "tiny", questions))
    base = f"{BASE}@{repo.heads['main']}"
    journey = ("-m", "journey")
    run = tmp_path / "run"
    asked = ("--benchmarks", f"gsm8k={test}", "--limit", "6", "--max-new-tokens", "12", "--workers", "1")
    settings = (
        "--base",
        base,
        "--arms",
        "shortcut,journey",
        "--seeds",
        "1",
        "--set",
        "max_steps=2",
        "--rows-per-step",
        "4",
    )

    shell(*journey, "generate", "--problems", train, "--method", "slips", "--pairs", "40", "--out", run / "generate")
    shell(
        *journey, "curate", run / "generate", "--base", base, "--benchmarks", f"gsm8k={test}", "--out", run / "curate"
    )
    shell(*journey, "finetune", run / "curate", *settings, "--out", run / "finetune")
    shell(*journey, "evaluate", run / "finetune", *asked, "--out", run / "evaluate")
    done = shell(*journey, "publish", run, "--repo", REPO, "--all", "--json")
    lines = {line["piece"]: line for line in json.loads(done.stdout)}
    assert set(lines) == {"dataset", "evaluation", "adapters"} and all(line["tag"] == "v1" for line in lines.values())

    # nothing of this machine, no secret and no pickle in anything that went up
    for there in hub.repos.values():
        for name, (data, _) in there.at("main").files.items():
            if there.id != BASE:
                assert not name.endswith((".bin", ".pt", ".pkl")) and b"hf_" + b"w" * 34 not in data, name
                assert str(tmp_path).encode() not in data and str(train.parent).encode() not in data, name

    card = hub.repos["datasets", REPO].at("v1").files["README.md"][0].decode()
    assert "license: mit" in card and "| gsm8k |" in card

    # by their ids: the same adapters, the same scores
    shell(*journey, "finetune", f"{REPO}@v1", *settings, "--out", tmp_path / "again")
    for name in ("journey-s0", "shortcut-s0"):
        weights = f"{name}/adapter_model.safetensors"
        assert (tmp_path / "again" / weights).read_bytes() == (run / "finetune" / weights).read_bytes()
    assert (tmp_path / "again" / "manifest.json").read_bytes() == (run / "finetune" / "manifest.json").read_bytes()
    shell(*journey, "evaluate", f"{REPO}@v1", *asked, "--out", tmp_path / "scored")
    assert timeless(tmp_path / "scored") == timeless(run / "evaluate")

    # and as problems for new pairs, a benchmark for other models
    shell(*journey, "generate", "--problems", f"{REPO}:pairs@v1", "--method", "slips", "--out", tmp_path / "new")
    old = {pair["problem"]["id"] for pair in read(run / "curate" / "train")}
    assert {pair["problem"]["id"] for pair in read(tmp_path / "new" / "pairs")} == old
    shell(*journey, "export", f"{REPO}@v1:journey-s0", "--merge", tmp_path / "merged")
    assert (tmp_path / "merged" / "model.safetensors").is_file()


def read(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]


def timeless(folder: Path) -> Any:
    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items() if key not in ("mean_seconds", "seconds")}
        return [plain(inner) for inner in value] if isinstance(value, list) else value

    return plain(json.loads((folder / "scores.json").read_bytes()))
