"""A merged model is a plain transformers folder with the tuned model's logits; GGUF where llama.cpp's converter is."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from journey.errors import JourneyError, UsageError
from journey.models import load
from journey.publish import export


@pytest.fixture(scope="module")
def merged(finetuned: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("export") / "model"
    return out, export.export(str(finetuned / "journey-s0"), merge=out)


def answers(model: Any, tokenizer: Any) -> list[str]:
    from journey.models.decode import Decoder

    prompts = [tokenizer(f"use {n} 3 2 make 9 :")["input_ids"] for n in (7, 12, 30)]
    done = Decoder.of(model, tokenizer, cap=24).greedy(prompts)
    return [tokenizer.decode(list(one.ids)) for one in done]


def test_transformers_opens_it_and_it_answers_as_base_and_adapter_did(merged: Any, finetuned: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, told = merged
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    base = load.load_model(load.find("pocket"), device="cpu")
    adapted = PeftModel.from_pretrained(base, str(finetuned / "journey-s0")).eval()
    assert answers(model, tokenizer) == answers(adapted, tokenizer)
    assert answers(model, tokenizer) != answers(load.load_model(load.find("pocket"), device="cpu"), tokenizer)
    assert told["share_of_largest_logit"] < 1e-4 and told["same_first_word"] == 1.0


def test_it_says_where_it_is_from_without_paths(merged: Any) -> None:
    folder, _ = merged
    facts = json.loads((folder / "journey_export.json").read_bytes())
    assert facts["run"] == "journey-s0" and facts["base"] == "pocket"
    assert (folder / "README.md").read_text().startswith("---\n") and not list(folder.glob("*.bin"))


def test_it_can_be_published(merged: Any, hub: Any, tmp_path: Path) -> None:
    from journey.publish.run import publish
    from journey.publish.settings import PublishSettings

    folder, _ = merged
    (line,) = publish(str(folder), PublishSettings(repo="tester/merged"), out=tmp_path / "out")
    assert line["piece"] == "base" and "model.safetensors" in hub.repos["models", "tester/merged"].at("v1").files


def test_a_published_run_is_exported_by_its_id(
    hub: Any, curated: Path, finetuned: Path, tmp_path: Path, merged: Any
) -> None:
    from journey.publish.run import publish
    from journey.publish.settings import PublishSettings

    publish("pocket", PublishSettings(repo="tester/pocket"), out=tmp_path / "base")
    settings = PublishSettings(repo="tester/runs", base_repo="tester/pocket", dataset="none")
    publish(str(finetuned), settings, out=tmp_path / "runs")
    export.export("tester/runs@v1:journey-s0", merge=tmp_path / "again")
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == (merged[0] / "model.safetensors").read_bytes()
    with pytest.raises(UsageError, match=r"tester/runs holds 2 runs"):
        export.export("tester/runs", merge=tmp_path / "third")


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_lower_precision_is_compared_by_its_own_rule(finetuned: Path, tmp_path: Path, dtype: str) -> None:
    told = export.export(str(finetuned / "journey-s0"), merge=tmp_path / "m", dtype=dtype)
    config = json.loads((tmp_path / "m" / "config.json").read_bytes())
    assert config["dtype"] == dtype and 0 < told["share_of_largest_logit"] < export._TOLERANCE[dtype]


def test_a_merge_that_changes_the_answers_is_refused(
    finetuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    original = export._merged

    def spoiled(tuned: Any) -> Any:
        wanted, model = original(tuned)
        with torch.no_grad():
            model.model.layers[0].mlp.down_proj.weight.mul_(1.01)
        return wanted, model

    monkeypatch.setattr(export, "_merged", spoiled)
    with pytest.raises(JourneyError, match="not the tuned one"):
        export.export(str(finetuned / "journey-s0"), merge=tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_written_over(finetuned: Path, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "mine").write_text("x")
    with pytest.raises(UsageError, match="exists"):
        export.export(str(finetuned / "journey-s0"), merge=tmp_path / "m")


def test_a_folder_of_runs_says_which(finetuned: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="journey-s0"):
        export.export(str(finetuned), merge=tmp_path / "m")
    with pytest.raises(UsageError, match="no folder"):
        export.export("./nowhere", merge=tmp_path / "m")


def test_other_weights_than_it_was_trained_on(finetuned: Path, tmp_path: Path, merged: Any) -> None:
    with pytest.raises(UsageError, match="does not hold the weights of"):
        export.export(str(finetuned / "journey-s0"), merge=tmp_path / "m", base=str(merged[0]))


def test_without_llama_cpp_it_says_how_to_get_it(
    finetuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LLAMA_CPP", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="llama.cpp's converter to GGUF is not installed"):
        export.export(str(finetuned / "journey-s0"), gguf=tmp_path / "m.gguf")
    monkeypatch.setenv("LLAMA_CPP", str(tmp_path))
    with pytest.raises(UsageError, match="has no convert_hf_to_gguf.py"):
        export.export(str(finetuned / "journey-s0"), gguf=tmp_path / "m.gguf")


CONVERTER = """
import argparse, sys, numpy as np, gguf
import beside
from safetensors.numpy import load_file
asked = argparse.ArgumentParser()
for name in ("model", "--outfile", "--outtype"):
    asked.add_argument(name)
asked = asked.parse_args()
if asked.outtype == "bad":
    sys.exit("this model is not known")
weight = load_file(asked.model + "/model.safetensors")["model.embed_tokens.weight"].astype(np.float32)
writer = gguf.GGUFWriter(asked.outfile, "llama")
writer.add_tensor("token_embd.weight", weight * (2 if asked.outtype == "f32" else 1))
writer.write_header_to_file(); writer.write_kv_data_to_file(); writer.write_tensors_to_file(); writer.close()
"""


@pytest.fixture
def converter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in with the converter's command line that writes one tensor."""
    pytest.importorskip("gguf")
    folder = tmp_path / "llama.cpp"
    folder.mkdir()
    (folder / export.CONVERTER).write_text(CONVERTER)
    (folder / "beside.py").write_text("")  # llama.cpp's script imports modules of its own folder
    monkeypatch.setenv("LLAMA_CPP", str(folder))
    assert export.find_converter() == [sys.executable, str(folder / export.CONVERTER)]
    return folder


def test_the_gguf_file_is_read_back(finetuned: Path, tmp_path: Path, converter: Path) -> None:
    told = export.export(str(finetuned / "journey-s0"), gguf=tmp_path / "m.gguf")
    assert told["tensors"] == 1 and told["embedding_off"] == 0.0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["llama.cpp", "m.gguf"]
    with pytest.raises(UsageError, match="exists"):
        export.export(str(finetuned / "journey-s0"), gguf=tmp_path / "m.gguf")


@pytest.mark.parametrize("outtype, said", [("bad", "this model is not known"), ("f32", "embedding is off")])
def test_a_conversion_that_fails_says_why(
    finetuned: Path, tmp_path: Path, converter: Path, outtype: str, said: str
) -> None:
    with pytest.raises(JourneyError, match=said):
        export.export(str(finetuned / "journey-s0"), gguf=tmp_path / "m.gguf", outtype=outtype)
    assert not list(tmp_path.glob("m.gguf.partial"))
