"""What engines, machines and bases cannot do is refused before training, by name and with the way out."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from journey.config import FinetuneSettings
from journey.errors import UsageError
from journey.finetune.planning import abilities, base_probe
from journey.models import load
from journey.settings.given import build, parse_set
from journey_testing.families import CHANCE, family
from journey_testing.models import save_model


def check(base: Path, device: str = "cpu", **asked: Any) -> list[str]:
    return abilities.check_engine(FinetuneSettings(base=str(base), **asked), load.find(str(base)), device)


def installed(monkeypatch: pytest.MonkeyPatch, *modules: str, there: bool) -> None:
    """Make these modules look installed or missing."""
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: (object() if there else None) if name in modules else real(name)
    )


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"full": True}, "engine stacked does not do full fine-tuning"),
        ({"packing": True, "liger": True}, "engine stacked does not do packing or liger"),
        ({"report_to": "wandb"}, "engine stacked does not do --report-to"),
        ({"processes": 2}, "engine stacked does not do 2 processes a run"),
    ],
)
def test_what_only_the_trl_engine_does(asked: dict[str, Any], says: str, base: Path) -> None:
    with pytest.raises(UsageError, match=says) as refused:
        check(base, engine="stacked", **asked)
    assert "--engine trl" in str(refused.value)


def test_what_is_done_is_said(base: Path) -> None:
    notes = check(base, engine="trl", full=True, packing=True, processes=2, dropout=0.1)
    for words in ("every weight of the base", "which rows share an optimiser step", "2 processes", "dropout draws"):
        assert any(words in note for note in notes), words
    assert check(base) == []


def test_liger(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "liger_kernel", there=False)
    with pytest.raises(UsageError, match="liger is not installed\n  pip install liger-kernel"):
        check(base, engine="trl", liger=True)
    installed(monkeypatch, "liger_kernel", there=True)
    with pytest.raises(UsageError, match="run on a GPU"):
        check(base, engine="trl", liger=True)
    assert check(base, "cuda", engine="trl", liger=True) == []


def test_attention(base: Path) -> None:
    assert check(base, engine="trl", attention="eager") == []
    with pytest.raises(UsageError, match="did you mean sdpa"):
        check(base, engine="trl", attention="spda")
    with pytest.raises(UsageError, match="flash_attention_2 is not installed, or there is no GPU"):
        check(base, engine="trl", attention="flash_attention_2")


def test_reporters(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="did you mean wandb"):
        check(base, engine="trl", report_to="wanbd")
    from transformers.integrations import integration_utils

    monkeypatch.setattr(integration_utils, "get_available_reporting_integrations", lambda: ["tensorboard"])
    with pytest.raises(UsageError, match="comet_ml is not installed\n  pip install comet-ml"):
        check(base, engine="trl", report_to="comet_ml")
    assert check(base, engine="trl", report_to="tensorboard") == []


def test_more_processes_than_gpus(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UsageError, match="4 processes need as many GPUs; there are 2\n  --processes 2"):
        check(base, "cuda", engine="trl", processes=4)
    assert len(check(base, "cuda", engine="trl", processes=2)) == 1


def quantised(base: Path, folder: Path, method: str) -> Path:
    """The base with a configuration that says that its weights are quantised."""
    shutil.copytree(base, folder)
    config = json.loads((folder / "config.json").read_text())
    told = {"quant_method": method, "load_in_4bit": True, "bits": 4}
    (folder / "config.json").write_text(json.dumps({**config, "quantization_config": told}))
    return folder


def test_quantised_bases(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load.quantisation(load.find(str(base))) is None
    four = quantised(base, tmp_path / "four", "bitsandbytes")
    assert load.quantisation(load.find(str(four))) == "bitsandbytes"
    installed(monkeypatch, "bitsandbytes", there=False)
    with pytest.raises(UsageError, match="bitsandbytes is not installed\n  pip install bitsandbytes"):
        check(four, engine="trl")
    installed(monkeypatch, "bitsandbytes", there=True)
    assert check(four, engine="trl") == []
    with pytest.raises(UsageError, match="engine stacked does not take\n  give --engine trl"):
        check(four, engine="stacked")
    with pytest.raises(UsageError, match="cannot be trained themselves\n  train without --full"):
        check(four, engine="trl", full=True)
    with pytest.raises(UsageError, match="quantised by 'homegrown'"):
        check(quantised(base, tmp_path / "own", "homegrown"), engine="trl")


def test_adapters_that_would_match_no_layer(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import AutoModelForCausalLM, LlamaForCausalLM, PreTrainedModel

    abilities.check_layers(load.find(str(base)), FinetuneSettings())

    class NoLinear(LlamaForCausalLM):
        """A language model whose only linear layer is its output."""

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.model.layers = type(self.model.layers)()

    def from_config(config: Any) -> PreTrainedModel:
        return NoLinear(config)

    monkeypatch.setattr(AutoModelForCausalLM, "from_config", from_config)
    with pytest.raises(UsageError, match=r"adapters would match no layer of .* \(NoLinear\)") as refused:
        abilities.check_layers(load.find(str(base)), FinetuneSettings())
    assert "--engine trl --full" in str(refused.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"use_dora": True}, "use_dora=True cannot be stacked exactly\n  use --engine trl"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights='pissa' changes the base"),
        ({"modules_to_save": ["embed_tokens"]}, "modules_to_save=.* cannot be stacked exactly"),
        ({"use_dorra": True}, "did you mean use_dora"),
        ({"r": 4}, "lora_options.r is a setting of its own\n  give --rank"),
    ],
)
def test_adapters_that_a_stack_does_not_compute(options: dict[str, Any], says: str, base: Path) -> None:
    with pytest.raises(UsageError, match=says):
        abilities.check_layers(load.find(str(base)), FinetuneSettings(lora_options=options))


def test_what_a_stack_refuses_the_trl_engine_takes(base: Path, tmp_path: Path) -> None:
    dora = {"lora_options": {"use_dora": True, "target_modules": ["q_proj"]}}
    abilities.check_layers(load.find(str(base)), FinetuneSettings(engine="trl", **dora))
    abilities.check_layers(load.find(str(base)), FinetuneSettings(lora_options={"target_modules": ["q_proj"]}))
    dropping = tmp_path / "dropping"
    shutil.copytree(base, dropping)
    config = json.loads((dropping / "config.json").read_text())
    (dropping / "config.json").write_text(json.dumps({**config, "attention_dropout": 0.1}))
    ref, tokenizer = load.find(str(dropping)), load.load_tokenizer(load.find(str(dropping)))
    with pytest.raises(UsageError, match="draws random numbers in training mode") as refused:
        base_probe.probe(ref, tokenizer, FinetuneSettings(), "cpu")
    assert 'set "attention_dropout": 0.0 in a copy of its config.json' in str(refused.value)  # what was changed above
    assert base_probe.probe(ref, tokenizer, FinetuneSettings(engine="trl"), "cpu").chance


def test_what_peft_refuses_is_said_in_its_words_and_the_way_out_works(base: Path, tmp_path: Path) -> None:
    folder = save_model(tmp_path / "hybrid", family("falcon_h1"), load.load_tokenizer(load.find(str(base))))
    ref, tokenizer = load.find(str(folder)), load.load_tokenizer(load.find(str(base)))
    with pytest.raises(UsageError, match="'out_proj' is incompatible with Mamba-based models") as refused:
        abilities.check_layers(ref, FinetuneSettings())
    flag = str(refused.value).rpartition("--set ")[2]
    settings = build(FinetuneSettings, parse_set([flag]), "finetune")
    assert "out_proj" not in str(abilities.check_layers(ref, settings)) + "".join(settings.lora_options)
    assert "6 of 6" in base_probe.probe(ref, tokenizer, settings, "cpu").sampler


def test_layers_that_are_computed_past_their_adapter_are_refused_and_the_way_out_works(
    base: Path, tmp_path: Path
) -> None:
    folder = save_model(tmp_path / "jamba", family("jamba"), load.load_tokenizer(load.find(str(base))))
    ref, tokenizer = load.find(str(folder)), load.load_tokenizer(load.find(str(base)))
    with pytest.raises(UsageError, match="never calls its layers dt_proj") as refused:
        base_probe.probe(ref, tokenizer, FinetuneSettings(), "cpu")
    settings = build(FinetuneSettings, parse_set([str(refused.value).rpartition("--set ")[2]]), "finetune")
    base_probe.probe(ref, tokenizer, settings, "cpu")


def test_a_base_that_the_sampler_cannot_ask_is_refused_by_either_engine(base: Path, tmp_path: Path) -> None:
    folder = save_model(tmp_path / "rwkv", family("rwkv"), load.load_tokenizer(load.find(str(base))))
    ref, tokenizer = load.find(str(folder)), load.load_tokenizer(load.find(str(base)))
    for engine in ("stacked", "trl"):
        with pytest.raises(UsageError, match="cannot write with this base"):
            base_probe.probe(ref, tokenizer, FinetuneSettings(engine=engine), "cpu")


def test_a_mixture_of_experts_says_what_is_adapted_and_that_its_router_loss_is_off(base: Path, tmp_path: Path) -> None:
    folder = save_model(tmp_path / "experts", family("gpt_oss"), load.load_tokenizer(load.find(str(base))))
    ref, tokenizer = load.find(str(folder)), load.load_tokenizer(load.find(str(base)))
    assert str(abilities.check_layers(ref, FinetuneSettings())).endswith("experts are not adapted")
    said = base_probe.notes(base_probe.probe(ref, tokenizer, FinetuneSettings(), "cpu"))
    assert said == ["mixture of experts: the router's load-balancing loss is off, in both engines"]


def test_doctor_says_what_a_base_can_do_and_what_would_be_refused(base: Path, tmp_path: Path) -> None:
    tokenizer = load.load_tokenizer(load.find(str(base)))
    facts = base_probe.described(load.find(str(base)), FinetuneSettings(), "cpu")
    assert "6 of 6" in facts["sampler"] and facts["adapters"].startswith("adapters reach 7 kinds of layers")
    assert facts["engine stacked"].startswith("trains it") and facts["template"].startswith("no chat template")
    folder = save_model(tmp_path / "dropping", family("opt", CHANCE["opt"]), tokenizer)
    refused = base_probe.described(load.find(str(folder)), FinetuneSettings(), "cpu")
    assert refused["engine stacked"].startswith("refused: ") and '"dropout": 0.0' in refused["engine stacked"]
    assert "6 of 6" in refused["sampler"]
