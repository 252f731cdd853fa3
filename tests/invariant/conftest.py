"""Random models of three kinds, made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_runs import VOCABULARY, tiny_config


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`tiny(kind)`: the folder of a random model with a tokenizer whose words are numbers."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

    made: dict[str, Path] = {}

    def make(kind: str) -> Path:
        if kind not in made:
            folder = tmp_path_factory.mktemp("tiny") / kind
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                model = AutoModelForCausalLM.from_config(tiny_config(kind))
                for weight in model.parameters():  # random models are so flat that mistakes would hide in them
                    weight.data.mul_(3 if weight.ndim == 2 else 1)
            model.save_pretrained(folder)
            words = {
                word: place for place, word in enumerate(["<pad>", "<bos>", "<eos>", *map(str, range(3, VOCABULARY))])
            }
            backend = Tokenizer(models.WordLevel(words, unk_token="<pad>"))
            backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
            PreTrainedTokenizerFast(
                tokenizer_object=backend, pad_token="<pad>", bos_token="<bos>", eos_token="<eos>", unk_token="<pad>"
            ).save_pretrained(folder)
            made[kind] = folder
        return made[kind]

    return make
