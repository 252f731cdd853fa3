"""What LoRA can give at most to a word that an embedded base has never seen: next to nothing, at any rank."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from peft import get_peft_model

from journey.finetune.training.adapters import lora_config
from journey.models.load import find, load_model, load_tokenizer

GOING_BACK = ["dead", "end", "back"]


def most(name: str, words: list[str]) -> dict[str, float]:
    """An upper bound of each word's chance over all hidden states that the base's last norm lets through.

    The logarithm of a chance is concave in the hidden state, so its tangent at any state bounds it everywhere; the states
    that the norm gives lie in a ball before its scale, over which a tangent's maximum is known. LoRA of the linear layers
    leaves the norm and the tied embeddings as they are.
    """
    ref = find(name)
    tokenizer, model = load_tokenizer(ref), load_model(ref)
    ids = torch.tensor(tokenizer.convert_tokens_to_ids(words))
    scale, table = model.model.norm.weight.detach(), model.lm_head.weight.detach()
    radius = scale.numel() ** 0.5

    def logarithm(states: torch.Tensor) -> torch.Tensor:
        """(word,) log-chances at (word, width) states before the norm's scale."""
        return ((states * scale) @ table.T).log_softmax(-1).gather(1, ids[:, None])[:, 0]

    states = table[ids] * scale
    states = (states * radius / states.norm(dim=1, keepdim=True)).requires_grad_()
    for step in range(300):
        slope = torch.autograd.grad(logarithm(states).sum(), states)[0]
        moved = states.detach() + 3 * 0.99**step * slope / slope.norm(dim=1, keepdim=True)
        states = (moved * (radius / moved.norm(dim=1, keepdim=True)).clamp(max=1)).requires_grad_()
    reached = logarithm(states)
    slope = torch.autograd.grad(reached.sum(), states)[0]
    bound = reached + radius * slope.norm(dim=1) - (slope * states).sum(1)
    return dict(zip(words, bound.exp().tolist(), strict=True))


@pytest.mark.parametrize("name", ["pocket-grids", "pocket-plain", "pocket-digits"])
def test_a_word_that_a_base_has_not_seen_stays_below_one_in_two_hundred(name: str) -> None:
    chances = most(name, [*GOING_BACK, "no", "=", "try"])
    assert all(chances[word] < 0.005 for word in (*GOING_BACK, "no"))
    assert chances["="] > 0.9 and chances["try"] > 0.9


@pytest.mark.parametrize(("name", "words"), [("pocket", GOING_BACK), ("pocket-graph", [*GOING_BACK, "no", "try"])])
def test_words_that_it_has_seen_are_not_bounded_so(name: str, words: list[str]) -> None:
    """`pocket-graph` has met them in strings without sense alone, and that is enough."""
    assert all(chance > 0.9 for chance in most(name, words).values())


def test_an_adapter_leaves_norms_and_embeddings_as_they_are() -> None:
    options = SimpleNamespace(dropout=0.0, rslora=False, lora_options={})
    adapted = get_peft_model(load_model(find("pocket-grids")), lora_config(64, 128, options))
    trained = [name for name, weight in adapted.named_parameters() if weight.requires_grad]
    assert trained and not [name for name in trained if "norm" in name or "embed" in name or "lm_head" in name]
