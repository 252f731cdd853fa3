"""Greedy decoding: the tokens of `generate`, rows that leave the batch, adapters that leave the base as it was."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model

from journey.errors import UsageError
from journey.models import kv_cache
from journey.models.completion import Completion
from journey.models.decode import Decoder, stop_ids
from journey.models.load import adapted, find, load_model, load_tokenizer
from journey_testing.models import number_tokenizer, tiny_model

WORDS, END, PAD = 48, 2, 0
STOPS = [END, 5, 11, 17, 23, 29]  # several, so that a model with random weights ends some rows early


def tiny(kind: str = "llama", dtype: torch.dtype = torch.float64) -> Any:
    """A model with random weights; float64, so that rounding cannot decide between two tokens.

    (Gemma 2 computes NaN from left padding in float64, in `generate` too.)
    """
    own = {"tie_word_embeddings": False} if kind == "gemma2" else {}
    model = tiny_model(kind, vocab_size=WORDS, initializer_range=0.6, **own)
    model.generation_config.eos_token_id = STOPS
    model.generation_config.pad_token_id = PAD
    return model.to(dtype).eval()


def tokenizer() -> Any:
    return number_tokenizer(WORDS)


def prompts(count: int = 12, same: bool = False) -> list[list[int]]:
    rng = Random(1)
    lengths = [4 if same else rng.randint(1, 9) for _ in range(count)]
    return [[1, *(rng.randrange(3, WORDS) for _ in range(length))] for length in lengths]


def alone(model: Any, prompt: list[int], cap: int) -> tuple[int, ...]:
    """What `generate` writes to one prompt by itself."""
    ids = torch.tensor([prompt])
    with torch.inference_mode():
        out = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=cap)
    return tuple(out[0, len(prompt) :].tolist())


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two adapters with random weights on the tiny Llama."""
    paths = []
    for seed in (1, 2):
        config = LoraConfig(r=4, lora_alpha=16, target_modules="all-linear", init_lora_weights=False)
        path = tmp_path_factory.mktemp("adapters") / str(seed)
        base = tiny(dtype=torch.float32)
        torch.manual_seed(seed)
        get_peft_model(base, config).save_pretrained(path)
        paths.append(path)
    return paths


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("kind", ["llama", "mistral", "gemma2", "gpt2"])
def test_the_tokens_of_generate(kind: str, same: bool) -> None:
    model, asked = tiny(kind, torch.float32 if kind == "gemma2" else torch.float64), prompts(24, same)
    written = Decoder.of(model, tokenizer(), 30).greedy(asked)
    assert [one.ids for one in written] == [alone(model, prompt, 30) for prompt in asked]
    assert len({len(one.ids) for one in written}) > 2


def test_the_tokens_of_each_adapter_alone(adapters: list[Path]) -> None:
    base, asked, found = tiny(), prompts(), []
    for path in [None, *adapters]:
        with adapted(base, path) as model:
            found.append([one.ids for one in Decoder.of(model, tokenizer(), 30).greedy(asked)])
            assert found[-1] == [alone(model, prompt, 30) for prompt in asked]
    assert len({tuple(one) for one in found}) == 3


def test_more_tokens_than_the_room_set_aside_at_first() -> None:
    model = tiny()
    model.generation_config.eos_token_id = END
    cap = 2 * kv_cache.ROOM + 10
    written = Decoder(model, frozenset([END]), PAD, cap).greedy(prompts(4))
    assert max(len(one.ids) for one in written) > kv_cache.ROOM + 10
    assert [one.ids for one in written] == [alone(model, prompt, cap) for prompt in prompts(4)]


def test_rows_that_have_ended_leave_the_batch() -> None:
    model, rows = tiny(), []
    model.register_forward_pre_hook(lambda _, args, kwargs: rows.append(len(kwargs["input_ids"])), with_kwargs=True)
    written = Decoder.of(model, tokenizer(), 40).greedy(prompts())
    assert rows[0] == 12 and rows == sorted(rows, reverse=True) and rows[-1] < 6
    assert len(rows) == max(len(one.ids) for one in written)


def test_finish_and_cap() -> None:
    model = tiny()
    written = Decoder.of(model, tokenizer(), 5).greedy(prompts())
    assert {one.finish for one in written} == {"stop", "length"}
    for one in written:
        ended = one.ids[-1] in STOPS
        assert one.finish == ("stop" if ended else "length") and len(one.ids) <= 5
        assert not set(one.ids[:-1]) & set(STOPS)
        assert ended or len(one.ids) == 5


def test_one_prompt_and_one_token() -> None:
    model = tiny()
    assert Decoder(model, frozenset([END]), PAD, 1).greedy([[1, 4]]) == [Completion(alone(model, [1, 4], 1), "length")]


def test_ties_go_to_the_lowest_id() -> None:
    model = tiny()
    torch.nn.init.zeros_(model.lm_head.weight)
    assert Decoder(model, frozenset([END]), PAD, 3).greedy([[1, 4], [1, 5, 6]]) == [Completion((0, 0, 0), "length")] * 2


def test_stops_are_those_of_the_tokenizer_and_of_the_generation_config() -> None:
    model = tiny()
    assert stop_ids(model, tokenizer()) == frozenset(STOPS)
    model.generation_config.eos_token_id = 7
    assert stop_ids(model, tokenizer()) == {END, 7}
    model.generation_config.eos_token_id = None
    assert stop_ids(model, tokenizer()) == {END}
    endless = tokenizer()
    endless.eos_token = None
    with pytest.raises(UsageError, match="no end-of-turn token"):
        stop_ids(model, endless)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_base_is_as_before(dtype: torch.dtype, adapters: list[Path]) -> None:
    base = tiny(dtype=dtype)
    names = [name for name, _ in base.named_modules()]
    before = {name: weight.clone() for name, weight in base.state_dict().items()}
    decoder = Decoder.of(base, tokenizer(), 20)
    plain = decoder.greedy(prompts())
    for path in [*adapters, adapters[0]]:
        with adapted(base, path) as model:
            assert Decoder.of(model, tokenizer(), 20).greedy(prompts()) != plain
    assert [name for name, _ in base.named_modules()] == names
    assert all(torch.equal(weight, before[name]) for name, weight in base.state_dict().items())
    assert decoder.greedy(prompts()) == plain


def test_merging_in_low_precision_would_round_the_adapter_away(adapters: list[Path]) -> None:
    with adapted(tiny(dtype=torch.bfloat16), adapters[0]) as model:
        assert any("lora_A" in name and weight.dtype == torch.float32 for name, weight in model.named_parameters())


def test_the_embedded_base() -> None:
    try:
        ref = find("pocket")
    except UsageError as error:
        pytest.skip(str(error).splitlines()[0])
    model, words = load_model(ref, device="cpu"), load_tokenizer(ref)
    texts = ["use 15 12 3 make 33 :", "use 24 23 23 make 22 :", "3 + 4 =", "use 3 4 make 12 :"]
    asked = [[words.bos_token_id, *words(text, add_special_tokens=False)["input_ids"]] for text in texts]
    written = Decoder.of(model, words, 40).greedy(asked)
    assert [one.ids for one in written] == [alone(model, prompt, 40) for prompt in asked]


def test_nan_is_no_answer() -> None:
    model = tiny()
    torch.nn.init.constant_(model.model.norm.weight, float("nan"))
    with pytest.raises(FloatingPointError, match="not numbers"):
        Decoder(model, frozenset([END]), PAD, 3).greedy([[1, 4]])
