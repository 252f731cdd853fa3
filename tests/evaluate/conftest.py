"""A tiny random base and what the finetune stage leaves on it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaForCausalLM

from journey.store import Folder
from journey_testing.folders import audit_file, keep_adapter, run_file
from journey_testing.models import save_model, tiny_model, word_tokenizer

SIGNS = "<pad> <bos> <eos> <unk> use make : . try left yes low high = + - * / ( ) \\boxed{ }"
WORDS = [*SIGNS.split(), *map(str, range(100))]


def make_base(folder: Path) -> Path:
    """A plain transformers folder: a Llama of random weights over the words of the compact view."""
    shape = {"vocab_size": len(WORDS), "num_key_value_heads": 4, "max_position_embeddings": 64}
    model = tiny_model(**shape, initializer_range=0.5)
    model.generation_config.eos_token_id = [2, 30, 40, 50]  # so that random answers end at different lengths
    return save_model(folder, model, word_tokenizer(WORDS))


def make_finetuned(
    out: Path, base: Path, arms: tuple[str, ...] = ("shortcut@tokens", "journey"), seeds: int = 1
) -> Path:
    """What the finetune stage leaves: an adapter of random weights for each arm and seed, and its facts."""
    with Folder.open(out, "finetune", {"base": str(base), "arms": list(arms)}) as folder:
        for number, (arm, seed) in enumerate(product(arms, range(seeds))):
            name = f"{arm.replace('@', '-')}-s{seed}"
            model = LlamaForCausalLM.from_pretrained(base)
            torch.manual_seed(number if seeds == 1 else 1000 + number)
            config = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False)
            get_peft_model(model, config).save_pretrained(folder.work / name)
            keep_adapter(folder, name)
            run_file(name, arm, seed, base=str(base), view="compact", completion_tokens_p995=17).write(
                folder, f"{name}/run.json"
            )
        audit_file().write(folder)
        folder.finish({})
    return out


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base") / "base")


@pytest.fixture(scope="session")
def finetuned(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two arms of one seed; nothing lies beside it."""
    return make_finetuned(tmp_path_factory.mktemp("evaluate") / "finetune", base)


@pytest.fixture(scope="session")
def make_runs(base: Path) -> Callable[..., Path]:
    """`make_runs(out, arms, seeds)`: more of them."""
    return lambda out, *rest: make_finetuned(out, base, *rest)
