"""Random models of three kinds, made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journey_testing.families import EXPERTS
from journey_testing.models import number_tokenizer, save_model, tiny_model
from journey_testing.runs import VOCABULARY

OWN: dict[str, dict[str, Any]] = {
    "qwen2": {"tie_word_embeddings": True},
    "gemma2": {"sliding_window": 8, "query_pre_attn_scalar": 8},
    "qwen2_moe": EXPERTS["qwen2_moe"],
}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`tiny(kind)`: the folder of a random model with a tokenizer whose words are numbers."""
    made: dict[str, Path] = {}

    def make(kind: str) -> Path:
        if kind not in made:
            shape = {"vocab_size": VOCABULARY, "intermediate_size": 56, "max_position_embeddings": 128}
            model = tiny_model(kind, **shape, **OWN.get(kind, {}))
            for weight in model.parameters():  # random models are so flat that mistakes would hide in them
                weight.data.mul_(3 if weight.ndim == 2 else 1)
            made[kind] = save_model(tmp_path_factory.mktemp("tiny") / kind, model, number_tokenizer(VOCABULARY))
        return made[kind]

    return make
