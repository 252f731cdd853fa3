"""An architecture that nobody listed is either exact or refused: what the probe lets through is what PEFT and transformers do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model

from journey.errors import JourneyError, UsageError
from journey.models import probe
from journey.models.load import adapted
from journey.models.lora import stacked
from journey_testing.families import ATTENTION, CHANCE, EXPERTS, HYBRIDS, OTHERS, VARIANTS, family
from journey_testing.models import number_tokenizer

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
QUICK = ("llama with biases, tied", "deepseek_v3", "bloom", "rwkv")
EVERY = [*dict.fromkeys([*VARIANTS, *ATTENTION, *EXPERTS, *HYBRIDS, *CHANCE, *OTHERS])]
ALL_LINEAR = LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM")
# Of these it is known that they are exact, so that a probe which refuses everything is no way out.
EXACT = {*VARIANTS, *ATTENTION} - {*CHANCE}
EXACT |= {"gpt_oss", "qwen2_moe", "qwen3_5_text", "granitemoehybrid", "lfm2", "bamba", "bloom"}
TOLERANCE = 2e-4  # of the largest logit, in float32


@pytest.mark.parametrize("kind", [k if k in QUICK else pytest.param(k, marks=pytest.mark.slow) for k in EVERY])
def test_exact_or_refused(kind: str, tmp_path: Path) -> None:
    tokenizer = number_tokenizer(64)
    model = family(kind)
    ids = probe.training_ids(model, tokenizer)
    why = refused(model, tokenizer, ids)
    logits: Sequence[torch.Tensor] = ()
    alone: list[torch.Tensor] = []
    if not why:
        paths = [tmp_path / "one", tmp_path / "two"]
        alone = [with_adapter(kind, rank, path, ids) for rank, path in zip((4, 2), paths, strict=True)]
        try:
            many = family(kind)
            with torch.inference_mode(), stacked(many, [None, *paths]) as stack, stack.routed([0, 1, 2]):
                logits = many(input_ids=ids.repeat(3, 1), use_cache=False).logits.chunk(3)
        except UsageError as error:  # layers that are no plain linear ones
            why = str(error).splitlines()[0]
    if why:
        assert "\n" not in why and kind not in EXACT, why
        return
    with torch.inference_mode():
        untuned = model(input_ids=ids, use_cache=False).logits
    size = float(untuned.abs().max())
    for got, wanted in zip(logits, [untuned, *alone], strict=True):
        assert float((got - wanted).abs().max()) <= TOLERANCE * max(size, float(wanted.abs().max()))
    assert all(float((wanted - untuned).abs().max()) > 10 * TOLERANCE * size for wanted in alone)  # they do something


@pytest.mark.parametrize("kind", ["llama with biases, tied", "qwen2_moe", "laguna"])
def test_an_adapter_is_used_alone_as_it_was_saved_or_refused(kind: str, tmp_path: Path) -> None:
    """PEFT passes over the saved layers of laguna's shared expert, which transformers has renamed."""
    base, ids = family(kind), probe.training_ids(family(kind), number_tokenizer(64))
    wanted = with_adapter(kind, 4, tmp_path, ids)
    try:
        with adapted(base, tmp_path) as model, torch.inference_mode():
            off = float((model(input_ids=ids, use_cache=False).logits - wanted).abs().max())
    except JourneyError as error:
        assert kind == "laguna" and "shared_expert" in str(error) and "--full" in str(error)
    else:
        assert off <= TOLERANCE * float(wanted.abs().max())


def with_adapter(kind: str, rank: int, path: Path, ids: torch.Tensor) -> torch.Tensor:
    """What PEFT computes with a random adapter, which is saved. (Loading one, PEFT may put further ones on experts.)"""
    torch.manual_seed(rank)
    config = LoraConfig(r=rank, lora_alpha=8, target_modules="all-linear", init_lora_weights=False)
    tuned = get_peft_model(family(kind), config).eval()
    tuned.save_pretrained(path)
    with torch.inference_mode():
        logits: torch.Tensor = tuned(input_ids=ids, use_cache=False).logits
    return logits


def refused(model: Any, tokenizer: Any, ids: torch.Tensor) -> str:
    """Why finetune would not train this base in a stack, in words; "" where it would."""
    facts = probe.sampler_facts(model, tokenizer)
    if not facts.right:
        return str(facts)
    assert facts.equal == facts.texts, str(facts)
    if probe.draws(model, ids):
        return "it draws random numbers in training mode"
    try:
        reach = probe.reach(model, ALL_LINEAR, ids)
    except Exception as error:  # noqa: BLE001 - PEFT's own refusal, or a base that no adapter can be put on
        return probe.first_line(error)
    return f"it never calls {reach.bypassed}" if reach.bypassed else ""
