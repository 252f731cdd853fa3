"""The base probe on tiny random models of many families: what it promises, not which names it knows."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from peft import LoraConfig
from torch import nn

from journey.models import kv_cache, probe
from journey_testing.families import ATTENTION, CHANCE, EXPERTS, HYBRIDS, family
from journey_testing.models import number_tokenizer

LORA = LoraConfig(r=2, lora_alpha=4, target_modules="all-linear", task_type="CAUSAL_LM")
QUICK = ("llama", "gemma3_text", "qwen3_5_text", "granitemoehybrid", "nemotron_h", "gpt_oss")


def marked(kinds: Any) -> list[Any]:
    return [kind if kind in QUICK else pytest.param(kind, marks=pytest.mark.slow) for kind in kinds]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return number_tokenizer(64)


@pytest.mark.parametrize("kind", marked([*ATTENTION, *EXPERTS, *HYBRIDS]))
def test_rows_leave_every_kind_of_cache_as_generate_has_it(kind: str, tokenizer: Any) -> None:
    facts = probe.sampler_facts(family(kind), tokenizer)
    assert facts.right and facts.equal == facts.texts == 6, str(facts)


@pytest.mark.parametrize("kind", marked([*ATTENTION, *EXPERTS, *HYBRIDS]))
def test_a_base_without_chance_has_none_and_is_left_as_it_was(kind: str, tokenizer: Any) -> None:
    model = family(kind)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    ids, state = probe.training_ids(model, tokenizer), torch.get_rng_state()
    assert not probe.draws(model, ids)
    assert not model.training and torch.equal(torch.get_rng_state(), state)
    try:
        reach = probe.reach(model, LORA, ids)
    except ValueError as error:
        assert "incompatible" in str(error)  # PEFT's own refusal
        return
    if reach.bypassed:  # Jamba reads dt_proj's weight itself
        config = LoraConfig(
            r=2, target_modules="all-linear", exclude_modules=list(reach.bypassed), task_type="CAUSAL_LM"
        )
        assert not probe.reach(model, config, ids).bypassed
    assert not model.training and torch.equal(torch.get_rng_state(), state)
    assert before.keys() == model.state_dict().keys()
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


@pytest.mark.parametrize("kind", CHANCE)
def test_chance_of_any_spelling_is_found_and_its_fields_named(kind: str, tokenizer: Any) -> None:
    model = family(kind, CHANCE[kind])
    assert probe.draws(model, probe.training_ids(model, tokenizer))
    quiet = family(kind, {**CHANCE[kind], **dict.fromkeys(probe.chance_fields(model.config), 0.0)})
    assert not probe.draws(quiet, probe.training_ids(quiet, tokenizer))


def test_layers_that_are_dropped_now_and_then_are_chance_too(tokenizer: Any) -> None:
    model = family("opt", {**CHANCE["opt"], "dropout": 0.0, "layerdrop": 0.1})
    assert probe.draws(model, probe.training_ids(model, tokenizer))


def test_a_layer_whose_weight_is_read_past_the_adapter_is_found(tokenizer: Any) -> None:
    model = family("llama")

    def fused(self: Any, x: torch.Tensor) -> torch.Tensor:
        hidden = self.act_fn(self.gate_proj(x)) * self.up_proj(x)
        return nn.functional.linear(hidden, self.down_proj.weight)  # as fused kernels do

    for layer in model.model.layers:
        layer.mlp.forward = fused.__get__(layer.mlp)
    ids = probe.training_ids(model, tokenizer)
    assert probe.reach(model, LORA, ids) == probe.Reach(("down_proj",), (), ())
    without = LoraConfig(r=2, target_modules="all-linear", exclude_modules=["down_proj"], task_type="CAUSAL_LM")
    assert probe.reach(model, without, ids) == probe.Reach((), (), ())


def test_experts_that_no_token_reaches_are_listed(tokenizer: Any) -> None:
    model = family("llama")
    experts = nn.ModuleList(nn.Linear(32, 32) for _ in range(3))
    model.model.layers[0].mlp.experts = experts
    own = type(model.model.layers[0].mlp).forward

    def routed(self: Any, x: torch.Tensor) -> torch.Tensor:
        return own(self, x) + self.experts[1](x)

    model.model.layers[0].mlp.forward = routed.__get__(model.model.layers[0].mlp)
    reach = probe.reach(model, LORA, probe.training_ids(model, tokenizer))
    assert reach.missed == ("model.layers.0.mlp.experts.0", "model.layers.0.mlp.experts.2")
    assert not reach.bypassed and not reach.idle


def test_a_cache_that_mixes_up_its_rows_is_found(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The probe of the sampler fails where states do not leave with their rows."""
    own = kv_cache.keep_rows

    def kept(cache: Any, indices: torch.Tensor) -> None:
        own(cache, indices.flip(0))

    monkeypatch.setattr("journey.models.batch.keep_rows", kept)
    for kind in ("llama", "qwen3_5_text"):
        facts = probe.sampler_facts(family(kind), tokenizer)
        assert not facts.right and facts.equal < facts.texts and "writes other texts" in str(facts)


def test_a_base_that_the_sampler_cannot_ask_is_refused_in_its_own_words(tokenizer: Any) -> None:
    """A state of its own instead of a cache: whatever goes wrong is a sentence, not a traceback."""
    for kind in ("mamba", "rwkv"):
        facts = probe.sampler_facts(family(kind, {"state_size": 8} if kind == "mamba" else {}), tokenizer)
        assert not facts.right and str(facts)


def test_what_adapters_reach_is_said_with_the_experts_left_out() -> None:
    model = family("gpt_oss")
    modules = [
        name for name, module in model.named_modules() if name.endswith(("q_proj", "k_proj", "v_proj", "o_proj"))
    ]
    reached = probe.coverage(model, modules)
    weights = sum(model.get_submodule(name).weight.numel() for name in modules)
    assert reached.share == weights / sum(weight.numel() for weight in model.parameters())
    assert str(reached).startswith("adapters reach 4 kinds of layers (k_proj, o_proj, q_proj, v_proj), ")
    assert str(reached).endswith(" % of the weights; experts are not adapted".replace(" %", "%"))
    assert "not adapted" not in str(probe.coverage(family("qwen3_5_text"), modules[:0] or ["lm_head"]))
