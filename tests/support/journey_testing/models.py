"""Tiny decoders with random weights, and tokenizers whose tokens are whole words: nothing is downloaded."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

BOS, EOS, PAD = 1, 2, 0
SPECIAL = ("<pad>", "<bos>", "<eos>", "<unk>")  # their ids are their places
SHAPE = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "bos_token_id": BOS,
    "eos_token_id": EOS,
    "pad_token_id": PAD,
}
OWN: dict[str, dict[str, Any]] = {"mistral": {"sliding_window": 6}, "gemma2": {"head_dim": 8, "sliding_window": 6}}


def tiny_config(kind: str = "llama", **changes: Any) -> Any:
    """A configuration of two layers; `kind` is transformers' model type, `changes` its fields by their own names.

    Qwen2 has biases, Gemma 2 caps its logits, Mistral and Gemma 2 slide their attention windows, GPT-2 has no rotary
    positions.
    """
    from transformers import AutoConfig

    shape = {**SHAPE, **OWN.get(kind, {}), **changes}
    if kind == "gpt2":
        names = {"hidden_size": "n_embd", "num_hidden_layers": "n_layer", "num_attention_heads": "n_head"}
        names["max_position_embeddings"] = "n_positions"
        left_out = {"intermediate_size", "num_key_value_heads"}
        shape = {names.get(key, key): value for key, value in shape.items() if key not in left_out}
    return AutoConfig.for_model(kind, **shape)


def tiny_model(kind: str = "llama", *, seed: int = 0, **changes: Any) -> Any:
    """A model of `tiny_config` in float32 whose weights depend on the seed alone; the global stream is left as it was."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AutoModelForCausalLM.from_config(tiny_config(kind, **changes))


def word_tokenizer(
    words: Iterable[str],
    *,
    special: Iterable[str] = SPECIAL,
    pad: str = "<pad>",
    unknown: str = "<unk>",
    template: str | None = None,
    **more: Any,
) -> Any:
    """Whole words split at blanks, the special ones first; `pad` may be the end-of-turn token, as in SmolLM2."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: place for place, word in enumerate(dict.fromkeys([*special, *words]))}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token=unknown))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    named = {"bos_token": "<bos>", "eos_token": "<eos>", "pad_token": pad, "unk_token": unknown}
    made = PreTrainedTokenizerFast(tokenizer_object=backend, **named, **more)
    made.chat_template = template
    return made


def number_tokenizer(size: int) -> Any:
    """A tokenizer of `size` words that are the numbers of their ids: 3, 4, ...; padding stands for what is unknown."""
    return word_tokenizer(map(str, range(3, size)), special=SPECIAL[:3], unknown="<pad>")


def byte_tokenizer(texts: Iterable[str], size: int, *, special: Iterable[str], **more: Any) -> Any:
    """A byte-level BPE with merges learnt from the texts, as those of GPT-2, Llama 3, Qwen and SmolLM2.

    `special` are its special tokens, `more` says which is which (`eos_token="<eos>"`).
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=list(special), initial_alphabet=alphabet, show_progress=False
    )
    backend.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, **more)


def save_model(folder: Path, model: Any, tokenizer: Any) -> Path:
    """A plain transformers folder of both."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_adapters(model: Any, folder: Path, ranks: Iterable[int], strength: float = 1.0) -> list[Path]:
    """Folders of LoRA adapters of the model with random weights and these ranks; `strength` scales the weights."""
    import torch
    from peft import LoraConfig, get_peft_model

    paths = []
    for seed, rank in enumerate(ranks):
        torch.manual_seed(seed)
        config = LoraConfig(r=rank, lora_alpha=8, target_modules="all-linear", init_lora_weights=False)
        wrapped = get_peft_model(model, config)
        with torch.no_grad():
            for name, weight in wrapped.named_parameters():
                if "lora_" in name:
                    weight.mul_(strength)
        path = folder / f"adapter-{seed}"
        wrapped.save_pretrained(path)
        model = wrapped.unload()
        paths.append(path)
    return paths
